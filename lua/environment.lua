---What a flow works on, as a type: a client that was opened for an environment asks it before every effect, so
---that nothing but production's own flow can touch production's things, whatever a recipe says.
---
---A thing is production's by its name (davit.yaml says which those are) or by its marker. Pure.
local marker = require "marker"
local options = require "options"

local environment = {}

---@class environment.Environment
---@field kind string     "preview", "test", "production" or a name of davit.yaml
---@field marker string   of everything that it owns (lua/marker.lua)
---@field production table<string, table<string, true>>  production's names by kind of thing, in lower case
local Environment = {}
Environment.__index = Environment

local PRODUCTION <const> = "production"

local fields = {
  { "project", "string", true }, { "kind", "string", true }, { "key", "label", true }, { "production", "table" },
}

-- What things are called where they are refused.
local called = { worker = "the Worker", host = "the host", branch = "the database branch", secret = "the secret",
  deployment = "GitHub's environment" }

---@param o { project: string, kind: string, key: string|integer, production?: table<string, string[]> }
---@return environment.Environment
function environment.new(o)
  options.read("environment.new", o, fields)
  local self = setmetatable({ kind = o.kind, production = { deployment = { [PRODUCTION] = true } } }, Environment)
  self.marker = marker.new { project = o.project, environment = o.kind, key = o.key }
  for kind, names in pairs(o.production or {}) do
    if not called[kind] then options.misuse("environment.new: production has no '%s'", tostring(kind)) end
    self.production[kind] = self.production[kind] or {}
    for _, name in ipairs(names) do self.production[kind][name:lower()] = true end
  end
  return self
end

---@param value any
---@return boolean
function environment.is(value) return getmetatable(value) == Environment end

---Whether this is where the users are.
---@return boolean
function Environment:is_production() return self.kind == PRODUCTION end

-- ---- refusing ----------------------------------------------------------------------------

local function refuse(self, about, what, why)
  failure {
    code = "preview-to-production", about = about,
    message = ("%s is production's, and was asked for by %s%s"):format(what, self.marker, why and ": " .. why or ""),
    hint = "nothing was changed; only production's own flow may touch it",
  }
end

---Raises "preview-to-production" for anything whatever that is not production's own flow's business.
---@param kind "worker"|"host"|"branch"|"secret"|"deployment"
---@param name string
---@param why? string  more than that the name is production's: "it is the project's default branch"
function Environment:refuse(kind, name, why)
  refuse(self, name, ("%s %s"):format(called[kind], name), why)
end

-- Of a host with "*", which stands for any part of it: a name of production's that it covers.
local function covered(names, host)
  local pattern = host:gsub("[%-%.%%%+%?%[%]%(%)%^%$]", "%%%0"):gsub("%*", ".*")
  for name in pairs(names) do
    if name:find("^" .. pattern .. "$") then return name end
  end
end

---Raises "preview-to-production" when the name is production's and this is another environment.
---@param kind "worker"|"host"|"branch"|"secret"|"deployment"
---@param name string  of a host also one with "*"
function Environment:check(kind, name)
  if self:is_production() then return end
  local names, plain = self.production[kind] or {}, name:lower()
  if names[plain] then self:refuse(kind, name) end
  local other = kind == "host" and plain:find("*", 1, true) and covered(names, plain)
  if other then self:refuse(kind, name, "it covers " .. other) end
end

---Raises "preview-to-production" when a marker says that a thing is production's and this is another environment.
---@param text any      the thing's marker, if it has one
---@param thing string  what it is called: "the Worker x"
function Environment:check_marker(text, thing)
  if self:is_production() then return end
  local parts = marker.parse(text)
  if parts and parts.environment == PRODUCTION then
    refuse(self, thing, thing, ("it carries the marker %s"):format(text))
  end
end

return environment
