---Statements about rows: what is added breaks nobody, what is changed may. Pure.
local Reader = require "migrations.reader"
local query = require "migrations.query"

local rows = {}

local function unknown(tokens, from)
  local name = query.unknown_call(tokens, from)
  return name and ("calls %s, of which is not known what it does"):format(name) or nil
end

local words = { update = "changes", delete = "deletes", merge = "changes" }

local function insert(r, created)
  r:accept "into"
  local name = r:name(created.path)
  if not name then return "an insert that is not understood" end
  r:accept("as", "excluded")
  r:brackets()
  if not created:has("table", name) and r:find("do", "update") then
    return ("changes rows of %s that are there"):format(name.text)
  end
  return unknown(r.tokens, r.at)
end

local function change(r, created, verb)
  r:accept_any("from", "into")
  r:accept "only"
  local name = r:name(created.path)
  if name and created:has("table", name) then return unknown(r.tokens, r.at) end
  return ("%s rows of %s"):format(words[verb], name and name.text or "?")
end

-- One of the changes in a statement, which begins at a token.
local function change_at(tokens, at, created)
  local verb, r = tokens[at].value, Reader.new(tokens, at + 1)
  if verb == "insert" then return insert(r, created) end
  return change(r, created, verb)
end

---INSERT, UPDATE, DELETE, MERGE, SELECT, VALUES, WITH.
---@param tokens migrations.Token[]
---@param created migrations.Created
---@return string|nil reason
function rows.reason(tokens, created)
  local changes = query.changes(tokens)
  for _, at in ipairs(changes) do
    local reason = change_at(tokens, at, created)
    if reason then return reason end
  end
  if query.sets_path(tokens) then created:lose_path() end
  if changes[1] ~= 1 then return unknown(tokens, 1) end
end

---@param r migrations.Reader  after TRUNCATE
---@param created migrations.Created
---@return string|nil reason
function rows.truncate(r, created)
  r:accept "table"
  r:accept "only"
  if r:find "cascade" then return "deletes all rows, and those of the tables that refer to them" end
  for _, item in ipairs(r:items()) do
    local name = item:name(created.path)
    if not created:has("table", name) then
      return ("deletes all rows of %s"):format(name and name.text or "?")
    end
  end
end

return rows
