---A database branch as a resource: ours by its annotation, made of its parent's head or past, prolonged, deleted.
local api = require "neon.api"
local branch = require "neon.branch"
local guard = require "neon.guard"
local json = require "json"
local log = require "log"
local marker = require "marker"
local operations = require "neon.operations"
local options = require "options"
local point = require "neon.point"
local retry = require "retry"
local url = require "url"

local branch_resource = {}

local LONGEST_LIFE = 30 * 86400

local fields = {
  { "name", "string", true }, { "parent", "string" }, { "marker", "string", true },
  { "expires", "integer" }, { "at", "table" }, { "schema_only", "boolean" }, { "protected", "boolean" },
}

local function rfc3339(seconds)
  return os.date("!%Y-%m-%dT%H:%M:%SZ", math.floor(seconds))
end

-- ---- ownership ---------------------------------------------------------------------------

local function parent_of(project, o)
  local name = o.parent or "production"
  local parent = branch.find(project, name)
  if parent then return parent end
  failure { code = "neon-parent", about = name,
    message = ("Neon: the parent branch %s is not in the project %s"):format(name, project.id),
    hint = "no other branch is taken in its place: look at the name and the project" }
end

-- What Neon shows as the parent is another branch once the parent was restored: its children go to what it was. So
-- the name in the annotation counts, which was written when the branch was made, and is one request less.
local function has_parent(project, thing, o)
  return thing.made_from == (o.parent or "production") or thing.parent_id == parent_of(project, o).id
end

-- A branch of another moment, or with rows where only a schema was wanted, is another one.
local function has_origin(project, thing, o, name)
  if o.at and thing.at ~= point.text(o.at) then
    return false, ("%s was made of %s, not of %s"):format(name, thing.at or "its parent's head", point.text(o.at))
  end
  if o.schema_only and not thing.schema_only then
    return false, name .. " holds rows, and a schema without rows was asked for"
  end
  if o.parent and thing.schema_only and not o.schema_only then
    return false, name .. " holds a schema without rows, and its parent's rows were asked for"
  end
  if not o.parent or has_parent(project, thing, o) then return true end
  return false, ("%s was made from another branch than %s"):format(name, o.parent)
end

local function matches(project, thing, o)
  local name = "the database branch " .. o.name
  guard.check_thing(project.environment, thing, o.protected)
  if thing.default or thing.protected and not o.protected then
    return false, name .. " is the project's default or a protected branch"
  end
  local ours, reason = marker.same(thing.marker, o.marker, name)
  if not ours then return ours, reason end
  return has_origin(project, thing, o, name)
end

-- ---- creating ----------------------------------------------------------------------------

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

local function annotation_of(o)
  local value = marker.to_annotation(o.marker)
  value.davit_parent = o.parent or "production"
  value.davit_at = o.at and point.text(o.at) or nil
  return value
end

local function create(project, o)
  local parent, at = parent_of(project, o), o.at or {}
  warn_of_passwords(parent, o)
  local reply = api.call(project, { path = "/branches", method = "POST", secrets = passwords(),
    what = "create the database branch " .. o.name,
    json = { branch = { name = o.name, parent_id = parent.id, parent_timestamp = at.time, parent_lsn = at.lsn,
        init_source = o.schema_only and "schema-only" or nil, protected = o.protected or nil,
        expires_at = o.expires and rfc3339(os.time() + o.expires) },
      endpoints = json.array { { type = "read_write" } },
      annotation_value = annotation_of(o) } })
  local thing = branch.thing(reply.branch, { value = annotation_of(o) })
  thing.operations = operations.ids(reply)
  branch.made(project, thing)
  return thing
end

-- ---- changing ----------------------------------------------------------------------------

-- Writes a new end only in the second half of the life: the texts compare as their times do.
local function change_of(thing, o)
  local half = o.expires and rfc3339(os.time() + o.expires // 2)
  local prolong = half and not (thing.expires_at and thing.expires_at > half)
  return { expires_at = prolong and rfc3339(os.time() + o.expires) or nil,
    protected = o.protected and not thing.protected or nil }
end

local function patch(project, thing, what, change)
  return api.call(project, { path = "/branches/" .. url.encode(thing.id), method = "PATCH",
    what = ("%s the database branch %s"):format(what, thing.name), json = { branch = change } })
end

local function update(project, thing, o)
  local change = change_of(thing, o)
  if not next(change) then return thing end
  local reply = patch(project, thing, change.expires_at and "prolong" or "protect", change)
  thing.expires_at, thing.protected = branch.thing(reply.branch).expires_at, reply.branch.protected == true
  return thing
end

-- ---- destroying --------------------------------------------------------------------------

local function refuse(name, reason)
  failure { code = "not-ours", about = name, message = "Neon: " .. reason, hint = "nothing was changed" }
end

-- The branch after all that were made from it. Refuses before anything is deleted.
local function family(all, thing, list)
  for _, child in ipairs(all) do
    if child.parent_id == thing.id then
      if child.marker ~= thing.marker or child.default or child.protected then
        refuse(thing.name, ("the database branch %s has a child that is not ours: %s"):format(thing.name, child.name))
      end
      family(all, child, list)
    end
  end
  list[#list + 1] = thing
  return list
end

local function delete(project, thing)
  if thing.protected then patch(project, thing, "unprotect", { protected = false }) end
  api.call(project, { path = "/branches/" .. url.encode(thing.id), method = "DELETE",
    absent = true, what = "delete the database branch " .. thing.name })
end

local function destroy(project, o)
  local all, thing = branch.list(project), nil
  for _, one in ipairs(all) do
    if one.name == o.name then thing = one end
  end
  if not thing then return end
  local ours, reason = matches(project, thing, { name = o.name, marker = o.marker, protected = o.protected })
  if not ours then refuse(o.name, reason) end
  for _, one in ipairs(family(all, thing, {})) do delete(project, one) end
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
  if o.expires and o.protected then options.misuse("neon.branch: what is protected does not expire: choose one") end
  local at = o.at and point.read("neon.branch: option 'at'", o.at)
  if o.at and not at then options.misuse("neon.branch: 'at' must be { time = … } or { lsn = … }") end
  return { name = o.name, parent = o.parent, marker = o.marker, expires = o.expires, at = at,
    schema_only = o.schema_only, protected = o.protected }
end

---@return table resource
function branch_resource.new(project, given_options)
  local o = read(given_options)
  return {
    "Database branch " .. o.name,
    find = function() return branch.find(project, o.name) end,
    create = function() return create(project, o) end,
    matches = function(thing) return matches(project, thing, o) end,
    update = function(thing) return update(project, thing, o) end,
    plan = function(thing)
      local change = change_of(thing, o)
      if not next(change) then return "keep" end
      return "change", change.expires_at and "expires " .. change.expires_at or "protected"
    end,
    destroy = function() destroy(project, o) end,
  }
end

local gone = { classes = { pending = true }, first = 0.5, most = 4, budget = 30 }

---Deletes an item of the inventory, and returns when no list has it any more.
function branch_resource.destroy_item(project, item)
  destroy(project, { name = item.name, marker = item.marker })
  retry.run(gone, function()
    local left = branch.find(project, item.name)
    if not left or left.id ~= item.id then return end
    failure { code = "still-there", class = "pending", about = item.name,
      message = ("Neon: the database branch %s was deleted and is still there"):format(item.name),
      hint = "run it again in a while" }
  end)
end

return branch_resource
