---The repository and its pull requests.
local clock = require "cloud.clock"
local data = require "cloud.data"
local json = require "json"
local links = require "cloud.github.links"
local route = require "cloud.route"
local sha256 = require "sha256"

local pulls = {}

---Puts a pull request into the world.
---@param pull { number: integer, title: string, head: string, state?: string, sha?: string }
function pulls.add(state, pull)
  local sha = pull.sha or sha256(state.seed .. "/" .. pull.head):sub(1, 40)
  local born = state.settings.created_at
  table.insert(state.github.pulls, { number = pull.number, title = pull.title, head = pull.head,
    sha = sha, state = pull.state or "open", body = pull.body, login = pull.login or "octocat",
    base = "main", created = born, updated = born,
    closed = pull.state == "closed" and born or nil })
end

---A person or a bot, as it stands in every answer.
function pulls.user(login)
  local bot = login:sub(-5) == "[bot]"
  return { login = login, id = tonumber(sha256(login):sub(1, 6), 16), node_id = "U_" .. login,
    type = bot and "Bot" or "User", site_admin = false, url = links.api("/users/" .. login),
    html_url = "https://github.com/" .. login, avatar_url = "", gravatar_id = "" }
end

---The repository, as it stands in every answer.
function pulls.repository(state)
  local full = state.github.repository
  local owner, name = full:match("^(.-)/(.*)$")
  return { id = tonumber(sha256(full):sub(1, 7), 16), node_id = "R_" .. name, name = name,
    full_name = full, private = true, fork = false, owner = pulls.user(owner),
    default_branch = "main", url = links.api("/repos/" .. full),
    html_url = "https://github.com/" .. full, archived = false, disabled = false,
    description = json.null, visibility = "private",
    created_at = clock.iso(state.settings.created_at) }
end

local function show(context, pull)
  local repository = pulls.repository(context.state)
  local issue = ("%s/issues/%d"):format(repository.url, pull.number)
  local owner = repository.owner.login
  local function side(name, sha)
    return { label = owner .. ":" .. name, ref = name, sha = sha, user = repository.owner,
      repo = repository }
  end
  return {
    id = repository.id * 1000 + pull.number, node_id = "PR_" .. pull.number, number = pull.number,
    url = ("%s/pulls/%d"):format(repository.url, pull.number), issue_url = issue,
    comments_url = issue .. "/comments",
    html_url = ("%s/pull/%d"):format(repository.html_url, pull.number),
    state = pull.state, locked = false, draft = false, merged = false, title = pull.title,
    user = pulls.user(pull.login), body = data.nullable(pull.body), labels = json.array {},
    assignees = json.array {}, assignee = json.null, milestone = json.null,
    author_association = "MEMBER", auto_merge = json.null, active_lock_reason = json.null,
    head = side(pull.head, pull.sha), base = side(pull.base, sha256(pull.base):sub(1, 40)),
    merge_commit_sha = json.null, merged_at = json.null,
    closed_at = data.nullable(pull.closed and clock.iso(pull.closed)),
    created_at = clock.iso(pull.created), updated_at = clock.iso(pull.updated),
  }
end

local function list(context)
  local query = context.query
  local wanted = query.state or "open"
  local found = data.filter(context.github.pulls, function(pull)
    local head = context.github.repository:match("^[^/]+") .. ":" .. pull.head
    return (wanted == "all" or pull.state == wanted) and (query.head or head) == head
      and (query.base or pull.base) == pull.base
  end)
  local ascending = query.direction == "asc"
  table.sort(found, function(a, b)
    if ascending then a, b = b, a end
    return a.number > b.number
  end)
  local page, info = route.page(query, found, 30, 100)
  return data.array(page, function(pull) return show(context, pull) end),
    { link = links.header(context.request, query, info) }
end

---The pull request of this number; refuses when there is none.
function pulls.of(context, number)
  local pull = data.find(context.github.pulls, "number", math.tointeger(tonumber(number)))
  if pull then return pull end
  route.refuse { status = 404, message = "Not Found" }
end

local function update(context)
  local pull, body = pulls.of(context, context.params.number), data.plain(context.body)
  if body.state and body.state ~= "open" and body.state ~= "closed" then
    route.refuse { status = 422, message = "Validation Failed",
      errors = { { resource = "PullRequest", field = "state", code = "invalid" } } }
  end
  if body.state and body.state ~= pull.state then
    pull.closed = body.state == "closed" and context.now or nil
  end
  pull.state, pull.title = body.state or pull.state, data.text(body.title) or pull.title
  pull.body, pull.updated = type(body.body) == "string" and body.body or pull.body, context.now
  return show(context, pull)
end

local function get(context)
  return show(context, pulls.of(context, context.params.number))
end

local ONE = "/repos/{owner}/{repo}/pulls/{number}"

pulls.routes = {
  { "GET", "/repos/{owner}/{repo}/pulls", list },
  { "GET", ONE, get },
  { "PATCH", ONE, update },
}

return pulls
