---Looking at database branches: listed in full, found by their exact name, named by their id.
local api = require "neon.api"
local json = require "json"
local marker = require "marker"
local options = require "options"
local url = require "url"

local branch = {}

local function given(value)
  if value ~= json.null then return value end
end

---@class neon.Branch
---@field id string
---@field name string
---@field parent_id? string
---@field marker? string
---@field made_from? string    the name of the branch that it was made from by us
---@field at? string           the moment of its parent that it was asked for
---@field schema_only? boolean
---@field default boolean
---@field protected boolean
---@field expires_at? string   RFC 3339
---@field created_at string    RFC 3339
---@field operations? string[] ids of what it came with, where this run created it

---@param found table       as the API shows it
---@param annotation? table
---@return neon.Branch
function branch.thing(found, annotation)
  local value = given((annotation or {}).value) or {}
  return { id = found.id, name = found.name, parent_id = given(found.parent_id),
    marker = marker.of_annotation(value), made_from = value.davit_parent, at = value.davit_at,
    default = found.default == true, schema_only = found.init_source == "schema-only" or nil,
    protected = found.protected == true, expires_at = given(found.expires_at),
    created_at = found.created_at }
end

-- ---- looking -----------------------------------------------------------------------------

local function walk_all(project, search)
  local things = {}
  local walk = api.walk(project, { style = "cursor", items = "/branches", cursor = "/pagination/next" },
    { path = "/branches", what = "list the database branches",
      query = { limit = 100, search = search, sort_by = "created_at", sort_order = "asc" } })
  for found, reply in walk do
    things[#things + 1] = branch.thing(found, (reply.annotations or {})[found.id])
  end
  return things
end

local function key_of(id) return "branch " .. id end

---All branches whose name or id holds the text, the oldest first: what is made meanwhile comes last, so that no page
---is moved by it.
---@param search? string
---@return neon.Branch[]
function branch.list(project, search)
  local things, at = project.seen:renew("branches", function() return walk_all(project, search) end)
  for _, thing in ipairs(at and things or {}) do project.seen:keep(key_of(thing.id), thing, at) end
  return things
end

---Remembers a branch that was just made.
---@param thing neon.Branch
function branch.made(project, thing) project.seen:keep(key_of(thing.id), thing) end

---The branch that has exactly this name. The search takes any part of a name, and of an id: only the whole name counts.
---@return neon.Branch|nil
function branch.find(project, name)
  for _, thing in ipairs(branch.list(project, name)) do
    if thing.name == name then return thing end
  end
end

---Those whose names begin with the text.
---@param prefix? string
---@return neon.Branch[]
function branch.beginning(project, prefix)
  local list = {}
  for _, thing in ipairs(branch.list(project, prefix)) do
    if not prefix or thing.name:sub(1, #prefix) == prefix then list[#list + 1] = thing end
  end
  return list
end

---The branch of this id; raises when there is none.
---@return neon.Branch
---@return table found  as the API shows it
function branch.get(project, id)
  local reply = api.call(project, { path = "/branches/" .. url.encode(id), absent = true,
    what = "read the database branch " .. id })
  if reply then return branch.thing(reply.branch, reply.annotation), reply.branch end
  failure { code = "neon-branch", about = id,
    message = ("Neon: there is no branch %s in the project %s"):format(id, project.id),
    hint = "it expired or was deleted: create it again" }
end

---The same for who changes nothing of it, and need not look again at what was seen a while ago.
---@return neon.Branch
function branch.seen(project, id)
  return project.seen:ask(key_of(id), function() return (branch.get(project, id)) end)
end

---The id of a branch that an option names, by itself or as a thing. A name is refused: it could be another branch's.
---@param what string  the function, for the error
---@param value any
---@param field? string
---@return string
function branch.id_of(what, value, field)
  local id = value
  if type(value) == "table" then id = value.id end
  if type(id) == "string" and id:find "^br%-" then return id end
  options.misuse("%s: '%s' must be a branch or its id, not '%s'", what, field or "branch", tostring(id))
end

-- ---- whose it is -------------------------------------------------------------------------

---Whether it is what others come from, whatever the project calls it, and not a copy of a schema.
---@param thing neon.Branch
---@return boolean
function branch.is_root(thing)
  return thing.default or thing.protected or not thing.parent_id and not thing.schema_only
end

-- ---- inventory ---------------------------------------------------------------------------

-- How many ancestors each has, by id.
local function depths(things)
  local by_id, depth = {}, {}
  for _, thing in ipairs(things) do by_id[thing.id] = thing end
  local function of(thing)
    if not thing then return 0 end
    depth[thing.id] = depth[thing.id] or 1 + of(by_id[thing.parent_id])
    return depth[thing.id]
  end
  for _, thing in ipairs(things) do of(thing) end
  return depth
end

---The branches that carry a marker below the prefix, children before their parents.
---@return table[]  kind, name, id, marker
function branch.inventory(project, prefix)
  local things, items = branch.list(project), {}
  local depth = depths(things)
  for _, thing in ipairs(things) do
    if thing.marker and marker.under(thing.marker, prefix) then
      items[#items + 1] = { kind = "branch", name = thing.name, id = thing.id, marker = thing.marker }
    end
  end
  table.sort(items, function(a, b)
    if depth[a.id] ~= depth[b.id] then return depth[a.id] > depth[b.id] end
    return a.name < b.name
  end)
  return items
end

return branch
