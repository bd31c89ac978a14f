---Repositories: which there are, who they belong to, and how they are shown.
local answers = require "cloud.github.answers"
local clock = require "cloud.clock"
local git = require "cloud.github.git"
local ids = require "cloud.ids"
local json = require "json"
local links = require "cloud.github.links"
local route = require "cloud.route"
local users = require "cloud.github.users"

local repositories = {}

---@class github.Repository
---@field full_name string       owner/name
---@field id integer
---@field default_branch string
---@field private boolean
---@field archived? boolean
---@field fork_of? string        full name
---@field former string[]        names that it had before
---@field collaborators table<string, string>  login to role: pull, triage, push, maintain, admin
---@field actions_create_pulls? boolean  whether a workflow's token may open pull requests
---@field created number
---@field pushed number
---@field branches table<string, github.Branch>
---@field commits table<string, github.Commit>

---@class repositories.Seed
---@field name string            owner/name
---@field private? boolean       (true)
---@field default_branch? string ("main")
---@field fork_of? string
---@field former? string[]
---@field collaborators? table<string, string>
---@field archived? boolean
---@field actions_create_pulls? boolean

---Puts a repository with one commit, or a fork with those of its source's default branch, into the world.
---@param state table
---@param o repositories.Seed
---@return github.Repository
function repositories.add(state, o)
  local born = state.settings.created_at
  local source = o.fork_of and state.github.repositories[o.fork_of]
  local made = { full_name = o.name, id = 700000000 + ids.next(state, "github repository"),
    default_branch = o.default_branch or source and source.default_branch or "main", private = o.private ~= false,
    archived = o.archived or nil, fork_of = o.fork_of, former = o.former or {}, collaborators = o.collaborators or {},
    actions_create_pulls = o.actions_create_pulls or nil, created = born, pushed = born, numbers = 0,
    branches = {}, commits = {} }
  if source then
    local sha = source.branches[source.default_branch].sha
    git.fetch(made, source, sha)
    git.point(made, made.default_branch, sha, born)
  else
    git.push(state, made, made.default_branch, { message = "Initial commit" }, born)
  end
  state.github.repositories[o.name] = made
  return made
end

-- ---- by its name --------------------------------------------------------------------------

local function same(a, b) return a:lower() == b:lower() end

---@param state table
---@param name string  owner/name, in any case
---@return github.Repository|nil found, boolean|nil moved  whether that is a name that it had before
function repositories.find(state, name)
  local all = state.github.repositories
  if all[name] then return all[name] end
  for full, repository in pairs(all) do
    if same(full, name) then return repository end
  end
  for _, repository in pairs(all) do
    for _, former in ipairs(repository.former) do
      if same(former, name) then return repository, true end
    end
  end
end

---@param state table
---@param id integer|nil
---@return github.Repository|nil
function repositories.by_id(state, id)
  for _, repository in pairs(state.github.repositories) do
    if repository.id == id then return repository end
  end
end

---@param repository github.Repository
---@return string
function repositories.owner(repository)
  return (repository.full_name:match "^[^/]+")
end

---The number of the next issue or pull request.
---@param repository github.Repository
---@param wanted? integer
---@return integer
function repositories.number(repository, wanted)
  local number = wanted or repository.numbers + 1
  repository.numbers = math.max(repository.numbers, number)
  return number
end

-- ---- who may do what there -----------------------------------------------------------------

local ranks = { pull = 1, triage = 2, push = 3, maintain = 4, admin = 5 }

---@param repository github.Repository
---@param login string
---@param role string  pull, triage, push, maintain or admin
---@return boolean  whether somebody has this role, or one that includes it
function repositories.is(repository, login, role)
  local has = repository.collaborators[login] or (repository.private and "none" or "pull")
  if same(login, repositories.owner(repository)) then has = "admin" end
  return (ranks[has] or 0) >= ranks[role]
end

local function association(repository, login)
  if same(login, repositories.owner(repository)) then return "OWNER" end
  if repository.collaborators[login] then return "COLLABORATOR" end
  for _, commit in pairs(repository.commits) do
    if commit.login == login then return "CONTRIBUTOR" end
  end
  return "NONE"
end

---What an author is to the repository of a request; looked for once a request.
---@param context github.Context
---@param login string
---@return string
function repositories.association(context, login)
  local known = context.associations[login] or association(context.repository, login)
  context.associations[login] = known
  return known
end

-- ---- as it is shown ------------------------------------------------------------------------

-- What stands behind the address of the repository, by the name of the field.
local addresses = {
  archive = "/{archive_format}{/ref}", assignees = "/assignees{/user}", blobs = "/git/blobs{/sha}",
  branches = "/branches{/branch}", collaborators = "/collaborators{/collaborator}", comments = "/comments{/number}",
  commits = "/commits{/sha}", compare = "/compare/{base}...{head}", contents = "/contents/{+path}",
  contributors = "/contributors", deployments = "/deployments", downloads = "/downloads", events = "/events",
  forks = "/forks", git_commits = "/git/commits{/sha}", git_refs = "/git/refs{/sha}", git_tags = "/git/tags{/sha}",
  hooks = "/hooks", issue_comment = "/issues/comments{/number}", issue_events = "/issues/events{/number}",
  issues = "/issues{/number}", keys = "/keys{/key_id}", labels = "/labels{/name}", languages = "/languages",
  merges = "/merges", milestones = "/milestones{/number}",
  notifications = "/notifications{?since,all,participating}", pulls = "/pulls{/number}", releases = "/releases{/id}",
  stargazers = "/stargazers", statuses = "/statuses/{sha}", subscribers = "/subscribers",
  subscription = "/subscription", tags = "/tags", teams = "/teams", trees = "/git/trees{/sha}",
}

