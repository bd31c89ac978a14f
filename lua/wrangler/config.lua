---A Worker's configuration as wrangler has it: read from TOML, JSON or JSONC, checked, and resolved for an
---environment by wrangler's rules of what a section `env.NAME` inherits.
local fs = require "fs.core"
local json = require "json"
local jsonc = require "jsonc"
local keys = require "wrangler.keys"
local path = require "path"
local shape = require "project.shape"
local toml = require "toml"

local config = {}

---@class wrangler.Config
---@field file { name: string, lines?: table<string, integer> }  for errors
---@field root string   the project's folder
---@field raw table     what the file holds
---@field path string   of the file, from the project's folder
---@field folder string its folder
local Config = {}
Config.__index = Config

-- ---- reading -----------------------------------------------------------------------------------

local readers = { [".toml"] = toml.decode, [".json"] = jsonc.decode, [".jsonc"] = jsonc.decode }

-- What is null is not set.
local function without_nulls(value)
  if type(value) ~= "table" then return value end
  for key, item in pairs(value) do
    if item == json.null then value[key] = nil else without_nulls(item) end
  end
  return value
end

local function is_empty(value)
  return value == nil or value == false or type(value) == "table" and next(value) == nil
end

-- Sections below the top, with the path of each.
local function sections_of(raw)
  local list = { { "", raw } }
  for name, section in pairs(raw.env or {}) do list[#list + 1] = { "env." .. name .. ".", section } end
  return list
end

local function check_key(file, prefix, name, value)
  local scope = keys.scope[name]
  local why = keys.refused[name]
  if why then
    if not is_empty(value) then shape.wrong(file, prefix .. name, "is not supported", why) end
  elseif not scope or scope == "top" and prefix ~= "" then
    local near = require("core").nearest(name, shape.names(keys.scope))
    local what = scope and "stands at the top of the file only" or "is a key that Davit does not know"
    shape.wrong(file, prefix .. name, what, near and not scope and ("did you mean '%s'?"):format(near)
      or "take it out, or deploy this Worker with wrangler")
  end
end

local function check(file, raw)
  if type(raw) ~= "table" or #raw > 0 then shape.wrong(file, "", "must be a table of keys") end
  shape.check(file, raw.env or {}, { map = { map = "any" } }, "env")
  for _, one in ipairs(sections_of(raw)) do
    for name, value in pairs(one[2]) do check_key(file, one[1], tostring(name), value) end
  end
end

---Reads a file; raises "config", "toml-invalid" or "json-invalid".
---@param root string    the project's folder
---@param relative string  the file, from there
---@return wrangler.Config
function config.read(root, relative)
  local name = path.join(root, relative)
  local read = readers[path.ext(relative)]
  local file = { name = name }
  if not read then shape.wrong(file, "", "is no file of wrangler's: wrangler.toml, wrangler.json or wrangler.jsonc") end
  if not fs.exists(name) then
    shape.wrong(file, "", "is not there", "davit.yaml's `wrangler` names it, from the project's folder")
  end
  local raw, lines = read(fs.read(name), { name = name })
  file.lines = lines
  check(file, without_nulls(raw))
  return setmetatable({ file = file, root = root, raw = raw, path = relative, folder = path.dirname(relative) }, Config)
end

-- ---- environments ------------------------------------------------------------------------------

---The name of the section that an environment has; nil for the top of the file.
---
---A preview without a section of its own is made from the top of the file. For every other environment the top stands
---only where the file has no sections at all: wrangler refuses it as well.
---@param environment? string
---@return string|nil
function Config:section(environment)
  local sections = self.raw.env or {}
  if not environment or sections[environment] then return environment end
  if environment == "preview" or next(sections) == nil then return nil end
  local known = table.concat(shape.names(sections), ", ")
  shape.wrong(self.file, "env", ("has no section '%s', only %s"):format(environment, known),
    ("wrangler would not deploy it either: add env.%s"):format(environment))
end

-- The path under which a key of an environment stands, for errors.
local function place(self, section, name)
  local own = section and self.raw.env[section]
  return own and own[name] ~= nil and ("env.%s.%s"):format(section, name) or name
end

local function value_of(self, section, name)
  local own = section and self.raw.env[section]
  if not own then return self.raw[name] end
  if own[name] ~= nil or keys.scope[name] == "own" then return own[name] end
  return self.raw[name]
end

-- What wrangler calls the Worker of an environment.
local function name_of(self, environment, section)
  local own = section and self.raw.env[section].name
  if own then return own end
  return environment and self.raw.name and ("%s-%s"):format(self.raw.name, environment) or self.raw.name
end

---@class wrangler.Resolved  a reader of what holds in one environment
---@field config wrangler.Config
---@field environment? string
---@field section? string
local Resolved = {}
Resolved.__index = Resolved

---@param environment? string
---@return wrangler.Resolved
function Config:resolve(environment)
  return setmetatable({ config = self, environment = environment, section = self:section(environment) }, Resolved)
end

---Raises "config" at a key.
---@param name string  "rules.1.globs"
---@param what string
---@param hint? string
function Resolved:wrong(name, what, hint)
  local first, rest = name:match "^([^.]*)(.*)$"
  shape.wrong(self.config.file, place(self.config, self.section, first) .. rest, what, hint)
end

---What holds of a key, checked; nil where it is not set.
---@param name string
---@param wanted? string|table  a shape (any)
---@return any
function Resolved:get(name, wanted)
  if name == "name" then return name_of(self.config, self.environment, self.section) end
  local value = value_of(self.config, self.section, name)
  if value == nil then return nil end
  return shape.check(self.config.file, value, wanted or "any", place(self.config, self.section, name))
end

---As get, where it must be set.
function Resolved:need(name, wanted)
  local value = self:get(name, wanted)
  if value == nil then self:wrong(name, ("the key '%s' is required"):format(name)) end
  return value
end

return config
