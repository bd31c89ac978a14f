---Commits: how they are shown, and the routes that lead to them.
local answers = require "cloud.github.answers"
local clock = require "cloud.clock"
local data = require "cloud.data"
local git = require "cloud.github.git"
local json = require "json"
local links = require "cloud.github.links"
local users = require "cloud.github.users"

local commits = {}

local function path_of(repository, commit)
  return ("/repos/%s/commits/%s"):format(repository.full_name, commit.sha)
end

local function html_of(repository, commit)
  return links.html(("/%s/commit/%s"):format(repository.full_name, commit.sha))
end

local function signature(commit)
  return { name = commit.login, email = users.email(commit.login), date = clock.iso(commit.date) }
end

local function parents_of(context, commit)
  local repository = context.repository
  return data.array(commit.parents, function(sha)
    local parent = { sha = sha }
    return { sha = sha, url = links.api(context, path_of(repository, parent)), html_url = html_of(repository, parent) }
  end)
end

local unsigned = { verified = false, reason = "unsigned", signature = json.null, payload = json.null,
  verified_at = json.null }

-- What git itself has of it.
local function core(context, commit)
  local full = context.repository.full_name
  return { author = signature(commit), committer = signature(commit), message = commit.message, comment_count = 0,
    tree = { sha = commit.tree, url = links.api(context, ("/repos/%s/git/trees/%s"):format(full, commit.tree)) },
    url = links.api(context, ("/repos/%s/git/commits/%s"):format(full, commit.sha)), verification = unsigned }
end

---As it stands in lists.
---@param context github.Context
---@param commit github.Commit
---@return table
function commits.show(context, commit)
  local url = links.api(context, path_of(context.repository, commit))
  return { sha = commit.sha, node_id = "C_" .. commit.sha, url = url, html_url = html_of(context.repository, commit),
    comments_url = url .. "/comments", commit = core(context, commit), parents = parents_of(context, commit),
    author = users.show(context, commit.login), committer = users.show(context, commit.login) }
end

---One file that a commit changes.
---@param file table  filename, status, additions, deletions, patch?
---@param sha string  of the commit
function commits.show_file(context, file, sha)
  local full, name = context.repository.full_name, links.escape(file.filename):gsub("%%2F", "/")
  local added, deleted = file.additions or 1, file.deletions or 0
  return { sha = sha, filename = file.filename, status = file.status or "modified", additions = added,
    deletions = deleted, changes = added + deleted, patch = file.patch,
    blob_url = links.html(("/%s/blob/%s/%s"):format(full, sha, name)),
    raw_url = links.html(("/%s/raw/%s/%s"):format(full, sha, name)),
    contents_url = links.api(context, ("/repos/%s/contents/%s?ref=%s"):format(full, name, sha)) }
end

---How many lines some files gain and lose.
---@param files table[]
---@return integer additions, integer deletions
function commits.count(files)
  local added, deleted = 0, 0
  for _, file in ipairs(files) do
    added, deleted = added + (file.additions or 1), deleted + (file.deletions or 0)
  end
  return added, deleted
end

---@param context github.Context
---@param commit github.Commit
---@return table  with the files that it changes
function commits.show_whole(context, commit)
  local shown = commits.show(context, commit)
  local added, deleted = commits.count(commit.files)
  shown.stats = { additions = added, deletions = deleted, total = added + deleted }
  shown.files = data.array(commit.files, function(file) return commits.show_file(context, file, commit.sha) end)
  return shown
end

---The commit that a request names; refuses when there is none.
---@param context github.Context
---@param ref string  a branch, a reference or a commit
---@return github.Commit
function commits.of(context, ref)
  local commit = git.resolve(context.repository, ref)
  if commit then return commit end
  if ref:find "^%x+$" and #ref == 40 then answers.malformed("No commit found for SHA: " .. ref) end
  answers.malformed("No commit found for the ref " .. ref)
end

local function get(context)
  local commit = commits.of(context, context.params.ref)
  if context.accept.format == "sha" then
    return nil, { raw = { type = "application/vnd.github.sha; charset=utf-8", body = commit.sha } }
  end
  return commits.show_whole(context, commit), { modified = commit.date }
end

local function list(context)
  local commit = commits.of(context, context.query.sha or context.repository.default_branch)
  return answers.list(context, git.history(context.repository, commit.sha), commits.show)
end

local READ = { "contents", "read" }

commits.routes = {
  { "GET", "/repos/{owner}/{repo}/commits", list, permission = READ, docs = "commits/commits#list-commits" },
  { "GET", "/repos/{owner}/{repo}/commits/{ref...}", get, permission = READ, docs = "commits/commits#get-a-commit" },
}

-- What GitHub has below a commit, which a reference that may hold slashes would hide.
for _, name in ipairs { "check-suites", "comments", "branches-where-head" } do
  table.insert(commits.routes, { "GET", "/repos/{owner}/{repo}/commits/{ref...}/" .. name, answers.not_modelled })
end

return commits
