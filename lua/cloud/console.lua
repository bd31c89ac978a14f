---The local cloud's own pages, on 127.0.0.1 and localhost: what lives in it, for people and, below
---/_davit/, for programs. Nothing here shows a secret: every field is named.
local cloudflare = require "cloud.cloudflare"
local data = require "cloud.data"
local deployments = require "cloud.github.deployments"
local desk = require "cloud.desk"
local github = require "cloud.github"
local json = require "json"
local neon = require "cloud.neon"
local preview_hosts = require "cloud.cloudflare.preview_hosts"
local route = require "cloud.route"

local console = {}

-- ---- what lives -------------------------------------------------------------------------------

local function workers_of(state, now)
  local live, list = {}, {}
  for _, version in ipairs(cloudflare.versions(state, now)) do live[version.id] = true end
  for name, script in pairs(state.cloudflare.scripts) do
    local newest = script.versions[#script.versions] or {}   -- a Worker may have none yet
    list[#list + 1] = { name = name, version = newest.id, number = newest.number,
      live = newest.id ~= nil and live[newest.id] or false, created = newest.created or script.created }
  end
  return data.array(list)
end

local function hosts_of(state, now)
  local list = {}
  local function add(host, script)
    local served = cloudflare.serve(state, { host = host }, now)
    list[#list + 1] = { host = host, worker = script, serves = served and served.kind }
  end
  for _, domain in ipairs(state.cloudflare.domains) do add(domain.hostname, domain.service) end
  for name, script in pairs(state.cloudflare.scripts) do
    if script.subdomain.since and state.cloudflare.subdomain then
      add(("%s.%s.workers.dev"):format(name, state.cloudflare.subdomain), name)
    end
    for _, preview in ipairs(script.previews or {}) do
      for _, host in ipairs(preview_hosts.of(state.cloudflare, script, preview)) do
        add(host, ("%s, preview %s"):format(name, preview.name))
      end
    end
  end
  return data.array(list)
end

local function branches_of(state, now)
  local living = data.filter(neon.branches(state, now), function(branch) return not branch.deleted end)
  return data.array(living, function(branch)
    return { id = branch.id, name = branch.name, parent_id = branch.parent_id,
      address = branch.address, busy = #branch.operations > 0 }
  end)
end

local function pulls_of(state)
  local list = {}
  for name, repository in pairs(state.github.repositories) do
    for _, pull in ipairs(repository.pulls) do
      list[#list + 1] = { repository = name, number = pull.number, title = pull.title, state = pull.state,
        head = pull.head, from = pull.head_repository, sha = pull.sha, merged = pull.merged ~= nil }
    end
  end
  return data.array(list)
end

local function records_of(state)
  return data.array(state.cloudflare.records, function(record)
    return { type = record.type, name = record.name, content = record.content, comment = record.comment }
  end)
end

-- Environments with the deployments that are theirs, so that it can be seen what piles up.
local function environments_of(state)
  local list = {}
  for name, repository in pairs(state.github.repositories) do
    for _, environment in ipairs(repository.environments) do
      local theirs = data.filter(repository.deployments, function(d) return d.environment == environment.name end)
      list[#list + 1] = { repository = name, name = environment.name, deployments = #theirs,
        active = #data.filter(theirs, deployments.is_active) }
    end
  end
  return data.array(list)
end

---@param cloud cloud.Cloud
---@return table
local function summary(cloud)
  local state, now = cloud.state, cloud.now()
  return {
    zone = state.cloudflare.zone, repository = state.github.repository,
    workers = workers_of(state, now), hosts = hosts_of(state, now), records = records_of(state),
    branches = branches_of(state, now), pulls = pulls_of(state),
    environments = environments_of(state), notifications = data.array(state.webhooks.received),
    processes = { workers = data.array(cloud.workers:list()), databases = data.array(cloud.postgres:list()) },
  }
end

-- ---- for people -------------------------------------------------------------------------------

local function escape(value)
  return (tostring(value):gsub("[&<>\"]", { ["&"] = "&amp;", ["<"] = "&lt;", [">"] = "&gt;", ['"'] = "&quot;" }))
end

local function items(list, show)
  local lines = {}
  for i, item in ipairs(list) do lines[i] = "<li>" .. show(item) .. "</li>" end
  return #lines > 0 and "<ul>" .. table.concat(lines, "\n") .. "</ul>" or "<p>none</p>"
end

local PAGE = [[
<!DOCTYPE html>
<meta charset="utf-8">
<title>Davit's local cloud</title>
<h1>Davit's local cloud</h1>
<p>Zone %s, repository %s. The same <a href="/_davit/">for programs</a>.</p>
<h2>Hosts</h2>
%s
<h2>Workers</h2>
%s
<h2>Database branches</h2>
%s
<h2>Pull requests</h2>
%s
]]

local function page(cloud)
  local s = summary(cloud)
  return PAGE:format(escape(s.zone), escape(s.repository),
    items(s.hosts, function(host)
      return ('<a href="http://%s.localhost:%d/">%s</a> → %s'):format(escape(host.host), cloud.http_port,
        escape(host.host), escape(host.worker))
    end),
    items(s.workers, function(worker)
      return ("%s, version %s"):format(escape(worker.name), worker.number or "none yet")
    end),
    items(s.branches, function(branch) return ("%s on %s"):format(escape(branch.name), branch.address) end),
    items(s.pulls, function(pull)
      return ("#%d %s (%s)"):format(pull.number, escape(pull.title), escape(pull.state))
    end))
end

-- ---- what people do at GitHub without its API ---------------------------------------------------

local function refuse(message)
  return { status = 400, body = json.encode { message = message },
    headers = { ["content-type"] = "application/json" } }
end

-- A page in a browser may send a form anywhere, but not JSON.
local function at_github(cloud, request)
  local changes = request.method ~= "GET"
  local content_type = request.headers["content-type"] or ""
  if changes and not content_type:find "^application/json" then return refuse "the body must be application/json" end
  local response = github.admin(request, cloud.state, cloud.now())
  if changes then cloud.changed() end
  return response
end

-- ---- names, for the Workers' own connections --------------------------------------------------

local function address(cloud, request)
  local name = route.query(request.query).name or ""
  local found = neon.locate(cloud.state, name)
  return { status = found and 200 or 404, headers = { ["content-type"] = "text/plain; charset=utf-8" },
    body = found or ("The local cloud has no address for %s, and nothing else can be reached.\n"):format(name) }
end

-- ---- routes -----------------------------------------------------------------------------------

local routes = {
  ["GET /"] = function(cloud)
    return { status = 200, body = page(cloud), headers = { ["content-type"] = "text/html; charset=utf-8" } }
  end,
  ["GET /_davit/"] = function(cloud)
    return { status = 200, body = json.encode(summary(cloud), { indent = 2 }) .. "\n",
      headers = { ["content-type"] = "application/json" } }
  end,
  ["GET /_davit/address"] = address,
}

---@param cloud cloud.Cloud
---@param request table
---@return table response
function console.answer(cloud, request)
  local method = request.method == "HEAD" and "GET" or request.method   -- whose body the host drops
  local page_of = routes[method .. " " .. request.path]
  if page_of then return page_of(cloud, request) end
  if github.administers(request) then return at_github(cloud, request) end
  return desk.answer(cloud, request) or { status = 404, body = "There is no such page; / says what lives here.\n",
    headers = { ["content-type"] = "text/plain; charset=utf-8" } }
end

return console
