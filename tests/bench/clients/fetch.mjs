// node's side of http.lua: URL COUNT PARALLEL [CA]. Over http its fetch, with the pool that it has itself;
// over https its HTTP/2 client with one session, for its fetch speaks HTTP/1.1 only.
import { readFileSync } from "node:fs";
import { connect } from "node:http2";

const [url, count, parallel, ca] = process.argv.slice(2);
const { origin, pathname, search, protocol } = new URL(url);
const session = protocol === "https:" ? connect(origin, { ca: readFileSync(ca) }) : null;
let left = Number(count);

async function byFetch() {
  const answer = await fetch(url);
  return answer.arrayBuffer();
}

async function byHttp2() {
  const stream = session.request({ ":path": pathname + search });
  return stream.toArray();
}

async function worker() {
  while (left-- > 0) await (session ? byHttp2() : byFetch());
}
await Promise.all(Array.from({ length: Number(parallel) }, worker));
session?.close();
