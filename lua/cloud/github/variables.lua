---Variables of repositories and of environments: created once, then changed. Whoever wants either changes first, and
---creates on 404.
local answers = require "cloud.github.answers"
local clock = require "cloud.clock"
local environments = require "cloud.github.environments"
local route = require "cloud.route"
local setting_names = require "cloud.github.setting_names"
local shape = require "cloud.github.shape"

local variables = {}

local LARGEST = 48 << 10                             -- bytes of a value
local MOST = { repository = 500, environment = 100 }

---@class github.Variable
---@field name string
---@field value string
---@field created number
---@field updated number

---@param repository github.Repository
function variables.init(repository)
  repository.variables = repository.variables or {}   -- by name
end

-- The variables of the path's environment, or of the repository, and how many there may be.
local function place(context)
  if not context.params.environment then return context.repository.variables, MOST.repository end
  local environment = environments.get(context)
  environment.variables = environment.variables or {}
  return environment.variables, MOST.environment
end

local function show(_, variable)
  return { name = variable.name, value = variable.value, created_at = clock.iso(variable.created),
    updated_at = clock.iso(variable.updated) }
end

local function list(context)
  return answers.counted(context, "variables", setting_names.sorted((place(context))), show, 10, 30)
end

local function find(context)
  local items = place(context)
  local variable = items[context.params.variable:upper()]
  if not variable then answers.not_found() end
  return variable, items
end

local creation = { name = { "string", required = true }, value = { "string", required = true } }
local change = { name = { "string" }, value = { "string" } }

local function refuse_taken()
  route.refuse { status = 409, message = "Already exists - Variable already exists" }   -- words assumed
end

local function check_value(value)
  if #value > LARGEST then   -- words assumed
    answers.malformed "Variable value is too large: it has at most 48 KB."
  end
end

local function create(context)
  local items, most = place(context)
  local body = shape.body(context, creation)
  local name = setting_names.check("Variable", body.name)
  check_value(body.value)
  if items[name] then refuse_taken() end
  if setting_names.count(items) >= most then   -- words assumed
    answers.malformed(("You have exceeded the maximum of %d variables."):format(most))
  end
  items[name] = { name = name, value = body.value, created = context.now, updated = context.now }
  return {}, { status = 201 }
end

local function update(context)
  local variable, items = find(context)
  local body = shape.body(context, change)
  local name = body.name and setting_names.check("Variable", body.name) or variable.name
  check_value(body.value or "")
  if name ~= variable.name and items[name] then refuse_taken() end
  items[variable.name] = nil
  items[name] = variable
  variable.name, variable.value, variable.updated = name, body.value or variable.value, context.now
  return nil, { status = 204 }
end

local function delete(context)
  local variable, items = find(context)
  items[variable.name] = nil
  return nil, { status = 204 }
end

-- ---- routes -----------------------------------------------------------------------------------

local routes = {}

local function add(base, permission, kind, article)
  local one = base .. "/{variable}"
  local reads, writes = { permission, "read" }, { permission, "write" }
  local function route_of(method, path, handler, needed, anchor)
    routes[#routes + 1] = { method, path, handler, permission = needed, docs = "actions/variables#" .. anchor }
  end
  route_of("GET", base, list, reads, ("list-%s-variables"):format(kind))
  route_of("POST", base, create, writes, ("create-%s-%s-variable"):format(article, kind))
  route_of("GET", one, function(context) return show(context, (find(context))) end, reads,
    ("get-%s-%s-variable"):format(article, kind))
  route_of("PATCH", one, update, writes, ("update-%s-%s-variable"):format(article, kind))
  route_of("DELETE", one, delete, writes, ("delete-%s-%s-variable"):format(article, kind))
end

add("/repos/{owner}/{repo}/actions/variables", "actions_variables", "repository", "a")
add("/repos/{owner}/{repo}/environments/{environment}/variables", "environments", "environment", "an")
variables.routes = routes

return variables
