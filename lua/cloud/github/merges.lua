---Merging pull requests.
local answers = require "cloud.github.answers"
local data = require "cloud.data"
local git = require "cloud.github.git"
local items = require "cloud.github.items"
local pull_view = require "cloud.github.pull_view"
local pulls = require "cloud.github.pulls"
local route = require "cloud.route"

local merges = {}

merges.methods = { merge = true, squash = true, rebase = true }

local function message_of(pull, o)
  local title = o.commit_title
    or o.method == "merge" and ("Merge pull request #%d from %s/%s"):format(pull.number,
      pull.head_repository:match "^[^/]+", pull.head)
    or ("%s (#%d)"):format(pull.title, pull.number)
  local message = o.commit_message or o.method == "merge" and pull.title or ""
  return message == "" and title or title .. "\n\n" .. message
end

local function files_of(repository, pull)
  local files = {}
  for _, commit in ipairs(pull_view.commits(repository, pull)) do
    table.move(commit.files, 1, #commit.files, #files + 1, files)
  end
  return files
end

-- The commits of a rebase are new ones with the old words.
local function rebase(state, repository, pull, now)
  local last
  for _, commit in ipairs(pull_view.commits(repository, pull)) do
    last = git.push(state, repository, pull.base, { message = commit.message, login = commit.login,
      files = commit.files }, now)
  end
  return last
end

local function join(state, repository, pull, o, now)
  if o.method == "rebase" then return rebase(state, repository, pull, now) end
  local fields = { message = message_of(pull, o), login = o.login }
  if o.method == "squash" then fields.files = files_of(repository, pull) end
  local made = git.push(state, repository, pull.base, fields, now)
  if o.method == "merge" then made.parents[2] = pull.sha end
  return made
end

---Merges a pull request, which closes it.
---@param repository github.Repository  of the base
---@param pull github.Pull
---@param o { method?: string, login: string, commit_title?: string, commit_message?: string }
---@return string sha  of the commit that the base has now
function merges.merge(state, repository, pull, o, now)
  o.method = o.method or "merge"
  local base = repository.branches[pull.base].sha
  local made = join(state, repository, pull, o, now)
  pull.base_sha, pull.merge_sha, pull.merged, pull.merged_by = base, made.sha, now, o.login
  pull.updated = now
  items.set_state(pull, "closed", o.login, now)
  pulls.synchronize(state, repository, pull.base, now)
  return made.sha
end

local function refuse(message)
  route.refuse { status = 405, message = message }
end

local function check(repository, pull, body)
  if not repository.branches[pull.base] then refuse "Base branch was modified. Review and try the merge again." end
  if pull.state ~= "open" then refuse "Pull Request is not mergeable" end
  if pull.draft then refuse "Pull Request is still a draft" end
  if pull.conflict then refuse "Pull Request is not mergeable" end
  if body.sha and body.sha ~= pull.sha then
    route.refuse { status = 409, message = "Head branch was modified. Review and try the merge again." }
  end
  if body.merge_method and not merges.methods[body.merge_method] then
    answers.malformed(("Invalid request.\n\n%s is not a member of [\"merge\", \"squash\", \"rebase\"].")
      :format(tostring(body.merge_method)))
  end
end

local function merge(context)
  local pull, body = pulls.of(context, context.params.number), answers.body(context)
  check(context.repository, pull, body)
  local sha = merges.merge(context.state, context.repository, pull, { method = body.merge_method,
    login = context.token.login, commit_title = data.text(body.commit_title),
    commit_message = data.text(body.commit_message) }, context.now)
  return { sha = sha, merged = true, message = "Pull Request successfully merged" }
end

local function is_merged(context)
  if not pulls.of(context, context.params.number).merged then answers.not_found() end
  return nil, { status = 204 }
end

local ONE = "/repos/{owner}/{repo}/pulls/{number}/merge"

merges.routes = {
  { "PUT", ONE, merge, permission = { "contents", "write" }, docs = "pulls/pulls#merge-a-pull-request" },
  { "GET", ONE, is_merged, permission = { "contents", "read" },
    docs = "pulls/pulls#check-if-a-pull-request-has-been-merged" },
}

return merges
