---How davit.yaml names the things of an environment: Workers, hosts, database branches. Pure; a name that could
---meet another environment's is refused here, before anything is asked.
local neon_names = require "neon.names"

local names = {}

---Raises "config".
---@param message string
---@param hint? string
function names.wrong(message, hint)
  failure { code = "config", class = "misuse", message = message, hint = hint }
end

---"{worker}-preview-{pr}" with its values; a name without a value is a configuration error.
---@param template string
---@param values table<string, any>
---@return string
function names.expand(template, values)
  return (template:gsub("{([%w_]+)}", function(name)
    local value = values[name]
    if value == nil then names.wrong(("davit.yaml: nothing is known for {%s} in '%s'"):format(name, template)) end
    return tostring(value)
  end))
end

-- ---- kinds -------------------------------------------------------------------------------------------

-- Of each kind: what it is told by, and the key of its marker. A test of a pull request works on the preview's own
-- branch, so it is the preview as far as anybody can see.
local kinds = {
  preview = { expects = "{ pr = NUMBER }", key = function(v) return math.type(v.pr) == "integer" and v.pr end },
  test = { expects = "{ branch = NAME, sha = COMMIT }", key = function(v)
    return type(v.branch) == "string" and type(v.sha) == "string" and neon_names.push(v.branch, v.sha)
  end },
}
local lasting = { expects = "{}", key = function() return "live" end }

---The key of an environment's marker; raises a misuse for values that say too little.
---@param kind string
---@param values table<string, any>
---@return string|integer
function names.key(kind, values)
  local one = kinds[kind] or lasting
  local key = type(values) == "table" and one.key(values)
  if key then return key end
  failure { code = "misuse", class = "misuse",
    message = ("flow.environment: expected %s for the environment '%s'"):format(one.expects, kind) }
end

-- A preview that does not carry its pull request in every name could touch something else.
local function refuse_shared(settings, zone)
  for _, key in ipairs { "name", "host", "database" } do
    local named = key ~= "host" or zone
    if named and not (settings[key] or ""):find("{pr}", 1, true) then
      failure {
        code = "refused", message = ("davit.yaml: environments.preview.%s has no {pr}"):format(key),
        hint = "a preview whose names are shared could touch production or another preview",
      }
    end
  end
end

---What davit.yaml says of an environment; raises "config" or "refused".
---@param p table     the project
---@param kind string
---@return table settings
function names.settings(p, kind)
  local settings = p.environments[kind]
  if kind == "test" then return {} end   -- a database branch is all it has
  if not settings then names.wrong(("davit.yaml: no environment is called '%s'"):format(kind)) end
  if kind == "preview" then refuse_shared(settings, p.zone) end
  for _, key in ipairs { "name", "database" } do
    if not settings[key] then names.wrong(("davit.yaml: environments.%s.%s is missing"):format(kind, key)) end
  end
  return settings
end

-- ---- Workers -----------------------------------------------------------------------------------------

-- Two Workers of one name would replace each other in every run.
local function refuse_same(kind, list, field, key)
  local first = {}
  for _, worker in ipairs(list) do
    local value = worker[field]
    local other = value and first[value]
    if other then
      names.wrong(("davit.yaml: %s and %s would both be %s"):format(other, worker.name, value),
        ("environments.%s.%s needs {%s}"):format(kind, key, key == "name" and "worker" or "host"))
    end
    if value then first[value] = worker.name end
  end
end

-- Without a zone the service itself names the host (on workers.dev); what is tested alone has none.
local function host_of(p, settings, values)
  return settings.name and p.zone and names.expand(settings.host or "{host}", values) .. "." .. p.zone or nil
end

-- What service bindings of wrangler's configurations call the Workers of this environment.
local function siblings_of(list, kind)
  local siblings = {}
  for _, worker in ipairs(list) do
    local config = worker.settings.config
    siblings[worker.name] = worker.script
    for _, environment in ipairs(config and { false, kind } or {}) do
      local name = config:resolve(environment or nil):get "name"
      if name then siblings[name] = worker.script end
    end
  end
  return siblings
end

---The Workers of an environment, in the order of `deploy`.
---@param p table
---@param kind string
---@param settings table
---@param values table<string, any>
---@return flow.Worker[]
function names.workers(p, kind, settings, values)
  local list = {}
  for _, name in ipairs(p.deploy) do
    local worker = p.workers[name]
    local all = { worker = name, host = worker.host }
    for key, value in pairs(values) do all[key] = value end
    list[#list + 1] = {
      name = name, settings = worker, script = settings.name and names.expand(settings.name, all),
      host = host_of(p, settings, all), folder = p.root .. "/" .. worker.path,
      environment = kind == "test" and "preview" or kind,
    }
  end
  for _, worker in ipairs(list) do worker.siblings = settings.name and siblings_of(list, kind) or {} end
  refuse_same(kind, list, "script", "name")
  refuse_same(kind, list, "host", "host")
  return list
end

---What is another in a version than in the one that serves, by their tags (env:version): "version B after A: …".
---@param tag any         nil or unknown: nobody can tell
---@param serving? string
---@return string
function names.differences(tag, serving)
  local told = ("version %s after %s"):format(tag, serving or "one without a tag")
  local bundle, rest = tostring(tag):match "^(%x+)%-(%x+)$"
  local bundle_now, rest_now = (serving or ""):match "^(%x+)%-(%x+)$"
  if not (bundle and bundle_now) then return told end
  local list = {}
  if bundle ~= bundle_now then list[#list + 1] = "another bundle" end
  if rest ~= rest_now then list[#list + 1] = "other settings, secrets or database" end
  return ("%s: %s"):format(told, list[1] and table.concat(list, ", ") or "the same again")
end

-- ---- databases ---------------------------------------------------------------------------------------

---The project's database.
---@param p table
---@return table
function names.database(p)
  local name, database = next(p.databases)
  if not name then names.wrong "davit.yaml: no database is declared" end
  if next(p.databases, name) then
    names.wrong("davit.yaml: several databases are declared", "this version works with one")
  end
  return database
end

-- ---- production's ------------------------------------------------------------------------------------

---Production's names, which no other environment may touch.
---@param p table
---@return table<string, string[]>  as environment.new takes them
function names.production(p)
  local settings, found = p.environments.production, { worker = {}, host = {}, branch = {} }
  for _, database in pairs(p.databases) do table.insert(found.branch, database.parent) end
  if not settings then return found end
  if settings.database then table.insert(found.branch, settings.database) end
  for _, worker in ipairs(settings.name and names.workers(p, "production", settings, {}) or {}) do
    table.insert(found.worker, worker.script)
    table.insert(found.host, worker.host)
  end
  return found
end

return names
