---Faults, latency and recordings of the hosts of Neon's databases: they are operations of Neon as those of its API.
local core = require "core"
local faults = require "cloud.faults"
local json = require "json"
local local_cloud = assert(core.load_file "tests/local_cloud.lua")()
local recording = require "cloud.recording"

local HOST = "api.eu-central-1.aws.neon.tech"
local ENDPOINT = "ep-davit-0a1b2c3d.eu-central-1.aws.neon.tech"
local URL = "postgresql://owner:p%40ss-word@" .. ENDPOINT .. "/neondb?sslmode=require"
local TOO_MANY = "Too many connections to this endpoint. Please try again later."

local function set_of(...)
  local set = faults.new "test"
  for _, line in ipairs { ... } do faults.add(set, assert(faults.parse(line))) end
  return set
end

local function query(host) return { method = "POST", host = host or HOST, path = "/sql", headers = {} } end

local function opening() return { method = "GET", host = ENDPOINT, path = "/v2", headers = { upgrade = "websocket" } } end

local function answer(line, request)
  local set = set_of(line)
  return faults.answer(faults.pick(set, request, 0), request, 0, function()
    return { status = 101, websocket = function() end }
  end)
end

-- ---- rules ------------------------------------------------------------------------------------

test("a rule for Neon meets its databases' hosts, too", function()
  for _, line in ipairs { "neon POST /sql 500", "neon /sql 500", "neon 500", "any POST 500", "neon /* 500" } do
    equal(faults.pick(set_of(line), query(), 0) ~= nil, true)
    equal(faults.pick(set_of(line), query(ENDPOINT), 0) ~= nil, true)
  end
  equal(faults.pick(set_of "neon /v2 500", opening(), 0) ~= nil, true)
  equal(faults.pick(set_of("neon /v2 500", "neon GET /sql 500", "cloudflare 500", "github 500"), query(), 0), nil)
end)

test("what only the API says is not said by the databases", function()
  equal(faults.pick(set_of "neon locked", query(), 0), nil)
  local api = { method = "POST", host = "console.neon.tech", path = "/api/v2/projects/x/branches", headers = {} }
  equal(faults.pick(set_of "neon locked", api, 0) ~= nil, true)
end)

test("an error of the proxy has all of PostgreSQL's fields", function()
  local response = answer("neon POST /sql 503 code=57P01 message='going away' retry-after=2s", query())
  local body = json.decode(response.body)
  equal({ response.status, body.message, body.code, body.severity, body.position, response.headers["retry-after"] },
    { 503, "going away", "57P01", "", json.null, "2" })
  equal(response.headers["access-control-allow-origin"], "*")
  equal(json.decode(answer("neon POST /sql 500", query()).body).message, "internal server error")
  response = answer("neon /v2 503", opening())
  equal({ response.status, response.body }, { 503, '{"msg":"service unavailable"}' })
end)

test("too many connections are refused in the words of the proxy, over HTTP and within a WebSocket", function()
  local response = answer("neon /sql limit", query())
  equal({ response.status, json.decode(response.body).message }, { 500, TOO_MANY })
  equal(answer("neon /sql limit status=429", query()).status, 429)
  response = answer("neon /v2 limit", opening())
  equal(response, { status = 101, refusal = { severity = "ERROR", code = "XX000", message = TOO_MANY } })
  response = answer("neon /v2 limit code=53300 message='no slot'", opening())
  equal({ response.refusal.code, response.refusal.message }, { "53300", "no slot" })
  equal(answer("neon /v2 limit status=429", opening()).status, 429)
end)

test("an opening that breaks has no answer, whatever breaks it", function()
  for _, fault in ipairs { "drop", "drop applied", "cut", "truncated" } do
    equal(answer("neon /v2 " .. fault, opening()), { close = true })
  end
end)

-- ---- over sockets -----------------------------------------------------------------------------

local function post(cloud, host, statement)
  return cloud:ask("POST", (host or HOST) .. "/sql",
    { headers = { ["neon-connection-string"] = URL }, body = json.encode { query = statement or "select 1" } })
end

-- What the proxy says to a startup: the fields of its ErrorResponse, by their letters.
local function refusal_of(cloud, url)
  local ws <close> = cloud:websocket(url)
  ws:send("startup", "binary")
  local fields = {}
  for letter, text in ws:receive():sub(6):gmatch "(%u)([^%z]*)%z" do fields[letter] = text end
  return fields
end

