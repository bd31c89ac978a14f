// What programs that go through a client's calls have in common. They print a line for each call: "ok", a tab, its
// name, a tab; or "not ok", its name and why; and at the end how many there were.
import assert from "node:assert/strict";

let count = 0;

export async function check(name, body) {
  count += 1;
  try {
    await body();
    console.log(`ok\t${name}\t`);
  } catch (e) {
    console.log(`not ok\t${name}\t${String(e?.stack ?? e).split("\n").slice(0, 12).join(" | ")}`);
  }
}

// What a call is refused with.
export async function refusal(promise) {
  const error = await promise.then(() => null, (e) => e);
  assert.ok(error, "it was not refused");
  return error;
}

export const end = () => console.log(`end\t${count}`);
