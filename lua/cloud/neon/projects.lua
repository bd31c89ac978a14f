---Projects: made with a first branch, found, changed and deleted, and what their computes and branches have used.
---
---Figures of use are counted from the model: a compute's time by its least size, bytes as the ledger or a follower
---knows them; they are never set back. Assumed: that without org_id a person sees all projects, the statuses of
---refusals, and that a deleted project is listed for seven days.
local access = require "cloud.neon.access"
local account = require "cloud.neon.account"
local base64 = require "base64"
local body = require "cloud.neon.body"
local branch = require "cloud.neon.branch"
local catalog = require "cloud.neon.catalog"
local clock = require "cloud.clock"
local computes = require "cloud.neon.computes"
local connection = require "cloud.neon.connection"
local data = require "cloud.data"
local endpoints = require "cloud.neon.endpoints"
local history = require "cloud.ledger.history"
local ids = require "cloud.ids"
local json = require "json"
local operations = require "cloud.neon.operations"
local timelines = require "cloud.neon.timelines"

local projects = {}

local refuse = body.refuse

local PERIOD = 30 * 86400
local RECOVERABLE = 7 * 86400
local LONGEST_HISTORY = 30 * 86400
local MIB = 1 << 20
local LARGEST_BRANCH = 512   -- MiB

---@class neon.Project
---@field id string
---@field name string
---@field region string
---@field pg_version integer
---@field history integer         seconds
---@field store_passwords boolean
---@field settings table
---@field defaults table          default_endpoint_settings
---@field org? string
---@field shared? boolean         somebody else's, shared with us
---@field created number
---@field deleted? number
---@field ran { active: number, compute: number }  seconds, of branches that are no more
---@field written integer         bytes, of the same

-- ---- making ------------------------------------------------------------------------------

---@param o table  id, name and what else there is
---@return neon.Project
function projects.new(state, o, now)
  local project = { id = o.id, name = o.name, region = o.region or account.REGION, pg_version = o.pg_version or 17,
    history = o.history or state.settings.history_seconds, store_passwords = o.store_passwords ~= false,
    settings = o.settings or {}, defaults = o.defaults or {}, org = o.org, shared = o.shared, created = now,
    updated = now, ran = { active = 0, compute = 0 }, written = 0 }
  table.insert(state.neon.projects, project)
  return project
end

---Gives a project the branch that it begins with, on a timeline that comes from nowhere.
---@param o table  name, role, database, protected, compute
---@return neon.Branch
function projects.first_branch(state, project, o, now)
  local timeline = timelines.new(state, now, {})
  local one = branch.new(state, { project_id = project.id, name = o.name, default = true, timeline = timeline.id,
    protected = o.protected }, now)
  one.roles[1] = catalog.role(state, one, o.role or "neondb_owner", now)
  one.databases[1] = catalog.database(state, o.database or "neondb", one.roles[1].name, now)
  timelines.note(state, one, now)
  return one
end

-- ---- what the API shows ------------------------------------------------------------------

local function used(state, project, now)
  local sum = { active = project.ran.active, compute = project.ran.compute, written = project.written, size = 0 }
  for _, one in ipairs(state.neon.branches) do
    if one.project_id == project.id then
      local of_branch = branch.used(state, one, now)
      sum.active, sum.compute = sum.active + of_branch.active, sum.compute + of_branch.compute
      sum.written = sum.written + branch.written(state, one)
      sum.size = sum.size + history.size(state, one.timeline)
    end
  end
  return sum
end

local function last_active(state, project)
  local last
  for _, one in ipairs(state.neon.branches) do
    for _, endpoint in ipairs(one.project_id == project.id and one.endpoints or {}) do
      last = math.max(last or 0, endpoint.used or 0, endpoint.started)
    end
  end
  return last and clock.iso(last) or nil
end

