---Previews of a Worker, which `wrangler preview` makes, one for a branch: found by id, name or slug, made, changed,
---deleted with all their deployments. What they run is in preview_deployments.lua.
---
---A preview belongs to its Worker's entry in the state and goes with it.
local data = require "cloud.data"
local hosts = require "cloud.cloudflare.preview_hosts"
local ids = require "cloud.ids"
local limits = require "cloud.cloudflare.limits"
local preview_base = require "cloud.cloudflare.preview_base"
local route = require "cloud.route"
local script = require "cloud.cloudflare.script"
local settings = require "cloud.cloudflare.settings"
local workers = require "cloud.cloudflare.workers"

local previews = {}

local NAME = 256   -- characters of a name
local TAGS = 8

---The Worker and the preview that the path names; refuses when there is either not.
---@return table worker, table preview
function previews.of(context)
  local of = workers.of(context)
  local preview = hosts.preview(of, context.params.preview)
  if preview then return of, preview end
  route.refuse { status = 404, code = 10025, message = "Preview not found" }
end

local function show(context, of, preview)
  local newest = preview.deployments[#preview.deployments]
  return {
    id = preview.id, name = preview.name, slug = preview.slug, worker_name = of.name,
    urls = hosts.urls(hosts.of(context.cloudflare, of, preview)), tags = data.array(preview.tags),
    logpush = preview.logpush or false, observability = preview.observability or { enabled = false },
    tail_consumers = data.array(preview.tail_consumers, function(one) return { name = one.service } end),
    created_on = script.time(preview.created), updated_on = script.time(preview.modified),
    deployed_on = data.nullable(newest and script.time(newest.created)),
  }
end

-- ---- list --------------------------------------------------------------------------------

local orders = { deployed_on = true, updated_on = true, created_on = true, slug = true, name = true }

local function sorted(list, by, down)
  local function key(preview) return type(preview[by]) == "string" and preview[by] or "" end
  table.sort(list, function(a, b)
    if key(a) == key(b) then return a.slug < b.slug end
    if down then return key(a) > key(b) end
    return key(a) < key(b)
  end)
  return list
end

local function list(context)
  local of, query = workers.of(context), context.query
  local found = data.filter(of.previews or {}, function(preview)
    return preview.name:find(query.name or "", 1, true) and preview.slug:find(query.slug or "", 1, true)
  end)
  found = data.array(found, function(preview) return show(context, of, preview) end)
  sorted(found, orders[query.order_by] and query.order_by or "deployed_on", query.order ~= "asc")
  local page, info = route.page(query, found, 10, 100)
  return data.array(page), { info = info }
end

-- ---- what a request may say --------------------------------------------------------------

local function refuse(code, message)   -- codes assumed
  route.refuse { status = 400, code = code, message = message }
end

local function check_name(name)
  local fits = type(name) == "string" and #name <= NAME
    and (name:find "^[%w][%w_/.+=-]*[%w]$" or name:find "^%w$")
  if not fits then
    refuse(10016, "A preview's name has at most 256 letters, digits and -_/.+=, a letter or digit first and last.")
  end
end

-- Assumed: two previews of a Worker have neither the same name nor the same slug.
local function check_free(of, preview, name, slug)
  for _, other in ipairs(of.previews or {}) do
    if other ~= preview and (other.name == name or other.slug == slug) then
      route.refuse { status = 409, code = 10040,
        message = ("A preview '%s' exists already, as %s."):format(other.name, other.slug) }
    end
  end
end

local function check_tags(tags)
  local given = type(tags) == "table" and tags or {}
  if #given > TAGS then refuse(10026, "A preview has at most 8 tags.") end
  for _, tag in ipairs(given) do
    if type(tag) == "string" and tag:find "[,&]" then refuse(10026, "A tag has neither a comma nor an ampersand.") end
  end
end

local function wanted_of(body)
  local wanted = workers.settings_of(body)
  check_tags(wanted.tags)
  return wanted
end

local own = { "observability", "logpush", "tail_consumers" }

-- What the Worker says for its new previews, unless the request wants nothing of it.
local function base_of(context, of)
  local ignored = context.query.ignore_base_config == "true" or context.query.ignore_defaults == "true"
  return not ignored and of.previews_base or nil
end

-- What a request leaves out is as the base has it.
local function with_base(base, wanted)
  local from = {}
  for _, name in ipairs(own) do from[name] = preview_base.setting(base, name) end
  for name, value in pairs(workers.settings_of(from)) do
    if wanted[name] == nil then wanted[name] = value end
  end
  return wanted
end

-- ---- make, change, delete ----------------------------------------------------------------

local function last_deployed(preview)
  local newest = preview.deployments[#preview.deployments]
  return newest and newest.created or preview.created
end

-- A Worker that has as many as it may loses the one that was deployed to longest ago.
local function make_room(context, of)
  if #of.previews < limits.of(context).previews then return end
  local oldest = 1
  for i, preview in ipairs(of.previews) do
    if last_deployed(preview) < last_deployed(of.previews[oldest]) then oldest = i end
  end
  table.remove(of.previews, oldest)
end

local function create(context)
  local of, body = workers.of(context), context.body
  check_name(body.name)
  local slug = hosts.slug(body.name, of.name)
  check_free(of, nil, body.name, slug)
  local base = base_of(context, of)
  local wanted = with_base(base, wanted_of(body))
  local preview = { id = ids.hex(context.state, "preview"), name = body.name, slug = slug, created = context.now,
    modified = context.now, deployments = {}, base = data.plain(base) }
  settings.apply(preview, wanted)
  of.previews = of.previews or {}
  make_room(context, of)
  table.insert(of.previews, preview)
  return show(context, of, preview)
end

local function change(context, of, preview, wanted)
  local name = context.body.name
  if name ~= nil then
    check_name(name)
    check_free(of, preview, name, nil)
  end
  settings.apply(preview, wanted)
  preview.name, preview.modified = name or preview.name, context.now
  return show(context, of, preview)
end

local function edit(context)
  local of, preview = previews.of(context)
  return change(context, of, preview, wanted_of(context.body))
end

local function replace(context)
  local of, preview = previews.of(context)
  check_name(context.body.name)
  check_free(of, preview, context.body.name, nil)
  local wanted = with_base(base_of(context, of), wanted_of(context.body))
  preview.tags, preview.logpush, preview.observability, preview.tail_consumers = {}, nil, nil, nil
  return change(context, of, preview, wanted)
end

local function delete(context)
  local of = previews.of(context)
  local _, index = hosts.preview(of, context.params.preview)
  table.remove(of.previews, index)
end

local ALL = "/accounts/{account}/workers/workers/{worker}/previews"
local ONE = ALL .. "/{preview}"

previews.routes = {
  { "GET", ALL, list }, { "POST", ALL, create },
  { "GET", ONE, function(context) return show(context, previews.of(context)) end },
  { "PUT", ONE, replace }, { "PATCH", ONE, edit }, { "DELETE", ONE, delete },
}
for _, entry in ipairs(previews.routes) do entry.scope = "workers" end

return previews
