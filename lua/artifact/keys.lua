---The keys of sealed artifacts: public ones are in davit.yaml or named outright, the private one comes from
---the environment.
local core = require "secret.core"
local options = require "options"
local project = require "project"
local seal = require "seal.core"
local secret = require "secret"

local keys = {}

local VARIABLE <const> = "DAVIT_ARTIFACT_KEY"

local function declared()
  local p = try(project.current)
  return p and p.artifacts.keys or {}
end

local function names_of(list)
  local names = {}
  for name in pairs(list) do names[#names + 1] = name end
  return #names == 0 and "it declares none" or "it declares " .. table.concat(names, ", ")
end

local function find(what, name)
  if type(name) ~= "string" then options.misuse("%s: option 'sealed_to' is a key or a list of them", what) end
  if seal.is_public(name) then return name end
  local key = declared()[name]
  if key and seal.is_public(key) then return key end
  if key then
    failure {
      code = "config", class = "misuse", about = name,
      message = ("davit.yaml: artifacts.keys.%s is no public key"):format(name),
      hint = "it begins with davit-public- and has 43 digits more; 'davit artifact key FILE' prints it",
    }
  end
  failure {
    code = "config", class = "misuse", about = name,
    message = ("%s: no key is called '%s' in davit.yaml (artifacts.keys); %s"):format(what, name, names_of(declared())),
    hint = "'davit artifact key FILE' makes one and prints the public key that belongs there",
  }
end

---@param what string
---@param sealed_to string|string[]  names in davit.yaml, or public keys
---@return { keys: string[], names: string[] }
function keys.public(what, sealed_to)
  local list = type(sealed_to) == "table" and sealed_to or { sealed_to }
  if #list == 0 then options.misuse("%s: option 'sealed_to' names no key", what) end
  local found = { keys = {}, names = {} }
  for i, name in ipairs(list) do
    found.keys[i], found.names[i] = find(what, name), name
  end
  return found
end

local places = { "sealed:*" }

---What opens sealed artifacts: the key that is given, or the environment's.
---@param key any|nil  a secret
---@param entry table
---@return any key  a secret
function keys.private(key, entry)
  if key ~= nil then return key end
  local value, err = core.stand_in(VARIABLE, places)
  if not value then value, err = try(secret.env, VARIABLE, { to = places }) end
  if value then return value end
  if err.code ~= "secret-missing" then error(err, 0) end
  failure {
    code = "secret-missing", about = VARIABLE,
    message = ("the artifact '%s' is sealed for %s, and %s is not set"):format(entry.name,
      table.concat(entry.sealed_to, ", "), VARIABLE),
    hint = "give this job the private key, as a secret of its environment alone",
  }
end

return keys
