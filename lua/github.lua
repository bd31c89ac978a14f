---GitHub for recipes: pull requests, and one comment per purpose in each.
local core = require "core"
local http = require "http"
local json = require "json"
local marker = require "marker"
local mask = require "mask"
local options = require "options"
local pages = require "http.pages"
local service = require "service"
local url = require "url"

local github = {}

---The only place its token is sent to.
github.places = { token = { "https://api.github.com/repos header:authorization" } }

local BASE = "https://api.github.com/repos/"
local LONGEST = 65536   -- characters of a comment
local WORKFLOW = "github-actions[bot]"   -- who the token of a workflow writes as

-- A token's requests of an hour (the service says how many they are), points of a minute, and what creates
-- content, of a minute and an hour.
local creates = { POST = 1, PATCH = 1, PUT = 1, default = 0 }
local budget = http.budget { wait = 120, pause = 60, resource = "core", limits = {
  { limit = 5000, window = 3600 },
  { limit = 900, window = 60, cost = { GET = 1, HEAD = 1, OPTIONS = 1, default = 5 } },
  { limit = 80, window = 60, cost = creates }, { limit = 500, window = 3600, cost = creates },
} }

-- ---- one request -------------------------------------------------------------------------

-- Both limits answer 403 or 429. Retry-After comes first; without it an exhausted quota ends at
-- its reset, and a secondary limit asks for a minute at least.
local function limit_of(answer, text)
  if answer.status ~= 403 and answer.status ~= 429 then return nil end
  if service.header(answer, "retry-after") then return { class = "throttled" } end
  if service.header(answer, "x-ratelimit-remaining") == "0" then
    local reset = tonumber(service.header(answer, "x-ratelimit-reset")) or core.now() + 60
    return { class = "throttled", retry_after = math.max(reset - core.now(), 1),
      hint = "the token's requests of this hour are used up" }
  end
  local limited = answer.status == 429 or text:lower():find("rate limit", 1, true)
  return limited and { class = "throttled", retry_after = 60 } or nil
end

local hints = {
  [401] = "the token is not accepted: copy it again or create another",
  [403] = "the token lacks a permission: 'pull-requests: write', and no fork's token has it",
  [404] = "look at the repository and the number; a token without access sees nothing",
}

-- 422 is any refusal; one of them says that the thing is there, for who looks.
local function class_of(answer, reply)
  for _, err in ipairs(type(reply) == "table" and type(reply.errors) == "table" and reply.errors or {}) do
    if type(err) == "table" and err.code == "already_exists" then return "converge" end
  end
  return service.class(answer.status)
end

local function judge(answer, absent)
  local reply = answer.body ~= "" and try(json.decode, answer.body) or {}
  answer.reply = reply
  if answer.status >= 200 and answer.status < 300 then return nil end
  if absent and (answer.status == 404 or answer.status == 410) then
    answer.reply = nil
    return nil
  end
  local text = type(reply) == "table" and reply.message or "no reason was given"
  local fault = limit_of(answer, text) or { class = class_of(answer, reply),
    hint = hints[answer.status] }
  fault.code = ("github-%d"):format(answer.status)
  fault.message = ("status %d: %s"):format(answer.status, text)
  return fault
end

local function call(client, o)
  local answer = service.call {
    service = "GitHub", what = o.what,
    request = { url = BASE .. client.repository .. o.path, method = o.method or "GET",
      budget = budget, json = o.json, headers = { authorization = "Bearer " .. client.token,
        accept = "application/vnd.github+json", ["x-github-api-version"] = "2022-11-28",
        ["user-agent"] = "davit" } },
    judge = function(answer) return judge(answer, o.absent) end,
  }
  return answer.reply, answer
end

-- Pages are counted rather than taken from the Link header, which says whether there is another one.
local function all(client, path, query, what)
  return pages.all({ style = "page", more = "link" }, function(parameters)
    for name, value in pairs(parameters) do query[name] = value end
    return call(client, { path = path .. "?" .. url.query(query), what = what })
  end)
end

-- ---- pull requests -----------------------------------------------------------------------

local function check_number(what, n)
  if math.type(n) == "integer" and n > 0 then return n end
  options.misuse("%s: expected the number of a pull request, not '%s'", what, tostring(n))
end

local function show(pull)
  return { number = pull.number, state = pull.state, title = pull.title, head = pull.head.ref,
    sha = pull.head.sha }
end

