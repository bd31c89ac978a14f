---Issues. Their list holds the pull requests, too.
local answers = require "cloud.github.answers"
local clock = require "cloud.clock"
local data = require "cloud.data"
local items = require "cloud.github.items"
local json = require "json"
local labels = require "cloud.github.labels"
local links = require "cloud.github.links"
local repositories = require "cloud.github.repositories"
local route = require "cloud.route"
local users = require "cloud.github.users"

local issues = {}

function issues.init(repository)
  repository.issues = repository.issues or {}
end

---Puts an issue into the world.
---@param o { title: string, number?: integer, body?: string, state?: string, login?: string, labels?: string[] }
---@return github.Item
function issues.add(state, repository, o, now)
  local fields = { number = o.number, title = o.title, body = o.body, state = o.state, login = o.login }
  local context = { state = state, repository = repository }
  fields.labels = labels.named(context, o.labels or {})
  local made = items.new(state, repository, "issue", fields, now)
  table.insert(repository.issues, made)
  return made
end

-- ---- as they are shown ---------------------------------------------------------------------

-- How many each issue has; counted once a request.
local function comments_of(context, item)
  local counts = context.comment_counts
  if not counts then
    counts = {}
    for _, comment in ipairs(context.repository.comments) do
      counts[comment.number] = (counts[comment.number] or 0) + 1
    end
    context.comment_counts = counts
  end
  return counts[item.number] or 0
end

local function pull_part(context, item)
  local html = links.html(("/%s/pull/%d"):format(context.repository.full_name, item.number))
  return { html_url = html, diff_url = html .. ".diff", patch_url = html .. ".patch",
    url = links.api(context, ("/repos/%s/pulls/%d"):format(context.repository.full_name, item.number)),
    merged_at = clock.iso_or_null(item.merged) }
end

local function show(context, item)
  local shown, url = items.show(context, item), items.url(context, item)
  local is_pull = item.head ~= nil
  shown.id, shown.node_id, shown.url = item.id, "I_" .. item.id, url
  shown.repository_url = links.api(context, "/repos/" .. context.repository.full_name)
  shown.labels_url, shown.comments_url = url .. "/labels{/name}", url .. "/comments"
  shown.events_url, shown.timeline_url = url .. "/events", url .. "/timeline"
  shown.html_url = links.html(("/%s/%s/%d"):format(context.repository.full_name, is_pull and "pull" or "issues",
    item.number))
  shown.comments = comments_of(context, item)
  shown.state_reason = data.nullable(item.reason)
  shown.performed_via_github_app = json.null
  shown.pull_request = is_pull and pull_part(context, item) or nil
  if is_pull then shown.draft = item.draft or false end
  return shown
end

local function show_whole(context, item)
  local shown = show(context, item)
  shown.closed_by = item.closed_by and users.show(context, item.closed_by) or json.null
  return shown
end

-- ---- the list ------------------------------------------------------------------------------

