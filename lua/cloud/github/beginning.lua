---What GitHub's part of a world begins with: repositories, issues and pull requests of a seed, or those of a state
---that an older version saved.
local comments = require "cloud.github.comments"
local flow_seed = require "cloud.github.flow_seed"
local git = require "cloud.github.git"
local issues = require "cloud.github.issues"
local labels = require "cloud.github.labels"
local pulls = require "cloud.github.pulls"
local world_of = require "cloud.github.repositories"

local beginning = {}

---@class github.Seed
---@field repositories? repositories.Seed[]  beside the first one; an entry with its name is that one
---@field branches? table[]   name, protected, required (names of checks): of the first repository
---@field labels? table[]     name, color, description: of the first repository
---@field issues? table[]     number, title, body, state, login, labels, comments: of the first repository
---@field tokens? github.tokens.Seed[]
---@field apps? github.apps.Seed[]
---@field environments? flow_seed.Environment[]  this and the next ones: of the first repository
---@field workflows? workflows.New[]
---@field secrets? table<string, string>
---@field variables? table<string, string>

local function add_comments(state, repository, item, list)
  for _, comment in ipairs(list or {}) do
    comments.add(state, repository, item.number, comment, state.settings.created_at)
  end
end

local function fields_of(pull, from)
  local made = {}
  for key, value in pairs(pull) do made[key] = value end
  made.from = from
  return made
end

-- The fork that a pull request comes from is made when it is named for the first time.
local function source_of(state, repository, pull, add)
  if not pull.from then return nil end
  local known = world_of.find(state, pull.from)
  return known or add(state, { name = pull.from, fork_of = repository.full_name, private = repository.private })
end

local function add_pulls(state, repository, list, add)
  for _, pull in ipairs(list or {}) do
    local made = pulls.add(state, repository, fields_of(pull, source_of(state, repository, pull, add)),
      state.settings.created_at)
    add_comments(state, repository, made, pull.comments)
  end
end

local function add_issues(state, repository, list)
  for _, issue in ipairs(list or {}) do
    local made = issues.add(state, repository, issue, state.settings.created_at)
    add_comments(state, repository, made, issue.comments)
  end
end

local function add_labels(state, repository, list)
  for _, label in ipairs(list or {}) do
    if not labels.find(repository, label.name) then labels.add(state, repository, label) end
  end
end

local function add_branches(state, repository, list)
  local from = repository.branches[repository.default_branch].sha
  for _, branch in ipairs(list or {}) do
    if not repository.branches[branch.name] then
      git.point(repository, branch.name, from, state.settings.created_at)
    end
    local at = repository.branches[branch.name]
    at.protected, at.required = branch.protected or branch.required and true, branch.required
  end
end

local function fill(state, repository, o, add)
  add_branches(state, repository, o.branches)
  add_labels(state, repository, o.labels)
  add_issues(state, repository, o.issues)
  add_pulls(state, repository, o.pull_requests, add)
  flow_seed.plant(state, repository, o)
end

-- What the seed says of the first repository, wherever.
local function first_of(name, list)
  for _, one in ipairs(list) do
    if one.name == name then return one end
  end
  return { name = name }
end

---@param state table
---@param first string  owner/name of the repository that the project is about
---@param seed world.Seed
---@param add fun(state: table, o: repositories.Seed): github.Repository
function beginning.plant(state, first, seed, add)
  local given = seed.github or {}
  local list = given.repositories or {}
  local own = add(state, first_of(first, list))
  for _, one in ipairs(list) do
    if one.name ~= first then add(state, one) end
  end
  for _, one in ipairs(list) do fill(state, world_of.find(state, one.name), one, add) end
  fill(state, own, { branches = given.branches, labels = given.labels, issues = given.issues,
    environments = given.environments, workflows = given.workflows, secrets = given.secrets,
    variables = given.variables, pull_requests = seed.pull_requests }, add)
end

-- ---- of an older version -------------------------------------------------------------------

local kept = { "title", "body", "state", "login", "created", "updated", "closed" }

-- Before, there was one repository, and its pull requests were all that had a number.
local function convert_pulls(state, repository, list)
  for _, old in ipairs(list) do
    local made = pulls.add(state, repository, { number = old.number, title = old.title, head = old.head, sha = old.sha,
      base = old.base, login = old.login }, old.created)
    for _, name in ipairs(kept) do made[name] = old[name] end
  end
end

---@param state table  as it was saved
---@param fresh table  a new one of the same seed, which is used up
---@return table  GitHub's part of it
function beginning.converted(state, fresh)
  local made, old = fresh.github, state.github
  local repository = made.repositories[made.repository]
  repository.pulls, repository.issues, repository.comments, repository.numbers = {}, {}, old.comments or {}, 0
  for kind, count in pairs(fresh.counters) do state.counters[kind] = math.max(state.counters[kind] or 0, count) end
  convert_pulls({ github = made, counters = state.counters, seed = state.seed, settings = fresh.settings }, repository,
    old.pulls or {})
  return made
end

return beginning