local function pull_of(client, n)
  check_number("github.pull", n)
  return show((call(client, { path = "/pulls/" .. n, what = "read the pull request " .. n })))
end

local function open_pull(client, n)
  local pull = pull_of(client, n)
  if pull.state == "open" then return pull end
  failure { code = "github-closed", about = "#" .. n,
    message = ("GitHub: the pull request #%d is %s"):format(n, pull.state),
    hint = "a preview is for an open pull request; cleanup removes what is left of it" }
end

local function open_pulls(client)
  local list = {}
  for i, pull in ipairs(all(client, "/pulls", { state = "open" }, "list the pull requests")) do
    list[i] = show(pull)
  end
  return list
end

-- ---- comments ----------------------------------------------------------------------------

local function show_comment(client, comment)
  local login = (comment.user ~= json.null and comment.user or {}).login
  return { id = comment.id, body = comment.body, login = login, url = comment.html_url,
    marker = login == client.login and marker.of_html(comment.body) or nil }
end

local function comments_of(client, n)
  check_number("github.comments", n)
  local list = all(client, ("/issues/%d/comments"):format(n), {},
    "list the comments of the pull request " .. n)
  for i, comment in ipairs(list) do list[i] = show_comment(client, comment) end
  return list
end

-- Anybody can write the marker: a comment of another author does not count.
local function find_comment(client, o)
  for _, comment in ipairs(comments_of(client, o.pr)) do
    if comment.marker == o.marker then return comment end
  end
end

local function create_comment(client, o)
  local made = call(client, { method = "POST", path = ("/issues/%d/comments"):format(o.pr),
    json = { body = o.text }, what = "comment on the pull request " .. o.pr })
  return show_comment(client, made)
end

-- Somebody may have deleted it meanwhile.
local function update_comment(client, thing, o)
  if thing.body == o.text then return thing end
  local changed = call(client, { method = "PATCH", path = "/issues/comments/" .. thing.id,
    json = { body = o.text }, absent = true,
    what = "change the comment on the pull request " .. o.pr })
  if changed then return show_comment(client, changed) end
  return create_comment(client, o)
end

local function destroy_comment(client, o)
  local thing = find_comment(client, o)
  if not thing then return end
  call(client, { method = "DELETE", path = "/issues/comments/" .. thing.id, absent = true,
    what = "delete the comment on the pull request " .. o.pr })
end

local comment_fields = {
  { "pr", "integer", true }, { "key", "string", true }, { "body", "string", true },
}

-- A key may be a whole marker; a word makes one with the repository's name and the number.
local function marker_of(client, o)
  if marker.parse(o.key) then return o.key end
  local name = client.repository:match("/(.+)$")
  return marker.new { project = name, environment = o.key, key = o.pr }
end

local function read_comment(client, given)
  options.read("github.comment", given, comment_fields)
  check_number("github.comment", given.pr)
  local o = { pr = given.pr, marker = marker_of(client, given) }
  o.text = marker.to_html(o.marker) .. "\n" .. mask.text(given.body)
  if (utf8.len(o.text) or #o.text) <= LONGEST then return o end
  options.misuse("github.comment: the body is longer than GitHub's %d characters", LONGEST)
end

local function comment_resource(client, given)
  local o = read_comment(client, given)
  return {
    ("Comment %s on #%d"):format(given.key, o.pr),
    find = function() return find_comment(client, o) end,
    create = function() return create_comment(client, o) end,
    matches = function() return true end,   -- find looks at marker and author already
    update = function(thing) return update_comment(client, thing, o) end,
    destroy = function() destroy_comment(client, o) end,
  }
end

-- ---- the client --------------------------------------------------------------------------

local fields = {
  { "repository", "string", true }, { "token", "text", true }, { "login", "string" },
}

function github.client(o)
  options.read("github.client", o, fields)
  if not o.repository:find("^[%w_.-]+/[%w_.-]+$") then
    options.misuse("github.client: 'repository' must be like \"owner/name\", not '%s'",
      o.repository)
  end
  local client = { repository = o.repository, token = o.token, login = o.login or WORKFLOW }
  return {
    pull = function(n) return pull_of(client, n) end,
    open_pull = function(n) return open_pull(client, n) end,
    open_pulls = function() return open_pulls(client) end,
    comments = function(n) return comments_of(client, n) end,
    comment = function(given) return comment_resource(client, given) end,
  }
end

return github
