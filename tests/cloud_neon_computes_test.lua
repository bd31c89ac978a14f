---The model of Neon: computes and their addresses, names and states.
local core = require "core"
local hosts = require "cloud.neon.hosts"
local client = assert(core.load_file("tests/cloud_neon_client.lua"))()

local BRANCHES = client.BRANCHES

local function new(settings) return client.new { settings = settings } end

local function shown(c, id)
  local _, answer = c:ask("GET", "/endpoints/" .. id)
  return answer.endpoint
end

-- ---- addresses and names -----------------------------------------------------------------------

test("the address of a compute that is gone is given to another one only when all others were", function()
  local c = new()
  local function once(name)
    local made = c:made(name)
    c:ask("DELETE", BRANCHES .. "/" .. made.branch.id)
    c:settle()
    return made.endpoints[1].host
  end
  equal({ once "one", once "two" }, { "127.0.42.2", "127.0.42.3" })
  c.state.neon.last_number = 8 * 254
  equal(once "three", "127.0.42.2")
end)

test("after 254 addresses those of the next network follow", function()
  local c = new { endpoints_limit = 1000, neon_requests = 10000 }
  local id = c:made("one").branch.id
  local last
  for _ = 3, 255 do last = c:done("POST", "/endpoints", { endpoint = { branch_id = id, type = "read_only" } }).endpoint end
  equal(last.host, "127.0.43.1")
  equal(hosts.find(c.state, last.host).id, id)
end)

test("a branch has a name, too, with the pooler and without, as long as it lives", function()
  local c = new()
  local answer = c:made("pr-42")
  local endpoint = answer.endpoints[1]
  local name = endpoint.id .. ".eu-central-1.aws.neon.tech"
  equal({ hosts.name(endpoint), hosts.name(endpoint, true) }, { name, endpoint.id .. "-pooler.eu-central-1.aws.neon.tech" })
  for _, host in ipairs { name, name:upper(), hosts.name(endpoint, true), "127.0.42.2" } do
    equal({ host, hosts.find(c.state, host).id }, { host, answer.branch.id })
  end
  for _, host in ipairs { "ep-", "ep-none-1.eu-central-1.aws.neon.tech", "127.0.42.9", "localhost", "" } do
    equal({ host, hosts.find(c.state, host) }, { host, nil })
  end
  equal({ hosts.locate(c.state, name), hosts.locate(c.state, endpoint.id .. ".example") }, { "127.0.42.2", nil })
  c:ask("DELETE", BRANCHES .. "/" .. answer.branch.id)
  equal(hosts.find(c.state, name), nil)
end)

test("names of the databases resolve: endpoints to their address, the others to the local cloud", function()
  local c = new()
  local name = hosts.name(c:made("pr-42").endpoints[1])
  equal(hosts.resolve(c.state, name .. ".", "a").answers, { { type = "A", data = "127.0.42.2" } })
  equal(hosts.resolve(c.state, name, "AAAA"), { rcode = "NOERROR", ttl = 60, answers = {} })
  equal(hosts.resolve(c.state, "api.eu-central-1.aws.neon.tech", "A").answers[1].data, "127.0.0.1")
  equal(hosts.resolve(c.state, "ep-none-1.eu-central-1.aws.neon.tech", "A").rcode, "NXDOMAIN")
  equal(hosts.resolve(c.state, "console.neon.tech", "A"), nil)
end)

test("in a text addresses of computes become names, and nothing else does", function()
  local c = new()
  local answer = c:made("pr-42")
  local name = hosts.name(answer.endpoints[1])
  local uri = answer.connection_uris[1].connection_uri
  equal(hosts.present(c.state, uri), (uri:gsub("127%.0%.42%.2", name)))
  equal(hosts.present(c.state, '{"host":"127.0.42.2"}'), ('{"host":"%s"}'):format(name))
  for _, text in ipairs { "", "127.0.42.20", "127.0.42.9", "127.0.0.1:5432", "1127.0.42.2", "127.0.42" } do
    equal(hosts.present(c.state, text), text)
  end
end)

