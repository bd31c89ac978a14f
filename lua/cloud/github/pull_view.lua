---How pull requests are shown: in lists, alone, and as what they change.
local answers = require "cloud.github.answers"
local clock = require "cloud.clock"
local commits = require "cloud.github.commits"
local data = require "cloud.data"
local git = require "cloud.github.git"
local items = require "cloud.github.items"
local json = require "json"
local links = require "cloud.github.links"
local repositories = require "cloud.github.repositories"
local users = require "cloud.github.users"

local pull_view = {}

-- The repository of the head is gone when a fork was deleted.
local function side(context, full_name, branch, sha)
  local owner = full_name:match "^[^/]+"
  local repository = context.github.repositories[full_name]
  return { label = owner .. ":" .. branch, ref = branch, sha = sha, user = users.show(context, owner),
    repo = repository and repositories.show(context, repository) or json.null }
end

local function links_of(shown)
  local made = {}
  for name, url in pairs { self = shown.url, html = shown.html_url, issue = shown.issue_url,
    comments = shown.comments_url, commits = shown.commits_url, statuses = shown.statuses_url,
    review_comments = shown.review_comments_url, review_comment = shown.review_comment_url } do
    made[name] = { href = url }
  end
  return made
end

local function add_addresses(context, shown, pull)
  local repository = "/repos/" .. context.repository.full_name
  local api, issue = links.api(context, repository), items.url(context, pull)
  shown.url, shown.issue_url = ("%s/pulls/%d"):format(api, pull.number), issue
  shown.html_url = links.html(("/%s/pull/%d"):format(context.repository.full_name, pull.number))
  shown.diff_url, shown.patch_url = shown.html_url .. ".diff", shown.html_url .. ".patch"
  shown.commits_url, shown.comments_url = shown.url .. "/commits", issue .. "/comments"
  shown.review_comments_url, shown.review_comment_url = shown.url .. "/comments", api .. "/pulls/comments{/number}"
  shown.statuses_url = ("%s/statuses/%s"):format(api, pull.sha)
  shown._links = links_of(shown)
end

---As it stands in lists.
---@param context github.Context
---@param pull github.Pull
---@return table
function pull_view.show(context, pull)
  local shown = items.show(context, pull)
  shown.id, shown.node_id, shown.draft = pull.id, "PR_" .. pull.id, pull.draft or false
  shown.head = side(context, pull.head_repository, pull.head, pull.sha)
  shown.base = side(context, context.repository.full_name, pull.base, pull.base_sha)
  shown.requested_reviewers, shown.requested_teams = json.array {}, json.array {}
  shown.auto_merge, shown.merge_commit_sha = json.null, data.nullable(pull.merge_sha)
  shown.merged_at = clock.iso_or_null(pull.merged)
  add_addresses(context, shown, pull)
  return shown
end

-- ---- what it changes -----------------------------------------------------------------------

---The commits that it would bring to its base, the oldest first; of a merged one those that it brought.
---@param repository github.Repository  of the base
---@param pull github.Pull
---@return github.Commit[]
function pull_view.commits(repository, pull)
  local list, reversed = git.history(repository, pull.sha, pull.base_sha), {}
  for i = #list, 1, -1 do reversed[#reversed + 1] = list[i] end
  return reversed
end

-- Each file once, with what all commits did to it.
local function files_of(repository, pull)
  local list, by_name = {}, {}
  for _, commit in ipairs(pull_view.commits(repository, pull)) do
    for _, file in ipairs(commit.files) do
      local one = by_name[file.filename]
      if not one then
        one = { filename = file.filename, status = file.status, additions = 0, deletions = 0, patch = file.patch }
        by_name[file.filename], list[#list + 1] = one, one
      end
      one.additions, one.deletions = one.additions + (file.additions or 1), one.deletions + (file.deletions or 0)
    end
  end
  table.sort(list, function(a, b) return a.filename < b.filename end)
  return list
end

function pull_view.list_commits(context, pull)
  return answers.list(context, pull_view.commits(context.repository, pull), commits.show)
end

function pull_view.list_files(context, pull)
  return answers.list(context, files_of(context.repository, pull), function(_, file)
    return commits.show_file(context, file, pull.sha)
  end)
end

-- ---- alone ---------------------------------------------------------------------------------

---Whether it can be merged, and why not.
---@param pull github.Pull
---@return string  clean, draft or dirty
function pull_view.mergeable_state(pull)
  if pull.conflict then return "dirty" end
  return pull.draft and "draft" or "clean"
end

local function add_merge(context, shown, pull)
  local open = pull.state == "open"
  shown.merged = pull.merged ~= nil
  shown.mergeable, shown.rebaseable = json.null, json.null
  if open then shown.mergeable, shown.rebaseable = not pull.conflict, not pull.conflict end
  shown.mergeable_state = open and pull_view.mergeable_state(pull) or "unknown"
  shown.merged_by = pull.merged_by and users.show(context, pull.merged_by) or json.null
  shown.maintainer_can_modify = pull.maintainer_can_modify or false
end

---@param context github.Context
---@param pull github.Pull
---@return table
function pull_view.show_whole(context, pull)
  local shown, repository = pull_view.show(context, pull), context.repository
  local files = files_of(repository, pull)
  add_merge(context, shown, pull)
  shown.commits, shown.changed_files = #pull_view.commits(repository, pull), #files
  shown.additions, shown.deletions = commits.count(files)
  shown.review_comments = 0
  shown.comments = #data.filter(repository.comments, function(comment) return comment.number == pull.number end)
  return shown
end

---The body for a client that asks for a diff or a patch; nil for others.
---@param context github.Context
---@return table|nil raw  type and body
function pull_view.raw(context, pull)
  local format = context.accept.format
  if format ~= "diff" and format ~= "patch" then return nil end
  local text = {}
  for _, file in ipairs(files_of(context.repository, pull)) do
    text[#text + 1] = ("diff --git a/%s b/%s\n%s\n"):format(file.filename, file.filename, file.patch or "")
  end
  return { type = ("application/vnd.github.%s; charset=utf-8"):format(format), body = table.concat(text) }
end

return pull_view
