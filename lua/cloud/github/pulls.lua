---Pull requests: how they come to be, follow their branch, are listed and changed.
local answers = require "cloud.github.answers"
local data = require "cloud.data"
local git = require "cloud.github.git"
local items = require "cloud.github.items"
local labels = require "cloud.github.labels"
local pull_view = require "cloud.github.pull_view"
local repositories = require "cloud.github.repositories"

local pulls = {}

---@class github.Pull : github.Item
---@field head string            branch
---@field head_repository string full name
---@field sha string             of the head; moves with its branch while the pull request is open
---@field base string            branch
---@field base_sha string
---@field draft? boolean
---@field merged? number
---@field merged_by? string
---@field merge_sha? string
---@field conflict? boolean      whether it cannot be merged
---@field maintainer_can_modify? boolean

function pulls.init(repository)
  repository.pulls = repository.pulls or {}
end

local function base_sha(repository, base)
  local branch = repository.branches[base]
  return branch and branch.sha
end

-- What opens one that was checked.
local function insert(state, repository, o, now)
  local made = items.new(state, repository, "pull", o, now)
  made.head, made.head_repository, made.base = o.head, o.from.full_name, o.base
  made.sha, made.base_sha, made.draft = o.from.branches[o.head].sha, base_sha(repository, o.base), o.draft or nil
  made.maintainer_can_modify = o.maintainer_can_modify
  git.fetch(repository, o.from, made.sha)
  table.insert(repository.pulls, made)
  return made
end

---Puts a pull request into the world. A branch that is missing is made, with one commit more than the base has.
---@param repository github.Repository
---@param o table  number, title, head, and if wanted base, state, sha, body, login, draft, labels, from (a repository)
---@return github.Pull
function pulls.add(state, repository, o, now)
  local from, base = o.from or repository, o.base or repository.default_branch
  if not repository.branches[base] then
    git.point(repository, base, repository.branches[repository.default_branch].sha, now)
  end
  if o.sha or not from.branches[o.head] then
    git.push(state, from, o.head, { sha = o.sha, message = o.title, login = o.login }, now)
  end
  local named = labels.named({ state = state, repository = repository }, o.labels or {})
  return insert(state, repository, { number = o.number, title = o.title, head = o.head, from = from, base = base,
    state = o.state, body = o.body, login = o.login or "octocat", draft = o.draft, labels = named }, now)
end

---Moves the open pull requests of a branch to where it stands.
---@param repository github.Repository  that the branch is in
---@param branch string
function pulls.synchronize(state, repository, branch, now)
  local at = repository.branches[branch]
  for _, into in pairs(state.github.repositories) do
    for _, pull in ipairs(into.pulls) do
      local follows = pull.state == "open" and pull.head == branch and pull.head_repository == repository.full_name
      if follows and at and pull.sha ~= at.sha then
        git.fetch(into, repository, at.sha)
        pull.sha, pull.updated = at.sha, now
      end
    end
  end
end

---Adds a commit to a branch, which its pull requests follow.
---@return github.Commit
function pulls.push(state, repository, branch, o, now)
  local made = git.push(state, repository, branch, o, now)
  pulls.synchronize(state, repository, branch, now)
  return made
end

---The pull request of this number; refuses when there is none.
---@return github.Pull
function pulls.of(context, number)
  local pull = data.find(context.repository.pulls, "number", math.tointeger(tonumber(number)))
  if pull then return pull end
  answers.not_found()
end

-- ---- the list ------------------------------------------------------------------------------

local values = {
  state = { open = true, closed = true, all = true }, direction = { asc = true, desc = true },
  sort = { created = true, updated = true, popularity = true, ["long-running"] = true },
}

local function check_query(query)
  for name, known in pairs(values) do
    if query[name] and not known[query[name]] then answers.invalid_field("PullRequest", name, "invalid") end
  end
end

