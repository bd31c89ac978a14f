// auth-worker: who the visitors are.
import { countUsers, withDatabase } from "../../../packages/database/src/index.mjs";
import { serve } from "../../../packages/service/src/index.mjs";
import { visitorOf } from "../../../packages/service/src/session.mjs";

async function count(request, env) {
  return Response.json({ users: await withDatabase(env.DATABASE_URL, countUsers) });
}

async function session(request, env) {
  const visitor = await visitorOf(request, env.SESSION_SECRET);
  return visitor
    ? Response.json({ visitor })
    : Response.json({ error: "no session" }, { status: 401 });
}

export default { fetch: serve("auth-worker", { "GET /users/count": count, "GET /session": session }) };
