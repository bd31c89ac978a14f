// On the branch that this test has: what is written here goes with it, or stays on the pull request's own.
import assert from "node:assert/strict";
import { test } from "node:test";
import { countUsers, deleteExpiredSessions, listProducts, withDatabase } from "../src/index.mjs";

const url = process.env.DATABASE_URL;
const needsDatabase = { skip: !url && "DATABASE_URL is not set" };

test("the catalogue lists published products by title", needsDatabase, async () => {
  const products = await withDatabase(url, listProducts);
  const titles = products.map((product) => product.title);
  assert.ok(titles.length > 0);
  assert.deepEqual(titles, titles.toSorted());
});

test("users are counted as a number", needsDatabase, async () => {
  assert.equal(typeof (await withDatabase(url, countUsers)), "number");
});

test("expired sessions go, and a second time there are none", needsDatabase, async () => {
  await withDatabase(url, deleteExpiredSessions);
  assert.equal(await withDatabase(url, deleteExpiredSessions), 0);
});
