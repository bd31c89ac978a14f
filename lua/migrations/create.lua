---CREATE: what is new breaks nobody, but for what is put on a table that is in use, or in another's place. Pure.
local query = require "migrations.query"

local create = {}

local function called(r)
  local name = query.unknown_call(r.tokens, r.at)
  return name and ("calls %s, of which is not known what it does"):format(name) or nil
end

local function table_(r, created)
  local lenient = r:accept("if", "not", "exists")
  local name = r:name(created.path)
  if not name then return "a table without a name" end
  if not lenient then created:add("table", name) end
  local as = r:find "as"
  if as then
    r.at = as
    return called(r)
  end
end

local function index(r, created)
  local concurrently = r:accept "concurrently"
  local lenient = r:accept("if", "not", "exists")
  local name = not r:is "on" and r:name(created.path) or nil
  if not r:accept "on" then return "an index that is not understood" end
  r:accept "only"
  local on = r:name(created.path)
  if name and not lenient then created:add("index", { key = on.key:match "^(.*)\0" .. "\0" .. name.last }) end
  if created:has("table", on) or concurrently then return nil end
  return ("builds an index on %s while nobody can write there (CONCURRENTLY does not lock it)"):format(on.text)
end

-- With OR REPLACE it takes the place of one that may be in use.
local function replaceable(kind)
  return function(r, created, replaces)
    r:accept("if", "not", "exists")
    local name = r:name(created.path)
    if not name then return ("a %s without a name"):format(kind) end
    if replaces and not created:has(kind, name) then
      return ("replaces the %s %s, if there is one: old code gets the new one"):format(kind, name.text)
    end
    created:add(kind, name)
  end
end

local function plain(kind)
  return function(r, created)
    local lenient = r:accept("if", "not", "exists")
    local name = r:name(created.path)
    if name and not lenient then created:add(kind, name) end
  end
end

-- On a table in use it meets what old code does. On one of ours it makes of a change of that table who knows what.
local function on_table(what)
  return function(r, created)
    local on = r:find "on"
    if on then
      r.at = on + 1
      local name = r:name(created.path)
      if created:has("table", name) then return created:remove("table", name) end
      return ("puts %s on %s, which what old code does there meets"):format(what, name and name.text or "?")
    end
    return ("puts %s on what is not understood"):format(what)
  end
end

local function rule(r, created)
  local to = r:find "to"
  if to then
    r.at = to + 1
    local name = r:name(created.path)
    if created:has("table", name) then return created:remove("table", name) end
  end
  return "puts a rule on a table, which what old code does there meets"
end

local function materialized(r, created)
  if not r:accept "view" then return "something that is not known" end
  return table_(r, created)
end

local harmless = function() return nil end

local kinds = {
  table = table_, index = index, materialized = materialized, rule = rule,
  view = replaceable "view", ["function"] = replaceable "function", procedure = replaceable "procedure",
  aggregate = replaceable "aggregate",
  type = plain "type", domain = plain "type", sequence = plain "sequence", schema = plain "schema",
  collation = plain "collation", statistics = plain "statistics", server = plain "server",
  extension = harmless, role = harmless, user = harmless, group = harmless, operator = harmless, text = harmless,
  trigger = on_table "a trigger", policy = on_table "a policy",
}

---@param r migrations.Reader  after CREATE
---@param created migrations.Created
---@return string|nil reason
function create.reason(r, created)
  local replaces = r:accept("or", "replace")
  r:accept_any("global", "local")
  r:accept_any("temporary", "temp", "unlogged")
  r:accept_any("recursive", "constraint", "unique", "trusted", "foreign")
  local kind = r:word()
  if kind and kinds[kind] then return kinds[kind](r, created, replaces) end
  return ("creates something that is not known (%s)"):format(kind or "nothing")
end

return create
