import { cp } from "node:fs/promises";
import { bundle } from "../../packages/build/index.mjs";

await bundle("src/index.mjs", "dist/_worker.js");
await cp("public", "dist/client", { recursive: true });