test("a project elsewhere has hosts elsewhere", function()
  local c = new()
  local _, made = c:call("POST", "/projects", { body = { project = { region_id = "aws-us-east-2" } } })
  local _, endpoint = hosts.find(c.state, made.endpoints[1].host)
  equal(hosts.name(endpoint), endpoint.id .. ".us-east-2.aws.neon.tech")
end)

-- ---- making, changing, deleting ----------------------------------------------------------------

test("a branch has one compute that takes writes, and others that read", function()
  local c = new()
  local id = c:made("pr-42").branch.id
  equal((c:ask("POST", "/endpoints", { endpoint = { branch_id = id, type = "read_write" } })), 409)
  local _, made = c:ask("POST", "/endpoints", { endpoint = { branch_id = id, type = "read_only", name = "reader" } })
  equal({ made.endpoint.type, made.endpoint.name, made.endpoint.current_state, made.endpoint.pending_state },
    { "read_only", "reader", "init", "active" })
  c:settle()
  equal(shown(c, made.endpoint.id).current_state, "active")
  local reader = c:uri(id, "&endpoint_id=" .. made.endpoint.id)
  c:sql(id, "create table t (n int); insert into t values (1)")
  local query = c:connect(reader)
  equal(query("select n from t").rows, { { "1" } })
  equal(query("insert into t values (2)").fault[4], "25006")
  equal(c:uri(id):find("@127.0.42.2/", 1, true) ~= nil, true)
end)

test("who takes the first endpoint of a list may take one that only reads", function()
  local c = new()
  local id = c:made("pr-42", {}, { { type = "read_only" }, { type = "read_write" } }).branch.id
  local _, listed = c:ask("GET", BRANCHES .. "/" .. id .. "/endpoints")
  equal(listed.endpoints[1].type, "read_only")
  equal(c:uri(id):find("@127.0.42.3/", 1, true) ~= nil, true)
end)

test("a compute is looked up, changed, and refuses what it cannot be", function()
  local c = new()
  local endpoint = c:made("pr-42").endpoints[1]
  local one = "/endpoints/" .. endpoint.id
  local answer = c:done("PATCH", one, { endpoint = { autoscaling_limit_min_cu = 1, autoscaling_limit_max_cu = 4,
    suspend_timeout_seconds = 60, name = "main" } })
  equal({ answer.endpoint.autoscaling_limit_min_cu, answer.endpoint.autoscaling_limit_max_cu,
    answer.endpoint.suspend_timeout_seconds, answer.endpoint.name, answer.operations[1].action },
    { 1, 4, 60, "main", "apply_config" })
  for status, wanted in pairs { [400] = { suspend_timeout_seconds = 59 }, [422] = { autoscaling_limit_min_cu = 8 } } do
    equal((c:ask("PATCH", one, { endpoint = wanted })), status)
  end
  equal((c:ask("PATCH", one, {})), 400)
  equal((c:ask("GET", "/endpoints/ep-none")), 404)
  equal((c:ask("POST", "/endpoints", { endpoint = { branch_id = "br-none", type = "read_only" } })), 404)
end)

test("a deleted compute is gone at once, and its branch has no connection string", function()
  local c = new()
  local made = c:made("pr-42")
  local one = "/endpoints/" .. made.endpoints[1].id
  equal(c:done("DELETE", one).operations[1].action, "suspend_compute")
  equal((c:ask("DELETE", one)), 204)
  equal((c:ask("GET", one)), 404)
  local status, answer = c:ask("GET", ("/connection_uri?branch_id=%s&database_name=neondb&role_name=neondb_owner")
    :format(made.branch.id))
  equal({ status, answer.message }, { 404, "endpoint not found" })
  local production = c:branch("production").id
  local _, list = c:ask("GET", BRANCHES .. "/" .. production .. "/endpoints")
  equal((c:ask("DELETE", "/endpoints/" .. list.endpoints[1].id)), 422)
end)

test("there is a limit of computes", function()
  local c = new { endpoints_limit = 2 }
  local id = c:made("one").branch.id
  local status, answer = c:ask("POST", "/endpoints", { endpoint = { branch_id = id, type = "read_only" } })
  equal({ status, answer.code }, { 422, "ENDPOINTS_LIMIT_EXCEEDED" })
end)

-- ---- running and resting -----------------------------------------------------------------------

