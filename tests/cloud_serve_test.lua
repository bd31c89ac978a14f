---The local cloud as other programs meet it: sockets, real workerd and PostgreSQL where they are.
local core = require "core"
local dns = require "dns"
local fs = require "fs"
local http = require "http"
local json = require "json"
local local_cloud = assert(core.load_file("tests/local_cloud.lua"))()
local postgres = require "cloud.postgres"
local presence = require "cloud.presence"
local process = require "process"
local serve = require "cloud.serve"
local sql = require "sql"
local workers = require "cloud.workers"

local TOKENS, ACCOUNT, ZONE = local_cloud.TOKENS, local_cloud.ACCOUNT, local_cloud.ZONE
local HOST = "hello." .. ZONE
local with_folder, with_cloud = local_cloud.folder, local_cloud.serve

local function test_cloud(name, changes, body)
  test(name, function()
    with_folder(function(folder)
      with_cloud(folder, changes, function(facts) body(facts, folder) end)
    end)
  end)
end

-- A request to a host of the cloud, in clear text.
local function ask(facts, method, url, o)
  local host, path = url:match("^([^/]+)(/.*)$")
  o = o or {}
  local headers = { host = host }
  for header, value in pairs(o.headers or {}) do headers[header] = value end
  return http.request { url = ("http://127.0.0.1:%d%s"):format(facts.http_port, path), method = method,
    headers = headers, json = o.json, body = o.body, multipart = o.multipart }
end

local function api(facts, method, path, o)
  o = o or {}
  o.headers = { authorization = "Bearer " .. TOKENS[o.token or "workers"] }
  local answer = ask(facts, method, "api.cloudflare.com/client/v4" .. path, o)
  if answer.status >= 300 then error(("%s %s: %d %s"):format(method, path, answer.status, answer.body), 2) end
  return answer:json().result
end

local function deploy(facts, code, bindings)
  local metadata = { main_module = "index.js", compatibility_date = "2026-01-01", bindings = bindings }
  api(facts, "PUT", ("/accounts/%s/workers/scripts/hello"):format(ACCOUNT), { multipart = {
    { name = "metadata", data = json.encode(metadata) },
    { name = "index.js", filename = "index.js", type = "application/javascript+module", data = code },
  } })
  api(facts, "PUT", ("/accounts/%s/workers/domains"):format(ACCOUNT),
    { json = { hostname = HOST, service = "hello", zone_name = ZONE } })
end

-- ---- what listens -----------------------------------------------------------------------------

test_cloud("its own pages show what lives, and no secret", {}, function(facts)
  local secret = "sk_very_secret"
  deploy(facts, "export default {}", { { name = "KEY", type = "secret_text", text = secret } })
  local page = ask(facts, "GET", "127.0.0.1/")
  equal(page.status, 200)
  equal(page.body:find(("http://%s.localhost:%d/"):format(HOST, facts.http_port), 1, true) ~= nil, true)
  local told = ask(facts, "GET", "localhost/_davit/")
  equal(told:json().workers[1].name, "hello")
  for _, token in pairs(TOKENS) do equal(told.body:find(token, 1, true), nil) end
  equal(told.body:find(secret, 1, true), nil)
  equal(ask(facts, "GET", "127.0.0.1/nothing").status, 404)
end)

test_cloud("who asks for the head of a page gets it", {}, function(facts)
  for _, path in ipairs { "/", "/_davit/" } do
    local answer = ask(facts, "HEAD", "localhost" .. path)
    equal({ path, answer.status, answer.body }, { path, 200, "" })
  end
end)

