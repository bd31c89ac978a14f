---Comments of pull requests, which GitHub keeps as comments of issues.
local clock = require "cloud.clock"
local data = require "cloud.data"
local ids = require "cloud.ids"
local json = require "json"
local links = require "cloud.github.links"
local pulls = require "cloud.github.pulls"
local route = require "cloud.route"

local comments = {}

local AUTHOR = "github-actions[bot]"   -- who the token of a workflow writes as
local LONGEST = 65536

---Puts a comment into the world.
---@param comment { body: string, login?: string }
---@return table
function comments.add(state, number, comment, now)
  local added = { id = 1000000 + ids.next(state, "comment"), number = number, body = comment.body,
    login = comment.login or AUTHOR, created = now, updated = now }
  table.insert(state.github.comments, added)
  return added
end

local function show(context, comment)
  local repository = "/repos/" .. context.github.repository
  local html = ("https://github.com/%s/pull/%d#issuecomment-%d")
    :format(context.github.repository, comment.number, comment.id)
  local bot = comment.login == AUTHOR
  return {
    id = comment.id, node_id = "IC_" .. comment.id, body = comment.body,
    url = links.api(("%s/issues/comments/%d"):format(repository, comment.id)), html_url = html,
    issue_url = links.api(("%s/issues/%d"):format(repository, comment.number)),
    user = pulls.user(comment.login), author_association = bot and "NONE" or "CONTRIBUTOR",
    performed_via_github_app = json.null,
    created_at = clock.iso(comment.created), updated_at = clock.iso(comment.updated),
  }
end

local function invalid(code, message)
  route.refuse { status = 422, message = "Validation Failed", errors = {
    { resource = "IssueComment", field = "body", code = code, message = message } } }
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

-- Oldest first.
local function list(context)
  local number = pulls.of(context, context.params.number).number
  local found = data.filter(context.github.comments, function(c) return c.number == number end)
  local page, info = route.page(context.query, found, 30, 100)
  return data.array(page, function(comment) return show(context, comment) end),
    { link = links.header(context.request, context.query, info) }
end

local function create(context)
  local number = pulls.of(context, context.params.number).number
  local comment = comments.add(context.state, number, { body = body_of(context) }, context.now)
  return show(context, comment), { status = 201 }
end

local function find(context)
  local id = math.tointeger(tonumber(context.params.comment))
  local comment, index = data.find(context.github.comments, "id", id)
  if comment then return comment, index end
  route.refuse { status = 404, message = "Not Found" }
end

local function update(context)
  local comment = find(context)
  comment.body, comment.updated = body_of(context), context.now
  return show(context, comment)
end

local function delete(context)
  local _, index = find(context)
  table.remove(context.github.comments, index)
  return nil, { status = 204 }
end

local OF_ISSUE = "/repos/{owner}/{repo}/issues/{number}/comments"
local ONE = "/repos/{owner}/{repo}/issues/comments/{comment}"

comments.routes = {
  { "GET", OF_ISSUE, list },
  { "POST", OF_ISSUE, create },
  { "GET", ONE, function(context) return show(context, (find(context))) end },
  { "PATCH", ONE, update },
  { "DELETE", ONE, delete },
}

return comments
