import assert from "node:assert/strict";
import { test } from "node:test";
import { connectionUrl } from "../src/index.mjs";

test("a setting the client does not know is left out of the URL", () => {
  const given = "postgresql://u:p@h/db?sslmode=require&channel_binding=require";
  assert.equal(connectionUrl(given), "postgresql://u:p@h/db?sslmode=require");
});
