---Workers in the local cloud, run by real workerd: what they may do, and what becomes of those that fail.
local local_cloud = assert(require("core").load_file("tests/local_cloud.lua"))()
local http = require "http"
local json = require "json"
local process = require "process"

local ZONE, ACCOUNT = local_cloud.ZONE, local_cloud.ACCOUNT

local function test_cloud(name, body, options)
  test(name, function()
    if not local_cloud.has_workerd() then skip "there is no workerd" end
    local_cloud.with(options or {}, body)
  end)
end

local function says(text) return ('export default { fetch() { return new Response("%s"); } };'):format(text) end

-- ---- what a Worker is made of -----------------------------------------------------------------

-- (module (func (export "add") (param i32 i32) (result i32) local.get 0 local.get 1 i32.add))
local ADD = "\0asm\1\0\0\0\1\7\1\x60\2\x7f\x7f\1\x7f\3\2\1\0\7\7\1\3add\0\0\10\9\1\7\0\32\0\32\1\x6a\11"

test_cloud("modules of every kind are there", function(cloud)
  local host = cloud:deploy("kinds", { ["index.js"] = [[
    import { one } from "./lib/one.js";
    import two from "./two.cjs";
    import text from "./three.txt";
    import data from "./four.bin";
    import wasm from "./five.wasm";
    import six from "./six.json";
    export default { async fetch() {
      const { exports } = await WebAssembly.instantiate(wasm);
      return Response.json([one, two.value, text, new Uint8Array(data)[1], exports.add(2, 3), six.value]);
    } };]], ["lib/one.js"] = "export const one = 1;", ["two.cjs"] = "module.exports = { value: 2 };",
    ["three.txt"] = "three", ["four.bin"] = "\0\4", ["five.wasm"] = ADD, ["six.json"] = '{"value":6}' })
  equal(json.decode(cloud:get(host .. "/")), { 1, 2, "three", 4, 5, 6 })
end)

test_cloud("a script in the older format has its bindings as globals", function(cloud)
  local host = cloud:deploy("older", { script = [[
    addEventListener("fetch", (event) => event.respondWith(new Response(GREETING + " " + SETTINGS.name)));
  ]] }, { body_part = "script", bindings = {
    { name = "GREETING", type = "plain_text", text = "hello" },
    { name = "SETTINGS", type = "json", json = { name = "there" } },
  } })
  equal(cloud:get(host .. "/"), "hello there")
end)

test_cloud("node's modules are there for who asks for them", function(cloud)
  local host = cloud:deploy("node", [[
    import { createHash } from "node:crypto";
    export default { fetch() { return new Response(createHash("sha256").update("a").digest("hex").slice(0, 8)); } };
  ]], { compatibility_flags = { "nodejs_compat" } })
  equal(cloud:get(host .. "/"), "ca978112")
end)

local FILES = { ["/index.html"] = "<h1>home</h1>", ["/about.html"] = "about", ["/404.html"] = "not here" }

test_cloud("assets answer before the Worker, with headers and redirects", function(cloud)
  local host = cloud:deploy("site", says "worker", { assets = { jwt = cloud:assets("site", FILES),
    config = { _headers = "/about\n  X-Team: ours\n", _redirects = "/old /about 301\n" } } })
  equal(cloud:get(host .. "/"), "<h1>home</h1>")
  local about = cloud:ask("GET", host .. "/about")
  equal({ about.body, about.headers["x-team"] }, { "about", "ours" })
  local old = cloud:ask("GET", host .. "/old")
  equal({ old.status, old.headers.location }, { 301, "/about" })
  equal(cloud:ask("GET", host .. "/about.html").headers.location, "/about")
  equal(cloud:get(host .. "/elsewhere"), "worker")
end)