-- What lists show, too.
local function essential(context, project, sum)
  local deleted = project.deleted
  return {
    id = project.id, name = project.name, platform_id = "aws", region_id = project.region, provisioner = "k8s-neonvm",
    pg_version = project.pg_version, proxy_host = project.region:gsub("^aws%-", "") .. ".aws.neon.tech",
    default_endpoint_settings = data.plain(project.defaults), settings = data.plain(project.settings),
    store_passwords = project.store_passwords, creation_source = "console",
    history_retention_seconds = project.history, branch_logical_size_limit = LARGEST_BRANCH,
    branch_logical_size_limit_bytes = LARGEST_BRANCH * MIB, cpu_used_sec = math.floor(sum.compute),
    synthetic_storage_size = sum.size, owner_id = project.org or context.neon.user.id, org_id = project.org,
    compute_last_active_at = last_active(context.state, project), created_at = clock.iso(project.created),
    updated_at = clock.iso(project.updated), deleted_at = deleted and clock.iso(deleted) or nil,
    recoverable_until = deleted and clock.iso(deleted + RECOVERABLE) or nil,
  }
end

local function show_item(context, project)
  local sum = used(context.state, project, context.now)
  local shown = essential(context, project, sum)
  shown.active_time, shown.org_name = math.floor(sum.active), project.org and context.neon.org.name
  return shown
end

local function show(context, project)
  local sum = used(context.state, project, context.now)
  local shown = essential(context, project, sum)
  shown.compute_time_seconds, shown.active_time_seconds = math.floor(sum.compute), math.floor(sum.active)
  shown.written_data_bytes, shown.data_transfer_bytes, shown.data_storage_bytes_hour = sum.written, 0, 0
  local begun = project.created + (context.now - project.created) // PERIOD * PERIOD
  shown.consumption_period_start, shown.consumption_period_end = clock.iso(begun), clock.iso(begun + PERIOD)
  shown.owner = account.owner(context)
  return shown
end

-- ---- listing -----------------------------------------------------------------------------

