---When a Worker of davit.yaml runs by itself: `crons`, by environment. Pure.
---
---A list alone is production's. A preview runs at no time unless its own list says so: it works on a copy of
---production's data, and every open pull request would send the same mail again.
local core = require "core"
local shape = require "project.shape"

local crons = {}

-- The service has the last word; five fields are what a slip of the pen misses.
local function check(file, path, cron)
  local _, fields = cron:gsub("%S+", "")
  if fields ~= 5 then
    shape.wrong(file, path, ("'%s' has %d fields, not five as '0 * * * *' has"):format(cron, fields))
  end
end

local function check_list(file, path, list)
  local seen = {}
  for i, cron in ipairs(list) do
    local here = ("%s.%d"):format(path, i)
    check(file, here, cron)
    if seen[cron] then shape.wrong(file, here, ("'%s' is there twice"):format(cron)) end
    seen[cron] = true
  end
  return list
end

local function check_environment(file, path, name, environments)
  local known = { "preview", "production" }
  for _, one in ipairs(shape.names(environments)) do known[#known + 1] = one end
  for _, one in ipairs(known) do
    if one == name then return end
  end
  local near = core.nearest(name, known)
  shape.wrong(file, path, ("no environment is called '%s'%s"):format(name,
    near and (", did you mean '%s'?"):format(near) or ""))
end

---@param file table     of shape.read
---@param path string    "workers.api.crons"
---@param value any      as it stands in the file
---@param environments table<string, table>
---@return table<string, string[]>  by environment; raises "config"
function crons.read(file, path, value, environments)
  if type(value) == "table" and value[1] ~= nil then
    return { production = check_list(file, path, shape.check(file, value, { list = "text" }, path)) }
  end
  local lists = shape.check(file, value, { map = { list = "text" } }, path)
  for name, list in pairs(lists) do
    local here = ("%s.%s"):format(path, name)
    check_environment(file, here, tostring(name), environments)
    check_list(file, here, list)
  end
  return lists
end

return crons
