---Durable Objects as far as the API shows them: classes come and go by migrations, each is a namespace.
local data = require "cloud.data"
local ids = require "cloud.ids"
local route = require "cloud.route"

local durable = {}

local function refuse(code, message, ...)
  route.refuse { status = 400, code = code, message = message:format(...) }
end

---Refuses migrations where nothing is deployed: they need an upload that is.
---@param metadata table
function durable.refuse_migrations(metadata)
  if metadata.migrations == nil then return end
  refuse(10123, "Durable Object migrations cannot be applied by a version upload; deploy the Worker.")   -- text assumed
end

local function add(context, of, class, sqlite)
  if type(class) ~= "string" then refuse(10026, "A migration's classes are strings.") end
  if data.find(of.namespaces, "class", class) then
    refuse(10074, "Cannot apply new-class migration to class '%s' that is already depended on by "
      .. "existing Durable Objects", class)
  end
  table.insert(of.namespaces, { id = ids.hex(context.state, "namespace"), class = class, sqlite = sqlite })
end

local function find(of, class)
  local namespace, index = data.find(of.namespaces, "class", class)
  if namespace then return namespace, index end
  refuse(10074, "Cannot apply the migration: there is no class '%s'.", tostring(class))   -- text assumed
end

local function list(value) return type(value) == "table" and value or {} end

local function apply(context, of, step)
  for _, class in ipairs(list(step.new_classes)) do add(context, of, class, false) end
  for _, class in ipairs(list(step.new_sqlite_classes)) do add(context, of, class, true) end
  for _, renamed in ipairs(list(step.renamed_classes)) do
    if type(renamed) ~= "table" then refuse(10026, "A renaming has `from` and `to`.") end
    find(of, renamed.from).class = tostring(renamed.to)
  end
  for _, class in ipairs(list(step.deleted_classes)) do
    local _, index = find(of, class)
    table.remove(of.namespaces, index)
  end
end

---Applies an upload's migrations to a copy of what the script has.
---@param context table
---@param of? table        the script, nil before its first upload, or a preview
---@param metadata table   of the upload, plain
---@return table[] namespaces, string|nil tag
function durable.migrated(context, of, metadata)
  local made = { namespaces = data.plain(of and of.namespaces or {}) }
  local wanted, tag = metadata.migrations, of and of.migration_tag
  if wanted == nil then return made.namespaces, tag end
  if type(wanted) ~= "table" then refuse(10026, "metadata.migrations is not an object.") end
  if wanted.old_tag ~= nil and wanted.old_tag ~= tag then   -- text assumed
    refuse(10079, "Migration tag precondition failed; expected tag '%s', got '%s'.",
      tostring(wanted.old_tag), tostring(tag))
  end
  local steps = list(wanted.steps)
  for _, step in ipairs(#steps > 0 and steps or { wanted }) do
    if type(step) == "table" then apply(context, made, step) end
  end
  return made.namespaces, data.text(wanted.new_tag) or tag
end

-- Those of a preview say whose they are; their names are assumed.
local function add_namespaces(found, of, preview)
  local prefix = preview and ("%s_%s"):format(of.name, preview.slug) or of.name
  for _, namespace in ipairs((preview or of).namespaces or {}) do
    found[#found + 1] = { id = namespace.id, name = prefix .. "_" .. namespace.class,
      script = of.name, class = namespace.class, use_sqlite = namespace.sqlite,
      preview = preview and { id = preview.id, name = preview.name } or nil }
  end
end

local function namespaces(context)
  local found = {}
  for _, of in pairs(context.cloudflare.scripts) do
    add_namespaces(found, of)
    for _, preview in ipairs(of.previews or {}) do add_namespaces(found, of, preview) end
  end
  local page, info = route.page(context.query, found, 20, 1000)
  return data.array(page), { info = info }
end

durable.routes = {
  { "GET", "/accounts/{account}/workers/durable_objects/namespaces", namespaces, scope = "workers" },
}

return durable
