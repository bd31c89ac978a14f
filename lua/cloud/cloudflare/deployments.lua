---Deployments of a script: which versions serve, each with its share of the traffic.
local bindings = require "cloud.cloudflare.bindings"
local clock = require "cloud.clock"
local data = require "cloud.data"
local json = require "json"
local limits = require "cloud.cloudflare.limits"
local route = require "cloud.route"
local script = require "cloud.cloudflare.script"
local versions = require "cloud.cloudflare.versions"

local deployments = {}

local function refuse(code, message, ...)
  route.refuse { status = 400, code = code, message = message:format(...) }
end

local function show(deployment)
  return { id = deployment.id, source = deployment.source, strategy = "percentage",
    author_email = script.author, created_on = script.time(deployment.created),
    annotations = data.plain(deployment.annotations), versions = data.array(deployment.versions),
    code_update_strategy = deployment.code_update_strategy }
end

-- Deployments made between two times, as far as the query names them.
local function between(query, list)
  local since, till = clock.parse(query.since or ""), clock.parse(query["until"] or "")
  return data.filter(list, function(deployment)
    return deployment.created >= (since or -math.huge) and deployment.created <= (till or math.huge)
  end)
end

-- wrangler reads `deployments`, the contract has them below `items`: both are there. Assumed: as
-- many as there are versions to go back to.
local function list(context)
  local found = between(context.query, script.of(context).deployments)
  local page, info = route.page(context.query, versions.newest_first(found), limits.versions, limits.versions)
  local shown = data.array(page, show)
  local items = #shown > 0 and { { deployments = shown } } or {}   -- an empty page ends the list
  return { deployments = shown, items = json.array(items) }, { info = info }
end

local function find(context)
  local of = script.of(context)
  local deployment, index = data.find(of.deployments, "id", context.params.deployment)
  if deployment then return of, deployment, index end
  route.refuse { status = 404, code = 10336, message = "Deployment not found." }
end

local function get(context)
  local _, deployment = find(context)
  return show(deployment)
end

local function delete(context)
  local of, deployment, index = find(context)
  if deployment == script.current(of) then   -- code assumed
    refuse(10021, "The latest deployment, which is actively serving traffic, cannot be deleted.")
  end
  table.remove(of.deployments, index)
end

-- ---- making ------------------------------------------------------------------------------

-- What a body says of versions and shares; the codes of its mistakes are assumed.
local function read_shares(body)
  if body.strategy ~= "percentage" then refuse(10021, "The deployment strategy must be 'percentage'.") end
  local shares, sum, seen = {}, 0, {}
  for i, wanted in ipairs(type(body.versions) == "table" and body.versions or {}) do
    if type(wanted) ~= "table" then wanted = {} end
    local id, percentage = wanted.version_id, wanted.percentage
    if type(id) ~= "string" or type(percentage) ~= "number" or percentage < 0 or percentage > 100 then
      refuse(10021, "A deployment's version has a version_id and a percentage from 0 to 100.")
    end
    if seen[id] then refuse(10021, "Version %s is named twice.", id) end
    seen[id], shares[i], sum = true, { version_id = id, percentage = percentage }, sum + percentage
  end
  if #shares < 1 or #shares > 2 then refuse(10021, "A deployment has one version or two.") end
  if math.abs(sum - 100) > 1e-6 then refuse(10021, "The percentages of a deployment sum to 100, not %g.", sum) end
  return shares
end

local function check_age(of, version)
  local newer = 0
  for _, other in ipairs(of.versions) do
    if other.number > version.number then newer = newer + 1 end
  end
  if newer < limits.versions then return end
  refuse(10021, "Version %s is not among the newest %d, which can be deployed.", version.id, limits.versions)
end

local function secrets_of(version)
  local found = {}
  for _, binding in ipairs(version.bindings) do
    if bindings.is_secret(binding) then found[binding.name] = json.encode(binding) end
  end
  return found
end

local function changed_secrets(old, new)
  local before, after, names = secrets_of(old), secrets_of(new), {}
  for name, value in pairs(before) do
    if after[name] ~= value then names[#names + 1] = name end
  end
  for name in pairs(after) do
    if not before[name] then names[#names + 1] = name end
  end
  table.sort(names)
  return names
end

-- The newest version that serves, and all that do.
local function serving(of)
  local current, newest, ids = script.current(of), nil, {}
  for _, share in ipairs(current and current.versions or {}) do
    local version = script.version(of, share.version_id)
    ids[version.id] = true
    if not newest or version.number > newest.number then newest = version end
  end
  return newest, ids
end

-- To go back to a version that does not serve now would also bring back its secrets.
local function refuse_old_secrets(of, version)
  local newest, live = serving(of)
  if not newest or live[version.id] or version.number > newest.number then return end
  local names = changed_secrets(version, newest)
  if #names == 0 then return end
  refuse(10220, "Version %s cannot be deployed without force. The following secrets have changed: %s",
    version.id, table.concat(names, ", "))
end

local function post(context)
  local of, body = script.of(context), data.plain(context.body)
  local shares = read_shares(body)
  for _, share in ipairs(shares) do
    local version = script.version(of, share.version_id)
    check_age(of, version)
    if context.query.force ~= "true" then refuse_old_secrets(of, version) end
  end
  local told = { annotations = script.annotations(body.annotations),
    code_update_strategy = body.code_update_strategy }
  return show(script.deploy(context, of, shares, told))
end

local ALL = "/accounts/{account}/workers/scripts/{script}/deployments"

deployments.routes = {
  { "GET", ALL, list }, { "POST", ALL, post },
  { "GET", ALL .. "/{deployment}", get }, { "DELETE", ALL .. "/{deployment}", delete },
}
for _, entry in ipairs(deployments.routes) do entry.scope = "workers" end

return deployments
