---Comments of issues and of pull requests, which GitHub keeps as comments of issues.
local answers = require "cloud.github.answers"
local clock = require "cloud.clock"
local data = require "cloud.data"
local ids = require "cloud.ids"
local items = require "cloud.github.items"
local json = require "json"
local links = require "cloud.github.links"
local repositories = require "cloud.github.repositories"
local users = require "cloud.github.users"

local comments = {}

local LONGEST = 65536

function comments.init(repository)
  repository.comments = repository.comments or {}
end

---Puts a comment into the world.
---@param comment { body: string, login?: string }
---@return table
function comments.add(state, repository, number, comment, now)
  local added = { id = 1000000 + ids.next(state, "comment"), number = number, body = comment.body,
    login = comment.login or users.WORKFLOW, created = now, updated = now }
  table.insert(repository.comments, added)
  return added
end

local function show(context, comment)
  local repository = context.repository
  local path = "/repos/" .. repository.full_name
  local _, kind = items.find(repository, comment.number)
  local html = ("/%s/%s/%d#issuecomment-%d"):format(repository.full_name, kind == "pull" and "pull" or "issues",
    comment.number, comment.id)
  return {
    id = comment.id, node_id = "IC_" .. comment.id, body = comment.body,
    url = links.api(context, ("%s/issues/comments/%d"):format(path, comment.id)), html_url = links.html(html),
    issue_url = links.api(context, ("%s/issues/%d"):format(path, comment.number)),
    user = users.show(context, comment.login), performed_via_github_app = json.null,
    author_association = repositories.association(context, comment.login),
    created_at = clock.iso(comment.created), updated_at = clock.iso(comment.updated),
  }
end

-- ---- what a comment may be ------------------------------------------------------------------

local function invalid(code, message)
  answers.invalid_field("IssueComment", "body", code, message)
end

local function body_of(context)
  local body = context.body.body
  if not data.text(body) or not body:find("%S") then
    invalid("missing_field", "body cannot be blank")
  end
  if (utf8.len(body) or #body) > LONGEST then
    invalid("custom", "body is too long (maximum is 65536 characters)")
  end
  return body
end

-- ---- lists ----------------------------------------------------------------------------------

local function since(context, list)
  if not context.query.since then return list end
  local from = clock.parse(context.query.since)
  if not from then answers.malformed "Invalid request.\n\nsince is not a valid ISO 8601 timestamp." end
  return data.filter(list, function(comment) return comment.updated >= from end)
end

-- Oldest first, whatever a client asks for.
local function of_item(context)
  local number = items.of_path(context).number
  local found = data.filter(context.repository.comments, function(c) return c.number == number end)
  return answers.list(context, since(context, found), show)
end

local function sorted(list, query)
  local field = query.sort == "updated" and "updated" or "created"
  local sign = query.sort and query.direction == "desc" and -1 or 1   -- without `sort` the direction is ignored
  table.sort(list, function(a, b)
    if a[field] ~= b[field] then return (a[field] - b[field]) * sign < 0 end
    return (a.id - b.id) * sign < 0
  end)
  return list
end

local function of_repository(context)
  local list = table.move(context.repository.comments, 1, #context.repository.comments, 1, {})
  return answers.list(context, sorted(since(context, list), context.query), show)
end

-- ---- one ------------------------------------------------------------------------------------

local function create(context)
  local item = items.of_path(context)
  local body = body_of(context)
  items.refuse_locked(context, item)
  local comment = comments.add(context.state, context.repository, item.number,
    { body = body, login = context.token.login }, context.now)
  item.updated = context.now
  local shown = show(context, comment)
  return shown, { status = 201, location = shown.url }
end

local function find(context)
  local id = math.tointeger(tonumber(context.params.comment))
  local comment, index = data.find(context.repository.comments, "id", id)
  if not comment then answers.not_found() end
  local _, kind = items.find(context.repository, comment.number)
  items.check_kind(context, kind)
  return comment, index
end

-- One's own, or with the right to push everybody's.
local function find_to_change(context)
  local comment, index = find(context)
  local token = context.token
  local may = not token.user or comment.login == token.login
    or repositories.is(context.repository, token.login, "push")
  if not may then answers.forbidden "Must have admin rights to Repository." end
  return comment, index
end

local function get(context)
  local comment = find(context)
  return show(context, comment), { modified = comment.updated }
end

local function update(context)
  local comment = find_to_change(context)
  comment.body, comment.updated = body_of(context), context.now
  return show(context, comment)
end

local function delete(context)
  local _, index = find_to_change(context)
  table.remove(context.repository.comments, index)
  return nil, { status = 204 }
end

local OF_ITEM = "/repos/{owner}/{repo}/issues/{number}/comments"
local ALL, ONE = "/repos/{owner}/{repo}/issues/comments", "/repos/{owner}/{repo}/issues/comments/{comment}"
local READ, WRITE = items.READ, items.WRITE

comments.routes = {
  { "GET", OF_ITEM, of_item, permission = READ, docs = "issues/comments#list-issue-comments" },
  { "POST", OF_ITEM, create, permission = WRITE, role = "pull", docs = "issues/comments#create-an-issue-comment" },
  { "GET", ALL, of_repository, permission = READ, docs = "issues/comments#list-issue-comments-for-a-repository" },
  { "GET", ONE, get, permission = READ, docs = "issues/comments#get-an-issue-comment" },
  { "PATCH", ONE, update, permission = WRITE, role = "pull", docs = "issues/comments#update-an-issue-comment" },
  { "DELETE", ONE, delete, permission = WRITE, role = "pull", docs = "issues/comments#delete-an-issue-comment" },
}

return comments