-- There is a cursor even on the last page.
local function page_of(context, found)
  local query = context.query
  local limit = math.tointeger(tonumber(query.limit or 10))
  if not limit or limit < 1 or limit > 400 then refuse(400, "limit must be from 1 to 400") end
  local ok, id = pcall(base64.decode, query.cursor or "")
  local _, before = data.find(found, "id", ok and id or "")
  local first = query.cursor and (before or #found) + 1 or 1
  local page = table.move(found, first, math.min(first + limit - 1, #found), 1, {})
  local cursor = #page > 0 and base64.encode(page[#page].id) or query.cursor or base64.encode "start"
  return { projects = data.array(page, function(one) return show_item(context, one) end),
    pagination = { cursor = cursor } }
end

local function matching(context, wanted)
  local search = context.query.search or ""
  return data.filter(context.neon.projects, function(one)
    return wanted(one) and access.sees(context, one)
      and (one.name:find(search, 1, true) or one.id:find(search, 1, true)) ~= nil
  end)
end

local function list(context)
  local query, now = context.query, context.now
  local deleted = query.recoverable == "true"
  local answer = page_of(context, matching(context, function(one)
    local recoverable = one.deleted and now < one.deleted + RECOVERABLE
    return not one.shared and (not query.org_id or one.org == query.org_id)
      and (deleted and recoverable or not deleted and not one.deleted)
  end))
  answer.applications, answer.integrations = {}, {}
  return answer
end

local function shared(context)
  return page_of(context, matching(context, function(one) return one.shared and not one.deleted end))
end

-- ---- creating ----------------------------------------------------------------------------

local adjectives = { "quiet", "bright", "calm", "deep", "early", "gentle", "late", "solitary" }
local nouns = { "harbor", "lake", "meadow", "river", "shore", "tide", "wave", "wind" }

local function new_id(state)
  local number = tonumber(ids.hex(state, "project", 12), 16)
  return ("%s-%s-%08d"):format(adjectives[number % 8 + 1], nouns[number // 8 % 8 + 1], number // 64 % 100000000)
end

local function check(context, wanted)
  body.name(wanted.name, "name", 256)
  body.integer(wanted.history_retention_seconds, "history_retention_seconds", 0, LONGEST_HISTORY)
  body.integer(wanted.pg_version, "pg_version", 14, 18)
  body.boolean(wanted.store_passwords, "store_passwords")
  body.object(wanted.settings, "settings")
  computes.read(body.object(wanted.default_endpoint_settings, "default_endpoint_settings"), false)
  computes.read(wanted, false)
  if wanted.region_id and not account.is_region(wanted.region_id) then refuse(400, "unknown region_id") end
  if wanted.org_id and wanted.org_id ~= context.neon.org.id then refuse(404, "organization not found") end
end

local function check_limit(context)
  local living = data.filter(context.neon.projects, function(one) return not one.deleted and not one.shared end)
  body.limit("projects", #living, context.state.settings.projects_limit)
end

local function names_of(wanted)
  local first = body.object(wanted.branch, "branch")
  return { name = body.name(first.name, "the name of the branch", 256) or "main",
    role = body.name(first.role_name, "role_name", 63), database = body.name(first.database_name, "database_name", 63) }
end

local function create(context)
  access.need(context, "user", "org")
  local wanted, state, now = body.required(context, "project"), context.state, context.now
  check(context, wanted)
  check_limit(context)
  if not endpoints.free_number(state, now) then refuse(422, "there is no address left for another endpoint") end
  local names = names_of(wanted)
  local id = new_id(state)
  context.project = projects.new(state, { id = id, name = wanted.name or id, region = wanted.region_id,
    pg_version = wanted.pg_version, history = wanted.history_retention_seconds, settings = wanted.settings,
    store_passwords = wanted.store_passwords, defaults = wanted.default_endpoint_settings,
    org = context.neon.org.id }, now)
  local one = projects.first_branch(state, context.project, names, now)
  local steps = { { "create_timeline" } }
  branch.add_computes(state, one, { { type = "read_write", autoscaling_limit_min_cu = wanted.autoscaling_limit_min_cu,
    autoscaling_limit_max_cu = wanted.autoscaling_limit_max_cu } }, steps, now)
  local answer = branch.show_whole(context, one, branch.begin(state, one, "init", steps, now), true)
  answer.annotation, answer.project = nil, show(context, context.project)
  answer.connection_uris = json.array { connection.details(state, one, one.roles[1], one.databases[1]) }
  return answer, { status = 201 }
end

-- ---- one project -------------------------------------------------------------------------

---The living project of this id that the key sees; refuses when there is none.
---@return neon.Project
function projects.get(context, id)
  local project = data.find(context.neon.projects, "id", id)
  if project and not project.deleted and access.sees(context, project) then return project end
  refuse(404, "project not found")
end

local function get(context) return { project = show(context, context.project) } end

local function patch(context)
  operations.refuse_while_running(context)
  local project, wanted = context.project, body.required(context, "project")
  check(context, wanted)
  project.name, project.updated = wanted.name or project.name, context.now
  project.history = wanted.history_retention_seconds or project.history
  project.defaults = wanted.default_endpoint_settings or project.defaults
  for key, value in pairs(wanted.settings or {}) do project.settings[key] = value end
  return { project = show(context, project), operations = json.array {} }
end

local function delete(context)
  access.need(context, "user", "org")
  operations.refuse_while_running(context)
  local state, project, now = context.state, context.project, context.now
  local living = branch.living(state, project)
  for _, one in ipairs(living) do
    if one.protected then refuse(422, "cannot delete a project that has protected branches") end
  end
  project.deleted, project.updated = now, now
  for _, one in ipairs(living) do branch.remove(state, one, now, { method = "user" }) end
  return { project = show(context, project) }
end

projects.routes = {
  { "GET", "/projects", list },
  { "POST", "/projects", create },
  { "GET", "/projects/shared", shared },
  { "GET", "/projects/{project}", get },
  { "PATCH", "/projects/{project}", patch },
  { "DELETE", "/projects/{project}", delete },
}

return projects
