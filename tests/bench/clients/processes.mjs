// node's side of processes.lua: COUNT AT_ONCE sync|async.
import { spawn, spawnSync } from "node:child_process";
import { once } from "node:events";

const [count, atOnce, how] = process.argv.slice(2);
let left = Number(count);

async function worker() {
  while (left-- > 0) {
    if (how === "sync") spawnSync("/bin/true");
    else await once(spawn("/bin/true"), "close");
  }
}
await Promise.all(Array.from({ length: Number(atOnce) }, worker));
