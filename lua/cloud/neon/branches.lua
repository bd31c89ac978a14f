---Branches: copies of a database that share its past. A deleted one stays in the state, for the
---follower, with the time of its deletion; the API no longer shows it.
local base64 = require "base64"
local clock = require "cloud.clock"
local data = require "cloud.data"
local endpoints = require "cloud.neon.endpoints"
local ids = require "cloud.ids"
local json = require "json"
local operations = require "cloud.neon.operations"
local route = require "cloud.route"

local branches = {}

local LONGEST_LIFE = 30 * 86400
local PAGE = 100         -- assumed: the cap of a page; the contract allows far larger limits
local LAST_ADDRESS = 254
local FIRST_LSN = 0x1DE2850   -- where the log of the first branch begins; assumed

local function refuse(status, message, code)
  route.refuse { status = status, message = message, code = code }
end

-- ---- making and ending -------------------------------------------------------------------

-- The lowest address that no branch holds. One being deleted holds its own until that is done.
local function free_number(state, now)
  local taken = {}
  for _, branch in ipairs(state.neon.branches) do
    local gone = branch.deleted and operations.settled(state, branch.deletion, now)
    if not gone then taken[branch.number] = true end
  end
  for number = 1, LAST_ADDRESS do
    if not taken[number] then return number end
  end
end

local function new_branch(state, fields, now)
  fields.id = "br-davit-" .. ids.hex(state, "branch", 8)
  fields.created, fields.updated, fields.endpoints = now, now, {}
  fields.lsn = state.neon.lsn or 0   -- of its parent, whose past it has: cloud/ledger.lua counts
  table.insert(state.neon.branches, fields)
  return fields
end

local function new_database(state, name, owner)
  return { id = ids.next(state, "database"), name = name, owner = owner }
end

---The branch that a project begins with.
function branches.init(state)
  local now = state.settings.created_at
  local branch = new_branch(state, { number = 1, name = "production", default = true,
    protected = true, roles = {}, databases = {} }, now)
  branch.roles[1] = { name = "neondb_owner",
    password = endpoints.password(state, branch, "neondb_owner") }
  branch.databases[1] = new_database(state, "neondb", "neondb_owner")
  endpoints.create(state, branch, { type = "read_write" }, now)
end

-- A child of a protected branch gets passwords of its own, any other child its parent's.
local function inherit(state, branch, parent)
  branch.roles, branch.databases = {}, {}
  for i, role in ipairs(parent.roles) do
    local own = parent.protected and endpoints.password(state, branch, role.name)
    branch.roles[i] = { name = role.name, password = own or role.password }
  end
  for i, database in ipairs(parent.databases) do
    branch.databases[i] = new_database(state, database.name, database.owner)
  end
end

