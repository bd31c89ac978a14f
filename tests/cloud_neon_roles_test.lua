---The model of Neon: roles, databases, and how they are reached.
local core = require "core"
local client = assert(core.load_file("tests/cloud_neon_client.lua"))()

local BRANCHES = client.BRANCHES

local function new(more) return client.new(more) end

local function opened(more)
  local c = new(more)
  local made = c:made("pr-42")
  return c, BRANCHES .. "/" .. made.branch.id, made
end

local function with(uri, user, password)
  return (uri:gsub("//[^@]+@", ("//%s:%s@"):format(user, password)))
end

-- ---- connection strings ------------------------------------------------------------------------

test("each branch has a host and a password of its own", function()
  local c, _, answer = opened()
  local where = answer.connection_uris[1]
  equal(where.connection_parameters.host, "127.0.42.2")
  equal(c:uri(answer.branch.id, "&pooled=true"), where.connection_uri)
  equal(where.connection_parameters.pooler_host, where.connection_parameters.host)
  local production = c:uri(c:branch("production").id)
  local password, host = production:match "^postgresql://neondb_owner:([^@]+)@([%d.]+)/neondb%?sslmode=require$"
  equal({ host, password == where.connection_parameters.password }, { "127.0.42.1", false })
end)

test("without a branch the connection string is production's", function()
  local c = opened()
  local _, answer = c:ask("GET", "/connection_uri?database_name=neondb&role_name=neondb_owner")
  equal(answer.uri, c:uri(c:branch("production").id))
end)

test("a connection string of what is not there is refused", function()
  local c, _, answer = opened()
  for query, status in pairs {
    ["database_name=neondb"] = 400, ["role_name=neondb_owner"] = 400, ["database_name=x&role_name=neondb_owner"] = 404,
    ["database_name=neondb&role_name=x"] = 404, ["branch_id=br-x&database_name=neondb&role_name=neondb_owner"] = 404,
    ["endpoint_id=ep-x&database_name=neondb&role_name=neondb_owner"] = 404,
  } do
    equal({ query, (c:ask("GET", "/connection_uri?" .. query)) }, { query, status })
  end
  local _, by_endpoint = c:ask("GET", ("/connection_uri?endpoint_id=%s&database_name=neondb&role_name=neondb_owner")
    :format(answer.endpoints[1].id))
  equal(by_endpoint.uri, answer.connection_uris[1].connection_uri)
end)