-- "owner:branch"; without the owner nothing is filtered, which surprises many.
local function fits_head(pull, wanted)
  if not wanted or not wanted:find(":", 1, true) then return true end
  return wanted == pull.head_repository:match "^[^/]+" .. ":" .. pull.head
end

-- Newest first, unless something else than the time of creation was asked for.
local function sorted(list, query)
  local field = query.sort == "updated" and "updated" or "number"
  local ascending = query.direction == "asc" or not query.direction and query.sort and query.sort ~= "created"
  table.sort(list, function(a, b)
    if ascending then a, b = b, a end
    if a[field] ~= b[field] then return a[field] > b[field] end
    return a.number > b.number
  end)
  return list
end

local function list(context)
  local query = context.query
  check_query(query)
  local wanted = query.state or "open"
  local found = data.filter(context.repository.pulls, function(pull)
    return (wanted == "all" or pull.state == wanted) and fits_head(pull, query.head)
      and (query.base or pull.base) == pull.base
  end)
  return answers.list(context, sorted(found, query), pull_view.show)
end

-- Those that have a commit, or one that came with them.
local function of_commit(context)
  local commit = git.find(context.repository, context.params.sha)
  if not commit then answers.malformed(("No commit found for SHA: %s"):format(context.params.sha)) end
  local found = data.filter(context.repository.pulls, function(pull)
    if pull.merge_sha == commit.sha then return true end
    for _, one in ipairs(pull_view.commits(context.repository, pull)) do
      if one.sha == commit.sha then return true end
    end
    return false
  end)
  return answers.list(context, found, pull_view.show)
end

-- ---- opening one ---------------------------------------------------------------------------

local function invalid(field, code, message)
  answers.invalid_field("PullRequest", field, code, message)
end

local function custom(message)
  answers.invalid { { resource = "PullRequest", code = "custom", message = message } }
end

-- Repositories of the same family have commits in common.
local function root_of(repository) return repository.fork_of or repository.full_name end

local function related(context, owner, repository_name)
  for name, other in pairs(context.github.repositories) do
    local is_owner = name:match "^[^/]+":lower() == owner:lower()
    local is_named = not repository_name or name:lower() == repository_name:lower()
    if is_owner and is_named and root_of(other) == root_of(context.repository) then return other end
  end
end

-- "branch", "owner:branch", or a branch with `head_repo`.
local function head_of(context, body)
  local owner, branch = tostring(body.head):match "^([^:]+):(.+)$"
  local from = context.repository
  if body.head_repo then
    from = related(context, tostring(body.head_repo):match "^[^/]*", tostring(body.head_repo))
  elseif owner then
    from = related(context, owner)
  end
  branch = branch or tostring(body.head)
  if not (from and from.branches[branch]) then invalid("head", "invalid") end
  return from, branch
end

local function check_new(context, from, head, base)
  local repository = context.repository
  local sha = from.branches[head].sha
  git.fetch(repository, from, sha)
  if #git.history(repository, sha, repository.branches[base].sha) == 0 then
    custom(("No commits between %s and %s"):format(base, head))
  end
  for _, pull in ipairs(repository.pulls) do
    if pull.state == "open" and pull.head == head and pull.base == base
      and pull.head_repository == from.full_name then
      custom(("A pull request already exists for %s:%s."):format(repositories.owner(from), head))
    end
  end
end

