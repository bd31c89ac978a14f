---For place_production.lua: prints what lives of production in the local cloud as JSON: what its Workers serve and
---have served, hosts, crons, branches, what GitHub was told. Asks the services' own APIs.
local http = require "http"
local json = require "json"
local project = require("project").read()
require("local").connect(project)

local function get(url, token, status)
  local answer = http.request { url = url, headers = { authorization = "Bearer " .. token } }
  return answer.status ~= (status or 200) and json.decode(answer.body) or nil
end

local CLOUDFLARE, DNS, NEON, GITHUB = "fake-cloudflare-workers-token-0001", "fake-cloudflare-dns-token-0002",
  "fake-neon-api-key-0003", "fake-github-token-0004"
local API, HUB = "https://api.cloudflare.com/client/v4", "https://api.github.com/repos/example/codex"
local account = API .. "/accounts/" .. project.cloudflare.account

local function value(x) return x ~= json.null and x or nil end

local state = { workers = {}, domains = {}, records = {}, branches = {}, deployments = {}, issues = {} }

local function names(list)
  local found = {}
  for i, one in ipairs(list) do found[i] = one.type .. " " .. one.name end
  table.sort(found)
  return found
end

for _, script in ipairs(get(account .. "/workers/scripts", CLOUDFLARE, 0).result) do
  local base = account .. "/workers/scripts/" .. script.id
  local deployments, crons = get(base .. "/deployments", CLOUDFLARE, 0).result.deployments, {}
  for i, one in ipairs(get(base .. "/schedules", CLOUDFLARE, 0).result.schedules) do crons[i] = one.cron end
  state.workers[script.id] = { serves = deployments[1] and deployments[1].versions[1].version_id, deployed = #deployments,
    versions = #get(base .. "/versions?per_page=100", CLOUDFLARE, 0).result.items, tags = value(script.tags), crons = crons,
    bindings = names(get(base .. "/settings", CLOUDFLARE, 0).result.bindings) }
end
for _, one in ipairs(get(account .. "/workers/domains", CLOUDFLARE, 0).result) do state.domains[one.hostname] = one.service end
local zone = get(API .. "/zones", DNS, 0).result[1].id
for _, one in ipairs(get(API .. "/zones/" .. zone .. "/dns_records?per_page=5000", DNS, 0).result) do
  state.records[#state.records + 1] = ("%s %s %s"):format(one.type, one.name, one.content)
end
table.sort(state.records)
for i, one in ipairs(get("https://console.neon.tech/api/v2/projects/wandering-moon-123456/branches", NEON, 0).branches) do
  state.branches[i] = one.name
end
table.sort(state.branches)
for i, one in ipairs(get(HUB .. "/deployments?environment=production", GITHUB, 0)) do
  local statuses = get(("%s/deployments/%d/statuses"):format(HUB, one.id), GITHUB, 0)
  state.deployments[i] = ("%s %d %s"):format(one.sha:sub(1, 8), #statuses, statuses[1] and statuses[1].state or "none")
end
for i, one in ipairs(get(HUB .. "/issues?state=all&labels=incident&direction=asc", GITHUB, 0)) do
  state.issues[i] = { number = one.number, state = one.state, body = one.body, title = one.title, comments = one.comments }
end
print(json.encode(state))
