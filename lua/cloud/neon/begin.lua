---What Neon's part of a world begins with, and how one that an older Davit saved becomes one of today.
local account = require "cloud.neon.account"
local branches = require "cloud.neon.branches"
local data = require "cloud.data"
local endpoints = require "cloud.neon.endpoints"
local ids = require "cloud.ids"
local projects = require "cloud.neon.projects"

local begin = {}

local PROJECT = "wandering-moon-123456"

---@class neon.Seed
---@field org? { id?: string, name?: string }
---@field projects? neon.SeedProject[]  beside the first one
---@field branches? neon.SeedBranch[]   of the first one, beside production
---@field tokens? neon.Token[]          beside the main one
---@field database? string              of production (neondb)
---@field role? string                  of production (neondb_owner)

---@class neon.SeedProject
---@field id string
---@field name? string
---@field shared? boolean
---@field branches? neon.SeedBranch[]
---@field database? string
---@field role? string

---@class neon.SeedBranch
---@field name string
---@field parent? string      production
---@field protected? boolean
---@field compute? boolean    true

-- ---- a new world -------------------------------------------------------------------------

-- What a world begins with is there already: it had its operations before.
local function add_branch(context, wanted)
  local parent = data.find(context.neon.branches, "name", wanted.parent or "production")
  local one = branches.make(context, parent, { name = wanted.name, protected = wanted.protected }, nil, nil)
  if wanted.compute == false then return end
  endpoints.create(context.state, one, { type = "read_write" }, context.now)
end

-- A project whose production is there; its other branches are in the order of parents and children.
local function add_project(state, o, from)
  local now = state.settings.created_at
  local project = projects.new(state, o, now)
  local production = projects.first_branch(state, project,
    { name = "production", protected = true, role = from.role, database = from.database }, now)
  endpoints.create(state, production, { type = "read_write" }, now)
  local mine = { branches = { production } }
  for _, wanted in ipairs(from.branches or {}) do
    local context = { state = state, neon = mine, project = project, now = now }
    add_branch(context, wanted)
    table.insert(mine.branches, state.neon.branches[#state.neon.branches])
  end
end

---The part of the world that Neon owns.
---@param state table
---@param seed world.Seed
function begin.world(state, seed)
  local of_neon, id = seed.neon or {}, seed.neon_project or PROJECT
  local neon = { project_id = id, token = seed.tokens and seed.tokens.neon or "neon-token",
    tokens = of_neon.tokens or {}, seed = ids.hex(state, "neon"), follow = false, projects = {}, branches = {},
    operations = {}, timelines = {} }
  state.neon = neon
  account.init(neon, of_neon.org or {})
  add_project(state, { id = id, name = "davit", org = neon.org.id }, of_neon)
  for _, project in ipairs(of_neon.projects or {}) do
    add_project(state, { id = project.id, name = project.name or project.id, shared = project.shared,
      org = not project.shared and neon.org.id or nil }, project)
  end
end

-- ---- a world of before -------------------------------------------------------------------

-- Every branch had a database of its own, called by the branch's id.
local function upgrade_branch(neon, branch)
  local project, parent = neon.project_id, data.find(neon.branches, "id", branch.parent_id)
  table.insert(neon.timelines, { id = branch.id, parent = parent and parent.timeline, created = branch.created,
    start = branch.lsn or 0, catalog = {} })
  branch.project_id, branch.timeline, branch.since = project, branch.id, branch.created
  branch.operation, branch.before, branch.creation = branch.creation, "init", nil
  branch.ttl = branch.expires and math.floor(branch.expires - branch.created) or nil
  branch.ran = { active = 0, compute = 0 }
  for _, role in ipairs(branch.roles) do role.created, role.updated = branch.created, branch.created end
  for _, database in ipairs(branch.databases) do
    database.key, database.created, database.updated = database.id, branch.created, branch.created
  end
end

local function upgrade_endpoint(endpoint, number)
  endpoint.number, endpoint.goal, endpoint.before, endpoint.since = number, "active", "init", endpoint.created
  endpoint.updated, endpoint.started, endpoint.boots, endpoint.ran = endpoint.created, endpoint.created, 0, 0
end

-- An address was a branch's. Its compute that takes writes has it now, any other one another.
local function upgrade_endpoints(neon)
  local last = 0
  for _, branch in ipairs(neon.branches) do last = math.max(last, branch.number) end
  for _, branch in ipairs(neon.branches) do
    local main = endpoints.writer(branch) or branch.endpoints[1]
    for _, endpoint in ipairs(branch.endpoints) do
      if endpoint ~= main then last = last + 1 end
      upgrade_endpoint(endpoint, endpoint == main and branch.number or last)
    end
    branch.number = nil
  end
end

---@param state table  whose services may lack what those of today have
---@param fresh table  a new world of the same project
function begin.upgrade(state, fresh)
  local neon = state.neon
  for key, value in pairs(fresh.neon) do
    if neon[key] == nil and key ~= "projects" and key ~= "timelines" then neon[key] = value end
  end
  if neon.projects then return end
  neon.projects, neon.timelines = { fresh.neon.projects[1] }, {}
  for _, branch in ipairs(neon.branches) do upgrade_branch(neon, branch) end
  upgrade_endpoints(neon)
  for _, operation in ipairs(neon.operations) do operation.project_id = neon.project_id end
end

return begin
