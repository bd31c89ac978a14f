---One repository of GitHub's model with a cast of people and apps who ask, for the tests of deployments, environments,
---secrets, runs and checks.
local core = require "core"
local github = require "cloud.github"
local json = require "json"
local github_client = assert(core.load_file "tests/github_client.lua")()

local github_world = {}

---@class tests.GithubWorld
---@field client tests.GitHubClient
---@field state table
---@field now number
---@field repository table  example/codex in the state
local World = {}

local TOKENS = {
  { value = "admin", login = "ada" }, { value = "reviewer", login = "rita" }, { value = "writer", login = "will" },
  { value = "app", kind = "installation", app = "farm", permissions = { checks = "write", deployments = "write",
    statuses = "write", actions = "read", contents = "read", environments = "write", secrets = "write" } },
  { value = "fork", kind = "workflow", fork = true },
  { value = "reader", kind = "workflow", permissions = { contents = "read" } },
}

local values = { workflow = "github-token", owner = "github-owner-token" }

-- The clock is the client's.
World.__index = function(self, key)
  if key == "now" then return self.client.now end
  return World[key]
end
World.__newindex = function(self, key, value)
  if key == "now" then self.client.now = value else rawset(self, key, value) end
end

---The repository with one open pull request, #42 from the branch "topic"; the tokens of whom are called "workflow",
---"owner", "admin", "reviewer", "writer", "app", "fork" and "reader".
---@param seed? table  of cloud.world
---@return tests.GithubWorld
function github_world.new(seed)
  seed = seed or {}
  seed.pull_requests = seed.pull_requests or { { number = 42, title = "Ship it", head = "topic" } }
  seed.github = seed.github or {}
  seed.github.tokens = TOKENS
  seed.github.repositories = { { name = "example/codex", collaborators = { ada = "admin", rita = "pull", will = "push" } } }
  local client = github_client.new(seed)
  return setmetatable({ client = client, state = client.state,
    repository = client.state.github.repositories["example/codex"] }, World)
end

local function as(self, who) return self.client:with(values[who] or who) end

---@param who string     whose token
---@param method string
---@param target string  below the repository, with a query
---@param body? table
---@return integer status, any answer, table headers
function World:ask(who, method, target, body)
  local status, answer, headers = as(self, who):ask(method, github_client.R .. target, body)
  return status, answer ~= "" and answer or nil, headers
end

---The answer of a request that is carried out; any other one is an error.
function World:get(who, method, target, body)
  return (as(self, who):result(method, github_client.R .. target, body))
end

---What is said of a request that is refused: status and message.
function World:refused(who, method, target, body)
  return as(self, who):refusal(method, github_client.R .. target, body)
end

---What only whoever owns this cloud may do.
---@return any answer, integer status
function World:desk(method, path, body)
  local answer = github.admin({ method = method, path = path, query = "", headers = {},
    body = body and json.encode(body) or "" }, self.state, self.now)
  return answer.body ~= "" and json.decode(answer.body) or nil, answer.status
end

---The commit that a branch stands at.
function World:head(branch) return self.repository.branches[branch].sha end

return github_world
