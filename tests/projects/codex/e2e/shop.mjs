// The shop from end to end, on a database branch of its own that may be written to: all Workers as they are deployed,
// in node instead of workerd.
import assert from "node:assert/strict";
import { test } from "node:test";
import web from "../apps/web/src/index.mjs";
import { withDatabase } from "../packages/database/src/index.mjs";
import auth from "../workers/auth/src/index.mjs";
import api from "../workers/ecom-api/src/index.mjs";

const env = {
  DATABASE_URL: process.env.DATABASE_URL,
  SESSION_SECRET: "only here",
  STRIPE_SECRET_KEY: "sk_test_none",
  VERSION: "1",
  ENVIRONMENT: "test",
};
const needsDatabase = { skip: !env.DATABASE_URL && "DATABASE_URL is not set" };
const ask = (worker, path, headers) => worker.fetch(new Request(`https://shop.test${path}`, { headers }), env);

test("what is published is sold by the API and shown on the page", needsDatabase, async () => {
  await withDatabase(env.DATABASE_URL, (sql) =>
    sql`INSERT INTO products (slug, title, price_cents, currency, published)
      VALUES ('end-to-end', 'End to end', 100, 'EUR', true) ON CONFLICT (slug) DO NOTHING`);
  const { products, payments } = await (await ask(api, "/products")).json();
  assert.ok(products.some((product) => product.slug === "end-to-end"));
  assert.equal(payments, "test");
  assert.match(await (await ask(web, "/")).text(), /id="end-to-end"/);
});

test("who comes a second time is known by the cookie of the first", needsDatabase, async () => {
  const cookie = (await ask(web, "/")).headers.get("set-cookie").split(";")[0];
  assert.equal((await ask(web, "/", { cookie })).headers.get("set-cookie"), null);
  assert.match((await (await ask(auth, "/session", { cookie })).json()).visitor, /^[0-9a-f-]{36}$/);
});
