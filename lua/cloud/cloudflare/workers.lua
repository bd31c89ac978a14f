---The resource workers/workers: a script seen as a Worker, which has an id of its own and may be there
---before it has any content.
local data = require "cloud.data"
local preview_base = require "cloud.cloudflare.preview_base"
local references = require "cloud.cloudflare.references"
local route = require "cloud.route"
local script = require "cloud.cloudflare.script"
local settings = require "cloud.cloudflare.settings"

local workers = {}

---The Worker that the path names, by its id or, as wrangler does, by its name.
---@return table script  refuses when there is none
function workers.of(context)
  local wanted = context.params.worker
  local found = context.cloudflare.scripts[wanted]
  for _, of in pairs(found and {} or context.cloudflare.scripts) do
    if of.tag == wanted then found = of end
  end
  if not found then script.refuse_missing() end
  return found
end

-- ---- showing -----------------------------------------------------------------------------

local function subdomain_of(context, of)
  local account = context.cloudflare.subdomain
  local enabled, host = of.subdomain.since ~= nil, nil
  if account then host = ("%s.%s.workers.dev"):format(of.name, account) end
  return { enabled = enabled, previews_enabled = of.subdomain.previews or false,
    url = enabled and host and "https://" .. host or nil, preview_url_suffix = host and "-" .. host or nil }
end

local function named(of) return { id = of.tag, name = of.name } end

local function domains_of(context, of)
  local own = data.filter(context.cloudflare.domains, function(domain) return domain.service == of.name end)
  return data.array(own, function(domain)
    return { id = domain.id, hostname = domain.hostname, zone_id = domain.zone_id,
      zone_name = domain.zone_name, certificate_id = domain.cert_id }
  end)
end

local function references_of(context, of)
  local cloudflare = context.cloudflare
  return {
    workers = data.array(references.incoming(cloudflare, of.name), named),
    durable_objects = data.array(references.objects(cloudflare, of.name), function(bound)
      local class = bound.binding.class_name or ""
      local namespace = data.find(of.namespaces or {}, "class", class)
      return { namespace_id = namespace and namespace.id or "",
        namespace_name = ("%s_%s"):format(of.name, class),
        worker_id = bound.script.tag, worker_name = bound.script.name }
    end),
    domains = domains_of(context, of), queues = data.array {}, dispatch_namespace_outbounds = data.array {},
  }
end

local function show(context, of)
  local current = script.current(of)
  return {
    id = of.tag, name = of.name, created_on = script.time(of.created), updated_on = script.time(of.modified),
    deployed_on = data.nullable(current and script.time(current.created)), logpush = of.logpush or false,
    tags = data.array(of.tags), observability = of.observability or { enabled = false },
    tail_consumers = data.array(of.tail_consumers, function(one) return { name = one.service or one.name } end),
    subdomain = subdomain_of(context, of), references = references_of(context, of),
    previews_base_config = preview_base.show(of.previews_base),
  }
end

-- ---- list, create, change, delete --------------------------------------------------------

local orders = { created_on = true, updated_on = true, deployed_on = true, name = true }

local function list(context)
  local query, found = context.query, {}
  for _, of in pairs(context.cloudflare.scripts) do found[#found + 1] = show(context, of) end
  local by, down = orders[query.order_by] and query.order_by or "deployed_on", query.order ~= "asc"
  local function key(worker) return type(worker[by]) == "string" and worker[by] or "" end
  table.sort(found, function(a, b)
    if key(a) == key(b) then return a.name < b.name end
    if down then return key(a) > key(b) end
    return key(a) < key(b)
  end)
  local page, info = route.page(query, found, 10, 100)
  return data.array(page), { info = info }
end

---What a body says of a Worker's or a preview's own settings. Tail consumers have a name here and are services
---everywhere else.
---@param body table
---@return table
function workers.settings_of(body)
  local wanted = { tags = body.tags, logpush = body.logpush, observability = body.observability,
    tail_consumers = body.tail_consumers }
  settings.check(wanted)
  if type(wanted.tail_consumers) == "table" then
    wanted.tail_consumers = data.array(wanted.tail_consumers, function(one)
      return { service = one.name or one.service }
    end)
  end
  return wanted
end

local function switch(context, of, wanted)
  if type(wanted) ~= "table" then return end
  local on = of.subdomain
  if type(wanted.enabled) == "boolean" then on.since = wanted.enabled and (on.since or context.now) or nil end
  if type(wanted.previews_enabled) == "boolean" then
    on.previews = wanted.previews_enabled
    on.previews_since = wanted.previews_enabled and (on.previews_since or context.now) or nil
  end
end

local function apply(context, of, body, wanted, base)
  settings.apply(of, wanted)
  switch(context, of, body.subdomain)
  of.previews_base = base
  of.modified = context.now
end

local function create(context)
  local body = context.body
  if context.cloudflare.scripts[body.name] then   -- code assumed
    route.refuse { status = 409, code = 10040, message = "A Worker of this name exists already." }
  end
  local wanted = workers.settings_of(body)
  script.check(context, body.name)
  local base = preview_base.changed(context, body.name, nil, body.previews_base_config)
  local of = script.ensure(context, body.name)
  apply(context, of, body, wanted, base)
  return show(context, of)
end

-- A new name is not modelled: what is bound to the old one would have to follow.
local function check_name(of, body)
  if body.name == nil or body.name == of.name then return end
  route.refuse { status = 400, code = 10016, message = "The local cloud does not rename Workers." }
end

local function edit(context)
  local of, body = workers.of(context), context.body
  check_name(of, body)
  local base = preview_base.changed(context, of.name, of.previews_base, body.previews_base_config)
  apply(context, of, body, workers.settings_of(body), base)
  return show(context, of)
end

-- What is left out goes back to what it was at first.
local function replace(context)
  local of, body = workers.of(context), context.body
  check_name(of, body)
  local wanted = workers.settings_of(body)
  local base = preview_base.changed(context, of.name, nil, body.previews_base_config)
  of.tags, of.logpush, of.observability, of.tail_consumers = {}, false, nil, nil
  apply(context, of, body, wanted, base)
  return show(context, of)
end

local function delete(context)
  references.remove(context, workers.of(context))
end

local ALL = "/accounts/{account}/workers/workers"
local ONE = ALL .. "/{worker}"

workers.routes = {
  { "GET", ALL, list }, { "POST", ALL, create },
  { "GET", ONE, function(context) return show(context, workers.of(context)) end },
  { "PUT", ONE, replace }, { "PATCH", ONE, edit }, { "DELETE", ONE, delete },
}
for _, entry in ipairs(workers.routes) do entry.scope = "workers" end

return workers
