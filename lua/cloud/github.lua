---The GitHub REST API of one repository: who may ask, how answers are headed.
local comments = require "cloud.github.comments"
local data = require "cloud.data"
local ids = require "cloud.ids"
local json = require "json"
local pulls = require "cloud.github.pulls"
local route = require "cloud.route"
local sha256 = require "sha256"

local github = {}

local HOUR = 3600
local DOCS = "https://docs.github.com/rest"

---The part of the world that this service owns.
function github.init(state, seed)
  state.github = { repository = seed.repository or "example/codex",
    token = seed.tokens and seed.tokens.github or "github-token",
    pulls = {}, comments = {}, window = 0, used = 0 }
  for _, pull in ipairs(seed.pull_requests or {}) do
    pulls.add(state, pull)
    for _, comment in ipairs(pull.comments or {}) do
      comments.add(state, pull.number, comment, state.settings.created_at)
    end
  end
end

local function repository(context)
  return pulls.repository(context.state)
end

local routes = route.table({ { "GET", "/repos/{owner}/{repo}", repository } },
  pulls.routes, comments.routes)

-- ---- who may ask -------------------------------------------------------------------------

local function authorize(context)
  local header = context.request.headers.authorization or ""
  local token = header:match("^[Bb]earer%s+(%S+)$") or header:match("^[Tt]oken%s+(%S+)$")
  if token == context.github.token then return end
  route.refuse { status = 401, message = token and "Bad credentials" or "Requires authentication" }
end

-- Requests are counted in fixed hours; an answer that has not changed is not counted.
local function open_window(context)
  local service, window = context.github, context.now // HOUR
  if service.window ~= window then service.window, service.used = window, 0 end
end

local function count(context)
  local service, limit = context.github, context.state.settings.github_requests
  if service.used >= limit then
    route.refuse { status = 403, message = "API rate limit exceeded for installation." }
  end
  service.used = service.used + 1
end

local function rate_headers(context)
  local service, limit = context.github, context.state.settings.github_requests
  return {
    ["x-ratelimit-limit"] = tostring(limit),
    ["x-ratelimit-remaining"] = tostring(limit - service.used),
    ["x-ratelimit-used"] = tostring(service.used),
    ["x-ratelimit-reset"] = ("%d"):format((service.window + 1) * HOUR),
    ["x-ratelimit-resource"] = "core",
    ["x-github-media-type"] = "github.v3; format=json",
    ["x-github-request-id"] = ids.hex(context.state, "github request", 16):upper(),
  }
end

-- ---- one request -------------------------------------------------------------------------

local function handle(context)
  authorize(context)
  count(context)
  local found, params = route.find(routes, context.request.method, context.request.path)
  local mine = found and params.owner .. "/" .. params.repo == context.github.repository
  if not mine then route.refuse { status = 404, message = "Not Found" } end
  context.params = params
  context.body = route.json(context.request)
  if not context.body then route.refuse { status = 400, message = "Problems parsing JSON" } end
  return found[3](context)
end

local function failed(refusal, headers)
  local errors = refusal.errors and json.array(refusal.errors)
  local body = { message = refusal.message, errors = errors, documentation_url = DOCS,
    status = tostring(refusal.status) }
  return route.response(refusal.status, body, headers)
end

-- An answer that the client has already is sent without its body and costs nothing.
local function conditional(context, response)
  if context.request.method ~= "GET" then return response end
  local etag = ('W/"%s"'):format(sha256(response.body))
  response.headers.etag = etag
  if context.request.headers["if-none-match"] ~= etag then return response end
  context.github.used = context.github.used - 1
  local headers = rate_headers(context)
  headers.etag = etag
  return { status = 304, headers = headers, body = "" }
end

---@param request table
---@param state table   the world
---@param now number
---@return table response
function github.handle(request, state, now)
  if not data.text(request.headers["user-agent"]) then
    return { status = 403, headers = { ["content-type"] = "text/plain; charset=utf-8" },
      body = "Request forbidden by administrative rules. A User-Agent header is required.\n" }
  end
  local context = { request = request, state = state, github = state.github, now = now,
    query = route.query(request.query or "") }
  open_window(context)
  local ok, value, options = route.attempt(handle, context)
  local headers = rate_headers(context)
  if not ok then return failed(value, headers) end
  headers.link = options and options.link
  local response = route.response(options and options.status or 200, value, headers)
  return conditional(context, response)
end

return github