local function check_fields(body)
  local missing = {}
  for _, field in ipairs { "head", "base" } do
    if not data.text(body[field]) then missing[#missing + 1] = ('"%s" wasn\'t supplied.'):format(field) end
  end
  if #missing > 0 then answers.malformed("Invalid request.\n\n" .. table.concat(missing, "\n")) end
  if body.title == nil and body.issue == nil then invalid("title", "missing_field") end
  items.check("PullRequest", body)
end

-- An issue that becomes a pull request keeps its number, its texts and its comments.
local function take_issue(context, number)
  local issue, index = data.find(context.repository.issues, "number", math.tointeger(tonumber(number)))
  if not issue or issue.state ~= "open" then invalid("issue", "invalid") end
  table.remove(context.repository.issues, index)
  return issue
end

local function may_open(context)
  if context.token.kind == "workflow" and not context.repository.actions_create_pulls then
    answers.forbidden "GitHub Actions is not permitted to create or approve pull requests."
  end
end

local function create(context)
  may_open(context)
  local body, repository = answers.body(context), context.repository
  check_fields(body)
  if not repository.branches[body.base] then invalid("base", "invalid") end
  local from, head = head_of(context, body)
  check_new(context, from, head, body.base)
  local issue = body.issue and take_issue(context, body.issue) or {}
  local made = insert(context.state, repository, { number = issue.number, title = issue.title or tostring(body.title),
    body = issue.body or body.body, login = issue.login or context.token.login, labels = issue.labels, from = from,
    head = head, base = body.base, draft = body.draft == true,
    maintainer_can_modify = from ~= repository and body.maintainer_can_modify ~= false }, context.now)
  local shown = pull_view.show_whole(context, made)
  return shown, { status = 201, location = shown.url }
end

-- ---- one -----------------------------------------------------------------------------------

local function check_state(context, pull, body)
  if body.state ~= "open" or pull.state == "open" then return end
  local from = context.github.repositories[pull.head_repository]
  local both = from and from.branches[pull.head] and context.repository.branches[pull.base]
  if pull.merged or not both then invalid("state", "invalid") end
end

local function set_base(context, pull, base)
  if base == nil or base == pull.base then return end
  if not context.repository.branches[base] then invalid("base", "invalid") end
  pull.base, pull.base_sha = base, base_sha(context.repository, base)
end

local function update(context)
  local pull, body = pulls.of(context, context.params.number), answers.body(context)
  items.check("PullRequest", body)
  check_state(context, pull, body)
  set_base(context, pull, body.base)
  body.labels, body.assignees, body.assignee, body.milestone = nil, nil, nil, nil   -- those are the issue's
  local reopened = body.state == "open" and pull.state ~= "open"
  items.apply(context, pull, body)
  local from = context.github.repositories[pull.head_repository]
  if reopened then pulls.synchronize(context.state, from, pull.head, context.now) end
  return pull_view.show_whole(context, pull)
end

local function get(context)
  local pull = pulls.of(context, context.params.number)
  local raw = pull_view.raw(context, pull)
  if raw then return nil, { raw = raw } end
  return pull_view.show_whole(context, pull), { modified = pull.updated }
end

local function list_commits(context)
  return pull_view.list_commits(context, pulls.of(context, context.params.number))
end

local function list_files(context)
  return pull_view.list_files(context, pulls.of(context, context.params.number))
end

local ALL, ONE = "/repos/{owner}/{repo}/pulls", "/repos/{owner}/{repo}/pulls/{number}"
local READ, WRITE = { "pull_requests", "read" }, { "pull_requests", "write" }

pulls.routes = {
  { "GET", ALL, list, permission = READ, docs = "pulls/pulls#list-pull-requests" },
  { "POST", ALL, create, permission = WRITE, role = "pull", docs = "pulls/pulls#create-a-pull-request" },
  { "GET", ONE, get, permission = READ, docs = "pulls/pulls#get-a-pull-request" },
  { "PATCH", ONE, update, permission = WRITE, docs = "pulls/pulls#update-a-pull-request" },
  { "GET", ONE .. "/commits", list_commits, permission = READ, docs = "pulls/pulls#list-commits-on-a-pull-request" },
  { "GET", ONE .. "/files", list_files, permission = READ, docs = "pulls/pulls#list-pull-requests-files" },
  { "GET", "/repos/{owner}/{repo}/commits/{sha}/pulls", of_commit, permission = READ,
    docs = "commits/commits#list-pull-requests-associated-with-a-commit" },
}

return pulls
