// Who may import whom: apps and workers stand on packages, packages on packages, and nothing on a Worker.
import { readFile } from "node:fs/promises";
import { dirname, join } from "node:path";
import { report, sources } from "./files.mjs";

const layer = (path) => path.split("/")[0];
const unit = (path) => path.split("/").slice(0, 2).join("/");
const isWorker = (path) => ["apps", "workers"].includes(layer(path));

const problems = [];
const files = (await sources(".mjs")).filter((file) => isWorker(file) || layer(file) === "packages");
for (const file of files) {
  for (const [, name] of (await readFile(file, "utf8")).matchAll(/^import .*?from "(\.[^"]*)";/gm)) {
    const target = join(dirname(file), name);
    if (!isWorker(target) || unit(target) === unit(file)) continue;
    problems.push(`${file}: imports the Worker of ${unit(target)}`);
  }
}
report("architecture", files, problems);