test("a compute that nobody uses rests, and a connection wakes it", function()
  local c = new()
  local made = c:made("pr-42")
  local id = made.endpoints[1].id
  local query = c:connect(c:uri(made.branch.id))
  query "create table t (n int)"
  c.now = c.now + 299
  equal({ shown(c, id).current_state, query("select n from t").fault }, { "active", nil })
  c.now = c.now + 300
  local resting = shown(c, id)
  equal({ resting.current_state, resting.suspended_at }, { "idle", "2027-01-15T08:10:01Z" })
  equal(query("select n from t").fault[1], "sql-lost")
  equal(#c:sql(made.branch.id, "select n from t").rows, 0)
  equal({ shown(c, id).current_state, query("select n from t").fault[1] }, { "active", "sql-lost" })
end)

test("-1 means never, a number of its own counts, 0 is the default", function()
  for given, wanted in pairs { [-1] = "active", [3600] = "active", [60] = "idle", [0] = "idle" } do
    local c = new()
    local made = c:made("pr-42", {}, { { type = "read_write", suspend_timeout_seconds = given } })
    c.now = c.now + 1000
    equal({ given, shown(c, made.endpoints[1].id).current_state }, { given, wanted })
  end
end)

test("a compute is suspended, started and restarted, and sessions do not outlive that", function()
  local c = new()
  local made = c:made("pr-42")
  local one = "/endpoints/" .. made.endpoints[1].id
  local query = c:connect(c:uri(made.branch.id))
  local _, suspending = c:ask("POST", one .. "/suspend")
  equal({ suspending.endpoint.current_state, suspending.endpoint.pending_state, suspending.operations[1].action },
    { "active", "idle", "suspend_compute" })
  c:settle()
  equal({ shown(c, made.endpoints[1].id).current_state, query("select 1").fault[1] }, { "idle", "sql-lost" })
  equal(#c:done("POST", one .. "/suspend").operations, 0)
  local _, starting = c:ask("POST", one .. "/start")
  equal({ starting.endpoint.current_state, starting.endpoint.pending_state }, { "idle", "active" })
  equal(select(2, c:connect(c:uri(made.branch.id)))[2], "transient")
  c:settle()
  equal(#c:done("POST", one .. "/start").operations, 0)
  query = c:connect(c:uri(made.branch.id))
  local restarted = c:done("POST", one .. "/restart")
  equal({ restarted.operations[1].action, restarted.operations[2].action }, { "suspend_compute", "start_compute" })
  equal({ shown(c, made.endpoints[1].id).current_state, query("select 1").fault[1] }, { "active", "sql-lost" })
end)

test("a compute that is disabled takes no connection, and none starts it", function()
  local c = new()
  local made = c:made("pr-42")
  local one = "/endpoints/" .. made.endpoints[1].id
  equal(c:done("PATCH", one, { endpoint = { disabled = true } }).operations[1].action, "suspend_compute")
  local fault = select(2, c:connect(c:uri(made.branch.id)))
  equal({ fault[1], fault[2], fault[3]:find "has been disabled" ~= nil }, { "sql-connect", "fatal", true })
  equal((c:ask("POST", one .. "/start")), 422)
  equal((c:ask("POST", one .. "/restart")), 422)
  c:done("PATCH", one, { endpoint = { disabled = false } })
  equal(c:sql(made.branch.id, "select 1").rows, { { "1" } })
end)

test("the time of computes is counted, by their size, also of those that are gone", function()
  local c = new()
  local made = c:made("pr-42", {}, { { type = "read_write", autoscaling_limit_min_cu = 2 } })
  c.now = c.now + 100
  local _, one = c:ask("GET", BRANCHES .. "/" .. made.branch.id)
  equal({ one.branch.active_time_seconds, one.branch.compute_time_seconds, one.branch.cpu_used_sec }, { 100, 200, 200 })
  c.now = c.now + 1000
  _, one = c:ask("GET", BRANCHES .. "/" .. made.branch.id)
  equal(one.branch.active_time_seconds, 300)
  c:done("DELETE", BRANCHES .. "/" .. made.branch.id)
  local _, project = c:ask("GET", "")
  equal({ project.project.active_time_seconds, project.project.compute_time_seconds }, { 300 + 300, 600 + 75 })
end)
