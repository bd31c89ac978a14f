---The job of GitHub Actions that a rehearsal is held in, where it is about no pull request: the one that a push to the
---main branch has started. Variables say so, and a file has the event.
local json = require "json"
local pulls = require "cloud.github.pulls"

local job = {}

local EVENT <const> = "/nowhere/event.json"
local NOTHING <const> = ("0"):rep(40)   -- what a branch was before its first commit

---@param project table  of project.read
---@param params table   of the recipe
---@return string[]  "NAME=value"
function job.environ(project, params)
  if params.pr or not project.github.repository then return {} end
  return { "GITHUB_EVENT_NAME=push", "GITHUB_EVENT_PATH=" .. EVENT, "GITHUB_REPOSITORY=" .. project.github.repository }
end

---Writes the event of the newest push.
---@param files table  of the rehearsal
---@param repository github.Repository
function job.tell(files, repository)
  local branch = repository.default_branch
  local commit = repository.commits[repository.branches[branch].sha]
  files:act("write", EVENT, json.encode {
    ref = "refs/heads/" .. branch, before = commit.parents[1] or NOTHING, after = commit.sha,
    repository = { full_name = repository.full_name },
  })
end

---Somebody pushes another commit to the branch that is checked out, and checks that one out.
---@param state table  of the models
---@param files table
---@param here rehearsal.Checkout
---@param now number
function job.push(state, files, here, now)
  pulls.push(state, here.repository, here.branch, { message = "Change it again" }, now)
  job.tell(files, here.repository)
end

return job
