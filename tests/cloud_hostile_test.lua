---The local cloud's ports against clients that lie, stall, swamp and pry: each is answered or dropped, nobody else
---notices, and nothing is written outside of the state's folder.
local fs = require "fs"
local json = require "json"
local places = assert(require("core").load_file("tests/davit_cloud.lua"))()
local process = require "process"

-- What a client gets that plays these steps (tests/peer.c).
local function raw(cloud, ...)
  return process.run { argv = { places.peer, "--to", tostring(cloud.port), ... }, check = false, timeout = 20 }.output
end

local function begin(cloud, ...)
  return process.start { argv = { places.peer, "--to", tostring(cloud.port), ... } }
end

local function status_of(answer) return math.tointeger(tonumber(answer:match "^HTTP/1%.1 (%d+)")) end

local function request(line, ...)
  return table.concat({ line .. " HTTP/1.1", "Host: localhost", "Connection: close", ... }, "\\r\\n") .. "\\r\\n\\r\\n"
end

-- The cloud is as it was: it answers, and ends without an error.
local function check_alive(cloud)
  equal(cloud:zones().status, 200)
end

local function check_end(cloud)
  check_alive(cloud)
  local ended = cloud:stop()
  equal(ended.exit, 0)
  if ended.errors:find "lua:%d" then error(ended.errors, 2) end
end

-- ---- what is no HTTP --------------------------------------------------------------------------

test("what is no HTTP is refused or dropped", function()
  local place <close> = places.folder()
  local cloud <close> = place:cloud()
  for _, text in ipairs {
    "GARBAGE\\r\\n\\r\\n", "GET\\r\\n\\r\\n",
    "GET / HTTP/9.9\\r\\nHost: localhost\\r\\n\\r\\n", "GET / HTTP/1.1\\r\\nno colon\\r\\n\\r\\n",
    "POST / HTTP/1.1\\r\\nHost: localhost\\r\\nContent-Length: -5\\r\\n\\r\\n",
    "POST / HTTP/1.1\\r\\nHost: localhost\\r\\nContent-Length: 5x\\r\\n\\r\\n",
    "POST / HTTP/1.1\\r\\nHost: localhost\\r\\nContent-Length: 99999999999999999999\\r\\n\\r\\n",
    "POST / HTTP/1.1\\r\\nHost: localhost\\r\\nTransfer-Encoding: chunked\\r\\n\\r\\nzz\\r\\n",
    "POST / HTTP/1.1\\r\\nHost: localhost\\r\\nTransfer-Encoding: chunked\\r\\n\\r\\nffffffffffffffffff\\r\\n",
  } do
    local answer = raw(cloud, "send", text, "show")
    local status = status_of(answer)
    equal({ text, status == nil or status >= 400 }, { text, true })
  end
  for _, text in ipairs { "", "\\0\\0\\0\\0", "\\x16\\x03\\x01\\x02\\x00\\x01\\x00", "\\r\\n\\r\\n", "GET / HT" } do
    raw(cloud, "send", text)
    raw(cloud, "send", text, "reset")
  end
  check_end(cloud)
end)

test("a header without a name is none", function()
  local place <close> = places.folder()
  local cloud <close> = place:cloud()
  equal(status_of(raw(cloud, "send", request("GET /_davit/", ": nothing"), "show")), 200)
  check_end(cloud)
end)

test("a head that is too large is refused", function()
  local place <close> = places.folder()
  local cloud <close> = place:cloud()
  local long = ("a"):rep(100)
  local status = status_of(raw(cloud, "send", "GET / HTTP/1.1\\r\\nHost: localhost\\r\\nX: ", "repeat", "3000", long, "show"))
  equal(status == 431 or status == nil, true)
  status = status_of(raw(cloud, "send", "GET /", "repeat", "3000", long, "show"))
  equal(status == 414 or status == nil, true)
  local many = "GET / HTTP/1.1\\r\\nHost: localhost\\r\\n"
  status = status_of(raw(cloud, "send", many, "repeat", "20000", "a: b\\r\\n", "send", "\\r\\n", "show"))
  equal(status == 431 or status == nil, true)
  check_end(cloud)
end)

-- ---- paths and hosts --------------------------------------------------------------------------

local tricks = {
  "/../../../../etc/hostname", "/%2e%2e/%2e%2e/etc/hostname", "/..%2f..%2fetc/hostname", "//etc/hostname",
  "/client/v4/../../../etc/hostname", "/client/v4/zones/..%2f..%2fstate.json", "/client/v4/zones/%00", "/%00", "/%",
  "/%zz", "/client/v4//zones//", "/client/v4/accounts/..%2f/workers/scripts/..%2f..%2fx", "/_davit/../state.json",
  "/_davit/faults/../../state.json", "/\\xff\\xfe", "/?%00=%ff&&&=", "/client/v4/zones?page=-1&per_page=0",
  "/client/v4/zones?per_page=99999999999999999999&page=1e999", "/api/v2/projects/..", "/api/v3/repos/../..",
}

