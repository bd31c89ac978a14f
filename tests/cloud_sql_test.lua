---SQL over HTTP and WebSockets in the local cloud, as the driver @neondatabase/serverless calls it, in node
---and in a Worker, over real PostgreSQL.
local core = require "core"
local fs = require "fs"
local json = require "json"
local local_cloud = assert(core.load_file "tests/local_cloud.lua")()
local postgres = require "cloud.postgres"
local process = require "process"
local sql = require "sql"
local tcp = require "tcp.core"

local NODE = "build/npm/node_modules/.bin/node"
local ESBUILD = "build/npm/node_modules/.bin/esbuild"
local CLIENTS = "build/clients-npm/node_modules"
local DRIVER = CLIENTS .. "/@neondatabase/serverless/index.mjs"
local PROJECT = "console.neon.tech/api/v2/projects/wandering-moon-123456"

local function neon(cloud, method, path, body)
  local answer = cloud:ask(method, PROJECT .. path, { headers = { authorization = "Bearer n-token" }, json = body })
  if answer.status >= 300 then error(("%s %s: %d %s"):format(method, path, answer.status, answer.body), 2) end
  return answer:json()
end

local function uri(cloud, branch)
  return neon(cloud, "GET", ("/connection_uri?branch_id=%s&database_name=neondb&role_name=neondb_owner"):format(branch)).uri
end

-- Two branches: production with three things, and a copy of it.
local function prepare(cloud)
  local production = neon(cloud, "GET", "/branches").branches[1]
  local urls = { production = uri(cloud, production.id) }
  do
    local session <close> = sql.connect { url = urls.production }
    session:query [[create table things (id int primary key, name varchar(20));
      insert into things values (1, 'one'), (2, 'two'), (3, 'three')]]
  end
  local made = neon(cloud, "POST", "/branches", { branch = { name = "pr-42", parent_id = production.id },
    endpoints = { { type = "read_write" } } })
  local_cloud.until_true(function()
    for _, operation in ipairs(neon(cloud, "GET", "/operations").operations) do
      if operation.status ~= "finished" then return false end
    end
    return true
  end)
  urls.preview = uri(cloud, made.branch.id)
  return urls, { production = neon(cloud, "GET", "/endpoints").endpoints[1], preview = made.endpoints[1] }
end

local binaries = postgres.find()

local function require_node()
  if not fs.exists(NODE) then skip "there is no node of npm's" end
  if not fs.exists(DRIVER) then skip "there is no @neondatabase/serverless" end
end

---@class tests.Sql
---@field cloud tests.LocalCloud
---@field urls table<string, string>
local Sql = {}
Sql.__index = Sql

function Sql:driver(case)
  require_node()
  local setup = { driver = DRIVER, port = self.cloud.facts.http_port,
    production = self.urls.production, preview = self.urls.preview }
  local printed = process.run { argv = { NODE, "tests/cloud_sql/driver.mjs", case }, timeout = 60,
    env = { SETUP = json.encode(setup) } }.output
  return json.decode(printed)
end

-- A request as no driver would send it.
function Sql:post(body, headers, path)
  local all = { ["neon-connection-string"] = self.urls.production }
  for name, value in pairs(headers or {}) do all[name] = value or nil end
  if headers and headers["neon-connection-string"] == false then all["neon-connection-string"] = nil end
  return self.cloud:ask("POST", "api.eu-central-1.aws.neon.tech" .. (path or "/sql"),
    { body = type(body) == "string" and body or json.encode(body), headers = all })
end

function Sql:refused(status, body, headers)
  local answer = self:post(body, headers)
  equal({ answer.status, answer.headers["content-type"] }, { status, "application/json" })
  return answer:json().message
end

local cases = {}

