---The checks of davit.yaml, which the recipe `test` runs: what each runs, what it needs, and when. Pure.
---
---A text alone is a command. `setup` marks what all others wait for (installing, building what packages share); `after`
---names single ones. `needs: database` gives a check the branch of this test as DATABASE_URL, `needs: e2e` one of its
---own; what `needs: preview` runs in the recipe `preview`, against what was deployed.
local core = require "core"
local shape = require "project.shape"

local checks = {}

local keys = {
  run = "text", needs = "text", setup = "boolean", after = { list = "text" }, env = { map = "text" }, cwd = "text",
  timeout = "duration", secrets = { list = "text" },
  when = { paths = { list = "text" }, branches = { list = "text" }, schedule = "boolean" },
}

local needs = { "database", "e2e", "preview" }

local function near(name, known)
  local nearest = core.nearest(name, known)
  return nearest and (", did you mean '%s'?"):format(nearest) or ", known are " .. table.concat(known, ", ")
end

local function contains(list, wanted)
  for _, one in ipairs(list) do
    if one == wanted then return true end
  end
  return false
end

local function check_one(file, path, one, names)
  shape.require_keys(file, one, path, { "run" })
  if one.needs and not contains(needs, one.needs) then
    shape.wrong(file, path .. ".needs", ("cannot be '%s'%s"):format(one.needs, near(one.needs, needs)))
  end
  if one.setup and one.needs == "preview" then shape.wrong(file, path .. ".needs", "is no preview for a setup") end
  if one.setup and next(one.when) then
    shape.wrong(file, path .. ".when", "goes with no setup: that is run when anything else is")
  end
  for i, other in ipairs(one.after or {}) do
    if not contains(names, other) then
      shape.wrong(file, ("%s.after.%d"):format(path, i),
        ("no check is called '%s'%s"):format(other, near(other, names)))
    end
  end
end

-- Names the first that would wait for itself.
local function refuse_circles(file, all)
  local state = {}
  local function visit(name, way)
    if state[name] == "done" then return end
    if state[name] then
      shape.wrong(file, "checks." .. name .. ".after", ("waits for itself: %s -> %s"):format(way, name))
    end
    state[name] = "open"
    for _, other in ipairs(all[name].after) do visit(other, way == "" and name or way .. " -> " .. name) end
    state[name] = "done"
  end
  for _, name in ipairs(shape.names(all)) do visit(name, "") end
end

-- All that is no setup waits for every setup; of setups each says itself what it waits for.
local function wait_for_setups(all)
  local setups = {}
  for name, one in pairs(all) do
    one.after = one.after or {}
    if one.setup then setups[#setups + 1] = name end
  end
  for _, one in pairs(all) do
    for _, name in ipairs(one.setup and {} or setups) do
      if not contains(one.after, name) then table.insert(one.after, name) end
    end
  end
end

---@class project.Check
---@field run string          a command of the shell
---@field needs? "database"|"e2e"|"preview"
---@field setup? boolean
---@field after string[]      the checks that must have passed before
---@field env? table<string, string>
---@field secrets? string[]   that it gets as variables
---@field cwd? string         below the project's folder
---@field timeout? number     seconds
---@field when { paths?: string[], branches?: string[], schedule?: boolean }

---@param file table  of shape.read
---@param value any   as it stands in the file
---@return table<string, project.Check>  raises "config"
function checks.read(file, value)
  if type(value) ~= "table" or value[1] ~= nil then
    shape.wrong(file, "checks", "must be a mapping of names to commands")
  end
  local all = {}
  for name, one in pairs(value) do
    local path = "checks." .. tostring(name)
    if type(one) == "string" then one = { run = one } end
    all[name] = shape.check(file, one, keys, path)
    all[name].when = all[name].when or {}
  end
  local names = shape.names(all)
  for name, one in pairs(all) do check_one(file, "checks." .. name, one, names) end
  wait_for_setups(all)
  refuse_circles(file, all)
  return all
end

return checks
