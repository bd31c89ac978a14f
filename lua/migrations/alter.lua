---ALTER and DROP: of what was made before in the same migrations everything may be changed; of all else what old code
---relies on may not. Pure.
local Reader = require "migrations.reader"
local alter_table = require "migrations.alter_table"

local alter = {}

-- ALTER TABLE ------------------------------------------------------------------------

-- Follows a table of ours to its new name or schema. With a partition it takes in what may not be ours.
local function follow(r, created, kind, name)
  if r:accept("attach", "partition") then
    local part = r:name(created.path)
    if created:has("table", part) then return nil end
    return ("takes %s in as a partition: its rows are checked while it is locked"):format(part and part.text or "?")
  end
  if r:accept("rename", "to") then
    created:rename(kind, name, r:name().last)
  elseif r:accept("set", "schema") then
    created:rename(kind, name, name.last, r:name().last)
  end
end

local function table_(r, created)
  if r:accept("all", "in", "tablespace") then return "moves all tables of a tablespace, each locked meanwhile" end
  r:accept("if", "exists")
  r:accept "only"
  local name = r:name(created.path)
  r:accept "*"
  if not name then return "a table without a name" end
  if created:has("table", name) then return follow(r, created, "table", name) end
  if r:is "validate" and created:is_locked(name) then
    return ("%s: all rows are checked while the table is locked by what this migration did to it before (validate in a "
      .. "migration of its own)"):format(name.text)
  end
  if not r:is "validate" then created:lock(name) end
  local reason = alter_table.reason(r)
  return reason and ("%s: %s"):format(name.text, reason) or nil
end

-- Other things -----------------------------------------------------------------------

local function type_(r, created)
  local name = r:name(created.path)
  if name and created:has("type", name) then return follow(r, created, "type", name) end
  local text = name and name.text or "?"
  if r:accept("add", "value") then
    return ("adds a value to the enum %s: old code meets one that it does not know, and it cannot be taken back")
      :format(text)
  end
  return ("changes the type %s, which is in use"):format(text)
end

local function domain(r, created)
  local name = r:name(created.path)
  if name and created:has("type", name) then return follow(r, created, "type", name) end
  if r:accept("drop", "not", "null") or r:accept("set", "default") or r:accept "validate" then return nil end
  if r:accept "add" and r:find("not", "valid") then return nil end
  return ("changes the domain %s, which is in use"):format(name and name.text or "?")
end

local function sequence(r, created)
  r:accept("if", "exists")
  local name = r:name(created.path)
  if created:has("sequence", name) or r:accept("owned", "by") then return nil end
  return ("changes the sequence %s, which is in use"):format(name and name.text or "?")
end

local function index(r, created)
  r:accept("if", "exists")
  local name = r:name(created.path)
  if created:has("index", name) or r:accept("set", "(") or r:accept "reset" or r:accept("attach", "partition") then
    return nil
  end
  return ("changes the index %s, which is in use"):format(name and name.text or "?")
end

local function privileges(r)
  if r:find "revoke" then return "takes rights away" end
end

local kinds = { table = table_, type = type_, domain = domain, sequence = sequence, index = index }

---@param r migrations.Reader  after ALTER
---@param created migrations.Created
---@return string|nil reason
function alter.reason(r, created)
  if r:accept("default", "privileges") then return privileges(r) end
  r:accept_any("foreign", "materialized")
  local kind = r:word()
  if kind and kinds[kind] then return kinds[kind](r, created) end
  local name = r:name(created.path)
  if kind and name and created:has(kind, name) then return nil end
  return ("changes the %s %s, which may be in use"):format(kind or "?", name and name.text or "?")
end

-- DROP -------------------------------------------------------------------------------

local lost = {
  table = "its rows are lost, and code that names it fails", view = "code that names it fails",
  index = "queries that need it are slow, and what it kept unique is not any more", type = "code that names it fails",
  ["function"] = "code that calls it fails", procedure = "code that calls it fails",
}

-- "f(int), g(text)": without what is in brackets.
local function names_of(r, created)
  local names = {}
  for _, item in ipairs(r:items()) do names[#names + 1] = item:name(created.path) end
  return names
end

-- "drop trigger t on users": what it is on decides.
local function of_table(r, created, kind)
  local name, on = r:name(created.path), r:find "on"
  local owner = on and Reader.new(r.tokens, on + 1):name(created.path)
  if created:has("table", owner) then return nil end
  return ("drops the %s %s of %s, which what old code does there met"):format(kind, name and name.text or "?",
    owner and owner.text or "?")
end

local on_a_table = { trigger = true, policy = true, rule = true }

---@param r migrations.Reader  after DROP
---@param created migrations.Created
---@return string|nil reason
function alter.drop(r, created)
  r:accept_any("materialized", "foreign")
  local kind = r:word() or "nothing"
  r:accept "concurrently"
  r:accept("if", "exists")
  if on_a_table[kind] then return of_table(r, created, kind) end
  local strangers = {}
  for _, name in ipairs(names_of(r, created)) do
    if not created:has(kind, name) then strangers[#strangers + 1] = name.text end
    created:remove(kind, name)
  end
  if not strangers[1] then return nil end
  return ("drops the %s %s: %s"):format(kind, table.concat(strangers, ", "), lost[kind] or "who uses it fails")
end

return alter
