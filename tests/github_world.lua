---A world with GitHub's model, asked as clients ask it, for the tests of what the model knows.
local json = require "json"
local github = require "cloud.github"
local world = require "cloud.world"

local github_world = { NOW = 1800000000 }

---@class tests.GithubWorld
---@field state table
---@field now number
---@field repository table  the first one's state
local World = {}
World.__index = World

local TOKENS = {
  { value = "admin", login = "ada" }, { value = "reviewer", login = "rita" }, { value = "writer", login = "will" },
  { value = "app", kind = "installation", app = "farm", permissions = { checks = "write", deployments = "write",
    statuses = "write", actions = "read", contents = "read", environments = "write", secrets = "write" } },
  { value = "fork", kind = "workflow", fork = true },
  { value = "reader", kind = "workflow", permissions = { contents = "read" } },
}

---The repository example/codex with one open pull request, #42 from the branch "topic"; the tokens of whom are called
---"workflow", "owner", "admin", "reviewer", "writer", "app", "fork" and "reader".
---@param seed? table  of cloud.world
---@return tests.GithubWorld
function github_world.new(seed)
  seed = seed or {}
  seed.pull_requests = seed.pull_requests or { { number = 42, title = "Ship it", head = "topic" } }
  seed.github = { tokens = TOKENS, repositories = { { name = "example/codex",
    collaborators = { ada = "admin", rita = "pull", will = "push" } } } }
  local state = world.new(seed)
  return setmetatable({ state = state, now = github_world.NOW, repository = state.github.repositories["example/codex"] },
    World)
end

local values = { workflow = "github-token", owner = "github-owner-token" }

local function decoded(answer)
  local is_json = (answer.headers["content-type"] or ""):find("json", 1, true)
  return is_json and json.decode(answer.body) or nil
end

---@param who string     whose token
---@param method string
---@param target string  below the repository, with a query
---@param body? table
---@return integer status, any answer, table headers
function World:ask(who, method, target, body)
  local path, query = target:match "^([^?]*)%??(.*)$"
  local answer = world.handle({ method = method, host = "api.github.com", path = "/repos/example/codex" .. path,
    query = query, headers = { authorization = "Bearer " .. (values[who] or who), ["user-agent"] = "test" },
    body = body and json.encode(body) or "" }, self.state, self.now)
  return answer.status, decoded(answer), answer.headers
end

---The answer of a request that is carried out; any other one is an error.
function World:get(who, method, target, body)
  local status, answer = self:ask(who, method, target, body)
  if status >= 400 then
    error(("%s %s: %d %s"):format(method, target, status, answer and json.encode(answer) or ""), 2)
  end
  return answer
end

---What is said of a request that is refused.
---@return table  status and message
function World:refused(who, method, target, body)
  local status, answer = self:ask(who, method, target, body)
  return { status, answer and answer.message }
end

---What only whoever owns this cloud may do.
---@return any answer, integer status
function World:desk(method, path, body)
  local answer = github.admin({ method = method, path = path, query = "", headers = {},
    body = body and json.encode(body) or "" }, self.state, self.now)
  return decoded(answer), answer.status
end

---The commit that a branch stands at.
function World:head(branch) return self.repository.branches[branch].sha end

return github_world
