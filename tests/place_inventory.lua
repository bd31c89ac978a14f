---For place.lua: prints everything of one pull request that lives in the local cloud, as sorted lines in
---which its number is N: those of two pull requests can be compared. A version is another one on another branch.
---Asks the services' own APIs.
local http = require "http"
local json = require "json"
local project = require("project").read()
require("local").connect(project)

local number = ...
local lines = {}

local function get(url, token)
  return json.decode(http.expect({ url = url, headers = { authorization = "Bearer " .. token } }).body)
end

local function add(format, ...)
  local line = format:format(...):gsub("`%x+%-%x+`", "`version`")
  if line:find(number, 1, true) then lines[#lines + 1] = (line:gsub(number, "N")) end
end

local CLOUDFLARE, DNS = "fake-cloudflare-workers-token-0001", "fake-cloudflare-dns-token-0002"
local API = "https://api.cloudflare.com/client/v4"
local account = API .. "/accounts/" .. project.cloudflare.account
local zone = get(API .. "/zones", DNS).result[1].id

for _, r in ipairs(get(API .. "/zones/" .. zone .. "/dns_records?per_page=5000", DNS).result) do
  add("record %s %s %s %s", r.type, r.name, r.content, r.comment ~= json.null and r.comment or "no comment")
end
for _, d in ipairs(get(account .. "/workers/domains", CLOUDFLARE).result) do add("domain %s of %s", d.hostname, d.service) end

local function bindings_of(name)
  local list = {}
  for i, b in ipairs(get(account .. "/workers/scripts/" .. name .. "/settings", CLOUDFLARE).result.bindings) do
    list[i] = b.type .. " " .. b.name
  end
  table.sort(list)
  return table.concat(list, ", ")
end

for _, script in ipairs(get(account .. "/workers/scripts", CLOUDFLARE).result) do
  if script.id:find(number, 1, true) then add("Worker %s: %s", script.id, bindings_of(script.id)) end
end

local branches = get("https://console.neon.tech/api/v2/projects/wandering-moon-123456/branches", "fake-neon-api-key-0003")
for _, branch in ipairs(branches.branches) do add("branch %s", branch.name) end

local comments = get("https://api.github.com/repos/example/codex/issues/" .. number .. "/comments", "fake-github-token-0004")
for _, comment in ipairs(comments) do add("comment on %s: %s", number, comment.body:gsub("%s+", " "), nil) end

local deployments = "https://api.github.com/repos/example/codex/deployments"
for _, one in ipairs(get(deployments .. "?environment=preview-" .. number, "fake-github-token-0004")) do
  local newest = get(deployments .. "/" .. one.id .. "/statuses?per_page=1", "fake-github-token-0004")[1]
  add("deployment to %s: %s", one.environment, newest and newest.state or "pending")
end

table.sort(lines)
print(table.concat(lines, "\n"))