local zeros = { "size", "stargazers_count", "watchers_count", "watchers" }
local yes = { "has_issues", "has_projects", "has_wiki", "has_downloads", "allow_squash_merge", "allow_merge_commit",
  "allow_rebase_merge", "allow_forking" }
local no = { "has_pages", "has_discussions", "disabled", "is_template", "allow_auto_merge", "delete_branch_on_merge",
  "web_commit_signoff_required" }
local nothing = { "description", "homepage", "language", "license", "mirror_url" }

local function fill(shown, names, value)
  for _, name in ipairs(names) do shown[name] = value end
end

local function add_addresses(shown, full)
  for name, rest in pairs(addresses) do shown[name .. "_url"] = shown.url .. rest end
  shown.html_url = links.html("/" .. full)
  shown.clone_url = shown.html_url .. ".git"
  shown.git_url, shown.svn_url = "git://github.com/" .. full .. ".git", shown.html_url
  shown.ssh_url = "git@github.com:" .. full .. ".git"
end

local function count_open(list)
  local count = 0
  for _, item in ipairs(list) do
    if item.state == "open" then count = count + 1 end
  end
  return count
end

local function forks_of(state, repository)
  local count = 0
  for _, other in pairs(state.github.repositories) do
    if other.fork_of == repository.full_name then count = count + 1 end
  end
  return count
end

local function make(context, repository)
  local full = repository.full_name
  local shown = { id = repository.id, node_id = "R_" .. repository.id, name = full:match "/(.*)$", full_name = full,
    private = repository.private, visibility = repository.private and "private" or "public",
    fork = repository.fork_of ~= nil, archived = repository.archived or false, topics = json.array {},
    default_branch = repository.default_branch, owner = users.show(context, repositories.owner(repository)),
    url = links.api(context, "/repos/" .. full), created_at = clock.iso(repository.created),
    pushed_at = clock.iso(repository.pushed), updated_at = clock.iso(repository.pushed) }
  add_addresses(shown, full)
  fill(shown, zeros, 0)
  fill(shown, yes, true)
  fill(shown, no, false)
  fill(shown, nothing, json.null)
  shown.open_issues_count = count_open(repository.issues) + count_open(repository.pulls)
  shown.open_issues, shown.forks_count = shown.open_issues_count, forks_of(context.state, repository)
  shown.forks = shown.forks_count
  return shown
end

---As it stands in every answer; made once a request.
---@param context github.Context
---@param repository github.Repository
---@return table
function repositories.show(context, repository)
  local shown = context.shown[repository.full_name] or make(context, repository)
  context.shown[repository.full_name] = shown
  return shown
end

local function roles_of(token, repository)
  local roles = {}
  for role in pairs(ranks) do
    local is_user = token.user and repositories.is(repository, token.login, role)
    roles[role] = is_user or not token.user and role == "pull"
  end
  return roles
end

local function get(context)
  local repository = context.repository
  local shown = make(context, repository)
  shown.network_count, shown.subscribers_count = shown.forks_count, 0
  if context.token.kind ~= "anonymous" then shown.permissions = roles_of(context.token, repository) end
  local source = repository.fork_of and context.github.repositories[repository.fork_of]
  if source then
    shown.parent = repositories.show(context, source)
    shown.source = shown.parent
  end
  return shown, { modified = repository.pushed }
end

-- ---- the repository of a path --------------------------------------------------------------

-- Where it is now; reading clients follow, others send the same again.
local function redirect(context, repository)
  local rest = context.request.path:match "^/repos/[^/]+/[^/]+(.*)$"
  local url = links.api(context, ("/repositories/%d%s"):format(repository.id, rest))
  local reads = context.request.method == "GET" or context.request.method == "HEAD"
  route.refuse { status = reads and 301 or 307, message = reads and "Moved Permanently" or "Temporary Redirect",
    url = url, headers = { location = url } }
end

---The repository that a request's path names; refuses when there is none.
---@param context github.Context
---@return github.Repository|nil  nil for paths outside of repositories
function repositories.of_path(context)
  local params = context.params
  if not (params.owner and params.repo) then return nil end
  local found, moved = repositories.find(context.state, params.owner .. "/" .. params.repo)
  if not found then answers.not_found() end
  return found, moved
end

repositories.redirect = redirect

---/repositories/ID means the repository of that number, whatever it is called.
---@param state table
---@param path string
---@return string
function repositories.named(state, path)
  local id, rest = path:match "^/repositories/(%d+)(.*)$"
  local repository = id and repositories.by_id(state, math.tointeger(tonumber(id)))
  return repository and "/repos/" .. repository.full_name .. rest or path
end

local function forks(context)
  local list = {}
  for _, other in pairs(context.github.repositories) do
    if other.fork_of == context.repository.full_name then list[#list + 1] = other end
  end
  table.sort(list, function(a, b) return a.id > b.id end)
  return answers.list(context, list, repositories.show)
end

repositories.routes = {
  { "GET", "/repos/{owner}/{repo}", get, docs = "repos/repos#get-a-repository" },
  { "GET", "/repos/{owner}/{repo}/forks", forks, docs = "repos/forks#list-forks" },
}

return repositories
