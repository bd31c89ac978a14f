// How a text is laid out: one line end at its end, no tabs, no spaces before a line end, lines of 120 characters.
import { readFile } from "node:fs/promises";
import { report, sources } from "./files.mjs";

const problems = [];
const files = await sources(".mjs", ".json", ".css", ".yaml", ".md");
for (const file of files) {
  const text = await readFile(file, "utf8");
  if (!text.endsWith("\n") || text.endsWith("\n\n")) problems.push(`${file}: it does not end with one line end`);
  for (const [i, line] of text.split("\n").entries()) {
    if (/[ \t]$|\t/.test(line)) problems.push(`${file}:${i + 1}: a tab, or white space at its end`);
    if (line.length > 120) problems.push(`${file}:${i + 1}: longer than 120 characters`);
  }
}
report("format", files, problems);