test_cloud("assets may come second, and stand alone", function(cloud)
  local first = [[export default { async fetch(request, env) {
    const answer = await env.ASSETS.fetch(request);
    return new Response("worker, then " + await answer.text());
  } };]]
  local config = { run_worker_first = true }
  local host = cloud:deploy("first", first, { assets = { jwt = cloud:assets("first", FILES), config = config },
    bindings = { { name = "ASSETS", type = "assets" } } })
  equal(cloud:get(host .. "/about"), "worker, then about")
  local alone = cloud:deploy("alone", {}, { assets = { jwt = cloud:assets("alone", FILES),
    config = { not_found_handling = "404-page" } } })
  local missing = cloud:ask("GET", alone .. "/nothing")
  equal({ missing.status, missing.body }, { 404, "not here" })
end)

-- ---- what a request shows ---------------------------------------------------------------------

test_cloud("the headers and request.cf of the edge are there", function(cloud)
  local host = cloud:deploy("shows", [[export default { fetch(request) {
    return Response.json({ cf: request.cf, headers: Object.fromEntries(request.headers), url: request.url });
  } };]])
  local seen = cloud:ask("GET", host .. "/x?y=1", { headers = { ["x-davit-worker"] = "token other public" } }):json()
  equal({ seen.cf.colo, seen.cf.country, seen.cf.httpProtocol }, { "LHR", "GB", "HTTP/1.1" })
  equal(seen.url, ("http://%s/x?y=1"):format(host))
  equal(seen.headers["cf-connecting-ip"], "127.0.0.1")
  equal(seen.headers["cf-visitor"], '{"scheme":"http"}')
  equal(seen.headers["cf-ray"]:find "^%x+%-LHR$" ~= nil, true)
  equal({ seen.headers["x-davit-cf"], seen.headers["x-davit-worker"] }, {})
end)

test_cloud("long bodies, HEAD and redirects pass through", function(cloud)
  local host = cloud:deploy("passes", [[export default { async fetch(request) {
    if (request.method === "HEAD") return new Response(null, { headers: { "x-head": "yes" } });
    if (request.method === "GET") return Response.redirect("https://elsewhere.example/", 307);
    return new Response(request.body);
  } };]])
  local long = ("0123456789abcdef"):rep(1 << 16) .. "end"
  equal(cloud:ask("POST", host .. "/", { body = long }).body == long, true)
  local head = cloud:ask("HEAD", host .. "/")
  equal({ head.status, head.headers["x-head"], head.body }, { 200, "yes", "" })
  local redirect = cloud:ask("GET", host .. "/")
  equal({ redirect.status, redirect.headers.location }, { 307, "https://elsewhere.example/" })
end)

