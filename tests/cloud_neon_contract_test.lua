---Every path of Neon's model once, well and badly, held against Neon's own contract where that is at hand;
---tests/clients/known_differences_neon.json has what may differ, each with its reason.
local core = require "core"
local fs = require "fs"
local json = require "json"
local scratch = assert(core.load_file("tests/scratch.lua"))()
local clients = assert(core.load_file("tests/clients/cloud.lua"))()
local suite = assert(core.load_file("tests/clients/suite.lua"))()
local client = assert(core.load_file("tests/cloud_neon_client.lua"))()

local BRANCHES = client.BRANCHES

local function new()
  return client.new { settings = { recovery_seconds = 3600 }, neon = {
    projects = { { id = "sun" }, { id = "star", shared = true } },
    tokens = { { name = "org", value = "org-key", kind = "org" } } } }
end

-- ---- what is said ------------------------------------------------------------------------------

local function account(c)
  for _, path in ipairs { "/users/me", "/users/me/organizations", "/regions", "/auth", "/projects", "/projects/shared",
    "/projects?limit=1&search=o&org_id=org-davit-12345678", "/projects?recoverable=true" } do
    equal({ path, (c:call("GET", path)) }, { path, 200 })
  end
  c.token = "org-key"
  c:call("GET", "/users/me")
  c:call("GET", "/auth")
  c.token = "neon-token"
end

local function project(c)
  local _, made = c:call("POST", "/projects", { body = { project = { name = "new",
    autoscaling_limit_min_cu = 0.25, autoscaling_limit_max_cu = 1, default_endpoint_settings = {
      suspend_timeout_seconds = 300 } } } })
  c:settle()
  local main = c.project
  c.project = made.project.id
  c:done("GET", "")
  c:done("PATCH", "", { project = { name = "newer", history_retention_seconds = 100 } })
  c:done("DELETE", "")
  c:call("GET", "/projects?recoverable=true")
  c.project = main
end

local function branches(c)
  local made = c:made("one", { expires_at = "2027-01-20T08:00:00Z" })
  local one = BRANCHES .. "/" .. made.branch.id
  c:ask("POST", BRANCHES, { branch = { name = "noted" }, annotation_value = { a = "b" } })
  c:settle()
  for _, path in ipairs { BRANCHES, BRANCHES .. "?limit=1&sort_by=name&sort_order=asc&search=n", BRANCHES .. "/count", one,
    one .. "/endpoints", one .. "/roles", one .. "/databases", "/operations", "/operations?limit=1", "/endpoints" } do
    c:done("GET", path)
  end
  c:done("PATCH", one, { branch = { name = "two", expires_at = "2027-01-21T08:00:00Z" } })
  c:done("POST", BRANCHES .. "/" .. c:made("three").branch.id .. "/set_as_default")
  c:done("DELETE", one)
  c:done("GET", BRANCHES .. "?include_deleted=true")
  c:done("POST", one .. "/recover")
  c:done("DELETE", one .. "?hard_delete=true")
  c:ask("DELETE", one)
end

local function past(c)
  local id = c:made("past").branch.id
  c:sql(id, "create table t (id bigint, name text)")
  local point = c:sql(id, "select pg_current_wal_lsn()").rows[1][1]
  c:made("of the past", { parent_id = id, parent_lsn = point })
  c:made("schema", { parent_id = id, init_source = "schema-only" })
  local one = BRANCHES .. "/" .. id
  c:done("POST", one .. "/restore", { source_branch_id = id, source_lsn = point, preserve_under_name = "kept" })
  c:done("GET", one)
  c:done("GET", one .. "/schema?db_name=neondb")
  c:done("GET", one .. "/schema?db_name=neondb&format=json&lsn=" .. point)
  c:done("GET", one .. "/compare_schema?db_name=neondb&base_branch_id=" .. c:branch("production").id)
end

