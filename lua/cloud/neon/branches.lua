---What clients ask of branches: made of a parent's head or past, changed, deleted and taken back.
---
---Assumed: the statuses and words of semantic refusals (422), where the recordings have none.
local body = require "cloud.neon.body"
local branch = require "cloud.neon.branch"
local catalog = require "cloud.neon.catalog"
local clock = require "cloud.clock"
local computes = require "cloud.neon.computes"
local connection = require "cloud.neon.connection"
local data = require "cloud.data"
local endpoints = require "cloud.neon.endpoints"
local ids = require "cloud.ids"
local json = require "json"
local operations = require "cloud.neon.operations"
local timelines = require "cloud.neon.timelines"

local branches = {}

local LONGEST_LIFE = 30 * 86400

local refuse = body.refuse

-- ---- creating ----------------------------------------------------------------------------

-- The branch may be one that is only wanted yet.
local function expiry_of(context, text, one)
  local expires = type(text) == "string" and clock.parse(text)
  if not expires then refuse(400, "expires_at must be a time of RFC 3339 with its zone") end
  if expires <= context.now then refuse(422, "expires_at must be in the future") end
  if expires > context.now + LONGEST_LIFE then refuse(422, "expires_at must be within 30 days") end
  local is_parent = one.id and #branch.children(context.state, one) > 0
  if one.default or one.protected or is_parent then
    refuse(422, "a default, protected or parent branch cannot expire")
  end
  return math.floor(expires)
end

local function parent_of(context, id)
  local parent = data.text(id) and branch.get(context, id, "parent branch") or branch.default(context)
  if parent.expires then refuse(422, "a branch that expires cannot have children") end
  return parent
end

