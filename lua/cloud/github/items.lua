---What issues and pull requests have in common: a number, a text, a state, people and labels.
---
---A repository keeps both in lists of their own, `issues` and `pulls`, and counts their numbers together.
local answers = require "cloud.github.answers"
local clock = require "cloud.clock"
local data = require "cloud.data"
local ids = require "cloud.ids"
local json = require "json"
local labels = require "cloud.github.labels"
local links = require "cloud.github.links"
local permissions = require "cloud.github.permissions"
local repositories = require "cloud.github.repositories"
local users = require "cloud.github.users"

local items = {}

local LONGEST_TITLE, LONGEST_BODY = 256, 65536

---@class github.Item
---@field id integer
---@field number integer
---@field title string
---@field body? string
---@field state string       open, closed
---@field login string
---@field labels integer[]   ids
---@field assignees string[]
---@field locked? boolean
---@field lock_reason? string
---@field created number
---@field updated number
---@field closed? number
---@field closed_by? string

---A new one, not yet in a list.
---@param kind string  "issue" or "pull"
---@param o table  number, title, body, state, login, labels, assignees
---@return github.Item
function items.new(state, repository, kind, o, now)
  local closed = o.state == "closed" and now or nil
  return { id = 2000000000 + ids.next(state, "github " .. kind), number = repositories.number(repository, o.number),
    title = o.title, body = o.body, state = o.state or "open", login = o.login or repositories.owner(repository),
    labels = o.labels or {}, assignees = o.assignees or {}, created = now, updated = now, closed = closed }
end

---@param repository github.Repository
---@param number any
---@return github.Item|nil item, string|nil kind
function items.find(repository, number)
  number = math.tointeger(tonumber(number))
  local issue = data.find(repository.issues, "number", number)
  if issue then return issue, "issue" end
  local pull = data.find(repository.pulls, "number", number)
  if pull then return pull, "pull" end
end

---What routes of both ask for: either permission will do to come as far as items.of_path.
items.READ = { { "issues", "read" }, { "pull_requests", "read" } }
items.WRITE = { { "issues", "write" }, { "pull_requests", "write" } }

---Refuses a token whose permission is for pull requests alone when it is about an issue.
---@param context github.Context  of a route that needs items.READ or items.WRITE
---@param kind string|nil
function items.check_kind(context, kind)
  if kind == "issue" then permissions.check(context, context.route.permission[1], context.route.role) end
end

---The one that the path names by {number}; refuses who may not do this to what it is.
---@param context github.Context  of a route that needs items.READ or items.WRITE
---@return github.Item item, string kind
function items.of_path(context)
  local item, kind = items.find(context.repository, context.params.number)
  if not item then answers.not_found() end
  items.check_kind(context, kind)
  return item, kind
end

-- ---- as they are shown ---------------------------------------------------------------------

local function people(context, logins)
  return data.array(logins, function(login) return users.show(context, login) end)
end

---The fields that both have.
---@param context github.Context
---@param item github.Item
---@return table
function items.show(context, item)
  local assignees = people(context, item.assignees)
  return {
    number = item.number, title = item.title, body = data.nullable(item.body), state = item.state,
    user = users.show(context, item.login), labels = labels.of(context, item), assignees = assignees,
    assignee = assignees[1] or json.null, milestone = json.null, locked = item.locked or false,
    active_lock_reason = data.nullable(item.lock_reason),
    author_association = repositories.association(context, item.login),
    created_at = clock.iso(item.created), updated_at = clock.iso(item.updated),
    closed_at = clock.iso_or_null(item.closed),
  }
end

---The address of an issue or of a pull request as an issue.
function items.url(context, item)
  return links.api(context, ("/repos/%s/issues/%d"):format(context.repository.full_name, item.number))
end

-- ---- what a request says of one ------------------------------------------------------------

local function too_long(resource, field, text, most)
  if type(text) ~= "string" or (utf8.len(text) or #text) <= most then return end
  answers.invalid_field(resource, field, "custom", ("%s is too long (maximum is %d characters)"):format(field, most))
end

local function check_types(resource, body)
  for _, field in ipairs { "title", "body" } do
    if body[field] ~= nil and type(body[field]) ~= "string" and math.type(body[field]) ~= "integer" then
      answers.invalid_field(resource, field, "invalid")
    end
  end
end

---Refuses texts that are too long or no texts, and states that there are not.
---@param resource string  "Issue" or "PullRequest"
---@param body table
function items.check(resource, body)
  check_types(resource, body)
  if body.title ~= nil and not tostring(body.title):find "%S" then
    answers.invalid_field(resource, "title", "missing_field")
  end
  too_long(resource, "title", body.title, LONGEST_TITLE)
  too_long(resource, "body", body.body, LONGEST_BODY)
  if body.state ~= nil and body.state ~= "open" and body.state ~= "closed" then
    answers.invalid_field(resource, "state", "invalid")
  end
end

---Whether a token may set labels and assignees: of those that it may not, nothing is said.
function items.may_label(context)
  local token = context.token
  return not token.user or repositories.is(context.repository, token.login, "triage")
end

-- Who has no access to the repository is left out without a word.
local function assignable(context, logins)
  return data.filter(logins, function(login)
    return type(login) == "string" and repositories.is(context.repository, login, "triage")
  end)
end

---Refuses milestones, of which there are none, and what names no label; who may set neither is not asked.
function items.check_people(context, body)
  if not items.may_label(context) then return end
  if body.milestone ~= nil then answers.invalid_field("Issue", "milestone", "invalid") end
  if type(body.labels) == "table" then labels.check_names(body.labels) end
end

local function set_people(context, item, body)
  local logins = body.assignees or body.assignee and { body.assignee }
  if type(logins) == "table" then item.assignees = assignable(context, logins) end
  if type(body.labels) == "table" then item.labels = labels.named(context, body.labels) end
end

---Opens or closes one.
---@param who string  login
function items.set_state(item, state, who, now)
  if item.state == state then return end
  item.state, item.closed = state, state == "closed" and now or nil
  item.closed_by = state == "closed" and who or nil
end

---Changes one as the body of a request says, which was checked.
---@param context github.Context
---@param item github.Item
---@param body table
function items.apply(context, item, body)
  if items.may_label(context) then set_people(context, item, body) end
  if body.title ~= nil then item.title = tostring(body.title) end
  if body.body ~= nil then item.body = tostring(body.body) end
  if context.body.body == json.null then item.body = nil end
  items.set_state(item, body.state or item.state, context.token.login, context.now)
  item.updated = context.now
end

---Whether the token that asks may write to one although it is locked.
function items.refuse_locked(context, item)
  if not item.locked then return end
  local token = context.token
  if not token.user or repositories.is(context.repository, token.login, "push") then return end
  answers.forbidden "Unable to create comment because issue is locked."
end

return items
