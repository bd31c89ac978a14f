// How a Worker of this project is bundled: one ES module for the Workers runtime.
import { rm } from "node:fs/promises";
import { build } from "esbuild";

/** Bundles `entry` into `outfile`; `dist/` holds nothing of an earlier build. */
export async function bundle(entry, outfile) {
  await rm("dist", { recursive: true, force: true });
  await build({
    entryPoints: [entry],
    outfile,
    bundle: true,
    format: "esm",
    target: "es2022",
    conditions: ["workerd", "worker"], // the Postgres client has a build for this runtime
    external: ["cloudflare:*", "node:*"],
    logLevel: "warning",
  });
}
