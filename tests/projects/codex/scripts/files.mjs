// The project's own sources, by their paths from its folder.
import { readdir } from "node:fs/promises";
import { join } from "node:path";

const FOREIGN = new Set(["node_modules", "dist"]);

async function* walk(folder) {
  for (const entry of await readdir(folder, { withFileTypes: true })) {
    if (entry.name.startsWith(".") || FOREIGN.has(entry.name)) continue;
    const path = join(folder, entry.name);
    if (entry.isDirectory()) yield* walk(path);
    else yield path;
  }
}

/** Those whose names end as one of `endings` says, sorted. */
export async function sources(...endings) {
  const found = [];
  for await (const path of walk(".")) if (endings.some((ending) => path.endsWith(ending))) found.push(path);
  return found.sort();
}

/** Prints what is wrong, and ends with 1 if anything is. */
export function report(what, files, problems) {
  for (const problem of problems) console.error(problem);
  console.log(`${what}: ${files.length} files, ${problems.length} problems`);
  process.exitCode = problems.length > 0 ? 1 : 0;
}
