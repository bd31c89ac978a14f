// Builds every Worker as it is deployed, and says how large it is; Workers have a limit of 3 MB, compressed.
import { execFile } from "node:child_process";
import { readFile } from "node:fs/promises";
import { promisify } from "node:util";
import { gzipSync } from "node:zlib";

const LIMIT = 3 * 1024 * 1024;
const ENTRIES = {
  "workers/ecom-api": "dist/index.js",
  "workers/auth": "dist/index.js",
  "apps/web": "dist/_worker.js",
};

const run = promisify(execFile);
for (const [folder, entry] of Object.entries(ENTRIES)) {
  await run(process.execPath, ["build.mjs"], { cwd: folder });
  const { length } = gzipSync(await readFile(`${folder}/${entry}`));
  console.log(`${folder}: ${length} bytes, compressed`);
  if (length > LIMIT) throw new Error(`${folder} is too large for a Worker`);
}
