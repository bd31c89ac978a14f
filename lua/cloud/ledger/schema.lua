---The schema of a database, as far as the ledger knows it: the statements that made what is there now, in order.
---
---It is no dump: what ALTER changed stands as it was written. Pure.
local data = require "cloud.data"
local history = require "cloud.ledger.history"

local schema = {}

local function is_alter(entry) return entry.verb == "other" and (entry.text or ""):find "^[Aa][Ll][Tt][Ee][Rr]" end

-- What was made and not dropped since, and what was altered.
local function living(entries)
  local list = {}
  for _, entry in ipairs(entries) do
    if entry.verb == "create" or is_alter(entry) then
      list[#list + 1] = entry
    elseif entry.verb == "drop" then
      list = data.filter(list, function(one) return one.kind ~= entry.kind or one.name ~= entry.name end)
    end
  end
  return list
end

---@param state table
---@param timeline string
---@param upto? integer  position; without it the head
---@param db integer     key of the database
---@return string sql, table[] made  the entries that it comes from
function schema.of(state, timeline, upto, db)
  local made, lines = living(history.entries(state, timeline, upto, db)), {}
  for i, entry in ipairs(made) do lines[i] = entry.text .. ";\n" end
  return table.concat(lines, "\n"), made
end

return schema