test_cloud("where it listens stands in cloud.json until it ends", {}, function(facts, folder)
  local told = presence.find(folder)
  equal(told.http_port, facts.http_port)
  equal(told.https_port, facts.https_port)
  equal(told.pid, presence.pid())
  equal(told.hosts[#told.hosts], "*." .. ZONE)
  equal(fs.read(told.ca_file):find("BEGIN CERTIFICATE", 1, true) ~= nil, true)
end)

test("cloud.json goes with the cloud, and a stale one is replaced", function()
  with_folder(function(folder)
    fs.write(folder .. "/cloud.json", '{"pid": 4194305}')
    equal(presence.find(folder), nil)
    with_cloud(folder, {}, function() equal(presence.find(folder).pid, presence.pid()) end)
    equal(fs.exists(folder .. "/cloud.json"), false)
  end)
end)

test_cloud("a second cloud on the same folder is refused and names the first", {}, function(_, folder)
  local err = raises("runs on .- already: process %d+", serve.run, { state = folder })
  equal(err.code, "cloud-running")
end)

test_cloud("names resolve as the model says", {}, function(facts)
  local found = dns.lookup { name = "api.github.com", server = facts.dns }
  equal(found[1].data, "127.0.0.1")
  equal(raises("", dns.lookup, { name = HOST, server = facts.dns }).negative_ttl, 60)
  equal(dns.lookup({ name = HOST:match("%.(.*)"), type = "NS", server = facts.dns })[1].data, "ada.ns.cloudflare.com")
  deploy(facts, "export default {}")
  equal(dns.lookup({ name = HOST, server = facts.dns })[1].data, "127.0.0.1")
end)

test_cloud("the three services answer by host", {}, function(facts)
  equal(api(facts, "GET", "/user/tokens/verify").status, "active")
  local neon = { headers = { authorization = "Bearer " .. TOKENS.neon } }
  equal(ask(facts, "GET", "console.neon.tech/api/v2/projects/wandering-moon-123456", neon).status, 200)
  local github = { headers = { authorization = "Bearer " .. TOKENS.github, ["user-agent"] = "test" } }
  equal(ask(facts, "GET", "api.github.com/repos/example/codex/pulls/42", github).status, 200)
  equal(ask(facts, "GET", "api.github.com/repos/example/codex/pulls/42").status, 404)   -- it is private
end)

test_cloud("a host that lives nowhere here is refused plainly", {}, function(facts)
  local answer = ask(facts, "GET", "example.org/")
  equal(answer.status, 421)
  equal(answer.headers["x-davit-stand-in"], "no such host")
end)

test_cloud("a host of the zone without a Worker meets the edge's error", {}, function(facts)
  local answer = ask(facts, "GET", "nothing." .. ZONE .. "/")
  equal(answer.status, 530)
  equal(answer.headers["x-davit-stand-in"], "error 1016")
end)

test_cloud("pull requests are opened and closed for the models", {}, function(facts)
  local github = { headers = { authorization = "Bearer " .. TOKENS.github, ["user-agent"] = "test" } }
  local function state()
    return ask(facts, "GET", "api.github.com/repos/example/codex/pulls/7", github):json().state
  end
  ask(facts, "POST", "127.0.0.1/_davit/pulls", { json = { number = 7, title = "Seven" } })
  equal(state(), "open")
  ask(facts, "POST", "127.0.0.1/_davit/pulls", { json = { number = 7, state = "closed" } })
  equal(state(), "closed")
  equal(ask(facts, "POST", "127.0.0.1/_davit/pulls", { json = { state = "open" } }).status, 400)
  local form = { body = '{"number": 8}', headers = { ["content-type"] = "text/plain" } }
  equal(ask(facts, "POST", "127.0.0.1/_davit/pulls", form).status, 400)
end)

-- ---- TLS --------------------------------------------------------------------------------------

local function curl(facts, host, path)
  return process.run { check = false, argv = { "curl", "--silent", "--show-error", "--cacert", facts.ca_file,
    "--connect-to", ("::127.0.0.1:%d"):format(facts.https_port), "https://" .. host .. path } }
end

local function has_curl()
  return process.run({ command = "command -v curl", check = false }).exit == 0
end

test_cloud("https is answered with certificates of its own authority", {}, function(facts)
  if not has_curl() then skip "there is no curl" end
  equal(curl(facts, "api.github.com", "/").output:find("User-Agent", 1, true), nil)
  equal(curl(facts, "console.neon.tech", "/").exit, 0)
end)

local slow_tls = { settings = { dns_delay = 0, tls_delay = 1, propagation_delay = 0 } }

test_cloud("a certificate that is not issued yet fails the handshake", slow_tls, function(facts)
  if not has_curl() then skip "there is no curl" end
  deploy(facts, "export default {}")
  equal(ask(facts, "GET", HOST .. "/").status, 503)
  equal(curl(facts, HOST, "/health").exit, 35)
  sleep(2)
  equal(curl(facts, HOST, "/health").exit, 0)
end)

-- ---- Workers ----------------------------------------------------------------------------------

local named = { { name = "VERSION", type = "plain_text", text = "v7" },
  { name = "ENVIRONMENT", type = "plain_text", text = "preview" } }

test_cloud("without workerd a stand-in answers, and says that it is one", {}, function(facts)
  deploy(facts, "export default {}", named)
  local health = ask(facts, "GET", HOST .. "/health")
  equal(health:json(), { status = "ok", service = "hello", version = "v7", environment = "preview" })
  equal(health.headers["x-davit-stand-in"], "no workerd")
  local page = ask(facts, "GET", HOST .. ".localhost/")
  equal(page.body:find("stands in for it", 1, true) ~= nil, true)
end)

test("workerd is found where Davit's own build installed it, from any folder", function()
  if not fs.exists "build/npm/node_modules/workerd/bin/workerd" then skip "workerd is not in build/npm" end
  equal(workers.find "/nowhere":find "workerd$" ~= nil, true)
end)

local function test_worker(name, body)
  test(name, function()
    local binary = workers.find "."
    if not binary then skip "there is no workerd" end
    with_folder(function(folder)
      with_cloud(folder, { workerd = binary }, function(facts) body(facts, folder) end)
    end)
  end)
end

local ECHO = [==[
export default { async fetch(request, env) {
  const headers = new Headers([
    ["set-cookie", "a=1; Expires=Wed, 21 Oct 2026 07:28:00 GMT"], ["set-cookie", "b=2"]]);
  return Response.json({ url: request.url, method: request.method, body: await request.text(),
    secret: env.SECRET, settings: env.SETTINGS, ip: request.headers.get("cf-connecting-ip") },
    { status: 201, headers });
} };]==]

test_worker("a Worker runs, and sees the public request", function(facts, folder)
  local bindings = { { name = "SECRET", type = "secret_text", text = "s3cret" },
    { name = "SETTINGS", type = "json", json = { list = json.array {} } } }
  deploy(facts, ECHO, bindings)
  local answer = ask(facts, "POST", HOST .. "/path%20x?q=1", { body = "hello" })
  equal(answer.status, 201)
  local seen = answer:json()
  equal(seen.url, ("http://%s/path%%20x?q=1"):format(HOST))
  equal({ seen.method, seen.body, seen.secret, seen.ip }, { "POST", "hello", "s3cret", "127.0.0.1" })
  equal(#seen.settings.list, 0)
  equal(answer.headers["set-cookie"], "a=1; Expires=Wed, 21 Oct 2026 07:28:00 GMT, b=2")
  equal(answer.headers["x-davit-stand-in"], nil)
  local version = fs.list(folder .. "/workers")[1]
  equal(fs.exists(("%s/workers/%sconfig.capnp"):format(folder, version)), false)
end)

test_worker("every cookie of a Worker's answer has a line of its own", function(facts)
  if not has_curl() then skip "there is no curl" end
  deploy(facts, ECHO)
  local shown = process.run { argv = { "curl", "--silent", "--include", "--header", "host: " .. HOST,
    ("http://127.0.0.1:%d/"):format(facts.http_port) } }.output:lower()
  equal(shown:find("set-cookie: a=1; expires=wed, 21 oct 2026 07:28:00 gmt\r\n", 1, true) ~= nil, true)
  equal(shown:find("set-cookie: b=2\r\n", 1, true) ~= nil, true)
end)

test_worker("the next version takes over, and the last one's process ends", function(facts)
  local say = 'export default { fetch() { return new Response("%s") } };'
  deploy(facts, say:format "one")
  equal(ask(facts, "GET", HOST .. "/").body, "one")
  deploy(facts, say:format "two")
  equal(ask(facts, "GET", HOST .. "/").body, "two")
  local running
  for _ = 1, 50 do
    running = #ask(facts, "GET", "127.0.0.1/_davit/"):json().processes.workers
    if running == 1 then break end
    sleep(0.1)
  end
  equal(running, 1)
end)

test_worker("many first requests start one process", function(facts)
  deploy(facts, 'export default { fetch() { return new Response("one") } };')
  local all = {}
  for i = 1, 8 do all["r" .. i] = function() equal(ask(facts, "GET", HOST .. "/").body, "one") end end
  parallel(all)
  equal(#ask(facts, "GET", "127.0.0.1/_davit/"):json().processes.workers, 1)
end)

test_worker("a process that dies is started again", function(facts)
  deploy(facts, 'export default { fetch() { return new Response("alive") } };')
  equal(ask(facts, "GET", HOST .. "/").body, "alive")
  local pid = ask(facts, "GET", "127.0.0.1/_davit/"):json().processes.workers[1].pid
  process.run { command = "kill -KILL " .. pid }   -- the shell's own: not every machine has a program
  sleep(1.5)
  equal(ask(facts, "GET", HOST .. "/").body, "alive")
end)

-- ---- databases --------------------------------------------------------------------------------

local PROJECT = "/api/v2/projects/wandering-moon-123456"

local function neon(facts, method, path, body)
  local answer = ask(facts, method, "console.neon.tech" .. PROJECT .. path,
    { json = body, headers = { authorization = "Bearer " .. TOKENS.neon } })
  if answer.status >= 300 then error(("%s %s: %d %s"):format(method, path, answer.status, answer.body), 2) end
  return answer:json()
end

local function settle(facts, operations)
  for _, operation in ipairs(operations) do
    for _ = 1, 300 do
      local now = neon(facts, "GET", "/operations/" .. operation.id).operation
      if now.status == "failed" then return now end
      if now.status == "finished" then break end
      sleep(0.1)
    end
  end
end

local function new_branch(facts, name)
  return neon(facts, "POST", "/branches",
    { branch = { name = name }, endpoints = { { type = "read_write" } } })
end

local function uri_of(facts, branch)
  local id = branch or neon(facts, "GET", "/branches?sort_by=created_at&sort_order=asc").branches[1].id
  return neon(facts, "GET", ("/connection_uri?branch_id=%s&database_name=neondb&role_name=neondb_owner"):format(id)).uri
end

local function query(uri, text)
  local session <close> = sql.connect { url = uri, timeout = 10 }
  return session:query(text).rows
end

local function test_database(name, body)
  test(name, function()
    local binaries = postgres.find()
    if not binaries then skip "there is no PostgreSQL" end
    with_folder(function(folder) body(folder, { postgres = binaries }) end)
  end)
end

test_database("a branch is a copy of its parent with a life of its own", function(folder, options)
  with_cloud(folder, options, function(facts)
    local parent = uri_of(facts)
    query(parent, "create table t (n int); insert into t values (1)")
    local made = new_branch(facts, "pr-1")
    equal(settle(facts, made.operations), nil)
    local child = uri_of(facts, made.branch.id)
    query(child, "insert into t values (2)")
    equal(query(child, "select count(*)::int as n from t")[1].n, 2)
    equal(query(parent, "select count(*)::int as n from t")[1].n, 1)
    local old_password = parent:match(":([^:@]+)@")
    raises("password", query, (child:gsub(":[^:@]+@", ":" .. old_password .. "@")), "select 1")
    equal(settle(facts, neon(facts, "DELETE", "/branches/" .. made.branch.id).operations), nil)
    raises("", query, child, "select 1")
    equal(#ask(facts, "GET", "127.0.0.1/_davit/"):json().processes.databases, 1)
  end)
end)

test_database("the schema of a branch is its database's, and is compared with its parent's", function(folder, options)
  with_cloud(folder, options, function(facts)
    query(uri_of(facts), "create table t (n int)")
    local made = new_branch(facts, "pr-1")
    equal(settle(facts, made.operations), nil)
    query(uri_of(facts, made.branch.id), "create table more (name text)")
    local of = "/branches/" .. made.branch.id
    local text = neon(facts, "GET", of .. "/schema?db_name=neondb").sql
    equal({ text:find("CREATE TABLE public.t", 1, true) ~= nil, text:find "restrict" }, { true, nil })
    local diff = neon(facts, "GET", of .. "/compare_schema?db_name=neondb").diff
    equal({ diff:find("+CREATE TABLE public.more", 1, true) ~= nil, diff:find("+CREATE TABLE public.t ", 1, true) },
      { true, nil })
  end)
end)

test_database("a branch that was deleted is taken back with its data, while that may be", function(folder, options)
  options.settings = { recovery_seconds = 3600 }
  with_cloud(folder, options, function(facts)
    local made = new_branch(facts, "pr-1")
    equal(settle(facts, made.operations), nil)
    local uri = uri_of(facts, made.branch.id)
    query(uri, "create table t (n int); insert into t values (7)")
    local one = "/branches/" .. made.branch.id
    equal(settle(facts, neon(facts, "DELETE", one).operations), nil)
    raises("", query, uri, "select 1")
    equal(neon(facts, "POST", one .. "/recover").branch.name, "pr-1")
    equal(query(uri, "select n from t")[1].n, 7)
  end)
end)

local function schema(facts)
  local list = neon(facts, "GET", "/branches").branches
  return ask(facts, "GET", ("console.neon.tech%s/branches/%s/schema?db_name=neondb"):format(PROJECT, list[1].id),
    { headers = { authorization = "Bearer " .. TOKENS.neon } })
end

test_cloud("whoever asks for no databases has the model: branches become ready, and there is a schema", {}, function(facts)
  local made = new_branch(facts, "pr-1")
  equal(settle(facts, made.operations), nil)
  equal(neon(facts, "GET", "/branches/" .. made.branch.id).branch.current_state, "ready")
  equal(schema(facts).status, 200)
end)

-- As on a machine where it was never installed.
test("without PostgreSQL branches fail and there is no schema, and it is said why", function()
  local find = postgres.find
  local _ <close> = setmetatable({}, { __close = function() postgres.find = find end })
  postgres.find = function() return nil end
  with_folder(function(folder)
    with_cloud(folder, { look_for_postgres = true }, function(facts)
      local failed = settle(facts, new_branch(facts, "pr-1").operations)
      equal({ failed.status, failed.error:find "there is no PostgreSQL" ~= nil }, { "failed", true })
      local answer = schema(facts)
      equal({ answer.status, answer:json().message:find "there is no PostgreSQL" ~= nil }, { 500, true })
    end)
  end)
end)

test_database("databases and deployments are there again in the next run", function(folder, options)
  local uri
  with_cloud(folder, options, function(facts)
    uri = uri_of(facts)
    query(uri, "create table t (n int); insert into t values (7)")
    deploy(facts, "export default {}", named)
  end)
  raises("", query, uri, "select 1")
  with_cloud(folder, options, function(facts)
    equal(query(uri_of(facts), "select n from t")[1].n, 7)
    equal(ask(facts, "GET", HOST .. "/health"):json().version, "v7")
  end)
end)

test_database("databases whose state was removed by hand are made anew", function(folder, options)
  with_cloud(folder, options, function(facts) query(uri_of(facts), "create table t (n int)") end)
  fs.remove(folder .. "/state.json")
  with_cloud(folder, options, function(facts) raises("does not exist", query, uri_of(facts), "select n from t") end)
end)

test_database("a pid that an earlier server left behind is no obstacle", function(folder, options)
  with_cloud(folder, options, function() end)
  local root = fs.exists(folder .. "/postgres") and folder .. "/postgres"
  local data = ("%s/%s"):format(root, fs.list(root)[1])
  fs.write(data .. "postmaster.pid", "1\n" .. data .. "\n0\n5432\n\n127.0.42.1\n0 0\nready\n")
  with_cloud(folder, options, function(facts) equal(query(uri_of(facts), "select 1 as n")[1].n, 1) end)
end)

-- ---- what is refused --------------------------------------------------------------------------

test("a reset begins anew", function()
  with_folder(function(folder)
    with_cloud(folder, {}, function(facts) deploy(facts, "export default {}") end)
    with_cloud(folder, { reset = true }, function(facts)
      equal(#ask(facts, "GET", "127.0.0.1/_davit/"):json().workers, 0)
    end)
  end)
end)

test("a state of another project is not mixed with this one", function()
  with_folder(function(folder)
    with_cloud(folder, {}, function() end)
    raises("made for the zone " .. ZONE, serve.run,
      { state = folder, workerd = false, postgres = false, project = { zone = "example.com" } })
  end)
end)

test("options are read strictly", function()
  raises("expected a table of options", serve.run)
  raises("option 'state' is required", serve.run, {})
  raises("unknown option 'prot', did you mean 'port'", serve.run, { state = "x", prot = 1 })
  raises("option 'port' must be a integer", serve.run, { state = "x", port = "80" })
end)
