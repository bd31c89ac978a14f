// What package.json names must be there: every check after this one needs it.
import { readFile } from "node:fs/promises";

const read = async (path) => JSON.parse(await readFile(path, "utf8"));
const { dependencies } = await read("package.json");
for (const [name, wanted] of Object.entries(dependencies)) {
  const { version } = await read(`node_modules/${name}/package.json`);
  if (version !== wanted) throw new Error(`${name} is ${version}, and package.json says ${wanted}`);
}
console.log(`installed: ${Object.keys(dependencies).join(", ")}`);