local function reached(c)
  local made = c:made("reached", {}, {})
  local id = made.branch.id
  local endpoint = c:done("POST", "/endpoints", { endpoint = { branch_id = id, type = "read_write" } }).endpoint
  local one, of = BRANCHES .. "/" .. id, "/endpoints/" .. endpoint.id
  c:uri(id)
  c:uri(id, "&pooled=true")
  c:done("GET", of)
  c:done("PATCH", of, { endpoint = { suspend_timeout_seconds = 60, name = "main" } })
  for _, action in ipairs { "suspend", "start", "restart" } do c:done("POST", of .. "/" .. action) end
  c:done("POST", one .. "/roles", { role = { name = "reader" } })
  c:done("GET", one .. "/roles/reader")
  c:done("GET", one .. "/roles/reader/reveal_password")
  c:done("POST", one .. "/roles/reader/reset_password")
  c:done("DELETE", one .. "/roles/reader")
  c:done("POST", one .. "/databases", { database = { name = "app", owner_name = "neondb_owner" } })
  c:done("GET", one .. "/databases/app")
  c:done("PATCH", one .. "/databases/app", { database = { name = "shop" } })
  c:done("DELETE", one .. "/databases/shop")
  c:done("DELETE", of)
  c:ask("DELETE", of)
end

local function badly(c)
  c:ask("GET", "", nil, { headers = {} })
  c:ask("GET", BRANCHES .. "/br-none")
  c:create("production")
  c:ask("DELETE", BRANCHES .. "/" .. c:branch("production").id)
  for _, trouble in ipairs { { failures = 1, ends = "error" }, { failures = 1, ends = "finished" }, { failures = 0,
    ends = "cancelled" }, { failures = 1, ends = "skipped" } } do
    local _, made = c:ask("POST", BRANCHES, { branch = {} }, { trouble = trouble })
    for _ = 1, 9 do
      c:ask("GET", "/operations/" .. made.operations[1].id)
      c.now = c.now + 1
    end
  end
  c:create("busy")
  c:create("too early")
end

-- ---- how it is judged --------------------------------------------------------------------------

local function held(log, contract)
  local folder <close> = scratch "neon-contract"
  local lines = {}
  for i, entry in ipairs(log) do lines[i] = json.encode(entry) end
  fs.write(folder / "said.jsonl", table.concat(lines, "\n") .. "\n")
  return suite.hold { service = "neon", recordings = { folder / "said.jsonl" }, contracts = { { "neon", contract } } }
end

test("every answer keeps the contract, but for the known differences", function()
  local contract, there = clients.evidence "neon.json"
  if not there then skip("there is no contract at " .. contract) end
  if not fs.exists(clients.parts .. "/ajv") then skip "there is no ajv in build/clients-npm" end
  local c = new()
  for _, story in ipairs { account, project, branches, past, reached, badly } do story(c) end
  local told, problems = held(c.log, contract)
  print(("  %d exchanges held against the contract, %d known differences"):format(told.held.neon, told.known))
  equal(problems, {})
end)

test("every path of the contract is modelled, but those that the documentation names", function()
  local contract, there = clients.evidence "neon.json"
  if not there then skip("there is no contract at " .. contract) end
  local c, missing = new(), {}
  for template, methods in pairs(json.decode(fs.read(contract)).paths) do
    for method in pairs(methods) do
      local path = template:gsub("{project_id}", "moon"):gsub("{[%w_]+}", "x")
      if method ~= "parameters" then
        local _, answer = c:call(method:upper(), path, { body = method ~= "get" and {} or nil })
        if answer and answer.message == "this route does not exist" then
          missing[#missing + 1] = method:upper() .. " " .. template
        end
        c.now = c.now + 60
      end
    end
  end
  table.sort(missing)
  equal(missing, {
    "DELETE /projects/{project_id}/snapshots/{snapshot_id}", "GET /projects/{project_id}/snapshots",
    "PATCH /projects/{project_id}/snapshots/{snapshot_id}",
    "POST /projects/{project_id}/branches/{branch_id}/finalize_restore",
    "POST /projects/{project_id}/branches/{branch_id}/snapshot",
    "POST /projects/{project_id}/snapshots/{snapshot_id}/restore",
  })
end)
