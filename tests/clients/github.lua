---A local cloud whose world has a busy repository of GitHub's, people who may do different things there, and all the
---tokens that they have.
local cloud = assert(require("core").load_file "tests/clients/cloud.lua")()
local fs = require "fs"
local json = require "json"
local process = require "process"

local github = {}

---@type table<string, string>  by who has it
github.tokens = {
  owner = "clients-owner-token", workflow = "clients-workflow-token", rita = "clients-rita-token", will = "clients-will-token",
  ray = "clients-ray-token", stranger = "clients-stranger-token", reading = "clients-reading-token", fork = "clients-fork-token",
  fine = "clients-fine-token", narrow = "clients-narrow-token", expired = "clients-expired-token",
}

local REPOSITORY <const> = [[
  repository: example/app
  token: %s
  owner_token: %s
  repositories:
    - { name: example/app, former: [example/old-app], collaborators: { rita: push, will: push, ray: pull } }
    - { name: example/site, private: false }
    - { name: example/other }
  branches: [{ name: release, protected: true, required: [build] }, develop]
  labels: [{ name: bug, color: d73a4a }, { name: preview, color: 0e8a16 }]
  issues:
    - { number: 1, title: It does not work, login: stranger, labels: [bug] }
    - { number: 2, title: It worked, state: closed }
  tokens:
    - { value: %s, login: rita }
    - { value: %s, login: will }
    - { value: %s, login: ray }
    - { value: %s, login: stranger }
    - { value: %s, kind: workflow, permissions: { contents: read, pull-requests: write } }
    - { value: %s, kind: workflow, fork: true }
    - { value: %s, kind: fine-grained, login: example, permissions: { deployments: write }, repositories: [example/app] }
    - { value: %s, login: example, scopes: [repo_deployment] }
    - { value: %s, login: example, expires: "2020-01-01T00:00:00Z" }
  apps: [{ slug: deployer, id: 77, permissions: { deployments: write, secrets: write, metadata: read } }]
  pull_requests:
    - { number: 43, title: From afar, head: patch, from: stranger/app, login: stranger }
    - { number: 44, title: Given up, head: given-up, state: closed }
    - { number: 45, title: Into the release, head: hotfix, base: release }
    - { number: 46, title: Another one, head: feature/other }
]]

-- So many that they take two pages of the largest size; somebody else's holds the mark of the preview's, too.
local function comments()
  local lines = {}
  for i = 1, 130 do
    local body, login = ("comment %d"):format(i), "will"
    if i == 5 then body, login = "planted <!-- davit:preview:42 -->", "stranger" end
    if i == 120 then body, login = "old <!-- davit:preview:42 -->", "github-actions[bot]" end
    lines[i] = ('        - { body: "%s", login: "%s" }\n'):format(body, login)
  end
  return "    - number: 42\n      title: Try a preview\n      head: feature/preview\n      comments:\n" .. table.concat(lines)
end

-- Of those that nobody should run into; the limits' own story has others.
local GENEROUS <const> = "github_requests: 100000, github_user_requests: 100000, github_points: 1000000, "
  .. "github_content_per_minute: 100000, github_content_per_hour: 100000"

---Starts a cloud with that repository, without a data plane.
---@param name string       of its recording
---@param settings? string  of the seed, YAML (limits that nobody meets)
---@return clients.Cloud
function github.open(name, settings)
  local t = github.tokens
  local seed = "github:\n" .. REPOSITORY:format(t.workflow, t.owner, t.rita, t.will, t.ray, t.stranger, t.reading, t.fork, t.fine,
    t.narrow, t.expired) .. comments() .. ("settings: { %s }\n"):format(settings or GENEROUS)
  return cloud.open(name, { seed = seed, flags = { "--no-data-plane" } })
end

---Where a cloud is, for clients in node.
---@param place clients.Cloud
---@return string
function github.base(place) return ("http://127.0.0.1:%d"):format(place.port) end

---What programs find in their environment: everybody's token.
---@return table<string, string>
function github.environment()
  local env = { PATH = os.getenv "PATH" }
  for who, token in pairs(github.tokens) do env[who:upper() .. "_TOKEN"] = token end
  return env
end

---What a cloud tells a shell to export.
---@param place clients.Cloud
---@return table<string, string>
function github.exported(place)
  local env = {}
  for _, line in ipairs(json.decode(fs.read(place.state .. "/cloud.json")).environment) do
    local name, value = line:match "^export ([%u_]+)=([^%s]+)"
    if name then env[name] = value end
  end
  return env
end

---The version of gh; nil when there is none.
---@return string|nil
function github.gh_version()
  local ended, err = try(process.run, { argv = { "gh", "--version" } })
  return not err and ended.output:match "gh version ([%d.]+)" or nil
end

return github