test("rules break SQL over HTTP and WebSockets, at the databases' hosts and at the local cloud's", function()
  local set = set_of("neon POST /sql 500 times=1 message=once", "neon POST /sql drop times=1", "neon /v2 drop times=1",
    "neon /v2 limit times=2")
  local_cloud.with({ workerd = false, faults = set }, function(cloud)
    equal(post(cloud):json().message, "once")
    equal(try(post, cloud, "127.0.0.1"), nil)
    equal(post(cloud).status, 400)   -- there is no such endpoint
    equal(try(cloud.websocket, cloud, ENDPOINT .. "/v2"), nil)
    for _, url in ipairs { ENDPOINT .. "/v2", "127.0.0.1/v2?address=" .. ENDPOINT .. ":5432" } do
      local said = refusal_of(cloud, url)
      equal({ said.S, said.C, said.M }, { "ERROR", "XX000", TOO_MANY })
    end
    equal(refusal_of(cloud, ENDPOINT .. "/v2").C, "08001")
    local seen = {}
    for i, one in ipairs(set.injected) do seen[i] = ("%s %s %s"):format(one.service, one.method, one.path) end
    equal(seen, { "neon POST /sql", "neon POST /sql", "neon GET /v2", "neon GET /v2", "neon GET /v2" })
  end)
end)

test("latency and delays come before the databases' answers", function()
  local_cloud.with({ workerd = false, latency = 0.2, faults = set_of "neon /v2 delay=200ms" }, function(cloud)
    local began = core.monotonic()
    post(cloud)
    local between = core.monotonic()
    refusal_of(cloud, ENDPOINT .. "/v2")
    equal({ between - began >= 0.2, core.monotonic() - between >= 0.4 }, { true, true })
  end)
end)

-- ---- recordings -------------------------------------------------------------------------------

local function line_of(headers, body, response)
  local hidden = {}
  local function mask(text)
    for _, value in ipairs(hidden) do text = text:gsub(value:gsub("%p", "%%%0"), "***") end
    return text
  end
  return json.decode(recording.line({ method = "POST", host = HOST, path = "/sql", headers = headers, body = json.encode(body) },
    response or { status = 200, headers = {}, body = "{}" }, nil, 0,
    { learn = function(value) hidden[#hidden + 1] = value end, mask = mask }))
end

test("a record shows where a statement went, without the password, however it is written", function()
  local one = line_of({ ["neon-connection-string"] = URL }, { query = "select $1", params = { "p@ss-word" } })
  equal(one.headers["neon-connection-string"], "postgresql://owner:***@" .. ENDPOINT .. "/neondb")
  equal(one.json, { query = "select $1", params = { "***" } })
  for _, odd in ipairs { "owner:secret-word@host/db", "postgresql://secret-word@host/db", "postgresql:///secret-word",
    "secret-word", "postgresql://u:secret-word@a@b/c", "postgresql://u:secret/word@h/d" } do
    local shown = line_of({ ["neon-connection-string"] = odd }, { query = "select 1" }).headers["neon-connection-string"]
    equal({ odd, shown:find("secret", 1, true) }, { odd })
  end
end)

test("a record leaves out the passwords that a statement sets", function()
  for statement, shown in pairs {
    ["alter role a password 'hidden-1'"] = "alter role a password '***'",
    ["create role a LOGIN PASSWORD  E'hid''den-2' valid until 'x'"] = "create role a LOGIN PASSWORD  E'***' valid until 'x'",
    ["select 'it''s' as password"] = "select 'it''s' as password",
  } do
    equal(line_of({}, { query = statement }).json.query, shown)
  end
  local batch = line_of({}, { queries = { { query = "alter role a password 'hidden-3'" }, { query = "select 'hidden-3'" } } })
  equal(batch.json.queries, { { query = "alter role a password '***'" }, { query = "select '***'" } })
end)

test("--record has the statements and the openings, as of the service's own host", function()
  local fs = require "fs.core"
  local_cloud.folder(function(folder)
    fs.make(folder)
    local file = folder .. "/record.jsonl"
    local_cloud.with({ workerd = false, record = file, faults = set_of "neon /v2 limit" }, function(cloud)
      post(cloud, "127.0.0.1", "select 'one'")
      refusal_of(cloud, "127.0.0.1/v2?address=" .. ENDPOINT .. ":5432")
    end)
    local text, list = fs.read(file), {}
    for line in text:gmatch "[^\n]+" do list[#list + 1] = json.decode(line) end
    equal({ list[1].method, list[1].host, list[1].path, list[1].status, list[1].json.query },
      { "POST", HOST, "/sql", 400, "select 'one'" })
    equal({ list[2].method, list[2].host, list[2].path, list[2].status, list[2].injected },
      { "GET", HOST, "/v2", 101, "neon /v2 limit" })
    equal({ #list, text:find("ss-word", 1, true) }, { 2 })
  end)
end)