test("no path leads anywhere", function()
  local place <close> = places.folder()
  local cloud <close> = place:cloud()
  local machine = fs.read("/proc/sys/kernel/hostname", { outside = true }):match "%S+"
  for _, path in ipairs(tricks) do
    local answer = raw(cloud, "send", request("GET " .. path, "Authorization: Bearer workers-token"), "show")
    local status = status_of(answer)
    equal({ path, status == nil or status < 500 }, { path, true })
    equal(answer:find("\n" .. machine .. "\n", 1, true), nil)
    equal(answer:find('"format"', 1, true), nil)   -- of state.json
  end
  check_end(cloud)
end)

test("a host that lies is answered as no host, or as what it is", function()
  local place <close> = places.folder()
  local cloud <close> = place:cloud()
  local function status(...) return status_of(raw(cloud, "send", table.concat({ ... }, "\\r\\n") .. "\\r\\n\\r\\n", "show")) end
  local close = "Connection: close"
  equal(status("GET http://api.cloudflare.com/client/v4/zones HTTP/1.1", "Host: localhost", close), 400)
  equal(status("GET http://evil.example/_davit/ HTTP/1.1", "Host: localhost", close), 421)
  equal(status("GET /_davit/ HTTP/1.1", "Host: evil.example", close), 421)
  equal(status("GET /_davit/ HTTP/1.1", "Host: localhost.evil.example", close), 421)
  equal(status("GET /_davit/ HTTP/1.1", "Host: localhost", "Host: evil.example", close), 421)
  equal(status("GET /_davit/ HTTP/1.1", "Host: ../../etc", close), 421)
  equal(status("GET /_davit/ HTTP/1.1", "Host: " .. ("a."):rep(5000) .. "example", close), 421)
  equal(status("POST /_davit/faults HTTP/1.1", "Host: evil.example", "Content-Type: application/json",
    "Content-Length: 9", close, "", '"any 500"') ~= 201, true)
  check_end(cloud)
end)

test("a tunnel is refused with the way around", function()
  local place <close> = places.folder()
  local cloud <close> = place:cloud()
  for _, host in ipairs { "api.cloudflare.com:443", "localhost:1", "evil.example:443" } do
    local answer = raw(cloud, "send", ("CONNECT %s HTTP/1.1\\r\\nHost: %s\\r\\nConnection: close\\r\\n\\r\\n"):format(host, host), "show")
    equal({ host, status_of(answer) }, { host, 501 })
    equal(answer:find("--connect-to ::127.0.0.1:", 1, true) ~= nil, true)
  end
  check_end(cloud)
end)

-- ---- many and slow ----------------------------------------------------------------------------

