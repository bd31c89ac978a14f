---Faults as people order them: the file of --faults, and the rules of --fault. What is wrong is named with its line.
local faults = require "cloud.faults"
local options = require "options"
local shape = require "project.shape"

local faults_file = {}

local keys = { seed = "any", faults = { list = "any" } }

---@param text string  of the file
---@param name string  of the file, for errors
---@return cloud.faults.Set  raises "config" or "yaml-invalid"
function faults_file.read(text, name)
  local value, file = shape.read(text, name, keys, "docs/local-cloud.md shows such a file")
  shape.require_keys(file, value, "", { "faults" })
  local set = faults.new(value.seed)
  for i, given in ipairs(value.faults) do
    local one, reason, hint = faults.rule(given)
    if not one then shape.wrong(file, "faults." .. i, reason, hint) end
    faults.add(set, one)
  end
  return set
end

---@param set? cloud.faults.Set
---@param lines string[]  of --fault
---@return cloud.faults.Set  raises "usage"
function faults_file.add(set, lines)
  set = set or faults.new()
  for _, line in ipairs(lines) do
    local one, reason, hint = faults.parse(line)
    if not one then options.usage(("--fault '%s': %s"):format(line, reason), hint) end
    faults.add(set, one)
  end
  return set
end

return faults_file
