---The model of Neon: projects, who may ask for what and how often, and what a world begins with.
local core = require "core"
local declared = require "cloud.neon.declared"
local seed_file = require "cloud.seed_file"
local client = assert(core.load_file("tests/cloud_neon_client.lua"))()

local BRANCHES = client.BRANCHES

local function with(token, c)
  c.token = token
  return c
end

-- ---- errors ------------------------------------------------------------------------------------

test("a wrong token, project or route has the service's own error", function()
  local c = client.new()
  local status, answer = c:ask("GET", "", nil, { headers = { authorization = "Bearer x", ["x-request-id"] = "r1" } })
  equal({ status, answer.request_id, answer.code }, { 401, "r1", "" })
  equal((c:ask("GET", "/nowhere")), 404)
  equal((c:ask("DELETE", BRANCHES)), 405)
  c.project = "sun"
  local _, absent = c:ask("GET", BRANCHES)
  equal({ absent.message, #absent.request_id }, { "project not found", 36 })
end)

test("a cookie is no credential, and disturbs none", function()
  local c = client.new()
  local cookie = "zenith=neon-token; keycloak_token=neon-token"
  equal((c:ask("GET", "", nil, { headers = { cookie = cookie } })), 401)
  equal((c:ask("GET", "", nil, { headers = { cookie = cookie, authorization = "Bearer neon-token" } })), 200)
end)

-- ---- projects ----------------------------------------------------------------------------------

test("the project tells its history and its limit of branches", function()
  local _, answer = client.new { settings = { branches_limit = 7 } }:ask("GET", "")
  equal({ answer.project.history_retention_seconds, answer.project.owner.branches_limit }, { 86400, 7 })
end)

test("a project is made with a branch, a role, a database and a compute, and lives by itself", function()
  local c = client.new()
  local status, made = c:call("POST", "/projects", { body = { project = { name = "shop", pg_version = 16,
    history_retention_seconds = 3600, branch = { name = "trunk", role_name = "owner", database_name = "shop" } } } })
  equal({ status, made.project.name, made.project.pg_version, made.branch.name, made.branch.default,
    made.roles[1].name, made.databases[1].name, made.endpoints[1].current_state, made.operations[1].action },
    { 201, "shop", 16, "trunk", true, "owner", "shop", "init", "create_timeline" })
  equal(made.connection_uris[1].connection_parameters.host, "127.0.42.2")
  c.project = made.project.id
  equal((c:create("one")), 423)
  c:settle()
  equal(c:connect(made.connection_uris[1].connection_uri) ~= nil, true)
  equal(c:made("one").branch.parent_id, made.branch.id)
end)

test("a project is changed within what may be", function()
  local c = client.new()
  local answer = c:done("PATCH", "", { project = { name = "other", history_retention_seconds = 0,
    settings = { quota = { written_data_bytes = 1 } } } })
  equal({ answer.project.name, answer.project.history_retention_seconds, answer.project.settings },
    { "other", 0, { quota = { written_data_bytes = 1 } } })
  for _, wrong in ipairs { { history_retention_seconds = 2592001 }, { name = "" }, { settings = 1 } } do
    equal((c:ask("PATCH", "", { project = wrong })), 400)
  end
  for _, wrong in ipairs { { pg_version = 13 }, { region_id = "moon" }, { store_passwords = "no" } } do
    equal((c:call("POST", "/projects", { body = { project = wrong } })), 400)
  end
end)

test("projects are listed by pages whose cursor never ends", function()
  local list = {}
  for i = 1, 4 do list[i] = { id = "p-" .. i, name = i == 4 and "shared" or "own", shared = i == 4 } end
  local c = client.new { neon = { projects = list } }
  local ids, cursor, pages = {}, nil, 0
  repeat
    local _, page = c:call("GET", "/projects?limit=3" .. (cursor and "&cursor=" .. cursor or ""))
    for _, project in ipairs(page.projects) do ids[#ids + 1] = project.id end
    cursor, pages = page.pagination.cursor, pages + 1
  until #page.projects == 0
  equal({ ids, pages }, { { "moon", "p-1", "p-2", "p-3" }, 3 })
  local _, shared = c:call("GET", "/projects/shared?limit=100")
  equal({ #shared.projects, shared.projects[1].id }, { 1, "p-4" })
  local _, found = c:call("GET", "/projects?search=p-2&org_id=org-davit-12345678")
  equal({ #found.projects, found.projects[1].org_name }, { 1, "Davit" })
  local _, none = c:call("GET", "/projects?org_id=org-other")
  equal(#none.projects, 0)
  equal((c:call("GET", "/projects?limit=401")), 400)
end)

test("a project goes with all that it has, unless a branch is protected", function()
  local c = client.new()
  c:made("one")
  equal((c:ask("DELETE", "")), 422)
  c:done("PATCH", BRANCHES .. "/" .. c:branch("production").id, { branch = { protected = false } })
  equal((c:ask("DELETE", "")), 200)
  equal((c:ask("GET", "")), 404)
  local _, gone = c:call("GET", "/projects?recoverable=true")
  equal({ gone.projects[1].id, gone.projects[1].deleted_at ~= nil }, { "moon", true })
  c:settle()
  c:call("GET", "/projects")
  equal({ #c.state.neon.branches, #c.state.neon.timelines }, { 0, 0 })
end)

test("there is a limit of projects", function()
  local c = client.new { settings = { projects_limit = 1 } }
  local status, answer = c:call("POST", "/projects", { body = { project = {} } })
  equal({ status, answer.code }, { 422, "PROJECTS_LIMIT_EXCEEDED" })
end)

test("bytes that were written are counted", function()
  local c = client.new()
  local id = c:made("one").branch.id
  c:sql(id, "create table t (n int)")
  local _, branch = c:ask("GET", BRANCHES .. "/" .. id)
  equal({ branch.branch.written_data_bytes, branch.branch.logical_size }, { 22, 22 })
  local _, project = c:ask("GET", "")
  equal({ project.project.written_data_bytes, project.project.synthetic_storage_size }, { 22, 22 })
end)

-- ---- keys --------------------------------------------------------------------------------------

local function keyed()
  return client.new { neon = { projects = { { id = "sun" }, { id = "star", shared = true } }, tokens = {
    { name = "org", value = "org-key", kind = "org" },
    { name = "ci", value = "project-key", kind = "project", project = "moon" },
  } } }
end

test("a project's key sees that project alone, and neither makes nor deletes one", function()
  local c = with("project-key", keyed())
  equal((c:ask("GET", "")), 200)
  equal((c:create("one")), 201)
  c:settle()
  c.project = "sun"
  equal((c:ask("GET", "")), 404)
  c.project = "moon"
  equal((c:ask("DELETE", "")), 403)
  equal((c:call("POST", "/projects", { body = { project = {} } })), 403)
  local _, list = c:call("GET", "/projects")
  equal({ #list.projects, list.projects[1].id }, { 1, "moon" })
  local _, organizations = c:call("GET", "/users/me/organizations")
  equal(#organizations.organizations, 1)
end)

test("an organisation's key is nobody, and sees what is the organisation's", function()
  local c = with("org-key", keyed())
  equal((c:call("GET", "/users/me")), 403)
  equal((c:call("POST", "/projects", { body = { project = { org_id = "org-davit-12345678" } } })), 201)
  c.project = "star"
  equal((c:ask("GET", "")), 404)
  local _, auth = c:call("GET", "/auth")
  equal(auth.auth_method, "api_key_org")
end)

test("the person, the organisation and the regions say who and where they are", function()
  local c = keyed()
  local _, me = c:call("GET", "/users/me")
  equal({ me.email, me.projects_limit }, { "davit@example.com", 100 })
  local _, list = c:call("GET", "/users/me/organizations")
  local _, projects = c:call("GET", "/projects?limit=2&org_id=" .. list.organizations[1].id)
  equal(#projects.projects, 2)
  local _, regions = c:call("GET", "/regions")
  equal({ #regions.regions, (c:call("GET", "/auth")) }, { 8, 200 })
end)

-- ---- limits of requests ------------------------------------------------------------------------

test("a key asks 700 times a minute, and is told how long to wait", function()
  local c = client.new()
  for _ = 1, 70 do
    for _ = 1, 10 do c:ask("GET", "") end
    c.now = c.now + 0.5
  end
  local status, answer, headers = c:ask("GET", "")
  equal({ status, answer.message, headers["retry-after"] }, { 429, "rate limit exceeded", "25" })
  c.now = c.now + 25
  equal((c:ask("GET", "")), 200)
end)

test("and 40 times a second for the same, whatever branch it is about", function()
  local c = client.new()
  for n = 1, 40 do c:ask("GET", BRANCHES .. "/br-" .. n) end
  local status, _, headers = c:ask("GET", BRANCHES .. "/br-x")
  equal({ status, headers["retry-after"] }, { 429, "1" })
  equal((c:ask("GET", "")), 200)
  c.now = c.now + 1
  equal((c:ask("GET", BRANCHES .. "/br-x")), 404)
end)

-- ---- seeds -------------------------------------------------------------------------------------

test("a world begins with the projects, branches and keys that its file says", function()
  local seed = seed_file.read([[
neon:
  project: moon
  token: main-key
  organization: { id: org-example, name: Example }
  tokens:
    - { name: ci, value: ci-key, project: moon }
  branches:
    - staging
    - { name: pr-1, parent: staging, compute: false }
    - { name: base, protected: true }
  projects:
    - { id: sun, name: Sun, branches: [{ name: dev }] }
settings: { suspend_seconds: 1m, history_seconds: 1h, neon_requests: 50 }
]], "seed.yaml")
  local c = with("ci-key", client.new(seed))
  equal({ c:branch("pr-1").parent_id, c:branch("base").protected, c:branch("staging").current_state },
    { c:branch("staging").id, true, "ready" })
  local _, none = c:ask("GET", BRANCHES .. "/" .. c:branch("pr-1").id .. "/endpoints")
  equal(#none.endpoints, 0)
  with("main-key", c).project = "sun"
  equal({ c:branch("dev").project_id, #c.state.neon.operations }, { "sun", 0 })
  local _, organizations = c:call("GET", "/users/me/organizations")
  equal(organizations.organizations[1].name, "Example")
  local settings = c.state.settings
  equal({ settings.suspend_seconds, settings.history_seconds, settings.neon_requests }, { 60, 3600, 50 })
end)

test("a world begins with the databases that davit.yaml declares", function()
  local id, of_neon = declared.seed({
    main = { neon = "moon", parent = "trunk", database = "shop", role = "owner" },
    other = { neon = "sun", parent = "production" },
  }, { branches = { { name = "staging" } } })
  local c = client.new { neon_project = id, neon = of_neon }
  local _, answer = c:ask("GET", "/connection_uri?database_name=shop&role_name=owner&branch_id=" .. c:branch("trunk").id)
  equal({ id, answer.uri ~= nil, c:branch("trunk").protected, c:branch("staging") ~= nil }, { "moon", true, true, true })
  c.project = "sun"
  equal({ c:branch("production").default, c:branch("trunk") }, { true, nil })
  local none, empty = declared.seed({}, nil)
  equal({ none, empty }, { nil, { branches = {}, projects = {} } })
end)

test("a file of a world that cannot be says where", function()
  for text, reason in pairs {
    ["branches: [{ name: a, parent: b }]"] = "neon.branches.1.parent: is production or a branch that stands before",
    ["branches: [a, a]"] = "neon.branches.2.name: two branches are called 'a'",
    ["branches: [{ parent: a }]"] = "name",
    ["project: Moon"] = "neon.project: is made of a%-z",
    ["projects: [{ id: a }, { id: a }]"] = "two projects are called 'a'",
    ["tokens: [{ name: a, value: b, kind: admin }]"] = "is user or org or project",
    ["tokens: [{ name: a, value: b, kind: project }]"] = "belongs to a key of kind 'project'",
    ["{ project: a, tokens: [{ name: a, value: b, project: c }] }"] = "there is no project c",
    ["brnches: []"] = "brnches",
  } do
    raises(reason, seed_file.read, "neon:\n  " .. text .. "\n", "seed.yaml")
  end
end)
