import assert from "node:assert/strict";
import { test } from "node:test";
import { sessionCookie, visitorOf } from "../src/session.mjs";

const carrying = (setCookie) =>
  new Request("https://codex.test/", { headers: { cookie: `theme=dark; ${setCookie.split(";")[0]}` } });

test("a session cookie names its visitor", async () => {
  const request = carrying(await sessionCookie("visitor-1", "secret"));
  assert.equal(await visitorOf(request, "secret"), "visitor-1");
});

test("a cookie signed with another secret names nobody", async () => {
  const request = carrying(await sessionCookie("visitor-1", "another"));
  assert.equal(await visitorOf(request, "secret"), null);
});
