// codex-web: the shop's page. What lies in public/ is served as assets, before this code runs.
import { deleteExpiredSessions, listProducts, withDatabase } from "../../../packages/database/src/index.mjs";
import { serve } from "../../../packages/service/src/index.mjs";
import { sessionCookie, visitorOf } from "../../../packages/service/src/session.mjs";
import { page } from "./page.mjs";

async function home(request, env) {
  const products = await withDatabase(env.DATABASE_URL, listProducts);
  const headers = { "content-type": "text/html; charset=utf-8" };
  if (!(await visitorOf(request, env.SESSION_SECRET))) {
    headers["set-cookie"] = await sessionCookie(crypto.randomUUID(), env.SESSION_SECRET);
  }
  return new Response(page(products, env), { headers });
}

export default {
  fetch: serve("codex-web", { "GET /": home }),

  async scheduled(event, env) {
    const gone = await withDatabase(env.DATABASE_URL, deleteExpiredSessions);
    console.log(`${gone} expired sessions deleted`);
  },
};
