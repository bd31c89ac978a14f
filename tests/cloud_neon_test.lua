---The model of Neon: branches, operations, connection strings, and the follower's side.
local hosts = require "cloud.neon.hosts"
local json = require "json"
local neon = require "cloud.neon"
local world = require "cloud.world"

local BRANCHES = "/branches"

local function new(settings)
  return { state = world.new { neon_project = "moon", settings = settings }, now = 1800000000 }
end

local function ask(c, method, target, body, headers)
  local path, query = target:match("^([^?]*)%??(.*)$")
  headers = headers or { authorization = "Bearer neon-token" }
  local answer = world.handle({ method = method, host = "console.neon.tech", query = query,
    path = "/api/v2/projects/" .. (c.project or "moon") .. path, headers = headers,
    body = body and json.encode(body) or "" }, c.state, c.now)
  return answer.status, answer.body ~= "" and json.decode(answer.body) or nil
end

local function create(c, name, more, endpoints)
  local branch = { name = name }
  for key, value in pairs(more or {}) do branch[key] = value end
  return ask(c, "POST", BRANCHES, { branch = branch,
    endpoints = endpoints or { { type = "read_write" } } })
end

-- A branch whose operations are done.
local function made(c, name, more)
  local status, answer = create(c, name, more)
  equal(status, 201)
  c.now = c.now + 2
  return answer
end

test("a wrong token, project or route has the service's own error", function()
  local c = new()
  local status, answer = ask(c, "GET", "", nil,
    { authorization = "Bearer x", ["x-request-id"] = "r1" })
  equal({ status, answer.request_id, answer.code }, { 401, "r1", "" })
  equal((ask(c, "GET", "/nowhere")), 404)
  c.project = "sun"
  equal((ask(c, "GET", BRANCHES)), 404)
end)

test("the project tells its history and its limit of branches", function()
  local _, answer = ask(new { branches_limit = 7 }, "GET", "")
  equal({ answer.project.history_retention_seconds, answer.project.owner.branches_limit },
    { 86400, 7 })
end)

test("a new branch is not ready until its operations are", function()
  local c = new()
  local status, answer = create(c, "pr-42")
  equal({ status, answer.branch.current_state, answer.endpoints[1].current_state },
    { 201, "init", "init" })
  equal({ answer.operations[1].action, answer.operations[2].action },
    { "create_branch", "start_compute" })
  local operation = "/operations/" .. answer.operations[1].id
  local _, running = ask(c, "GET", operation)
  equal(running.operation.status, "running")
  c.now = c.now + 2
  local _, finished = ask(c, "GET", operation)
  equal({ finished.operation.status, finished.operation.total_duration_ms }, { "finished", 2000 })
  local _, now = ask(c, "GET", BRANCHES .. "/" .. answer.branch.id)
  equal({ now.branch.current_state, now.branch.pending_state }, { "ready", nil })
end)

test("while an operation runs the project takes no mutation", function()
  local c = new()
  local _, first = create(c, "one")
  equal((create(c, "two")), 423)
  local one = BRANCHES .. "/" .. first.branch.id
  equal((ask(c, "PATCH", one, { branch = { name = "x" } })), 423)
  equal((ask(c, "DELETE", one)), 423)
  equal((ask(c, "DELETE", BRANCHES .. "/br-gone")), 204)
  c.now = c.now + 2
  equal((create(c, "two")), 201)
end)

test("a name is taken once, and a parent must exist", function()
  local c = new()
  made(c, "one")
  equal((create(c, "one")), 409)
  equal((create(c, "two", { parent_id = "br-none" })), 404)
end)

test("an expiry is in the future, within thirty days, and ends the branch", function()
  local c = new()
  equal((create(c, "x", { expires_at = "tomorrow" })), 400)
  equal((create(c, "x", { expires_at = "2020-01-01T00:00:00Z" })), 422)
  equal((create(c, "x", { expires_at = "2099-01-01T00:00:00Z" })), 422)
  local answer = made(c, "x", { expires_at = "2027-01-20T08:00:00.000Z" })
  local one = BRANCHES .. "/" .. answer.branch.id
  equal(answer.branch.expires_at, "2027-01-20T08:00:00Z")
  equal((create(c, "child", { parent_id = answer.branch.id })), 422)
  local _, kept = ask(c, "PATCH", one, { branch = { expires_at = json.null } })
  equal(kept.branch.expires_at, nil)
  ask(c, "PATCH", one, { branch = { expires_at = "2027-01-20T08:00:00Z" } })
  c.now = c.now + 10 * 86400
  equal((ask(c, "GET", one)), 404)
end)