-- Pull requests are among them for whoever may read those.
local function all(context)
  local list = table.move(context.repository.issues, 1, #context.repository.issues, 1, {})
  local pulls = context.repository.pulls
  return table.move(pulls, 1, #pulls, #list + 1, list)
end

local function wears(context, item, wanted)
  for name in wanted:gmatch "[^,]+" do
    local label = labels.find(context.repository, name:match "^%s*(.-)%s*$")
    local found = false
    for _, id in ipairs(item.labels) do found = found or label ~= nil and id == label.id end
    if not found then return false end
  end
  return true
end

local function assigned(item, wanted)
  if wanted == "*" then return #item.assignees > 0 end
  if wanted == "none" then return #item.assignees == 0 end
  for _, login in ipairs(item.assignees) do
    if login:lower() == wanted:lower() then return true end
  end
  return false
end

local function mentions(item, login)
  return (item.body or ""):lower():find("@" .. login:lower(), 1, true) ~= nil
end

local function fits(context, item, from)
  local query = context.query
  local state = query.state or "open"
  return (state == "all" or item.state == state)
    and (not query.labels or wears(context, item, query.labels))
    and (not query.creator or item.login:lower() == query.creator:lower())
    and (not query.assignee or assigned(item, query.assignee))
    and (not query.mentioned or mentions(item, query.mentioned))
    and (not query.milestone or query.milestone == "none")   -- there are no milestones
    and (not from or item.updated >= from)
end

local values = {
  state = { open = true, closed = true, all = true }, direction = { asc = true, desc = true },
  sort = { created = true, updated = true, comments = true },
}

local function check_query(query)
  for name, known in pairs(values) do
    if query[name] and not known[query[name]] then answers.invalid_field("Issue", name, "invalid") end
  end
  local from = query.since and clock.parse(query.since)
  if query.since and not from then answers.invalid_field("Issue", "since", "invalid") end
  return from
end

local function sorted(context, list)
  local query = context.query
  local function value(item)
    if query.sort == "comments" then return comments_of(context, item) end
    return query.sort == "updated" and item.updated or item.created
  end
  local sign = query.direction == "asc" and 1 or -1
  table.sort(list, function(a, b)
    local x, y = value(a), value(b)
    if x ~= y then return (x - y) * sign < 0 end
    return (a.number - b.number) * sign < 0
  end)
  return list
end

local function list(context)
  local from = check_query(context.query)
  local found = data.filter(all(context), function(item) return fits(context, item, from) end)
  return answers.list(context, sorted(context, found), show)
end

-- ---- one -----------------------------------------------------------------------------------

local function create(context)
  local body = answers.body(context)
  if body.title == nil then
    answers.malformed 'Invalid request.\n\n"title" wasn\'t supplied.'
  end
  items.check("Issue", body)
  items.check_people(context, body)
  local made = items.new(context.state, context.repository, "issue",
    { title = tostring(body.title), body = body.body, login = context.token.login }, context.now)
  table.insert(context.repository.issues, made)
  body.state = nil
  items.apply(context, made, body)
  local shown = show_whole(context, made)
  return shown, { status = 201, location = shown.url }
end

local function get(context)
  local item = items.of_path(context)
  return show_whole(context, item), { modified = item.updated }
end

local reasons = { completed = true, not_planned = true, reopened = true, duplicate = true }

-- Why an issue was closed; nobody asks that of a pull request.
local function set_reason(item, body)
  if item.head then return end
  if item.state == "open" then
    item.reason = body.state == "open" and (body.state_reason or item.reason and "reopened") or nil
  elseif body.state == "closed" then
    item.reason = body.state_reason or "completed"
  end
end

-- One's own, or with the role of a triager everybody's.
local function check_author(context, item)
  local token = context.token
  local may = not token.user or item.login == token.login
    or repositories.is(context.repository, token.login, "triage")
  if not may then answers.forbidden "Must have admin rights to Repository." end
end

local function update(context)
  local item, body = items.of_path(context), answers.body(context)
  items.check("Issue", body)
  items.check_people(context, body)
  if body.state_reason and not reasons[body.state_reason] then
    answers.invalid_field("Issue", "state_reason", "invalid")
  end
  check_author(context, item)
  if item.merged and body.state == "open" then answers.invalid_field("Issue", "state", "invalid") end
  items.apply(context, item, body)
  set_reason(item, body)
  return show_whole(context, item)
end

-- ---- its conversation ----------------------------------------------------------------------

local lock_reasons = { ["off-topic"] = true, ["too heated"] = true, resolved = true, spam = true }

local function lock(context)
  local item, reason = items.of_path(context), context.body.lock_reason
  if reason and reason ~= json.null and not lock_reasons[reason] then
    answers.invalid_field("Issue", "lock_reason", "invalid")
  end
  item.locked, item.lock_reason = true, lock_reasons[reason] and reason or nil
  return nil, { status = 204 }
end

local function unlock(context)
  local item = items.of_path(context)
  item.locked, item.lock_reason = nil, nil
  return nil, { status = 204 }
end

-- ---- its labels ----------------------------------------------------------------------------

local function list_labels(context)
  local item = items.of_path(context)
  local shown = labels.of(context, item)
  return answers.list(context, shown, function(_, label) return label end)
end

-- {"labels": [...]}, or the list itself; one text counts as a list of one.
local function names_of(context)
  local body = answers.body(context)
  local names = #body > 0 and body or body.labels
  if type(names) == "string" then names = { names } end
  if type(names) ~= "table" then answers.malformed "Invalid request.\n\nFor 'links/0/schema', nil is not an array." end
  return labels.named(context, names)
end

local function put_labels(context, item, list_of)
  item.labels, item.updated = list_of, context.now
  return labels.of(context, item)
end

local function add_labels(context)
  local item, wanted = items.of_path(context), names_of(context)
  local joined, seen = {}, {}
  for _, part in ipairs { item.labels, wanted } do
    for _, id in ipairs(part) do
      if not seen[id] then joined[#joined + 1] = id end
      seen[id] = true
    end
  end
  return put_labels(context, item, joined)
end

local function set_labels(context)
  return put_labels(context, items.of_path(context), context.body[1] == nil and context.body.labels == nil and {}
    or names_of(context))
end

local function clear_labels(context)
  put_labels(context, items.of_path(context), {})
  return nil, { status = 204 }
end

local function remove_label(context)
  local item, label = items.of_path(context), labels.find(context.repository, context.params.name)
  local kept = data.filter(item.labels, function(id) return not label or id ~= label.id end)
  if #kept == #item.labels then
    route.refuse { status = 404, message = "Label does not exist" }
  end
  return put_labels(context, item, kept)
end

local ALL, ONE = "/repos/{owner}/{repo}/issues", "/repos/{owner}/{repo}/issues/{number}"
local LABELS = ONE .. "/labels"
local READ, WRITE = items.READ, items.WRITE

issues.routes = {
  { "GET", ALL, list, permission = READ, docs = "issues/issues#list-repository-issues" },
  { "POST", ALL, create, permission = { "issues", "write" }, role = "pull", docs = "issues/issues#create-an-issue" },
  { "GET", ONE, get, permission = READ, docs = "issues/issues#get-an-issue" },
  { "PATCH", ONE, update, permission = WRITE, role = "pull", docs = "issues/issues#update-an-issue" },
  { "PUT", ONE .. "/lock", lock, permission = WRITE, docs = "issues/issues#lock-an-issue" },
  { "DELETE", ONE .. "/lock", unlock, permission = WRITE, docs = "issues/issues#unlock-an-issue" },
  { "GET", LABELS, list_labels, permission = READ, docs = "issues/labels#list-labels-for-an-issue" },
  { "POST", LABELS, add_labels, permission = WRITE, role = "triage", docs = "issues/labels#add-labels-to-an-issue" },
  { "PUT", LABELS, set_labels, permission = WRITE, role = "triage", docs = "issues/labels#set-labels-for-an-issue" },
  { "DELETE", LABELS, clear_labels, permission = WRITE, role = "triage",
    docs = "issues/labels#remove-all-labels-from-an-issue" },
  { "DELETE", LABELS .. "/{name}", remove_label, permission = WRITE, role = "triage",
    docs = "issues/labels#remove-a-label-from-an-issue" },
}

return issues