test("with several roles or databases a new branch comes without a connection string", function()
  local c, one, made = opened()
  c:done("POST", one .. "/roles", { role = { name = "reader" } })
  local child = c:made("child", { parent_id = made.branch.id })
  equal({ #child.roles, child.connection_uris }, { 2, nil })
end)

test("what a connection string cannot hold is escaped in it", function()
  local c, one, made = opened()
  c:done("POST", one .. "/databases", { database = { name = "my db/x", owner_name = "neondb_owner" } })
  local _, answer = c:ask("GET", ("/connection_uri?branch_id=%s&database_name=my%%20db%%2Fx&role_name=neondb_owner")
    :format(made.branch.id))
  equal(answer.uri:find("/my%20db%2Fx?", 1, true) ~= nil, true)
  equal(c:connect(answer.uri) ~= nil, true)
end)

-- ---- roles -------------------------------------------------------------------------------------

test("roles, databases and endpoints of a branch are listed without passwords", function()
  local c, one = opened()
  local _, roles = c:ask("GET", one .. "/roles")
  equal({ roles.roles[1].name, roles.roles[1].password }, { "neondb_owner", nil })
  local _, revealed = c:ask("GET", one .. "/roles/neondb_owner/reveal_password")
  equal(revealed.password:sub(1, 4), "npg_")
  local _, databases = c:ask("GET", one .. "/databases")
  equal(databases.databases[1].owner_name, "neondb_owner")
  local _, endpoints = c:ask("GET", one .. "/endpoints")
  equal({ endpoints.endpoints[1].host, endpoints.endpoints[1].current_state }, { "127.0.42.2", "active" })
  equal((c:ask("GET", one .. "/roles/none")), 404)
  equal((c:ask("GET", one .. "/roles/none/reveal_password")), 404)
end)

test("a role is made with a password, which is valid when the operations are done", function()
  local c, one, made = opened()
  local session = c:connect(c:uri(made.branch.id))
  local status, answer = c:ask("POST", one .. "/roles", { role = { name = "reader" } })
  equal({ status, answer.role.name, answer.operations[1].action }, { 201, "reader", "apply_config" })
  local uri = with(made.connection_uris[1].connection_uri, "reader", answer.role.password)
  equal(select(2, c:connect(uri))[4], "28P01")
  c:settle()
  equal(c:connect(uri) ~= nil, true)
  equal(session("select 1").fault[1], "sql-lost")
  equal((c:ask("POST", one .. "/roles", { role = { name = "reader" } })), 409)
  equal((c:ask("POST", one .. "/roles", { role = { name = "" } })), 400)
end)

test("a password is set anew, and the old one is valid until that is done", function()
  local c, one, made = opened()
  local old = made.connection_uris[1].connection_uri
  local _, answer = c:ask("POST", one .. "/roles/neondb_owner/reset_password")
  local fresh = with(old, "neondb_owner", answer.role.password)
  equal({ c:connect(old) ~= nil, select(2, c:connect(fresh))[4] }, { true, "28P01" })
  c:settle()
  equal({ c:connect(fresh) ~= nil, select(2, c:connect(old))[4] }, { true, "28P01" })
  equal(c:uri(made.branch.id), fresh)
end)

test("a role goes, unless a database is its own", function()
  local c, one = opened()
  c:done("POST", one .. "/roles", { role = { name = "reader" } })
  equal((c:ask("DELETE", one .. "/roles/neondb_owner")), 422)
  equal(c:done("DELETE", one .. "/roles/reader").role.name, "reader")
  equal((c:ask("DELETE", one .. "/roles/reader")), 204)
end)

test("a role that may not log in has no password", function()
  local c, one, made = opened()
  local answer = c:done("POST", one .. "/roles", { role = { name = "group", no_login = true } })
  equal({ answer.role.password, answer.role.authentication_method }, { nil, "no_login" })
  equal((c:ask("GET", one .. "/roles/group/reveal_password")), 404)
  equal(select(2, c:connect(with(made.connection_uris[1].connection_uri, "group", "x")))[4], "28P01")
end)

test("a project that stores no passwords reveals none", function()
  local c = new()
  local _, made = c:call("POST", "/projects", { body = { project = { store_passwords = false } } })
  c.project = made.project.id
  equal(made.connection_uris[1].connection_parameters.password:sub(1, 4), "npg_")
  local status, answer = c:ask("GET", BRANCHES .. "/" .. made.branch.id .. "/roles/neondb_owner/reveal_password")
  equal({ status, answer.message:find "disabled" ~= nil }, { 412, true })
  equal((c:ask("GET", "/connection_uri?database_name=neondb&role_name=neondb_owner")), 412)
  c:settle()
  local child = c:made("child")
  equal({ child.roles[1].password, child.connection_uris }, { nil, nil })
end)

test("a role on a resting compute wakes it for a while", function()
  local c, one, made = opened()
  c.now = c.now + 1000
  local _, answer = c:ask("POST", one .. "/roles", { role = { name = "reader" } })
  local actions = {}
  for i, operation in ipairs(answer.operations) do actions[i] = operation.action end
  equal(actions, { "start_compute", "apply_config", "suspend_compute" })
  c:settle()
  local _, endpoint = c:ask("GET", "/endpoints/" .. made.endpoints[1].id)
  equal(endpoint.endpoint.current_state, "idle")
end)

-- ---- databases ---------------------------------------------------------------------------------

test("a database is made, renamed with what is in it, given away and deleted", function()
  local c, one, made = opened()
  c:done("POST", one .. "/roles", { role = { name = "other" } })
  local status, answer = c:ask("POST", one .. "/databases", { database = { name = "app", owner_name = "neondb_owner" } })
  equal({ status, answer.database.name, answer.operations[1].action }, { 201, "app", "apply_config" })
  local base = c:uri(made.branch.id)
  local uri = base:gsub("/neondb%?", "/app?")
  equal(select(2, c:connect(uri))[4], "3D000")
  c:settle()
  c:connect(uri) "create table t (n int); insert into t values (7)"
  equal(c:sql(made.branch.id, "create table t (n int)").fault, nil)   -- another database has a table of its own
  local renamed = c:done("PATCH", one .. "/databases/app", { database = { name = "shop", owner_name = "other" } })
  equal({ renamed.database.name, renamed.database.owner_name }, { "shop", "other" })
  equal(c:connect((base:gsub("/neondb%?", "/shop?"))) "select n from t".rows, { { "7" } })
  equal(select(2, c:connect(uri))[4], "3D000")
  c:done("DELETE", one .. "/databases/shop")
  equal((c:ask("DELETE", one .. "/databases/shop")), 204)
  c:done("POST", one .. "/databases", { database = { name = "shop", owner_name = "other" } })
  equal(c:connect((base:gsub("/neondb%?", "/shop?"))) "select n from t".rows, {})
end)

test("databases that cannot be are refused", function()
  local c, one = opened()
  local function post(name, owner)
    return (c:ask("POST", one .. "/databases", { database = { name = name, owner_name = owner or "neondb_owner" } }))
  end
  equal({ post "neondb", post "postgres", post "", post(("x"):rep(64)), post("app", "nobody") }, { 409, 422, 400, 400, 404 })
  equal((c:ask("PATCH", one .. "/databases/none", { database = { name = "x" } })), 404)
  equal((c:ask("GET", one .. "/databases/none")), 404)
end)

test("roles and databases have their limits", function()
  local c, one = opened { settings = { roles_limit = 1, databases_limit = 1 } }
  local _, role = c:ask("POST", one .. "/roles", { role = { name = "r" } })
  local _, database = c:ask("POST", one .. "/databases", { database = { name = "d", owner_name = "neondb_owner" } })
  equal({ role.code, database.code }, { "ROLES_LIMIT_EXCEEDED", "DATABASES_LIMIT_EXCEEDED" })
end)
