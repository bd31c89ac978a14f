---Statuses of commits: what systems say of a commit, each under a context of its own, and what that comes to.
local answers = require "cloud.github.answers"
local clock = require "cloud.clock"
local commits = require "cloud.github.commits"
local data = require "cloud.data"
local ids = require "cloud.ids"
local links = require "cloud.github.links"
local repositories = require "cloud.github.repositories"
local shape = require "cloud.github.shape"
local users = require "cloud.github.users"

local commit_statuses = {}

local MOST = 1000      -- of one context of a commit
local LONGEST = 140    -- characters of a description

---@class github.CommitStatus
---@field id integer
---@field context string
---@field state string       error, failure, pending, success
---@field description? string
---@field target_url? string
---@field login string
---@field created number

-- All of a commit, the oldest first.
local function of(repository, sha)
  return repository.statuses[sha] or {}
end

---@param repository github.Repository
function commit_statuses.init(repository)
  repository.statuses = repository.statuses or {}   -- lists by the commit's hash
end

---The newest status of every context, in the order in which the contexts came up.
---@param repository github.Repository
---@param sha string
---@return github.CommitStatus[]
function commit_statuses.latest(repository, sha)
  local list, place = {}, {}
  for _, status in ipairs(of(repository, sha)) do
    local name = status.context:lower()
    place[name] = place[name] or #list + 1
    list[place[name]] = status
  end
  return list
end

---@param repository github.Repository
---@param sha string
---@return string  success, pending or failure
function commit_statuses.combined(repository, sha)
  local latest = commit_statuses.latest(repository, sha)
  local state = #latest == 0 and "pending" or "success"
  for _, status in ipairs(latest) do
    if status.state == "failure" or status.state == "error" then return "failure" end
    if status.state == "pending" then state = "pending" end
  end
  return state
end

-- ---- shown ------------------------------------------------------------------------------------

local function brief(context, sha, status)
  return {
    id = status.id, node_id = ("SC_%d"):format(status.id), state = status.state, context = status.context,
    url = links.api(context, ("/repos/%s/statuses/%s"):format(context.repository.full_name, sha)),
    avatar_url = users.show(context, status.login).avatar_url, description = data.nullable(status.description),
    target_url = data.nullable(status.target_url), created_at = clock.iso(status.created),
    updated_at = clock.iso(status.created),
  }
end

local function show(context, sha, status)
  local shown = brief(context, sha, status)
  shown.creator = users.show(context, status.login)
  return shown
end

-- ---- requests ---------------------------------------------------------------------------------

local fields = {
  state = { "string", required = true, enum = { "error", "failure", "pending", "success" } },
  target_url = { "string", nullable = true }, description = { "string", nullable = true }, context = { "string" },
}

local function check_room(list, name)
  local count = 0
  for _, status in ipairs(list) do
    if status.context:lower() == name:lower() then count = count + 1 end
  end
  if count < MOST then return end
  answers.invalid { { resource = "Status", code = "custom",
    message = "This SHA and context has reached the maximum number of statuses." } }
end

local function check_body(body)
  if (utf8.len(body.description or "") or 0) > LONGEST then
    answers.invalid_field("Status", "description", "custom",
      ("description is too long (maximum is %d characters)"):format(LONGEST))
  end
  local url = body.target_url or ""
  if url ~= "" and not url:find "^https?://[^%s/]" then
    answers.invalid_field("Status", "target_url", "custom", "target_url must use http(s) scheme")
  end
end

-- A commit can have statuses by its whole hash only.
local function commit_of(context, sha)
  local commit = context.repository.commits[sha]
  if not commit then answers.malformed("No commit found for SHA: " .. sha) end
  return commit
end

local function create(context)
  local commit = commit_of(context, context.params.sha)
  local body, repository = shape.body(context, fields), context.repository
  check_body(body)
  local list, name = of(repository, commit.sha), data.text(body.context) or "default"
  check_room(list, name)
  local made = { id = 3800000000 + ids.next(context.state, "commit status"), context = name, state = body.state,
    description = body.description, target_url = data.text(body.target_url), login = context.token.login,
    created = context.now }
  list[#list + 1] = made
  repository.statuses[commit.sha] = list
  return show(context, commit.sha, made), { status = 201 }
end

local function resolve(context) return commits.of(context, context.params.ref).sha end

-- The newest first.
local function list(context)
  local sha, newest = resolve(context), {}
  local all = of(context.repository, sha)
  for i = #all, 1, -1 do newest[#newest + 1] = all[i] end
  return answers.list(context, newest, function(_, status) return show(context, sha, status) end)
end

local function combined(context)
  local sha, repository = resolve(context), context.repository
  local latest = commit_statuses.latest(repository, sha)
  local slice, options = links.page(context, latest)
  local url = links.api(context, ("/repos/%s/commits/%s"):format(repository.full_name, sha))
  return { state = commit_statuses.combined(repository, sha), sha = sha, total_count = #latest,
    statuses = data.array(slice, function(status) return brief(context, sha, status) end),
    repository = repositories.show(context, repository), commit_url = url, url = url .. "/status" }, options
end

local OF_REF = "/repos/{owner}/{repo}/commits/{ref...}"
local reads = { "statuses", "read" }

commit_statuses.routes = {
  { "POST", "/repos/{owner}/{repo}/statuses/{sha}", create, permission = { "statuses", "write" },
    docs = "commits/statuses#create-a-commit-status" },
  { "GET", OF_REF .. "/statuses", list, permission = reads,
    docs = "commits/statuses#list-commit-statuses-for-a-reference" },
  { "GET", OF_REF .. "/status", combined, permission = reads,
    docs = "commits/statuses#get-the-combined-status-for-a-specific-reference" },
}

return commit_statuses
