---Commits and branches of a repository: which there are, what a name means, what lies between two.
---
---Contents are not kept: a commit has a message, its parents, and the names of the files that it changes.
local ids = require "cloud.ids"

local git = {}

---@class github.Commit
---@field sha string
---@field tree string
---@field message string
---@field parents string[]
---@field login string
---@field date number
---@field files table[]  filename, status, additions, deletions, patch?

---@class github.Branch
---@field sha string
---@field protected? boolean
---@field required? string[]  the checks that it demands

---Puts a commit into a repository.
---@param state table
---@param repository github.Repository
---@param o { sha?: string, message?: string, parents?: string[], login?: string, files?: table[] }
---@param now number
---@return github.Commit
function git.commit(state, repository, o, now)
  local sha = o.sha or ids.hex(state, "commit", 40)
  local made = { sha = sha, tree = ids.hex(state, "tree", 40), message = o.message or "Change something",
    parents = o.parents or {}, login = o.login or repository.full_name:match("^[^/]+"), date = now,
    files = o.files or {} }
  repository.commits[sha] = made
  return made
end

---Adds a commit to a branch, which is made when it is missing.
---@param branch string
---@param o table  of git.commit, without parents
---@return github.Commit
function git.push(state, repository, branch, o, now)
  local at = repository.branches[branch] or repository.branches[repository.default_branch]
  local fields = {}
  for key, value in pairs(o) do fields[key] = value end
  fields.parents = { at and at.sha }
  local made = git.commit(state, repository, fields, now)
  git.point(repository, branch, made.sha, now)
  return made
end

---Lets a branch stand at a commit; makes it when it is missing.
function git.point(repository, branch, sha, now)
  local at = repository.branches[branch] or {}
  at.sha = sha
  repository.branches[branch], repository.pushed = at, now
end

---@param repository github.Repository
---@param sha string  whole or the first seven digits at least
---@return github.Commit|nil
function git.find(repository, sha)
  if repository.commits[sha] then return repository.commits[sha] end
  if not sha:find "^%x%x%x%x%x%x%x+$" then return nil end
  for name, commit in pairs(repository.commits) do
    if name:sub(1, #sha) == sha:lower() then return commit end
  end
end

---The commit that a name means: a branch, a full reference, or the commit itself.
---@param repository github.Repository
---@param ref string
---@return github.Commit|nil commit, string|nil branch
function git.resolve(repository, ref)
  local branch = ref:match "^refs/heads/(.+)$" or ref:match "^heads/(.+)$" or ref
  local at = repository.branches[branch] or repository.branches[ref]
  if at then return repository.commits[at.sha], branch end
  local number = math.tointeger(tonumber(ref:match "^refs/pull/(%d+)/head$" or ref:match "^pull/(%d+)/head$"))
  for _, pull in ipairs(number and repository.pulls or {}) do
    if pull.number == number then return repository.commits[pull.sha] end
  end
  return git.find(repository, ref)
end

-- Everything that a commit comes from, and itself.
local function ancestors(repository, sha)
  local seen, waiting = {}, { sha }
  while #waiting > 0 do
    local commit = repository.commits[table.remove(waiting)]
    if commit and not seen[commit.sha] then
      seen[commit.sha] = commit
      for _, parent in ipairs(commit.parents) do waiting[#waiting + 1] = parent end
    end
  end
  return seen
end

---The commits that lead to one, the newest first: along its first parents, then those that they merged.
---@param sha string
---@param without? string  another one, whose history is left out
---@return github.Commit[]
function git.history(repository, sha, without)
  local list, seen = {}, without and ancestors(repository, without) or {}
  local waiting = { sha }
  while #waiting > 0 do
    local commit = repository.commits[table.remove(waiting)]
    if commit and not seen[commit.sha] then
      seen[commit.sha], list[#list + 1] = commit, commit
      for i = #commit.parents, 1, -1 do waiting[#waiting + 1] = commit.parents[i] end
    end
  end
  return list
end

---Whether a commit is among what another one comes from.
function git.contains(repository, sha, ancestor)
  return ancestors(repository, sha)[ancestor] ~= nil
end

---Makes commits of one repository known in another, as opening a pull request from a fork does.
function git.fetch(into, from, sha)
  if into == from then return end
  for name, commit in pairs(ancestors(from, sha)) do into.commits[name] = into.commits[name] or commit end
end

return git