local function case(name, body) cases[#cases + 1] = { name, body } end

-- ---- the driver in node -----------------------------------------------------------------------

case("the driver's queries and parameters", function(s)
  local version, driver = table.unpack(s:driver "version")
  print(("  node %s, %s"):format(version, driver:match "@neondatabase/serverless"))
  equal(s:driver "query", { { two = 2, text = "it's" } })
  equal(s:driver "arrays", json.array { json.array { 1, "x" } })
end)

case("full results have what node-postgres has", function(s)
  local full = s:driver "full"
  equal({ full.command, full.rowCount, full.rowAsArray }, { "SELECT", 2, false })
  equal(full.rows, { { id = 1, name = "one" }, { id = 2, name = "two" } })
  local id, name = full.fields[1], full.fields[2]
  equal({ id.name, id.dataTypeID, id.columnID, id.dataTypeSize, id.dataTypeModifier, id.format },
    { "id", 23, 1, 4, -1, "text" })
  equal({ name.dataTypeID, name.columnID, name.dataTypeSize, name.dataTypeModifier }, { 1043, 2, -1, 24 })
  equal(id.tableID == name.tableID and id.tableID > 16383, true)
end)

case("commands are told by their first word, with the rows they concern", function(s)
  equal(s:driver "commands", { { "CREATE", json.null, 0 }, { "INSERT", 2, 0 }, { "UPDATE", 1, 0 }, { "SELECT", 2, 2 },
    { "DELETE", 2, 0 }, { "DROP", json.null, 0 }, { "", json.null, 0 } })
end)

case("values of every type arrive as the driver's parsers make them", function(s)
  local row = s:driver "types"
  row.date = nil   -- at midnight of the client's own zone
  equal(row, { bool = true, int2 = 7, int8 = "9007199254740993", numeric = "1.50", float8 = 0.1, nan = json.null,
    time = "date 2026-02-03T04:05:06.000Z", json = { a = { 1, json.null } }, jsonb = { b = 2 },
    ints = { 1, json.null, 3 }, texts = { "a b", 'c"d', json.null, "" }, bytea = "bytes 00ff", nothing = json.null,
    letters = "äöü €", square = { { 1, 2 }, { 3, 4 } }, uuid = "6f9619ff-8b86-d011-b42d-00cf4fc964ff" })
end)

case("parameters of every kind reach the database", function(s)
  equal(s:driver "parameters", { nothing = json.null, yes = true, half = 1.5, list = { 1, 2 },
    texts = { "a,b", "NULL", json.null }, object = { a = "b" }, bytes = "bytes 00ff",
    time = "date 1970-01-01T00:00:00.000Z", text = 'x\ny"z\\' })
end)

case("a transaction's statements are done together or not at all", function(s)
  local got = s:driver "transaction"
  equal(got.made, { { { n = 1 } }, { { count = 1 } } })
  equal({ got.code, got.left }, { "23505", { { n = 1 } } })
end)

case("a transaction is as isolated, read-only and deferrable as it was asked for", function(s)
  local modes = s:driver "modes"
  equal(modes[1][1], { level = "read committed", read = "off", late = "off" })
  equal(modes[2][1], { level = "repeatable read", read = "on", late = "off" })
  equal(modes[3][1], { level = "serializable", read = "on", late = "on" })
  equal({ modes[4], modes[5] }, { "25006", "invalid isolation level" })
end)

case("errors have PostgreSQL's fields", function(s)
  local syntax = s:driver "syntax"
  equal({ syntax.name, syntax.message, syntax.code, syntax.severity, syntax.position },
    { "NeonDbError", 'syntax error at or near "SELEC"', "42601", "ERROR", "1" })
  local twice = s:driver "duplicate"
  equal({ twice.code, twice.detail, twice.constraint, twice.table, twice.schema },
    { "23505", "Key (id)=(1) already exists.", "once_key", "once", "public" })
  local inner = s:driver "inner"
  equal({ inner.code, inner.internalPosition, inner.internalQuery, inner.position },
    { "42703", "8", "SELECT nothing", nil })
  equal(inner.where:find("PL/pgSQL", 1, true) ~= nil, true)
  equal(s:driver "several", "42601")
  equal(s:driver "zero", "22021")
end)

case("a wrong password, database, endpoint or way to authenticate is refused", function(s)
  equal(s:driver("password").message, "password authentication failed for user 'neondb_owner'")
  equal(s:driver("database").message:find('Server error (HTTP status 500): {', 1, true), 1)
  equal(s:driver("database").message:find([["message":"database \"nowhere\" does not exist"]], 1, true) ~= nil, true)
  equal(s:driver("endpoint").message:find("The requested endpoint could not be found", 1, true), 1)
  equal(s:driver("token").message:find("knows no authToken", 1, true) ~= nil, true)
end)

case("two branches hold different data", function(s) equal(s:driver "branches", { 0, 1 }) end)

case("a pool's transaction is seen by others when it is committed", function(s) equal(s:driver "pool", { 0, 1, 1 }) end)

case("megabytes go over a WebSocket both ways", function(s) equal(s:driver "large", { 2 << 20, true }) end)

case("notifications arrive over a WebSocket", function(s) equal(s:driver "notices", { "bell", "rings" }) end)

case("a session over a WebSocket goes on after an error", function(s)
  equal(s:driver "socketError", { "42703", "8", 1 })
end)

case("a WebSocket's wrong password or endpoint is refused in PostgreSQL's words", function(s)
  local password, endpoint = s:driver "socketPassword", s:driver "socketEndpoint"
  equal({ password.message, password.code }, { "password authentication failed for user 'neondb_owner'", "28P01" })
  equal({ endpoint.message:match "^The requested endpoint could not be found", endpoint.severity },
    { "The requested endpoint could not be found", "FATAL" })
end)

-- ---- other clients ----------------------------------------------------------------------------

case("without the driver's headers values are JSON's own", function(s)
  local answer = s:post({ query = [[select $1 * 1 as n, 'a' as s, '{1,2}'::int[] as list, '{"a b",NULL}'::text[] as texts,
    true as yes, 1.5::float8 as half, 9::int8 as big, '{"k":[1]}'::jsonb as object, array['{"q":1}'::jsonb] as objects,
    '[2:3]={7,8}'::int[] as shifted, '{}'::int[] as none, null::int as nothing, 'Infinity'::float8 as far]],
    params = { 42 } })
  equal(answer.status, 200)
  equal(answer.headers["access-control-allow-origin"], "*")
  equal(answer:json().rows, { { n = 42, s = "a", list = { 1, 2 }, texts = { "a b", json.null }, yes = true, half = 1.5,
    big = "9", object = { k = { 1 } }, objects = { { q = 1 } }, shifted = { 7, 8 }, none = json.array {},
    nothing = json.null, far = "Infinity" } })
end)

case("parameters that are no strings are written as Neon's proxy does", function(s)
  local answer = s:post { query = "select $1::int[] as list, $2::json->'a' as a, $3::jsonb[] as objects, $4::bool as yes",
    params = json.decode '[[1, null, 3], {"a": {"b": 42}}, [{"foo": 1}, {}], true]' }
  equal(answer:json().rows, { { list = { 1, json.null, 3 }, a = { b = 42 }, objects = { { foo = 1 }, json.decode "{}" },
    yes = true } })
end)

case("each statement of a batch may say how it wants its rows, and the headers come back", function(s)
  local answer = s:post({ queries = { { query = "select 1 as a", arrayMode = true }, { query = "select 1 as a", params = {} } } },
    { ["neon-batch-isolation-level"] = "Serializable", ["neon-batch-read-only"] = "true", ["neon-batch-deferrable"] = "false" })
  local results = answer:json().results
  equal({ results[1].rows, results[1].rowAsArray, results[2].rows }, { { { 1 } }, true, { { a = 1 } } })
  equal({ answer.headers["neon-batch-isolation-level"], answer.headers["neon-batch-read-only"],
    answer.headers["neon-batch-deferrable"] }, { "Serializable", "true", nil })
end)

case("what is wrong with a request is said in the proxy's words", function(s)
  local query, name = { query = "select 1" }, "neon-connection-string"
  equal(s:refused(400, query, { [name] = false }), "invalid header: neon-connection-string")
  equal(s:refused(400, query, { [name] = "http://u:p@h/d" }), "incorrect scheme")
  equal(s:refused(400, query, { [name] = "postgresql://u:p@h/" }), "missing database name")
  equal(s:refused(400, query, { [name] = "postgresql://h/d" }), "missing username")
  equal(s:refused(400, query, { [name] = "postgresql://u@h/d" }), "missing authentication credentials: required password")
  equal(s:refused(400, query, { [name] = "postgresql://u:%zz@h/d" }):find("^invalid connection string: ") ~= nil, true)
  equal(s:refused(400, query, { [name] = "postgresql://u:p@127.0.0.1/d" }):find("^The requested endpoint") ~= nil, true)
  equal(s:refused(400, "{"):find("^could not parse the HTTP request body: ") ~= nil, true)
  for _, body in ipairs { "[]", "7", "{}", '{"query":1}', '{"query":"select 1","params":{}}x', '{"queries":[1]}' } do
    equal({ body, s:refused(400, body):match "^could not parse the HTTP request body: " },
      { body, "could not parse the HTTP request body: " })
  end
  local odd = s.urls.production:gsub("//[^:]+", "//%%ff'x")
  equal(s:post(query, { [name] = odd }).status, 400)
  equal(s:post(query, {}, "/other"):json(), "query is not supported")
end)

case("a request beyond 64 MiB, and an answer, are refused", function(s)
  equal(s:refused(413, { query = "select 1 -- " .. ("x"):rep(64 << 20) }), "request is too large (max is 67108864 bytes)")
  equal(s:refused(507, { query = "select repeat('x', 65 * 1024 * 1024)" }), "response is too large (max is 67108864 bytes)")
end)

case("a browser may ask from any page", function(s)
  local answer = s.cloud:ask("OPTIONS", "api.eu-central-1.aws.neon.tech/sql")
  equal({ answer.status, answer.headers.allow, answer.headers["access-control-max-age"] }, { 200, "OPTIONS, POST", "86400" })
end)

case("an endpoint's name is its address for who asks the local cloud's name server", function(s)
  local dns = require "dns"
  local address = s.endpoints.preview.host
  for _, suffix in ipairs { "", "-pooler" } do
    local name = ("%s%s.eu-central-1.aws.neon.tech"):format(s.endpoints.preview.id, suffix)
    equal(dns.lookup { name = name, type = "A", server = s.cloud.facts.dns }[1].data, address)
  end
  raises("", dns.lookup, { name = "ep-none-1.eu-central-1.aws.neon.tech", type = "A", server = s.cloud.facts.dns })
end)

-- What the server answers to a startup from an address: R and which authentication it wants.
local function authentication(s, from)
  local parameters = ("user\0%s\0database\0%s\0\0"):format("neondb_owner", "neondb")
  local connection <close> = tcp.connect { address = s.endpoints.production.host, port = 5432, from = from }
  connection:send((">I4I4"):pack(#parameters + 8, 3 << 16) .. parameters)
  return (">c1I4I4"):unpack(connection:receive())
end

case("only the proxy for WebSockets is asked for a password in clear text", function(s)
  local CLEAR_TEXT, SASL = 3, 10
  local network = s.endpoints.production.host:gsub("%d+$", "")
  equal(select(3, authentication(s, network .. "0")), CLEAR_TEXT)
  equal(select(3, authentication(s, nil)), SASL)
  equal(select(3, authentication(s, network .. "7")), SASL)
end)

-- ---- what goes wrong on the way ---------------------------------------------------------------

local function upgrade(s, host)
  return s.cloud:websocket((host or "127.0.0.1") .. "/v2?address=" .. s.endpoints.production.host .. ":5432")
end

-- A startup of protocol 3.0 as the driver sends it: with the password at once.
local function startup(s)
  local parameters = "user\0neondb_owner\0database\0neondb\0\0"
  local password = s.urls.production:match "://[^:]+:([^@]+)@" .. "\0"
  return (">I4I4"):pack(#parameters + 8, 3 << 16) .. parameters .. "p" .. (">I4"):pack(#password + 4) .. password
end

local function simple(text) return "Q" .. (">I4"):pack(#text + 5) .. text .. "\0" end

-- Receives until the bytes hold a text; all of them.
local function receive_until(ws, text)
  local got = ""
  while not got:find(text, 1, true) do got = got .. assert(ws:receive(), "it ended before " .. text) end
  return got
end

local READY = "Z\0\0\0\5I"

case("a session that the database ends, ends the WebSocket with its last words", function(s)
  local ws <close> = upgrade(s)
  ws:send(startup(s), "binary")
  receive_until(ws, READY)
  ws:send(simple "select pg_terminate_backend(pg_backend_pid())", "binary")
  local last = ""
  for message in ws:messages() do last = last .. message end
  equal(last:find("57P01", 1, true) ~= nil, true)
  equal(ws.code, 1000)
end)

case("a client that goes away takes its session with it", function(s)
  local mark = "select 'a client of its own kind'"
  local function sessions()
    local session <close> = sql.connect { url = s.urls.production }
    return session:query("select count(*)::int as n from pg_stat_activity where query = $1", { mark }).rows[1].n
  end
  do
    local ws <close> = upgrade(s)
    ws:send(startup(s), "binary")
    receive_until(ws, READY)
    ws:send(simple(mark), "binary")
    receive_until(ws, READY)
    equal(sessions(), 1)
  end
  local_cloud.until_true(function() return sessions() == 0 end)
end)

case("bytes that are no protocol are the database's to refuse", function(s)
  local ws <close> = upgrade(s)
  ws:send("GET / HTTP/1.1\r\n\r\n", "binary")
  for _ in ws:messages() do end
  equal(ws.code, 1000)
  equal(s:driver "query", { { two = 2, text = "it's" } })
end)

case("many sessions at once do not mix", function(s)
  local works = {}
  for i = 1, 20 do
    works[i] = function() return s:post({ query = "select $1::int as n, pg_sleep(0.01)::text", params = { i } }):json().rows[1].n end
  end
  local got = parallel(works)
  for i = 1, 20 do equal(got[i], i) end
end)

case("a branch that is being made is waited for, one that is deleted is not there", function(s)
  local made = neon(s.cloud, "POST", "/branches", { branch = { name = "brief" }, endpoints = { { type = "read_write" } } })
  local where = { ["neon-connection-string"] = made.connection_uris[1].connection_uri }
  local rows = s:post({ query = "select count(*)::int as n from things where id < 4" }, where):json().rows
  equal(rows, { { n = 3 } })
  neon(s.cloud, "DELETE", "/branches/" .. made.branch.id)
  equal(s:refused(400, { query = "select 1" }, where):find("^The requested endpoint") ~= nil, true)
end)

case("a statement whose answer is lost on demand was carried out, or was not", function(s)
  local function lose(rule)
    local made = s.cloud:ask("POST", "127.0.0.1/_davit/faults", { json = rule })
    equal(made.status < 300, true)
  end
  local function count() return s:post({ query = "select count(*)::int as n from lost" }):json().rows[1].n end
  s:post { query = "create table lost (id int)" }
  lose "neon POST /sql drop applied times=1"
  equal(try(s.post, s, { query = "insert into lost values (1)" }), nil)
  equal(count(), 1)
  lose "neon POST /sql drop times=1"
  equal(try(s.post, s, { query = "insert into lost values (2)" }), nil)
  equal(count(), 1)
end)

-- ---- in a Worker ------------------------------------------------------------------------------

local function bundle(folder)
  require_node()
  if not fs.exists(ESBUILD) then skip "there is no esbuild" end
  local file = folder .. "/shop.js"
  process.run { argv = { ESBUILD, "tests/cloud_sql/worker.mjs", "--bundle", "--format=esm", "--outfile=" .. file,
    "--conditions=workerd,worker,browser", "--external:cloudflare:sockets", "--external:node:*", "--log-level=warning" },
    env = { NODE_PATH = CLIENTS .. ":build/npm/node_modules" } }
  return fs.read(file)
end

case("a Worker reaches its branch by HTTP, WebSocket and TCP, by the name that Neon would give it", function(s)
  if not local_cloud.has_workerd() then skip "there is no workerd" end
  local host = s.cloud:deploy("shop", bundle(s.cloud.folder), { compatibility_flags = { "nodejs_compat" },
    bindings = { { name = "DATABASE_URL", type = "secret_text", text = s.urls.production } } })
  local function ask(way) return json.decode(s.cloud:get(host .. "/" .. way)) end
  equal(ask "host", s.endpoints.production.id .. ".eu-central-1.aws.neon.tech")
  equal(ask "http", { rows = { { id = 1, name = "one" }, { id = 2, name = "two" } }, n = 2 })
  equal(ask "pooled", ask "http")
  equal(ask "error", { name = "NeonDbError", code = "42703", position = "8" })
  equal(ask "socket", { rows = { { name = "for a moment" } }, after = 0 })
  equal(ask "tcp", { { n = 2 } })
end)

-- ---- all of them, on one cloud ----------------------------------------------------------------

test("without PostgreSQL the proxy says that there is no compute to connect to", function()
  local_cloud.with({}, function(cloud)
    local url = uri(cloud, neon(cloud, "GET", "/branches").branches[1].id)
    local answer = cloud:ask("POST", "127.0.0.1/sql", { body = '{"query":"select 1"}', headers = { ["neon-connection-string"] = url } })
    equal({ answer.status, answer:json().message }, { 500, "Couldn't connect to compute node" })
    local ws <close> = cloud:websocket("127.0.0.1/v2?address=" .. url:match "@([%d.]+)" .. ":5432")
    ws:send("startup", "binary")
    local message = ws:receive()
    equal({ message:sub(1, 1), message:match "C08006\0MCouldn't connect to compute node" },
      { "E", "C08006\0MCouldn't connect to compute node" })
    equal({ ws:receive() }, { nil, 1000, "" })
  end)
end)

if not binaries then
  for _, one in ipairs(cases) do test(one[1], function() skip "there is no PostgreSQL" end) end
  return
end

local_cloud.with({ postgres = binaries }, function(cloud)
  local urls, endpoints = prepare(cloud)
  local s = setmetatable({ cloud = cloud, urls = urls, endpoints = endpoints }, Sql)
  for _, one in ipairs(cases) do test(one[1], function() one[2](s) end) end
end)
