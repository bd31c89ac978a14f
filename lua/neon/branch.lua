---Database branches as resources: found by their exact name, ours by their annotation.
local api = require "neon.api"
local json = require "json"
local log = require "log"
local marker = require "marker"
local options = require "options"
local url = require "url"

local branch = {}

local LONGEST_LIFE = 30 * 86400

local fields = {
  { "name", "string", true }, { "parent", "string" }, { "marker", "string", true },
  { "expires", "integer" },
}

local function given(value)
  if value ~= json.null then return value end
end

local function rfc3339(seconds)
  return os.date("!%Y-%m-%dT%H:%M:%SZ", math.floor(seconds))
end

---@class neon.Branch
---@field id string
---@field name string
---@field parent_id? string
---@field marker? string
---@field default boolean
---@field protected boolean
---@field expires_at? string   RFC 3339
---@field created_at string    RFC 3339
---@field operations? string[] ids of what it came with, where this run created it

local function thing_of(found, annotation)
  return { id = found.id, name = found.name, parent_id = given(found.parent_id),
    marker = marker.of_annotation((annotation or {}).value), default = found.default == true,
    protected = found.protected == true, expires_at = given(found.expires_at),
    created_at = found.created_at }
end

-- ---- looking -----------------------------------------------------------------------------

---All branches whose name or id holds the text.
---@param search? string
---@return neon.Branch[]
function branch.list(project, search)
  local things = {}
  local walk = api.walk(project, { style = "cursor", items = "/branches", cursor = "/pagination/next" },
    { path = "/branches", query = { limit = 100, search = search }, what = "list the database branches" })
  for found, reply in walk do
    things[#things + 1] = thing_of(found, (reply.annotations or {})[found.id])
  end
  return things
end

-- The search takes any part of a name: only the whole name counts.
local function named(project, name)
  for _, thing in ipairs(branch.list(project, name)) do
    if thing.name == name then return thing end
  end
end

---The branch of this id; raises when there is none.
---@return neon.Branch
---@return table found  as the API shows it
function branch.get(project, id)
  local reply = api.call(project, { path = "/branches/" .. url.encode(id), absent = true,
    what = "read the database branch " .. id })
  if reply then return thing_of(reply.branch, reply.annotation), reply.branch end
  failure { code = "neon-branch", about = id,
    message = ("Neon: there is no branch %s in the project %s"):format(id, project.id),
    hint = "it expired or was deleted: create it again" }
end

local function parent_of(project, o)
  local name = o.parent or "production"
  local parent = named(project, name)
  if parent then return parent end
  failure { code = "neon-parent", about = name,
    message = ("Neon: the parent branch %s is not in the project %s"):format(name, project.id),
    hint = "no other branch is taken in its place: look at the name and the project" }
end

-- ---- ownership ---------------------------------------------------------------------------

local function matches(project, thing, o)
  local name = "the database branch " .. o.name
  if thing.default or thing.protected then
    return false, name .. " is the project's default or a protected branch"
  end
  local ours, reason = marker.same(thing.marker, o.marker, name)
  if not ours or not o.parent then return ours, reason end
  local parent = parent_of(project, o)
  if thing.parent_id == parent.id then return true end
  return false, ("%s was made from another branch than %s"):format(name, o.parent)
end

-- ---- changing ----------------------------------------------------------------------------

-- The answer holds the passwords of every role. They are taken out and go nowhere.
local function passwords()
  local list = {}
  local function take(pointer) list[pointer] = { name = "database password", to = {} } end
  for i = 0, 9 do
    take(("/roles/%d/password"):format(i))
    take(("/connection_uris/%d/connection_uri"):format(i))
    take(("/connection_uris/%d/connection_parameters/password"):format(i))
  end
  return list
end

-- A child of a branch that is not protected has its passwords: who holds a preview's holds production's.
local function warn_of_passwords(parent, o)
  if parent.protected or not parent.default then return end
  log.warn(("Neon: the branch %s is not protected, so %s gets its passwords; protect it, and branches get their own")
    :format(parent.name, o.name))
end

local function create(project, o)
  local parent = parent_of(project, o)
  warn_of_passwords(parent, o)
  local reply = api.call(project, { path = "/branches", method = "POST", secrets = passwords(),
    what = "create the database branch " .. o.name,
    json = { branch = { name = o.name, parent_id = parent.id,
        expires_at = o.expires and rfc3339(os.time() + o.expires) },
      endpoints = json.array { { type = "read_write" } },
      annotation_value = marker.to_annotation(o.marker) } })
  local thing = thing_of(reply.branch, reply.annotation)
  thing.marker = o.marker
  thing.operations = {}
  for i, operation in ipairs(reply.operations or {}) do thing.operations[i] = operation.id end
  return thing
end

-- Writes a new end only in the second half of the life: the texts compare as their times do.
local function update(project, thing, o)
  local half = o.expires and rfc3339(os.time() + o.expires // 2)
  if not half or thing.expires_at and thing.expires_at > half then return thing end
  local reply = api.call(project, { path = "/branches/" .. url.encode(thing.id), method = "PATCH",
    what = "prolong the database branch " .. o.name,
    json = { branch = { expires_at = rfc3339(os.time() + o.expires) } } })
  thing.expires_at = reply.branch.expires_at
  return thing
end

local function destroy(project, o)
  local thing = named(project, o.name)
  if not thing then return end
  local ours, reason = matches(project, thing, { name = o.name, marker = o.marker })
  if not ours then
    failure { code = "not-ours", about = o.name, message = "Neon: " .. reason,
      hint = "nothing was changed" }
  end
  api.call(project, { path = "/branches/" .. url.encode(thing.id), method = "DELETE",
    absent = true, what = "delete the database branch " .. o.name })
end

-- ---- the resource ------------------------------------------------------------------------

-- Neon's tools take "br-…" for an id and split names at "@".
local function check_name(name)
  if #name <= 256 and name:find("^%w[%w/_.-]*$") and not name:find("^br%-") then return end
  options.misuse("neon.branch: the name '%s' must have letters, digits, '/', '_', '.', '-' only, "
    .. "and not begin with 'br-'", name)
end

local function read(o)
  options.read("neon.branch", o, fields)
  check_name(o.name)
  marker.check("neon.branch", o.marker)
  if o.expires and (o.expires <= 0 or o.expires > LONGEST_LIFE) then
    options.misuse("neon.branch: 'expires' is a number of seconds, at most 30 days of them")
  end
  return { name = o.name, parent = o.parent, marker = o.marker, expires = o.expires }
end

---@return table resource
function branch.resource(project, given_options)
  local o = read(given_options)
  return {
    "Database branch " .. o.name,
    find = function() return named(project, o.name) end,
    create = function() return create(project, o) end,
    matches = function(thing) return matches(project, thing, o) end,
    update = function(thing) return update(project, thing, o) end,
    destroy = function() destroy(project, o) end,
  }
end

---Deletes an item of the inventory.
function branch.destroy(project, item)
  destroy(project, { name = item.name, marker = item.marker })
end

---The branches that carry a marker below the prefix.
---@return table[]  kind, name, id, marker
function branch.inventory(project, prefix)
  local items = {}
  for _, thing in ipairs(branch.list(project)) do
    if thing.marker and marker.under(thing.marker, prefix) then
      items[#items + 1] = { kind = "branch", name = thing.name, id = thing.id,
        marker = thing.marker }
    end
  end
  return items
end

return branch
