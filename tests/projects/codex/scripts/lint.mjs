// What must not be committed: debugging that was left behind, comparisons that convert, tests that run alone.
import { readFile } from "node:fs/promises";
import { report, sources } from "./files.mjs";

const RULES = [
  [/^\s*debugger\b/, "debugger"],
  [/[^=!]==[^=]|!=[^=]/, "a comparison that converts: use === or !=="],
  [/\b(?:test|describe|it)\.only\(/, "a test that runs alone"],
  [/^\s*var\s/, "var: use const or let"],
];

const problems = [];
const files = (await sources(".mjs")).filter((file) => file !== "scripts/lint.mjs");
for (const file of files) {
  for (const [i, line] of (await readFile(file, "utf8")).split("\n").entries()) {
    for (const [pattern, why] of RULES) if (pattern.test(line)) problems.push(`${file}:${i + 1}: ${why}`);
  }
}
report("lint", files, problems);
