---What a seed file says of the repository that the project is about. The file need not name it, so that this can be
---judged only when the project is known.
local github = require "cloud.github"
local shape = require "project.shape"

local first_repository = {}

-- The lists of its issues and of its pull requests, by where they stand: below `github`, and where that lists it.
local function lists_of(from)
  local of = from.github or {}
  local issues, pulls = { ["github.issues"] = of.issues }, { ["github.pull_requests"] = from.pull_requests }
  for i, one in ipairs(of.repositories or {}) do
    if one.name == (from.repository or github.FIRST) then
      issues[("github.repositories.%d.issues"):format(i)] = one.issues
      pulls[("github.repositories.%d.pull_requests"):format(i)] = one.pull_requests
    end
  end
  return issues, pulls
end

-- Marks the numbers of some lists, which are counted together.
local function count(from, lists, seen)
  for path, list in pairs(lists) do
    for i, item in ipairs(list) do
      if seen[item.number] then
        shape.wrong(from.file, ("%s.%d.number"):format(path, i), "another issue or pull request has this number")
      end
      seen[item.number] = true
    end
  end
end

-- A fork comes after what it is a fork of.
local function check_forks(from)
  local known = { [from.repository or github.FIRST] = true }
  for i, one in ipairs(from.github and from.github.repositories or {}) do
    if one.fork_of and not known[one.fork_of] then
      local path = ("github.repositories.%d.fork_of"):format(i)
      shape.wrong(from.file, path, ("there is no %s before it"):format(one.fork_of))
    end
    known[one.name] = true
  end
end

---The pull requests that it begins with: what a file names, else an open one, so that a preview can be tried at once.
---@param from world.Seed  with `file`, when a file says something; refuses what that says and cannot be
---@return table[]|nil
function first_repository.pull_requests(from)
  check_forks(from)
  local seen, issues, pulls = {}, lists_of(from)
  count(from, issues, seen)
  count(from, pulls, seen)
  if next(pulls) then return from.pull_requests end
  local number = 42
  while seen[number] do number = number + 1 end
  return { { number = number, title = "Try a preview", head = "feature/try-a-preview" } }
end

return first_repository
