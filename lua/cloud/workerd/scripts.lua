---The Workers of Davit's own that stand around an uploaded one in its process: JavaScript, as text.
local scripts = {}

---Before the Worker: what it throws becomes a header, from which the edge makes error 1101, and another Worker's
---binding the exception again.
scripts.front = [==[
const LONGEST = 1000;

export default {
  async fetch(request, env) {
    try {
      return await env.next.fetch(request);
    } catch (error) {
      const thrown = encodeURIComponent(String(error).slice(0, LONGEST).toWellFormed());
      return new Response(null, { status: 500, headers: { "x-davit-thrown": thrown } });
    }
  },
};
]==]

---Behind the Worker: its own requests and connections. What is on this machine is reached directly,
---everything else is the local cloud's to answer or to refuse.
scripts.outbound = [==[
const LOOPBACK = /^(localhost|127(\.\d{1,3}){3}|\[::1\])$/;

async function locate(host, env) {
  if (LOOPBACK.test(host)) return host;
  const answer = await env.cloud.fetch("http://localhost/_davit/address?name=" + encodeURIComponent(host));
  const text = await answer.text();
  if (!answer.ok) throw new Error(text.trim());
  return text.trim();
}

export default {
  async fetch(request, env) {
    const { hostname } = new URL(request.url);
    if (LOOPBACK.test(hostname)) return env.machine.fetch(request);
    const answer = await env.cloud.fetch(request);
    if (answer.headers.get("x-davit-stand-in") !== "no such host") return answer;
    throw new Error((await answer.text()).trim());
  },

  async connect(socket, env) {
    const { localAddress } = await socket.opened;
    const [, host, port] = /^(.*):(\d+)$/.exec(localAddress);
    const peer = env.machine.connect(`${await locate(host, env)}:${port}`);
    await Promise.all([socket.readable.pipeTo(peer.writable), peer.readable.pipeTo(socket.writable)]);
  },
};
]==]

---Behind the Cache API: what was put is kept in memory while the process lives. Conditional and
---range requests get the whole answer, which a cache may do.
scripts.cache = [==[
const DEFAULT = 7200;             // seconds that an answer without a date stays; assumed
const LARGEST = 64 * 1024 * 1024; // bytes of all; the oldest go first
const stored = new Map();
let size = 0;

function key(request) {
  const name = request.headers.get("cf-cache-namespace") ?? "";
  return `${name} ${request.cf?.cacheKey ?? request.url}`;
}

function drop(name) {
  const item = stored.get(name);
  if (item) size -= item.body.byteLength;
  return stored.delete(name);
}

function lifetime(headers) {
  const control = headers.get("cache-control") ?? "";
  if (/no-store|no-cache|private(?!=)/i.test(control)) return 0;
  if (headers.has("set-cookie") && !/private="?set-cookie/i.test(control)) return 0;
  const age = /s-maxage=(\d+)/i.exec(control) ?? /max-age=(\d+)/i.exec(control);
  if (age) return Number(age[1]);
  const expires = Date.parse(headers.get("expires"));
  return Number.isNaN(expires) ? DEFAULT : (expires - Date.now()) / 1000;
}

// The body of a put is an answer as it goes over the wire.
function parse(bytes) {
  let end = 0;
  while (end < bytes.length && !(bytes[end] === 13 && bytes[end + 2] === 13)) end++;
  const [first, ...lines] = new TextDecoder().decode(bytes.subarray(0, end)).split("\r\n");
  const headers = new Headers();
  for (const line of lines) {
    const colon = line.indexOf(":");
    headers.append(line.slice(0, colon), line.slice(colon + 1).trim());
  }
  return { status: Number(first.split(" ")[1]), headers, body: bytes.slice(end + 4) };
}

async function put(request) {
  const item = parse(new Uint8Array(await request.arrayBuffer()));
  const seconds = lifetime(item.headers);
  drop(key(request));
  if (seconds <= 0 || item.body.byteLength > LARGEST) return new Response(null, { status: 204 });
  const since = Date.now();
  stored.set(key(request), { ...item, headers: [...item.headers], since, expires: since + seconds * 1000 });
  size += item.body.byteLength;
  for (const name of stored.keys()) if (size > LARGEST) drop(name);
  return new Response(null, { status: 204 });
}

function get(request) {
  const item = stored.get(key(request));
  if (!item || item.expires <= Date.now()) {
    drop(key(request));
    return new Response(null, { status: 504, headers: { "cf-cache-status": "MISS" } });
  }
  const headers = new Headers(item.headers);
  headers.set("cf-cache-status", "HIT");
  headers.set("age", Math.floor((Date.now() - item.since) / 1000));
  return new Response(item.body, { status: item.status, headers });
}

export default {
  fetch(request) {
    if (request.method === "PUT") return put(request);
    if (request.method === "PURGE") return new Response(null, { status: drop(key(request)) ? 200 : 404 });
    return get(request);
  },
};
]==]

---A service binding to another Worker: its methods as they are, and a fetch that throws what the other one threw.
scripts.bound = [==[
const KINDS = { EvalError, RangeError, ReferenceError, SyntaxError, TypeError, URIError };

function revived(text) {
  const [, name, message] = /^(\w+)(?:: ([^]*))?$/.exec(text) ?? [];
  if (name === "Error") return new Error(message ?? "");
  return Object.hasOwn(KINDS, name) ? new KINDS[name](message ?? "") : new Error(text);
}

export default function ({ methods, requests }) {
  const fetch = async (...request) => {
    const answer = await requests.fetch(...request);
    const thrown = answer.headers.get("x-davit-thrown");
    if (thrown === null) return answer;
    throw revived(decodeURIComponent(thrown));
  };
  return Object.defineProperty(methods, "fetch", { value: fetch });
}
]==]

---In the place of a binding that has no local service: using it says so.
scripts.missing = [==[
export default function (env) {
  const refuse = () => { throw new Error(env.message); };
  const absent = (name) => typeof name === "symbol" || name === "then" || name === "toJSON";
  return new Proxy({}, { get: (_, name) => (absent(name) ? undefined : refuse) });
}
]==]

return scripts
