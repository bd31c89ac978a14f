---ALTER TABLE on a table that is in use: what each of its actions breaks. Pure.
local column = require "migrations.column"

local alter_table = {}

-- Actions on a column ---------------------------------------------------------------

local function alter_column(r)
  r:accept "column"
  local name = r:name()
  local text = name and name.last or "?"
  if r:accept "type" or r:accept("set", "data", "type") then
    return ("changes the type of %s: old code has the old one, and the table may be written anew"):format(text)
  end
  if r:accept("set", "not", "null") then
    return ("sets %s NOT NULL: it reads all rows while the table is locked, and inserts without it fail"):format(text)
  end
  if r:accept("drop", "not", "null") or r:accept("set", "default") or r:accept("set", "statistics") then return nil end
  if r:accept("set", "storage") or r:accept("set", "compression") or r:accept("set", "(") or r:accept "reset" then
    return nil
  end
  if r:accept("drop", "default") then return ("drops the default of %s: inserts rely on it"):format(text) end
  if r:accept("add", "generated", "by", "default") then return nil end
  if r:accept("add", "generated") then return ("%s is always generated: inserts that give it fail"):format(text) end
  if r:accept("drop", "identity") then return ("%s is generated no more: inserts that rely on it fail"):format(text) end
  if r:accept("drop", "expression") then return ("%s is computed no more: old code relies on it"):format(text) end
  return ("an action on the column %s that is not known"):format(text)
end

-- Constraints -------------------------------------------------------------------------

local constraint_words = { constraint = true, check = true, primary = true, unique = true, foreign = true }

local function is_constraint(r)
  local token = r:peek()
  if not token or token.kind ~= "word" then return false end
  return constraint_words[token.value] or token.value == "exclude" and (r:is("using", 1) or r:is("(", 1))
end

---A constraint that is added to what has rows.
---@param r migrations.Reader
---@return string|nil
function alter_table.constraint(r)
  local name = r:accept "constraint" and r:name()
  local text = name and "the constraint " .. name.last or "a constraint"
  if r:is "exclude" then return ("adds %s: its index is built while nobody can write"):format(text) end
  if r:is "primary" then return ("adds %s: all rows are checked while the table is locked"):format(text) end
  if r:is "unique" then
    if r:find("using", "index") then return nil end
    return ("adds %s: its index is built while nobody can write (build it CONCURRENTLY, then USING INDEX)"):format(text)
  end
  if r:find("not", "valid") then return nil end
  return ("adds %s: all rows are checked while the table is locked (add it NOT VALID, then VALIDATE)"):format(text)
end

-- Actions -----------------------------------------------------------------------------

local function add(r)
  if is_constraint(r) then return alter_table.constraint(r) end
  r:accept "column"
  r:accept("if", "not", "exists")
  local name = r:name()
  if not name then return "an action that is not known" end
  return column.added(name.last, r)
end

local function drop(r)
  local kind = r:accept "constraint" and "constraint" or "column"
  r:accept "column"
  r:accept("if", "exists")
  local name = r:name()
  local text = name and name.last or "?"
  if kind == "constraint" then
    return ("drops the constraint %s: what it kept is kept no more, and old code may rely on it"):format(text)
  end
  return ("drops the column %s: its data is lost, and code that names it fails"):format(text)
end

local function rename(r)
  if r:is "to" then return "renames the table: code that has the old name fails" end
  if r:accept "constraint" then return "renames a constraint: code that names it fails" end
  r:accept "column"
  local name = r:name()
  return ("renames the column %s: code that has the old name fails"):format(name and name.last or "?")
end

local function set_schema_or_parameters(r)
  if r:is "(" then return nil end
  if r:accept "schema" then return "moves the table to another schema: code that has the old name fails" end
  if r:accept("without", "cluster") then return nil end
  return ("SET %s writes the table anew, and locks it until that is done"):format((r:word() or "?"):upper())
end

local function switch(r, word)
  if r:find("row", "level", "security") then return "changes which rows everybody sees" end
  return ("%s a trigger or a rule, which what old code writes meets"):format(word)
end

local actions = {
  add = add, alter = alter_column, drop = drop, rename = rename, set = set_schema_or_parameters,
  reset = function() return nil end,
  validate = function() return nil end,
  cluster = function() return nil end,
  owner = function() return "gives the table another owner: rights change" end,
  enable = function(r) return switch(r, "enables") end,
  disable = function(r) return switch(r, "disables") end,
  force = function() return "changes which rows its owner sees" end,
  no = function(r)
    return r:accept "force" and "changes which rows its owner sees" or "its rows leave another table"
  end,
  inherit = function() return "its rows become those of another table, too" end,
  attach = function() return "takes a partition in: its rows are checked while it is locked" end,
  detach = function() return "gives a partition away: its rows are gone from here" end,
}

---@param r migrations.Reader  after the table's name
---@return string|nil reason  nil when no action breaks anybody
function alter_table.reason(r)
  local reasons = {}
  for _, action in ipairs(r:items()) do
    local word = action:word()
    local f = word and actions[word]
    local reason
    if f then reason = f(action) else reason = "an action that is not known: " .. tostring(word) end
    reasons[#reasons + 1] = reason
  end
  return reasons[1] and table.concat(reasons, "; ") or nil
end

return alter_table