-- The endpoints that are wanted with a branch: objects, one of which takes writes.
local function endpoints_of(context)
  local given = context.body.endpoints
  if given == nil or given == json.null then return {} end
  if type(given) ~= "table" or data.object(given) and next(given) then refuse(400, "endpoints must be a list") end
  local list, writers = {}, 0
  for i, item in ipairs(given) do
    if not data.object(item) then refuse(400, "endpoints must be a list of objects") end
    list[i] = computes.read(data.plain(item), true)
    writers = writers + (list[i].type == "read_write" and 1 or 0)
  end
  if writers > 1 then refuse(422, "a branch has one read_write endpoint") end
  computes.check_room(context, #list)
  return list
end

local sources = { ["parent-data"] = true, ["schema-only"] = true }

-- What is wanted of a new branch, all of it judged before anything is made.
local function wanted_branch(context)
  local wanted = data.plain(body.object(context.body.branch, "branch"))
  wanted.name = wanted.name or "br-" .. ids.hex(context.state, "name", 8)
  wanted.init_source = wanted.init_source or "parent-data"
  if not sources[wanted.init_source] then refuse(400, "init_source is schema-only or parent-data") end
  branch.check_name(context, wanted.name)
  body.boolean(wanted.protected, "protected")
  wanted.expires = wanted.expires_at and expiry_of(context, wanted.expires_at, wanted)
  return wanted
end

local function created(context, one, chain, fresh)
  local stored = context.project.store_passwords
  local answer = branch.show_whole(context, one, chain, stored or fresh)
  if #one.roles ~= 1 or #one.databases ~= 1 or #one.endpoints == 0 or not (stored or fresh) then return answer end
  answer.connection_uris = json.array { connection.details(context.state, one, one.roles[1], one.databases[1]) }
  return answer
end

---Makes a branch, without computes and operations.
---@param context table  state, project, now
---@param parent neon.Branch
---@param wanted table   name, protected, init_source, expires
---@param at? table      of timelines.point
---@return neon.Branch
function branches.make(context, parent, wanted, at, annotation)
  local state, now = context.state, context.now
  local schema_only = wanted.init_source == "schema-only"
  local roles, databases = timelines.catalog(state, parent, at)
  local timeline = timelines.new(state, now,
    { parent = parent.timeline, at = at, schema_only = schema_only or nil })
  local one = branch.new(state, { project_id = context.project.id, name = wanted.name,
    parent_id = not schema_only and parent.id or nil, timeline = timeline.id, protected = wanted.protected,
    init_source = wanted.init_source, expires = wanted.expires,
    ttl = wanted.expires and math.floor(wanted.expires - now), annotation = annotation }, now)
  catalog.inherit(state, one, roles, databases, parent.protected or false, now)
  timelines.note(state, one, now)
  return one
end

local function create(context)
  operations.refuse_while_running(context)
  local state, now = context.state, context.now
  local given = body.object(context.body.branch, "branch")
  local parent = parent_of(context, given.parent_id)
  local wanted, wanted_endpoints = wanted_branch(context), endpoints_of(context)
  local annotation = body.annotation(context.body.annotation_value)
  local at = timelines.point(context, parent, wanted.parent_lsn, wanted.parent_timestamp)
  branch.check_limit(context)
  local one = branches.make(context, parent, wanted, at, next(annotation) and annotation or nil)
  local steps = { { "create_branch" } }
  branch.add_computes(state, one, wanted_endpoints, steps, now)
  if wanted.init_source == "schema-only" then steps[#steps + 1] = { "apply_schema_from_branch" } end
  local chain = branch.begin(state, one, "init", steps, now)
  return created(context, one, chain, parent.protected), { status = 201 }
end

-- ---- looking and changing ----------------------------------------------------------------

local function one_of(context) return branch.get(context, context.params.branch) end

local function get(context)
  local one = one_of(context)
  return { branch = branch.show(context, one), annotation = branch.annotation(one) }
end

local function answer(context, one, chain)
  return { branch = branch.show(context, one), operations = operations.show_all(context, chain) }
end

local function patch(context)
  local one = one_of(context)
  operations.refuse_while_running(context)
  local given = context.body.branch
  local change = body.required(context, "branch")
  if change.name then branch.check_name(context, change.name, one) end
  local protected = body.boolean(change.protected, "protected")
  local expires, ttl = one.expires, one.ttl
  if change.expires_at then
    if protected then refuse(422, "a default, protected or parent branch cannot expire") end
    expires = expiry_of(context, change.expires_at, one)
    ttl = math.floor(expires - context.now)
  elseif given.expires_at == json.null then
    expires, ttl = nil, nil
  end
  if protected and expires then refuse(422, "a branch that expires cannot be protected") end
  one.name, one.expires, one.ttl, one.updated = change.name or one.name, expires, ttl, context.now
  if protected ~= nil then one.protected = protected end
  return answer(context, one, {})
end

local function set_as_default(context)
  local one = one_of(context)
  operations.refuse_while_running(context)
  if one.expires then refuse(422, "a branch that expires cannot be the default branch") end
  local before = branch.default(context)
  before.default, before.updated = nil, context.now
  one.default, one.updated = true, context.now
  return answer(context, one, {})
end

-- ---- deleting and taking back ------------------------------------------------------------

local function refuse_deletion(context, one)
  if one.default then refuse(422, "cannot delete the default branch") end
  if not one.parent_id and one.init_source ~= "schema-only" then refuse(422, "cannot delete the root branch") end
  if one.protected then refuse(422, "cannot delete a protected branch") end
  if #branch.children(context.state, one) > 0 then refuse(422, "cannot delete branch that has children") end
end

-- A branch that is gone already is a success without content, even while others are busy.
local function delete(context)
  local one = data.find(context.neon.branches, "id", context.params.branch)
  local hard = context.query.hard_delete == "true"
  local there = one and one.project_id == context.project.id and (not one.deleted or hard and one.recoverable)
  if not there then return nil, { status = 204 } end
  operations.refuse_while_running(context)
  refuse_deletion(context, one)
  local how = { method = "user", recoverable = not hard and context.state.settings.recovery_seconds or 0 }
  return answer(context, one, branch.remove(context.state, one, context.now, how))
end

-- Its name may have been taken meanwhile, and the place of its parent.
local function recover(context)
  local one = data.find(context.neon.branches, "id", context.params.branch)
  local mine = one and one.project_id == context.project.id and one.deleted and one.recoverable
  if not mine then refuse(404, "branch not found") end
  operations.refuse_while_running(context)
  branch.check_name(context, one.name)
  branch.check_limit(context)
  local state, now = context.state, context.now
  local taken = {}
  for _, other in ipairs(context.neon.branches) do
    for _, endpoint in ipairs(other ~= one and not other.deleted and other.endpoints or {}) do
      taken[endpoint.number] = true
    end
  end
  one.deleted, one.deletion, one.recoverable, one.method, one.expires, one.ttl = nil, nil, nil, nil, nil, nil
  one.updated = now
  for _, endpoint in ipairs(one.endpoints) do
    if taken[endpoint.number] then endpoint.number = endpoints.take_number(state, now) end
  end
  return { branch = branch.show(context, one), endpoints = endpoints.show_all(context, one) }
end

branches.routes = {
  { "POST", "/projects/{project}/branches", create },
  { "GET", "/projects/{project}/branches/{branch}", get },
  { "PATCH", "/projects/{project}/branches/{branch}", patch },
  { "DELETE", "/projects/{project}/branches/{branch}", delete },
  { "POST", "/projects/{project}/branches/{branch}/set_as_default", set_as_default },
  { "POST", "/projects/{project}/branches/{branch}/recover", recover },
}

return branches
