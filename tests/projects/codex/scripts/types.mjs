// Every module must be one that node understands.
import { execFile } from "node:child_process";
import { promisify } from "node:util";
import { report, sources } from "./files.mjs";

const run = promisify(execFile);
const files = await sources(".mjs");
const check = (file) => run(process.execPath, ["--check", file]).then(() => null, (e) => e.stderr.trim());
report("types", files, (await Promise.all(files.map(check))).filter(Boolean));