test("annotations come back with the branch and with the list", function()
  local c = new()
  local body = { branch = { name = "pr-42" }, annotation_value = { ["davit-pr"] = "42" } }
  local _, answer = ask(c, "POST", BRANCHES, body)
  local id = answer.branch.id
  local _, one = ask(c, "GET", BRANCHES .. "/" .. id)
  equal({ one.annotation.object, one.annotation.value },
    { { type = "console/branch", id = id }, { ["davit-pr"] = "42" } })
  local _, all = ask(c, "GET", BRANCHES)
  equal(all.annotations[id].value, { ["davit-pr"] = "42" })
end)

test("branches are searched, and listed by cursors that end", function()
  local c = new()
  for i = 1, 4 do made(c, "pr-" .. i) end
  local names, cursor = {}, nil
  repeat
    local _, page = ask(c, "GET", BRANCHES .. "?limit=2" .. (cursor and "&cursor=" .. cursor or ""))
    for _, branch in ipairs(page.branches) do names[#names + 1] = branch.name end
    cursor = page.pagination.next
  until not cursor
  equal(names, { "pr-4", "pr-3", "pr-2", "pr-1", "production" })
  local _, found = ask(c, "GET", BRANCHES .. "?search=pr-&sort_by=name&sort_order=asc")
  equal({ #found.branches, found.branches[1].name }, { 4, "pr-1" })
  equal((ask(c, "GET", BRANCHES .. "?limit=0")), 400)
end)

test("operations are listed until a page is empty", function()
  local c = new()
  made(c, "one")
  local _, first = ask(c, "GET", "/operations?limit=2")
  equal({ #first.operations, first.operations[1].action }, { 2, "start_compute" })
  local _, last = ask(c, "GET", "/operations?cursor=" .. first.pagination.cursor)
  equal({ #last.operations, type(last.pagination.cursor) }, { 0, "string" })
end)

test("default, protected and parent branches are not deleted, others once", function()
  local c = new()
  local parent = made(c, "parent").branch.id
  local child = made(c, "child", { parent_id = parent }).branch.id
  local _, production = ask(c, "GET", BRANCHES .. "?search=production")
  equal((ask(c, "DELETE", BRANCHES .. "/" .. production.branches[1].id)), 422)
  equal((ask(c, "DELETE", BRANCHES .. "/" .. parent)), 422)
  local status, answer = ask(c, "DELETE", BRANCHES .. "/" .. child)
  equal({ status, answer.operations[2].action }, { 200, "delete_timeline" })
  equal((ask(c, "DELETE", BRANCHES .. "/" .. child)), 204)
  equal((ask(c, "GET", BRANCHES .. "/" .. child)), 404)
end)

test("each branch has a host and a password of its own", function()
  local c = new()
  local answer = made(c, "pr-42")
  local where = answer.connection_uris[1]
  equal(where.connection_parameters.host, "127.0.42.2")
  local query = "?branch_id=" .. answer.branch.id
    .. "&database_name=neondb&role_name=neondb_owner&pooled=true"
  local _, asked = ask(c, "GET", "/connection_uri" .. query)
  equal(asked.uri, where.connection_uri)
  local _, production = ask(c, "GET", "/connection_uri?database_name=neondb&role_name=neondb_owner")
  local password, host = production.uri
    :match("^postgresql://neondb_owner:([^@]+)@([%d.]+)/neondb%?sslmode=require$")
  equal({ host, password == where.connection_parameters.password }, { "127.0.42.1", false })
  equal((ask(c, "GET", "/connection_uri?database_name=neondb")), 400)
  equal((ask(c, "GET", "/connection_uri?database_name=other&role_name=neondb_owner")), 404)
end)

test("a child of an unprotected branch has its parent's password", function()
  local c = new()
  local parent = made(c, "parent")
  local child = made(c, "child", { parent_id = parent.branch.id })
  equal(child.roles[1].password, parent.roles[1].password)
end)

test("roles, databases and endpoints of a branch are listed without passwords", function()
  local c = new()
  local one = BRANCHES .. "/" .. made(c, "pr-42").branch.id
  local _, roles = ask(c, "GET", one .. "/roles")
  equal({ roles.roles[1].name, roles.roles[1].password }, { "neondb_owner", nil })
  local _, revealed = ask(c, "GET", one .. "/roles/neondb_owner/reveal_password")
  equal(revealed.password:sub(1, 4), "npg_")
  local _, databases = ask(c, "GET", one .. "/databases")
  equal(databases.databases[1].owner_name, "neondb_owner")
  local _, endpoints = ask(c, "GET", one .. "/endpoints")
  equal({ endpoints.endpoints[1].host, endpoints.endpoints[1].current_state },
    { "127.0.42.2", "active" })
  equal((ask(c, "GET", one .. "/roles/none")), 404)
end)

test("an address is used again once its branch is really gone", function()
  local c = new()
  local id = made(c, "one").branch.id
  ask(c, "DELETE", BRANCHES .. "/" .. id)
  c.now = c.now + 2
  equal(made(c, "two").endpoints[1].host, "127.0.42.2")
end)

test("a branch has a name, too, with the pooler and without, as long as it lives", function()
  local c = new()
  local answer = made(c, "pr-42")
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
  ask(c, "DELETE", BRANCHES .. "/" .. answer.branch.id)
  equal(hosts.find(c.state, name), nil)
end)

test("names of the databases resolve: endpoints to their address, the others to the local cloud", function()
  local c = new()
  local name = hosts.name(made(c, "pr-42").endpoints[1])
  equal(hosts.resolve(c.state, name .. ".", "a").answers, { { type = "A", data = "127.0.42.2" } })
  equal(hosts.resolve(c.state, name, "AAAA"), { rcode = "NOERROR", ttl = 60, answers = {} })
  equal(hosts.resolve(c.state, "api.eu-central-1.aws.neon.tech", "A").answers[1].data, "127.0.0.1")
  equal(hosts.resolve(c.state, "ep-none-1.eu-central-1.aws.neon.tech", "A").rcode, "NXDOMAIN")
  equal(hosts.resolve(c.state, "console.neon.tech", "A"), nil)
end)

test("in a text addresses of branches become names, and nothing else does", function()
  local c = new()
  local answer = made(c, "pr-42")
  local name = hosts.name(answer.endpoints[1])
  local uri = answer.connection_uris[1].connection_uri
  equal(hosts.present(c.state, uri), (uri:gsub("127%.0%.42%.2", name)))
  equal(hosts.present(c.state, '{"host":"127.0.42.2"}'), ('{"host":"%s"}'):format(name))
  for _, text in ipairs { "", "127.0.42.20", "127.0.42.9", "127.0.0.1:5432", "1127.0.42.2", "127.0.42" } do
    equal(hosts.present(c.state, text), text)
  end
end)

test("the limit of branches is a limit", function()
  local c = new { branches_limit = 2 }
  made(c, "one")
  local status, answer = create(c, "two")
  equal({ status, answer.code }, { 422, "BRANCHES_LIMIT_EXCEEDED" })
end)

test("with a follower an operation ends when it says so", function()
  local c = new()
  c.state.neon.follow = true
  local _, answer = create(c, "pr-42")
  c.now = c.now + 1000
  equal((create(c, "other")), 423)
  local listed = neon.branches(c.state)[2]
  equal({ listed.name, listed.address, listed.deleted, #listed.operations },
    { "pr-42", "127.0.42.2", false, 2 })
  equal(listed.roles[1].password, answer.roles[1].password)
  for _, operation in ipairs(listed.operations) do
    equal(neon.event(c.state, { operation = operation.id, status = "finished" }, c.now), true)
    equal(neon.event(c.state, { operation = operation.id, status = "finished" }, c.now), false)
  end
  equal(#neon.branches(c.state)[2].operations, 0)
  local _, branch = ask(c, "GET", BRANCHES .. "/" .. answer.branch.id)
  equal(branch.branch.current_state, "ready")
end)

test("an operation that failed says why, and its branch stays unready", function()
  local c = new()
  c.state.neon.follow = true
  local _, answer = create(c, "pr-42", {}, {})
  local id = answer.operations[1].id
  neon.event(c.state, { operation = id, status = "failed", error = "no space" }, c.now + 1)
  c.now = c.now + 2
  local _, shown = ask(c, "GET", "/operations/" .. id)
  equal({ shown.operation.status, shown.operation.error, shown.operation.failures_count },
    { "failed", "no space", 1 })
  local _, branch = ask(c, "GET", BRANCHES .. "/" .. answer.branch.id)
  equal(branch.branch.current_state, "init")
end)