local function remove(state, branch, now)
  local started = {}
  for _, endpoint in ipairs(branch.endpoints) do
    started[#started + 1] = operations.start(state, now, "suspend_compute", branch, endpoint)
  end
  started[#started + 1] = operations.start(state, now, "delete_timeline", branch)
  branch.deleted, branch.deletion = now, started[#started].id
  return started
end

---Deletes what has outlived its expires_at, as of that time.
function branches.expire(state, now)
  for _, branch in ipairs(state.neon.branches) do
    if branch.expires and branch.expires <= now and not branch.deleted then
      remove(state, branch, branch.expires)
    end
  end
end

---For the follower: every branch there is or was, with what is still to be done for it.
---@param state table
---@param now? number  to see also what has expired since the last request
---@return table[]  id, name, parent_id, address, databases, roles, deleted, operations
function branches.all(state, now)
  if now then branches.expire(state, now) end
  local list = {}
  for i, branch in ipairs(state.neon.branches) do
    list[i] = { id = branch.id, name = branch.name, parent_id = branch.parent_id,
      address = endpoints.address(state, branch), databases = data.plain(branch.databases),
      roles = data.plain(branch.roles), deleted = branch.deleted ~= nil,
      operations = operations.pending(state, branch) }
  end
  return list
end

-- ---- what the API shows ------------------------------------------------------------------

local function lsn_of(branch)
  return ("0/%X"):format(FIRST_LSN + 8 * (branch.lsn or 0))
end

local function show(context, branch)
  local ready, changed = operations.settled(context.state, branch.creation, context.now)
  return {
    id = branch.id, project_id = context.neon.project_id, name = branch.name,
    parent_id = branch.parent_id, parent_lsn = branch.parent_id and lsn_of(branch) or nil,
    parent_timestamp = branch.parent_id and clock.iso(branch.created) or nil,
    current_state = ready and "ready" or "init", pending_state = not ready and "ready" or nil,
    state_changed_at = clock.iso(changed), creation_source = "console",
    default = branch.default or false, primary = branch.default or false,
    protected = branch.protected or false, init_source = branch.init_source or "parent-data",
    logical_size = 0, cpu_used_sec = 0, compute_time_seconds = 0, active_time_seconds = 0,
    written_data_bytes = 0, data_transfer_bytes = 0, created_at = clock.iso(branch.created),
    updated_at = clock.iso(branch.updated),
    expires_at = branch.expires and clock.iso(branch.expires) or nil,
    ttl_interval_seconds = branch.expires and math.floor(branch.expires - branch.created) or nil,
  }
end

local function annotation(branch)
  local noted = branch.annotation and clock.iso(branch.created) or nil
  return { object = { type = "console/branch", id = branch.id },
    value = data.plain(branch.annotation or {}), created_at = noted, updated_at = noted }
end

-- ---- listing -----------------------------------------------------------------------------

local keys = { name = "name", created_at = "created", updated_at = "updated" }

local function sorted(context)
  local query = context.query
  local key, descending = keys[query.sort_by or "updated_at"], query.sort_order ~= "asc"
  if not key then refuse(400, "sort_by is unknown") end
  local found = data.filter(context.neon.branches, function(branch)
    local wanted = query.search or ""
    return not branch.deleted
      and (branch.name:find(wanted, 1, true) or branch.id:find(wanted, 1, true))
  end)
  table.sort(found, function(a, b)
    if descending then a, b = b, a end
    if a[key] ~= b[key] then return a[key] < b[key] end
    return a.id < b.id
  end)
  return found
end

-- Cursors name the last branch of a page.
local function start_of(found, cursor)
  if not cursor then return 1 end
  local ok, id = pcall(base64.decode, cursor)
  local _, index = data.find(found, "id", ok and id or "")
  if not index then refuse(400, "invalid cursor") end
  return index + 1
end

local function list(context)
  local found, query = sorted(context), context.query
  local limit = math.tointeger(tonumber(query.limit or PAGE))
  if not limit or limit < 1 or limit > 10000 then refuse(400, "limit must be from 1 to 10000") end
  local first = start_of(found, query.cursor)
  local last = math.min(first + math.min(limit, PAGE) - 1, #found)
  local page, annotations = table.move(found, first, last, 1, {}), {}
  for _, branch in ipairs(page) do
    if branch.annotation then annotations[branch.id] = annotation(branch) end
  end
  return {
    branches = data.array(page, function(branch) return show(context, branch) end),
    annotations = annotations,
    pagination = { next = last < #found and base64.encode(found[last].id) or nil,
      sort_by = query.sort_by or "updated_at", sort_order = query.sort_order or "desc" },
  }
end

local function get(context)
  local branch = endpoints.branch(context, context.params.branch)
  return { branch = show(context, branch), annotation = annotation(branch) }
end

-- ---- changing ----------------------------------------------------------------------------

local function has_children(state, branch)
  for _, other in ipairs(state.neon.branches) do
    if other.parent_id == branch.id and not other.deleted then return true end
  end
  return false
end

local function check_name(context, name, self)
  if not data.text(name) or #name > 256 then refuse(400, "name must have 1 to 256 bytes") end
  for _, other in ipairs(context.neon.branches) do
    if other ~= self and not other.deleted and other.name == name then
      refuse(409, ("branch already exists; branch_name:%q"):format(name))
    end
  end
end

-- The branch may be one that is only wanted yet. Status of the three semantic refusals assumed.
local function expiry_of(context, text, branch)
  local expires = type(text) == "string" and clock.parse(text)
  if not expires then refuse(400, "expires_at must be a time of RFC 3339 with its zone") end
  if expires <= context.now then refuse(422, "expires_at must be in the future") end
  if expires > context.now + LONGEST_LIFE then refuse(422, "expires_at must be within 30 days") end
  local is_parent = branch.id and has_children(context.state, branch)
  if branch.default or branch.protected or is_parent then
    refuse(422, "a default, protected or parent branch cannot expire")
  end
  return math.floor(expires)
end

local function parent_of(context, id)
  local parent
  if data.text(id) then
    parent = data.find(context.neon.branches, "id", id)
    if not parent or parent.deleted then refuse(404, "parent branch not found") end
  else
    parent = data.find(context.neon.branches, "default", true)
  end
  if parent.expires then refuse(422, "a branch that expires cannot have children") end
  return parent
end

-- A part of the body that is an object, empty when it is left out.
local function object_of(body, name)
  if body[name] == nil then return {} end
  return data.object(body[name]) or refuse(400, name .. " must be an object")
end

-- The endpoints that are wanted with a branch, each an object.
local function endpoints_of(body)
  local given = body.endpoints
  if given == nil then return {} end
  if type(given) ~= "table" or data.object(given) and next(given) then refuse(400, "endpoints must be a list") end
  for _, item in ipairs(given) do
    if not data.object(item) then refuse(400, "endpoints must be a list of objects") end
    if item.type ~= "read_write" and item.type ~= "read_only" then
      refuse(400, "the type of an endpoint is read_write or read_only")
    end
  end
  return given
end

local function check_annotation(value)
  local count = 0
  for _, text in pairs(value) do
    if type(text) ~= "string" then refuse(400, "annotation values are strings") end
    count = count + 1
  end
  if count > 50 then refuse(400, "an annotation has at most 50 properties") end
end

local function check_limit(context)
  local living = data.filter(context.neon.branches, function(branch) return not branch.deleted end)
  if #living < context.state.settings.branches_limit then return end
  refuse(422, "branches limit exceeded", "BRANCHES_LIMIT_EXCEEDED")
end

local function created(context, branch, parent, started)
  local answer = {
    branch = show(context, branch), annotation = annotation(branch),
    endpoints = endpoints.show_all(context, branch), roles = endpoints.roles(branch, true),
    databases = endpoints.databases(branch), operations = operations.show_all(context, started),
  }
  if #parent.roles ~= 1 or #parent.databases ~= 1 or #branch.endpoints == 0 then return answer end
  local role, database = branch.roles[1], branch.databases[1]
  local host = endpoints.address(context.state, branch)
  answer.connection_uris = json.array { {
    connection_uri = endpoints.uri(context.state, branch, role, database),
    connection_parameters = { database = database.name, role = role.name, password = role.password,
      host = host, pooler_host = host },
  } }
  return answer
end

local function create(context)
  operations.refuse_while_running(context)
  local body, state, now = data.plain(context.body), context.state, context.now
  local wanted, wanted_endpoints = object_of(body, "branch"), endpoints_of(body)
  local parent = parent_of(context, wanted.parent_id)
  local name = wanted.name or "br-" .. ids.hex(state, "name", 8)
  check_name(context, name)
  check_annotation(object_of(body, "annotation_value"))
  local expires = wanted.expires_at and expiry_of(context, wanted.expires_at, wanted)
  check_limit(context)
  local number = free_number(state, now)
  if not number then refuse(422, "there is no address left for another branch") end
  local branch = new_branch(state, { number = number, name = name, parent_id = parent.id,
    protected = wanted.protected == true, init_source = data.text(wanted.init_source), expires = expires,
    annotation = body.annotation_value }, now)
  inherit(state, branch, parent)
  local started = { operations.start(state, now, "create_branch", branch) }
  branch.creation = started[1].id
  for _, given in ipairs(wanted_endpoints) do
    local endpoint = endpoints.create(state, branch, given, now)
    started[#started + 1] = operations.start(state, now, "start_compute", branch, endpoint)
    endpoint.operation = started[#started].id
  end
  return created(context, branch, parent, started), { status = 201 }
end

local function patch(context)
  local branch = endpoints.branch(context, context.params.branch)
  operations.refuse_while_running(context)
  local change = data.object(context.body.branch)
  if not change then refuse(400, "branch is required") end
  if change.name == json.null then change.name = nil end
  if change.name ~= nil then check_name(context, change.name, branch) end
  local expires = branch.expires
  if change.expires_at == json.null then
    expires = nil
  elseif change.expires_at ~= nil then
    expires = expiry_of(context, change.expires_at, branch)
  end
  branch.name, branch.expires, branch.updated = change.name or branch.name, expires, context.now
  if type(change.protected) == "boolean" then branch.protected = change.protected end
  return { branch = show(context, branch), operations = json.array {} }
end

-- A branch that is gone already is a success without content, even while others are busy.
local function delete(context)
  local branch = data.find(context.neon.branches, "id", context.params.branch)
  if not branch or branch.deleted then return nil, { status = 204 } end
  operations.refuse_while_running(context)
  if branch.default then refuse(422, "cannot delete the default branch") end
  if branch.protected then refuse(422, "cannot delete a protected branch") end
  if has_children(context.state, branch) then
    refuse(422, "cannot delete branch that has children")
  end
  local started = remove(context.state, branch, context.now)
  return { branch = show(context, branch), operations = operations.show_all(context, started) }
end

branches.routes = {
  { "GET", "/projects/{project}/branches", list },
  { "POST", "/projects/{project}/branches", create },
  { "GET", "/projects/{project}/branches/{branch}", get },
  { "PATCH", "/projects/{project}/branches/{branch}", patch },
  { "DELETE", "/projects/{project}/branches/{branch}", delete },
}

return branches
