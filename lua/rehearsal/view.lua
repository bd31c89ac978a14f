---The modelled cloud as a project's invariants see it: plain lists, made anew each time, so that whoever changes one
---changes nothing. docs/api/invariant.lua describes it.
local data = require "cloud.data"
local ledger = require "cloud.ledger"

local view = {}

local function map(list, f)
  local out = {}
  for _, item in ipairs(list or {}) do out[#out + 1] = f(item) end
  return out
end

local function copy(t)
  local out = {}
  for key, value in pairs(t or {}) do out[key] = type(value) == "table" and copy(value) or value end
  return out
end

-- ---- Cloudflare --------------------------------------------------------------------------------

local function record(r)
  return { type = r.type, name = r.name, content = r.content, proxied = r.proxied or false, comment = r.comment }
end

-- Of a secret that there is one.
local function bindings_of(version)
  local by_name = {}
  for _, b in ipairs(version.bindings) do
    local value = b.type ~= "secret_text" and (b.text or b.service or b.namespace_id) or nil
    by_name[b.name] = { type = b.type, value = value }
  end
  return by_name
end

local function version_of(v)
  return { id = v.id, tag = (v.annotations or {})["workers/tag"], bindings = bindings_of(v) }
end

local function traffic_of(script)
  local current = script.deployments[#script.deployments]
  return map(current and current.versions, function(share)
    local version = data.find(script.versions, "id", share.version_id)
    local seen = version_of(version)
    seen.percentage = share.percentage
    return seen
  end)
end

local function worker(script)
  return {
    name = script.name, tags = copy(script.tags), on_workers_dev = script.subdomain.since ~= nil,
    crons = map(script.schedules, function(schedule) return schedule.cron end),
    versions = map(script.versions, version_of), traffic = traffic_of(script),
  }
end

local function workers(cloudflare)
  local list = {}
  for _, script in pairs(cloudflare.scripts) do list[#list + 1] = worker(script) end
  return list
end

-- ---- Neon --------------------------------------------------------------------------------------

local function branches(state)
  local list = {}
  for _, b in ipairs(state.neon.branches) do
    local parent = data.find(state.neon.branches, "id", b.parent_id)
    if not b.deleted then
      list[#list + 1] = {
        name = b.name, parent = parent and parent.name, protected = b.protected or false, expires = b.expires ~= nil,
        annotation = copy(b.annotation), tables = copy(ledger.tables(state, b)),
        statements = map(ledger.own(state, b), function(entry) return entry.text end),
      }
    end
  end
  return list
end

-- ---- GitHub ------------------------------------------------------------------------------------

local function issue(i)
  return { number = i.number, title = i.title, state = i.state, login = i.login, body = i.body or "" }
end

local function deployment(d)
  local newest = d.statuses[#d.statuses]
  return { environment = d.environment, ref = d.ref, sha = d.sha, task = d.task, state = newest and newest.state }
end

local function statuses(repository)
  local list = {}
  for sha, of_commit in pairs(repository.statuses) do
    for _, s in ipairs(of_commit) do
      list[#list + 1] = { sha = sha, context = s.context, state = s.state, description = s.description }
    end
  end
  return list
end

local function github(repository)
  return {
    comments = map(repository.comments, function(c) return { number = c.number, login = c.login, body = c.body } end),
    issues = map(repository.issues, issue),
    pulls = map(repository.pulls, function(p)
      local seen = issue(p)
      seen.head, seen.sha, seen.base, seen.merged = p.head, p.sha, p.base, p.merged ~= nil
      return seen
    end),
    deployments = map(repository.deployments, deployment), statuses = statuses(repository),
  }
end

local nothing = { comments = {}, issues = {}, pulls = {}, deployments = {}, statuses = {} }

-- ---- all ---------------------------------------------------------------------------------------

---@param state table  of the models
---@return table cloud  of docs/api/invariant.lua
function view.of(state)
  local cloud = {
    records = map(state.cloudflare.records, record),
    domains = map(state.cloudflare.domains, function(d) return { hostname = d.hostname, worker = d.service } end),
    routes = map(state.cloudflare.routes, function(r) return { pattern = r.pattern, worker = r.script } end),
    workers = workers(state.cloudflare), branches = branches(state),
  }
  local repository = state.github.repositories[state.github.repository]
  for key, list in pairs(repository and github(repository) or nothing) do cloud[key] = list end
  return cloud
end

return view