test("requests that come in one go are answered in their order", function()
  local place <close> = places.folder()
  local cloud <close> = place:cloud()
  local one = "GET /nothing%d HTTP/1.1\\r\\nHost: localhost\\r\\n\\r\\n"
  local go = {}
  for i = 1, 20 do go[i] = one:format(i) end
  local answer = raw(cloud, "send", table.concat(go), "send", request "GET /_davit/faults", "show")
  local codes = {}
  for code in answer:gmatch "HTTP/1%.1 (%d+)" do codes[#codes + 1] = code end
  equal({ #codes, codes[20], codes[21] }, { 21, "404", "200" })
  check_end(cloud)
end)

test("hundreds of silent connections keep nobody out", function()
  local place <close> = places.folder()
  local cloud <close> = place:cloud()
  local swarm <close> = begin(cloud, "open", "500", "send", "GET / HTTP/1.1\\r\\nHost: localhost\\r\\n\\r\\n", "read", "hold")
  for _ = 1, 10 do check_alive(cloud) end
  swarm:kill "KILL"
  check_end(cloud)
end)

test("a client that speaks slowly delays nobody else", function()
  local place <close> = places.folder()
  local cloud <close> = place:cloud()
  local slow <close> = begin(cloud, "drip", request("GET /_davit/faults", "X-Slow: " .. ("x"):rep(20)), "show")
  for _ = 1, 5 do check_alive(cloud) end
  equal(status_of(slow:line() .. "\n"), 200)
  check_end(cloud)
end)

test("a client that goes away in the middle of a body, or does not take its answer, leaves nothing", function()
  local place <close> = places.folder()
  local cloud <close> = place:cloud()
  local head = "POST /client/v4/zones HTTP/1.1\\r\\nHost: localhost\\r\\nContent-Length: 1000\\r\\n\\r\\nhalf"
  for _ = 1, 20 do
    raw(cloud, "send", head, "reset")
    raw(cloud, "send", head)
    raw(cloud, "send", request "GET /", "reset")
  end
  local deaf <close> = begin(cloud, "repeat", "2000", "GET /_davit/ HTTP/1.1\\r\\nHost: localhost\\r\\n\\r\\n", "hold")
  check_alive(cloud)
  deaf:kill "KILL"
  check_end(cloud)
end)

-- ---- bodies -----------------------------------------------------------------------------------

local FORM = "multipart/form-data; boundary=x"

local bodies = {
  { FORM, "" }, { FORM, "--x" }, { FORM, "--x--" }, { FORM, "--x\r\n\r\n\r\n--x--" }, { "multipart/form-data", "--x" },
  { "multipart/form-data; boundary=", "----" }, { 'multipart/form-data; boundary="x', "--x\r\n" },
  { FORM, '--x\r\nContent-Disposition: form-data; name="metadata"\r\n\r\nno json\r\n--x--' },
  { FORM, '--x\r\nContent-Disposition: form-data; name="metadata"\r\n\r\n[]\r\n--x--' },
  { FORM, '--x\r\nContent-Disposition: form-data; name="metadata"\r\n\r\n{"main_module":7,"bindings":{}}\r\n--x--' },
  { FORM, '--x\r\nContent-Disposition: form-data; name="metadata"\r\n\r\n{"main_module":"../x"}\r\n--x\r\n'
    .. 'Content-Disposition: form-data; name="../x"; filename="../../../x"\r\n\r\n\0\1\2\r\n--x--' },
  { FORM, ("--x\r\n"):rep(20000) }, { FORM, ("--x\r\n"):rep(2000) .. "--x--" }, { "multipart/mixed; boundary=x", "--x--" },
  { "application/json", "{" }, { "application/json", ("["):rep(100000) }, { "application/json", '{"a":1,"a":2}' },
  { "application/json", '"text"' }, { "application/json", "\255\254" }, { "application/json", "1e999" },
  { "", "{}" }, { "text/html", "<x>" },
}

test("bodies that are wrong in every way are refused by every operation", function()
  local place <close> = places.folder()
  local cloud <close> = place:cloud()
  local zone = cloud:zones():json().result[1]
  local script = ("/client/v4/accounts/%s/workers/scripts/web"):format(zone.account.id)
  local neon = "/api/v2/projects/wandering-moon-123456/branches"
  local places_of = {
    { "PUT", script, "workers" }, { "POST", script .. "/versions", "workers" }, { "PUT", script .. "/secrets", "workers" },
    { "POST", script .. "/assets-upload-session", "workers" }, { "PATCH", script .. "/settings", "workers" },
    { "POST", ("/client/v4/accounts/%s/workers/assets/upload"):format(zone.account.id), "workers" },
    { "POST", ("/client/v4/zones/%s/dns_records"):format(zone.id), "dns" }, { "POST", neon, "neon" },
    { "POST", "/api/v3/repos/example/codex/issues/42/comments", "github" },
  }
  for _, at in ipairs(places_of) do
    for i, body in ipairs(bodies) do
      local answer = cloud:ask(at[1], at[2], { token = at[3] .. "-token", body = body[2],
        headers = { ["content-type"] = body[1] } })
      equal({ at[2], i, answer.status < 500 }, { at[2], i, true })
      json.decode(answer.body)
    end
  end
  check_end(cloud)
end)

test("a body that says it is larger than any upload is refused before it comes", function()
  local place <close> = places.folder()
  local cloud <close> = place:cloud()
  local head = "PUT /client/v4/zones HTTP/1.1\\r\\nHost: localhost\\r\\nContent-Length: 300000000\\r\\n\\r\\n"
  equal(status_of(raw(cloud, "send", head, "show")), 413)
  check_end(cloud)
end)

-- ---- what is written --------------------------------------------------------------------------

local function tree(folder)
  local list = {}
  for path in fs.walk(folder, { outside = true }) do
    list[#list + 1] = path:gsub("texts/%x+$", "texts/HASH")
  end
  return list
end

test("names of Workers, modules and assets name no file", function()
  local place <close> = places.folder()
  local cloud <close> = place:cloud("--state", "inside/state")
  local account = cloud:zones():json().result[1].account.id
  for _, name in ipairs { "..%2f..%2fescaped", "%2e%2e", "a%2fb", "%00", "web" } do
    cloud:ask("PUT", ("/client/v4/accounts/%s/workers/scripts/%s"):format(account, name), { token = "workers-token",
      multipart = {
        { name = "metadata", data = json.encode { main_module = "../../escaped.js", compatibility_date = "2026-01-01" } },
        { name = "../../escaped.js", filename = "../../escaped.js", type = "application/javascript+module",
          data = ("x"):rep(5000) },
      } })
    cloud:ask("POST", ("/client/v4/accounts/%s/workers/scripts/%s/assets-upload-session"):format(account, name),
      { token = "workers-token", json = { manifest = { ["/../../escaped.html"] = { hash = "../../../escaped", size = 1 } } } })
  end
  check_end(cloud)
  equal(fs.list(place.folder, { outside = true }), { "inside/" })
  equal(fs.list(place.folder .. "/inside", { outside = true }), { "state/" })
  local known = { ["ca"] = true, ["ca/ca.key"] = true, ["ca/ca.pem"] = true, ["cloud.lock"] = true, ["state.json"] = true,
    ["gh"] = true, ["gh/config.yml"] = true,
    ["texts"] = true, ["texts/HASH"] = true, ["workers"] = true }
  for _, path in ipairs(tree(place.folder .. "/inside/state")) do equal({ path, known[path] }, { path, true }) end
end)
