import assert from "node:assert/strict";
import { test } from "node:test";
import { connectionUrl, countUsers, listProducts, withDatabase } from "../src/index.mjs";

const url = process.env.DATABASE_URL;
const needsDatabase = { skip: !url && "DATABASE_URL is not set" };

test("a setting the client does not know is left out of the URL", () => {
  const given = "postgresql://u:p@h/db?sslmode=require&channel_binding=require";
  assert.equal(connectionUrl(given), "postgresql://u:p@h/db?sslmode=require");
});

test("the catalogue lists published products by title", needsDatabase, async () => {
  const products = await withDatabase(url, listProducts);
  const titles = products.map((product) => product.title);
  assert.ok(titles.length > 0);
  assert.deepEqual(titles, titles.toSorted());
});

test("users are counted as a number", needsDatabase, async () => {
  assert.equal(typeof (await withDatabase(url, countUsers)), "number");
});