test_cloud("an answer arrives as it is written", function(cloud)
  local host = cloud:deploy("streams", [[export default { fetch(request, env, ctx) {
    const { readable, writable } = new TransformStream();
    const writer = writable.getWriter();
    const encoder = new TextEncoder();
    writer.write(encoder.encode("data: first\n\n"));
    ctx.waitUntil(scheduler.wait(50).then(() => writer.write(encoder.encode("data: second\n\n")))
      .then(() => scheduler.wait(50)).then(() => writer.close()));
    return new Response(readable, { headers: { "content-type": "text/event-stream" } });
  } };]])
  local lines = {}
  for line in http.stream { url = ("http://127.0.0.1:%d/"):format(cloud.facts.http_port),
    headers = { host = host } }:lines() do lines[#lines + 1] = line end
  equal(lines, { "data: first", "", "data: second", "" })
end)

test_cloud("a browser on NAME.localhost stays there", function(cloud)
  local host = cloud:deploy("browser", [[export default { fetch(request) {
    const { origin, hostname } = new URL(request.url);
    return new Response(request.headers.get("origin"), { status: 302, headers: {
      location: origin + "/next", "set-cookie": `a=1; Domain=${hostname}; Path=/; Secure` } });
  } };]])
  local at = ("%s.localhost:%d"):format(host, cloud.facts.http_port)
  local answer = cloud:ask("GET", host .. ".localhost/", { headers = { host = at, origin = "http://" .. at } })
  equal(answer.headers.location, ("http://%s/next"):format(at))
  equal(answer.headers["set-cookie"], ("a=1; Domain=%s.localhost; Path=/; Secure"):format(host))
  equal(answer.body, "https://" .. host)
end)

-- ---- WebSockets -------------------------------------------------------------------------------

local ECHO = [[export default { fetch(request) {
  if (request.headers.get("upgrade") !== "websocket") return new Response("no", { status: 426 });
  if (new URL(request.url).pathname === "/refused") return new Response("not you", { status: 403 });
  const [client, server] = Object.values(new WebSocketPair());
  server.accept();
  server.binaryType = "arraybuffer";
  server.addEventListener("message", ({ data }) => {
    if (data === "bye") server.close(4001, "as you wish");
    else server.send(typeof data === "string" ? "echo " + data : data);
  });
  server.addEventListener("close", ({ code }) => console.log("closed", code));
  const wanted = request.headers.has("sec-websocket-protocol");
  return new Response(null, { status: 101, webSocket: client, headers: wanted ? { "sec-websocket-protocol": "chat" } : {} });
} };]]

test_cloud("WebSockets reach the Worker, with texts, bytes, protocol and close", function(cloud)
  local host = cloud:deploy("echo", ECHO)
  local socket <close> = cloud:websocket(host .. "/", { protocols = { "chat", "other" } })
  equal(socket.protocol, "chat")
  socket:send "hello"
  equal(socket:receive(), "echo hello")
  socket:send("\0\1\xff", "binary")
  local bytes, kind = socket:receive()
  equal({ bytes, kind }, { "\0\1\xff", "binary" })
  socket:send "bye"
  equal({ socket:receive() }, { nil, 4001, "as you wish" })
end)

test_cloud("a Worker opens a WebSocket to another one by its host", function(cloud)
  local echo = cloud:deploy("echo", ECHO)
  local host = cloud:deploy("asks", [[export default { async fetch() {
    const answer = await fetch("https://]] .. echo .. [[/", { headers: { upgrade: "websocket" } });
    const socket = answer.webSocket;
    socket.accept();
    const reply = new Promise((done) => socket.addEventListener("message", ({ data }) => done(data)));
    socket.send("from a Worker");
    const text = await reply;
    socket.close(1000);
    return new Response(text);
  } };]])
  equal(cloud:get(host .. "/"), "echo from a Worker")
end)

test_cloud("a Worker may refuse a WebSocket", function(cloud)
  local host = cloud:deploy("echo", ECHO)
  local err = raises("403", function() cloud:websocket(host .. "/refused") end)
  equal({ err.code, err.status }, { "websocket-refused", 403 })
  equal(cloud:ask("GET", host .. "/").status, 426)
end)

-- ---- service bindings -------------------------------------------------------------------------

local AUTH = [[
  import { WorkerEntrypoint } from "cloudflare:workers";
  export default { fetch(request) { return new Response("auth VERSION " + new URL(request.url).pathname); } };
  export class Admin extends WorkerEntrypoint { greet(name) { return "hello " + name; } }
]]

local FRONT = [[export default { async fetch(request, env) {
  const { pathname } = new URL(request.url);
  if (pathname === "/rpc") return new Response(await env.ADMIN.greet("you"));
  if (pathname === "/self") return env.SELF.fetch("https://x/own");
  if (pathname === "/own") return new Response("myself");
  return env.AUTH.fetch(request);
} };]]

local BOUND = { bindings = {
  { name = "AUTH", type = "service", service = "auth" },
  { name = "ADMIN", type = "service", service = "auth", entrypoint = "Admin" },
  { name = "SELF", type = "service", service = "front" },
} }

test_cloud("a service binding reaches another Worker's process, by fetch and by method", function(cloud)
  cloud:deploy("auth", (AUTH:gsub("VERSION", "one")))
  local host = cloud:deploy("front", FRONT, BOUND)
  equal(cloud:get(host .. "/a"), "auth one /a")
  equal(cloud:get(host .. "/rpc"), "hello you")
  equal(cloud:get(host .. "/self"), "myself")
  equal(#cloud:processes(), 2)
end)

test_cloud("what a bound Worker throws is thrown in its caller", function(cloud)
  cloud:deploy("auth", [[
    import { WorkerEntrypoint } from "cloudflare:workers";
    class Odd extends Error {}
    Odd.prototype.name = "Odd";
    const throwers = { "/type": () => null.x, "/text": () => { throw "füß"; }, "/odd": () => { throw new Odd("a\nb"); } };
    function answer(request) {
      const { pathname } = new URL(request.url);
      return throwers[pathname] ? throwers[pathname]() : new Response("no " + pathname, { status: 500 });
    }
    export default { fetch: answer };
    export class Admin extends WorkerEntrypoint { fetch(request) { return answer(request); } }
  ]])
  local host = cloud:deploy("front", [[export default { async fetch(request, env) {
    const { pathname, search } = new URL(request.url);
    const { fetch } = search ? env.ADMIN : env.AUTH;
    if (pathname === "/uncaught") return fetch("https://x/type");
    try {
      return new Response(await (await fetch(request)).text());
    } catch (error) {
      return Response.json([error.constructor.name, error.message]);
    }
  } };]], BOUND)
  local null = [=[["TypeError","Cannot read properties of null (reading 'x')"]]=]
  for _, entrypoint in ipairs { "", "?admin" } do
    equal(cloud:get(host .. "/type" .. entrypoint), null)
    equal(cloud:get(host .. "/text" .. entrypoint), '["Error","füß"]')
    equal(cloud:get(host .. "/odd" .. entrypoint), '["Error","Odd: a\\nb"]')
    equal(cloud:get(host .. "/b" .. entrypoint), "no /b")
    equal(cloud:ask("GET", host .. "/uncaught" .. entrypoint).headers["x-davit-stand-in"], "error 1101")
  end
end)

test_cloud("a service binding follows a new version, and a process that died", function(cloud)
  local auth = cloud:deploy("auth", (AUTH:gsub("VERSION", "one")))
  local host = cloud:deploy("front", FRONT, BOUND)
  equal(cloud:get(auth .. "/x"), "auth one /x")
  equal(cloud:get(host .. "/a"), "auth one /a")
  cloud:deploy("auth", (AUTH:gsub("VERSION", "two")))
  local_cloud.until_true(function() return cloud:get(host .. "/a") == "auth two /a" end)
  for _, one in ipairs(cloud:processes()) do
    if one.name:find "^auth" then process.run { command = "kill -KILL " .. one.pid } end
  end
  local_cloud.until_true(function() return cloud:ask("GET", host .. "/a").body == "auth two /a" end)
  equal(cloud:get(host .. "/rpc"), "hello you")
end)

test_cloud("an entrypoint that is not there is its caller's trouble alone", function(cloud)
  local auth = cloud:deploy("auth", (AUTH:gsub("VERSION", "one")))
  local host = cloud:deploy("front", [[export default { async fetch(request, env) {
    return new Response(await env.NONE.greet("x").catch((error) => "no " + error.message));
  } };]], { bindings = { { name = "NONE", type = "service", service = "auth", entrypoint = "None" } } })
  equal(cloud:get(host .. "/"):find("^no ") ~= nil, true)
  equal(cloud:get(auth .. "/x"), "auth one /x")
end)

-- ---- other bindings ---------------------------------------------------------------------------

test_cloud("a binding without a local service says so when it is used", function(cloud)
  local host = cloud:deploy("kv", [[export default { async fetch(request, env) {
    try { return new Response(await env.STORE.get("a")); } catch (error) { return new Response(error.message); }
  } };]], { bindings = { { name = "STORE", type = "kv_namespace", namespace_id = ("0"):rep(32) } } })
  equal(cloud:get(host .. "/"), "the local cloud has no service for the binding STORE (kv_namespace)")
end)

local COUNTER = [[
  import { DurableObject } from "cloudflare:workers";
  export class Counter extends DurableObject {
    async add() {
      const count = ((await this.ctx.storage.get("count")) ?? 0) + 1;
      await this.ctx.storage.put("count", count);
      return count;
    }
  }
  export default { async fetch(request, env) {
    return new Response("VERSION " + await env.COUNTER.getByName("a").add());
  } };]]

test_cloud("Durable Objects keep what they store across versions", function(cloud)
  local metadata = { migrations = { new_tag = "v1", new_sqlite_classes = { "Counter" } },
    bindings = { { name = "COUNTER", type = "durable_object_namespace", class_name = "Counter" } } }
  local host = cloud:deploy("counter", (COUNTER:gsub("VERSION", "one")), metadata)
  equal(cloud:get(host .. "/"), "one 1")
  equal(cloud:get(host .. "/"), "one 2")
  cloud:deploy("counter", (COUNTER:gsub("VERSION", "two")), { bindings = metadata.bindings })
  local_cloud.until_true(function() return #cloud:processes() == 1 end)
  equal(cloud:get(host .. "/"), "two 3")
end)

test_cloud("the Cache API keeps what it is given", function(cloud)
  local host = cloud:deploy("cache", [[export default { async fetch(request) {
    const cache = new URL(request.url).pathname === "/named" ? await caches.open("named") : caches.default;
    const key = "https://cache.example/key";
    if (request.method === "DELETE") return new Response(String(await cache.delete(key)));
    const found = await cache.match(key);
    if (found) return new Response(`${found.status} ${found.headers.get("x-kept")} ${await found.text()}`);
    await cache.put(key, new Response("body", { status: 203, headers: { "cache-control": "max-age=60", "x-kept": "y" } }));
    return new Response("miss");
  } };]])
  equal(cloud:get(host .. "/"), "miss")
  equal(cloud:get(host .. "/"), "203 y body")
  equal(cloud:get(host .. "/named"), "miss")
  equal(cloud:ask("DELETE", host .. "/").body, "true")
  equal(cloud:ask("DELETE", host .. "/").body, "false")
  equal(cloud:get(host .. "/"), "miss")
end)

-- ---- a Worker's own requests ------------------------------------------------------------------

local FETCH = [[
  import { connect } from "cloudflare:sockets";
  export default { async fetch(request, env, ctx) {
    const to = new URL(request.url).searchParams;
    try {
      if (to.has("tcp")) {
        const socket = connect(to.get("tcp"));
        const writer = socket.writable.getWriter();
        await writer.write(new TextEncoder().encode("GET / HTTP/1.0\r\n\r\n"));
        writer.releaseLock();
        return new Response(await new Response(socket.readable).text());
      }
      const answer = await fetch(to.get("url"), { headers: { authorization: "Bearer " + to.get("token") } });
      return new Response(answer.status + " " + (await answer.text()).slice(0, 200));
    } catch (error) {
      return new Response("threw " + error.message);
    }
  } };]]

test_cloud("a Worker's requests reach what the local cloud serves, and nothing else", function(cloud)
  cloud:deploy("other", [[export default { fetch(request) { return new Response(request.url); } };]])
  local host = cloud:deploy("fetches", FETCH)
  equal(cloud:get(host .. "/?url=https://other." .. ZONE .. "/path"), ("200 https://other.%s/path"):format(ZONE))
  local verify = cloud:get(("%s/?url=https://api.cloudflare.com/client/v4/user/tokens/verify&token=%s"):format(
    host, local_cloud.TOKEN))
  equal(verify:find('"status":"active"', 1, true) ~= nil, true)
  equal(cloud:get(host .. "/?url=https://api.stripe.com/v1"),
    "threw The local cloud does not serve api.stripe.com, and nothing else can be reached.")
  equal(cloud:get(("%s/?url=http://127.0.0.1:%d/_davit/address%%3Fname=x"):format(host, cloud.facts.http_port))
    :sub(1, 4), "404 ")
end)

test_cloud("connections reach this machine and Neon's endpoints, and no other host", function(cloud)
  local host = cloud:deploy("fetches", FETCH)
  equal(cloud:get(("%s/?tcp=127.0.0.1:%d"):format(host, cloud.facts.http_port)):find "^HTTP/1" ~= nil, true)
  equal(cloud:get(host .. "/?tcp=db.example.com:5432"):find "^threw " ~= nil, true)
  local endpoint = cloud:ask("GET", "console.neon.tech/api/v2/projects/wandering-moon-123456/endpoints",
    { headers = { authorization = "Bearer n-token" } }):json().endpoints[1]
  local function address(name) return cloud:ask("GET", "127.0.0.1/_davit/address?name=" .. name) end
  for _, name in ipairs { endpoint.id, endpoint.id .. "-pooler" } do
    equal(address(name .. ".eu-central-1.aws.neon.tech").body:find "^127%.%d+%.%d+%.%d+$" ~= nil, true)
  end
  equal(address("ep-unknown.neon.tech").status, 404)
end)

test_cloud("workers.dev of the same account is refused, unless it is asked for as by anybody", function(cloud)
  cloud:deploy("other", says "other")
  cloud:api("POST", ("/accounts/%s/workers/scripts/other/subdomain"):format(ACCOUNT), { json = { enabled = true } })
  local name = cloud:api("GET", ("/accounts/%s/workers/subdomain"):format(ACCOUNT)):json().result.subdomain
  local path = ("/?url=https://other.%s.workers.dev/"):format(name)
  local host = cloud:deploy("fetches", FETCH)
  equal(cloud:get(host .. path):find("error code: 1042", 1, true) ~= nil, true)
  local public = cloud:deploy("public", FETCH, { compatibility_flags = { "global_fetch_strictly_public" } })
  equal(cloud:get(public .. path), "200 other")
end)

test_cloud("a Worker that asks itself in a circle is stopped", function(cloud)
  local host = cloud:deploy("circle", [[export default { async fetch(request) {
    const answer = await fetch(request.url.replace("http:", "https:"));
    return new Response(await answer.text(), answer);
  } };]])
  local answer = cloud:ask("GET", host .. "/")
  equal(answer.status, 500)
  equal(answer.body:find("error code: 1019", 1, true) ~= nil, true)
end)

-- ---- what goes wrong --------------------------------------------------------------------------

local THROWS = [[export default { fetch(request) {
  const { pathname } = new URL(request.url);
  if (pathname === "/throw") throw new TypeError("müde");
  if (pathname === "/hang") return new Promise(() => {});
  if (pathname === "/loop") for (;;);
  return new Response("fine");
} };]]

test_cloud("what a Worker throws becomes error 1101, for programs and for browsers", function(cloud)
  local host = cloud:deploy("throws", THROWS)
  local answer = cloud:ask("GET", host .. "/throw")
  equal({ answer.status, answer.body }, { 500, "error code: 1101\n" })
  equal(answer.headers["x-davit-reason"]:find("^TypeError: m") ~= nil, true)
  local page = cloud:ask("GET", host .. "/throw", { headers = { accept = "text/html" } })
  equal(page.body:find("Worker threw exception", 1, true) ~= nil, true)
  equal(cloud:ask("GET", host .. "/hang").headers["x-davit-reason"]:find("would never generate a response", 1, true) ~= nil,
    true)
  equal(cloud:get(host .. "/"), "fine")
end)

test_cloud("a loop ends its own process with error 1102, and no other", function(cloud)
  local host = cloud:deploy("loops", THROWS, { limits = { cpu_ms = 400 } })
  local other = cloud:deploy("other", says "alive")
  parallel {
    loop = function()
      local answer = cloud:ask("GET", host .. "/loop")
      equal({ answer.status, answer.body }, { 503, "error code: 1102\n" })
    end,
    other = function() equal(cloud:get(other .. "/"), "alive") end,
  }
  equal(cloud:get(host .. "/"), "fine")
end)

test_cloud("a process that died comes back with the next request", function(cloud)
  local host = cloud:deploy("dies", says "alive")
  equal(cloud:get(host .. "/"), "alive")
  process.run { command = "kill -KILL " .. cloud:processes()[1].pid }
  equal(cloud:get(host .. "/"), "alive")
end)

test_cloud("work behind an answer ends, although the version was replaced", function(cloud)
  local other = cloud:deploy("other", [[let count = 0; export default { fetch(request) {
    if (request.method === "POST") count++;
    return new Response(String(count));
  } };]])
  local host = cloud:deploy("behind", [[export default { fetch(request, env, ctx) {
    ctx.waitUntil(scheduler.wait(1000).then(() => fetch("https://other.]] .. ZONE .. [[/", { method: "POST" })));
    return new Response("one");
  } };]])
  equal(cloud:get(host .. "/"), "one")
  cloud:deploy("behind", says "two")
  equal(cloud:get(host .. "/"), "two")
  local_cloud.until_true(function() return cloud:get(other .. "/") == "1" end)
end)

test_cloud("no more processes are awake than were allowed", function(cloud)
  local hosts = {}
  for i = 1, 3 do hosts[i] = cloud:deploy("w" .. i, says("w" .. i)) end
  for _ = 1, 2 do
    for i, host in ipairs(hosts) do equal(cloud:get(host .. "/"), "w" .. i) end
  end
  local_cloud.until_true(function() return #cloud:processes() <= 2 end)
end, { awake = 2 })

-- ---- several versions at a time ---------------------------------------------------------------

test_cloud("the versions of a split run beside each other, and a header chooses one", function(cloud)
  local host = cloud:deploy("split", says "one")
  local scripts = ("/accounts/%s/workers/scripts/split"):format(ACCOUNT)
  local first = cloud:api("GET", scripts .. "/deployments"):json().result.deployments[1].versions[1].version_id
  local second = cloud:upload("split", says "two", nil, "/versions"):json().result.id
  equal(cloud:get(host .. "/"), "one")
  cloud:api("POST", scripts .. "/deployments", { json = { strategy = "percentage", versions = {
    { version_id = first, percentage = 50 }, { version_id = second, percentage = 50 } } } })
  local function chosen(id)
    return cloud:ask("GET", host .. "/", { headers = {
      ["Cloudflare-Workers-Version-Overrides"] = ('split="%s"'):format(id) } }).body
  end
  equal({ chosen(first), chosen(second), chosen(first) }, { "one", "two", "one" })
  equal(#cloud:processes(), 2)
end)

-- ---- uploads are tried ------------------------------------------------------------------------

local function refused(answer)
  equal(answer.status, 400)
  local first = answer:json().errors[1]
  equal(first.code, 10021)
  return first.message
end

local function contains(text, piece)
  if not text:find(piece, 1, true) then error(("%q is not in %q"):format(piece, text), 2) end
end

test_cloud("an upload that cannot start is refused with its module and line", function(cloud)
  local syntax = refused(cloud:upload("bad", "const a = 1;\nthis is no JavaScript"))
  contains(syntax, "Uncaught SyntaxError")
  contains(syntax, "index.js:2")
  contains(refused(cloud:upload("bad", 'import x from "./gone.js"; export default {}')), 'No such module "gone.js"')
  contains(refused(cloud:upload("bad", 'export default { fetch() {} }; throw new Error("too early")')), "too early")
  contains(refused(cloud:upload("bad", "export default { fetch() {} }; for (;;);")), "startup exceeded CPU time limit")
  equal(#cloud:processes(), 0)
end)

test_cloud("what was tried serves the version, already awake", function(cloud)
  local answer = cloud:upload("warm", says "warm", { bindings = { { name = "A", type = "json", json = { 1, { b = 2 } } } } })
  equal(answer:json().result.startup_time_ms > 0, true)
  local before = cloud:processes()
  equal(#before, 1)
  equal(cloud:get(cloud:deploy("warm", says "warm") .. "/"), "warm")
end)

test_cloud("an upload that is refused for another reason leaves no process", function(cloud)
  equal(cloud:upload("UPPER", says "x").status, 400)
  equal(cloud:api("PUT", ("/accounts/%s/workers/scripts/x"):format(ACCOUNT), { body = "x",
    headers = { authorization = "Bearer unknown", ["content-type"] = "multipart/form-data" } }).status, 403)
  local_cloud.until_true(function() return #cloud:processes() == 0 end)
end)
