import { bundle } from "../../packages/build/index.mjs";

await bundle("src/index.mjs", "dist/index.js");
