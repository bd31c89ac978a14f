---What a flow works on, as a type: a client that was opened for an environment asks it before every effect, so
---that nothing but production's own flow can touch production's things, whatever a recipe says.
---
---It also has the marker of everything that it owns (lua/marker.lua). Pure.
local marker = require "marker"
local options = require "options"

local environment = {}

---@class environment.Environment
---@field kind string     "preview", "test", "production" or a name of davit.yaml
---@field marker string
---@field production table<string, table<string, true>>  production's names by kind of thing
local Environment = {}
Environment.__index = Environment

local PRODUCTION <const> = "production"

local fields = {
  { "project", "string", true }, { "kind", "string", true }, { "key", "label", true }, { "production", "table" },
}

-- What things are called where they are refused.
local called = { worker = "the Worker", host = "the host", branch = "the database branch", secret = "the secret" }

---@param o { project: string, kind: string, key: string|integer, production?: table<string, string[]> }
---@return environment.Environment
function environment.new(o)
  options.read("environment.new", o, fields)
  local self = setmetatable({ kind = o.kind, production = {} }, Environment)
  self.marker = marker.new { project = o.project, environment = o.kind, key = o.key }
  for kind, names in pairs(o.production or {}) do
    if not called[kind] then options.misuse("environment.new: production has no '%s'", tostring(kind)) end
    self.production[kind] = {}
    for _, name in ipairs(names) do self.production[kind][name] = true end
  end
  return self
end

---@param value any
---@return boolean
function environment.is(value) return getmetatable(value) == Environment end

---Whether this is where the users are.
---@return boolean
function Environment:is_production() return self.kind == PRODUCTION end

---Raises "preview-to-production" for anything whatever that is not production's own flow's business.
---@param kind "worker"|"host"|"branch"|"secret"
---@param name string
---@param why? string  more than that the name is production's: "it is the project's default branch"
function Environment:refuse(kind, name, why)
  failure {
    code = "preview-to-production", about = name,
    message = ("%s %s is production's, and was asked for by %s%s"):format(called[kind], name,
      self.marker, why and ": " .. why or ""),
    hint = "nothing was changed; only production's own flow may touch it",
  }
end

---Raises "preview-to-production" when the name is production's and this is another environment.
---@param kind "worker"|"host"|"branch"|"secret"
---@param name string
function Environment:check(kind, name)
  if self:is_production() then return end
  if (self.production[kind] or {})[name] then self:refuse(kind, name) end
end

return environment
