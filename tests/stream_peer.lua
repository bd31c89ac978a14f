---A peer for bodies that take their time: node's server, which holds what it is told to hold until it is
---told to go on. So tests wait for what happened and not for a while.
local process = require "process"
local fs = require "fs"

local peer = { node = "build/npm/node_modules/.bin/node" }

local SERVER = [[
const http = require("http"), crypto = require("crypto"), zlib = require("zlib");
const plain = Buffer.from(Array.from({ length: 20000 }, (_, i) => `line ${i}\n`).join(""));
const packed = zlib.gzipSync(plain);
let held = [], waiting = [], uses = new Map();
const free = (list, f) => { const all = list.splice(0); all.forEach(f); return String(all.length); };
const read = (q, then) => {
  const hash = crypto.createHash("sha256");
  let n = 0;
  q.on("data", (d) => { n += d.length; hash.update(d); });
  q.on("end", () => then(`${n} ${hash.digest("hex")}`));
};
const paths = {
  // holds the answer after its first piece
  "/hold": (q, r) => { r.writeHead(200); r.write("first\n"); held.push(r); },
  "/held": (q, r) => r.end(String(held.length)),
  "/push": (q, r) => {
    let text = ""; q.on("data", (d) => { text += d; });
    q.on("end", () => { held.forEach((h) => h.write(text)); r.end("pushed"); });
  },
  "/finish": (q, r) => r.end(free(held, (h) => h.end())),
  "/break": (q, r) => r.end(free(held, (h) => h.destroy())),
  // takes nothing of the body until it is told to
  "/wait": (q, r) => waiting.push(() => read(q, (seen) => r.end(seen))),
  "/waiting": (q, r) => r.end(String(waiting.length)),
  "/go": (q, r) => r.end(free(waiting, (f) => f())),
  "/take": (q, r) => read(q, (seen) => r.end(seen)),
  "/flood": (q, r) => {
    let left = 64;
    const piece = Buffer.alloc(1 << 20, "0123456789abcde\n");
    const go = () => { while (left > 0) { left--; if (!r.write(piece)) return; } r.end(); };
    r.writeHead(200, { "content-length": left << 20 });
    r.on("drain", go); go();
  },
  "/short": (q, r) => { r.writeHead(200, { "content-length": 1000 }); r.write("x".repeat(500), () => r.destroy()); },
  // whole or cut, by its length, in chunks, or until the connection ends
  "/gzip": (q, r) => {
    const [cut, how] = q.headers["x-how"].split(" ");
    const body = packed.subarray(0, packed.length - Number(cut));
    r.sendDate = false;
    if (how === "length") r.setHeader("content-length", body.length);
    if (how === "close") { r.setHeader("connection", "close"); r.useChunkedEncodingByDefault = false; }
    r.writeHead(200, { "content-encoding": "gzip" });
    for (let i = 0; i < body.length; i += 1000) r.write(body.subarray(i, i + 1000));
    r.end();
  },
  "/moved": (q, r) => { r.writeHead(307, { location: "/take" }); q.resume(); q.on("end", () => r.end()); },
  // a connection that is used again dies without an answer
  "/once": (q, r) => {
    const n = (uses.get(q.socket) || 0) + 1;
    uses.set(q.socket, n);
    read(q, (seen) => (n > 1 ? q.socket.destroy() : r.end(seen)));
  },
};
const server = http.createServer((q, r) => paths[q.url](q, r));
server.requestTimeout = server.headersTimeout = server.keepAliveTimeout = 0;
server.listen(0, "127.0.0.1", () => console.log(server.address().port));
]]

---Runs f with the URL of a peer; skip() says why there is none.
---@param skip fun(reason: string)
---@param f fun(url: string)
function peer.with(skip, f)
  if not fs.exists(peer.node) then skip "node is not in build/npm" end
  local child <close> = process.start { argv = { peer.node, "-e", SERVER } }
  f("http://127.0.0.1:" .. child:line())
end

return peer
