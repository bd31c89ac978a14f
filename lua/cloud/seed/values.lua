---What several parts of a seed file have in common beyond the types of their values.
local clock = require "cloud.clock"
local shape = require "project.shape"

local values = {}

---Refuses a text that is none of those that are listed.
---@param file table
---@param path string
---@param value string|nil
function values.one_of(file, path, value, ...)
  for _, name in ipairs { ... } do
    if value == nil or value == name then return end
  end
  shape.wrong(file, path, ("is %s, not '%s'"):format(table.concat({ ... }, " or "), value))
end

---A list whose items may be a text, too, which then stands for one key.
---@param list any[]|nil
---@param item_keys table
---@param short string  the key, which every item must have
---@return table[]
function values.with_short_form(file, list, item_keys, short, path)
  local made = {}
  for i, item in ipairs(list or {}) do
    local here = ("%s.%d"):format(path, i)
    if type(item) == "string" then item = { [short] = item } end
    made[i] = shape.check(file, item, item_keys, here)
    shape.require_keys(file, made[i], here, { short })
  end
  return made
end

---@param text string|nil
---@return number|nil seconds
function values.time(file, path, text)
  if not text then return nil end
  return clock.parse(text) or shape.wrong(file, path, "is a time such as 2026-12-31T00:00:00Z")
end

---@param text string|nil  owner/name
function values.repository(file, path, text)
  if text and not text:find "^[%w._-]+/[%w._-]+$" then shape.wrong(file, path, "is OWNER/NAME") end
end

return values
