import assert from "node:assert/strict";
import { test } from "node:test";
import { page } from "../src/page.mjs";

const product = { slug: "a-talk", title: "Talk & <more>", price_cents: 1250, currency: "EUR" };

test("the page names its products and their prices, escaped", () => {
  const html = page([product], { VERSION: "1", ENVIRONMENT: "test" });
  assert.match(html, /Talk &amp; &lt;more&gt;<\/span> <b>€12\.50<\/b>/);
  assert.match(html, /version 1, test/);
});
