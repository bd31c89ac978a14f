---How a branch is reached: its compute, roles, databases, and the connection string.
---
---Every branch lives on a loopback address of its own, so that a connection string keeps its shape:
---role and database are equal on all branches, only the host differs.
local clock = require "cloud.clock"
local data = require "cloud.data"
local ids = require "cloud.ids"
local operations = require "cloud.neon.operations"
local route = require "cloud.route"
local sha256 = require "sha256"

local endpoints = {}

---@return string  the address that the branch's database listens on, port 5432
function endpoints.address(state, branch)
  return state.settings.network .. "." .. branch.number
end

---@return string  the password of a role that is new on this branch
function endpoints.password(state, branch, role)
  return "npg_" .. sha256(table.concat({ state.neon.seed, branch.id, role }, "/")):sub(1, 24)
end

local function number_or(value, default) return type(value) == "number" and value or default end

---Adds a compute to a branch.
---@return table endpoint
function endpoints.create(state, branch, given, now)
  local endpoint = { id = "ep-davit-" .. ids.hex(state, "endpoint", 8), created = now,
    type = given.type, min_cu = number_or(given.autoscaling_limit_min_cu, 0.25),
    max_cu = number_or(given.autoscaling_limit_max_cu, 0.25),
    suspend = math.tointeger(given.suspend_timeout_seconds) or 0 }
  table.insert(branch.endpoints, endpoint)
  return endpoint
end

-- ---- what the API shows ------------------------------------------------------------------

function endpoints.show(context, branch, endpoint)
  local ready, changed = operations.settled(context.state, endpoint.operation, context.now)
  return {
    id = endpoint.id, host = endpoints.address(context.state, branch), project_id = context.neon.project_id,
    branch_id = branch.id, type = endpoint.type, region_id = "aws-eu-central-1",
    autoscaling_limit_min_cu = endpoint.min_cu, autoscaling_limit_max_cu = endpoint.max_cu,
    current_state = ready and "active" or "init", pending_state = not ready and "active" or nil,
    settings = {}, pooler_enabled = false, pooler_mode = "transaction", disabled = false,
    passwordless_access = true, creation_source = "console",
    created_at = clock.iso(endpoint.created), updated_at = clock.iso(changed),
    proxy_host = "eu-central-1.aws.neon.tech", suspend_timeout_seconds = endpoint.suspend,
    provisioner = "k8s-neonvm",
  }
end

function endpoints.show_all(context, branch)
  return data.array(branch.endpoints, function(endpoint)
    return endpoints.show(context, branch, endpoint)
  end)
end

-- A password is shown where a branch is made, and where it is asked for by name.
function endpoints.roles(branch, with_password)
  return data.array(branch.roles, function(role)
    local created = clock.iso(branch.created)
    return { branch_id = branch.id, name = role.name, protected = false,
      password = with_password and role.password or nil,
      created_at = created, updated_at = created }
  end)
end

function endpoints.databases(branch)
  return data.array(branch.databases, function(database)
    local created = clock.iso(branch.created)
    return { id = database.id, branch_id = branch.id, name = database.name,
      owner_name = database.owner, created_at = created, updated_at = created }
  end)
end

-- ---- requests ----------------------------------------------------------------------------

---The living branch of this id; refuses when there is none.
function endpoints.branch(context, id)
  local branch = data.find(context.neon.branches, "id", id)
  if branch and not branch.deleted then return branch end
  route.refuse { status = 404, message = "branch not found" }
end

local function one(context)
  return endpoints.branch(context, context.params.branch)
end

local function find_or_refuse(list, name, what)
  local item, index = data.find(list, "name", name)
  if item then return item, index end
  route.refuse { status = 404, message = what .. " not found" }
end

local function all(context)
  local shown = {}
  for _, branch in ipairs(context.neon.branches) do
    for _, endpoint in ipairs(branch.deleted and {} or branch.endpoints) do
      shown[#shown + 1] = endpoints.show(context, branch, endpoint)
    end
  end
  return { endpoints = data.array(shown) }
end

local function reveal(context)
  return { password = find_or_refuse(one(context).roles, context.params.role, "role").password }
end

local function role(context)
  local branch = one(context)
  local _, index = find_or_refuse(branch.roles, context.params.role, "role")
  return { role = endpoints.roles(branch)[index] }
end

local function database(context)
  local branch = one(context)
  local _, index = find_or_refuse(branch.databases, context.params.database, "database")
  return { database = endpoints.databases(branch)[index] }
end

---@return string
function endpoints.uri(state, branch, of_role, of_database)
  return ("postgresql://%s:%s@%s/%s?sslmode=%s"):format(of_role.name, of_role.password,
    endpoints.address(state, branch), of_database.name, state.settings.sslmode)
end

-- Pooled or not is the same here: the host is an address, it has no endpoint id to put -pooler to.
local function connection_uri(context)
  local query = context.query
  if not query.database_name or not query.role_name then
    route.refuse { status = 400, message = "database_name and role_name are required" }
  end
  local default = data.find(context.neon.branches, "default", true)
  local branch = endpoints.branch(context, query.branch_id or default.id)
  if #branch.endpoints == 0 then route.refuse { status = 404, message = "endpoint not found" } end
  local of_role = find_or_refuse(branch.roles, query.role_name, "role")
  local of_database = find_or_refuse(branch.databases, query.database_name, "database")
  return { uri = endpoints.uri(context.state, branch, of_role, of_database) }
end

local function list(context)
  return { endpoints = endpoints.show_all(context, one(context)) }
end

local function roles(context) return { roles = endpoints.roles(one(context)) } end

local function databases(context) return { databases = endpoints.databases(one(context)) } end

local BRANCH = "/projects/{project}/branches/{branch}"

endpoints.routes = {
  { "GET", "/projects/{project}/connection_uri", connection_uri },
  { "GET", "/projects/{project}/endpoints", all },
  { "GET", BRANCH .. "/endpoints", list },
  { "GET", BRANCH .. "/roles", roles },
  { "GET", BRANCH .. "/roles/{role}", role },
  { "GET", BRANCH .. "/roles/{role}/reveal_password", reveal },
  { "GET", BRANCH .. "/databases", databases },
  { "GET", BRANCH .. "/databases/{database}", database },
}

return endpoints
