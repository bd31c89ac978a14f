// ecom-api: the shop's catalogue as JSON.
import { listProducts, withDatabase } from "../../../packages/database/src/index.mjs";
import { serve } from "../../../packages/service/src/index.mjs";

/** Stripe's keys name their mode; a page that takes test payments only must say so. */
const paymentMode = (key = "") => (key.startsWith("sk_live_") ? "live" : "test");

async function products(request, env) {
  const list = await withDatabase(env.DATABASE_URL, listProducts);
  return Response.json({ products: list, payments: paymentMode(env.STRIPE_SECRET_KEY) });
}

export default { fetch: serve("ecom-api", { "GET /products": products }) };
