---The GitHub REST API: who may ask, how often, and how answers are headed. Which file knows the rest is `resources`.
local accept = require "cloud.github.accept"
local answers = require "cloud.github.answers"
local apps = require "cloud.github.apps"
local beginning = require "cloud.github.beginning"
local clock = require "cloud.clock"
local data = require "cloud.data"
local ids = require "cloud.ids"
local json = require "json"
local limits = require "cloud.github.limits"
local permissions = require "cloud.github.permissions"
local repositories = require "cloud.github.repositories"
local route = require "cloud.route"
local sha256 = require "sha256"
local tokens = require "cloud.github.tokens"

local github = { FIRST = "example/codex" }   -- the repository of whoever names none

---What a handler gets.
---@class github.Context
---@field request table
---@field state table          the world
---@field github table         the part of it that is GitHub's
---@field now number
---@field query table<string, string>
---@field params table<string, string>  of the path
---@field body table           decoded; answers.body gives it without nulls
---@field token github.Token   who asks
---@field repository? github.Repository  of the path; the token may see it and has the route's permission
---@field route route.Route    the one that was found
---@field headers table<string, string>  of the answer
---@field quota table          of cloud.github.limits
---@field shown table          views that were made for this request
---@field associations table<string, string>  what authors are to the repository, as far as that was asked
---@field comment_counts? table<integer, integer>  by issue, once somebody asked
---@field add_repository? fun(state: table, o: repositories.Seed): github.Repository  for what comes below /_davit/
---@field accept github.Accept  what the client would like to have

-- Each has `routes`: method, path, handler(context) -> value, options; `permission` and `role` as
-- cloud.github.permissions has them, `docs` the page that errors name, `free` what no limit counts, `app` what is for
-- an app itself. If it keeps something in a repository it has `init(repository, state)`, which leaves alone what is
-- there; `settle(repository, state, now)` is what time alone has done since the last request. `admin` are routes below
-- /_davit/ that only this machine may use.
local resources = {
  limits, repositories,
  require "cloud.github.meta",
  require "cloud.github.users",
  apps,
  require "cloud.github.refs",
  require "cloud.github.commits",
  require "cloud.github.pulls",
  require "cloud.github.merges",
  require "cloud.github.issues",
  require "cloud.github.labels",
  require "cloud.github.artifacts",
  require "cloud.github.comments",
  require "cloud.github.pull_desk",
  require "cloud.github.commit_statuses",
  require "cloud.github.check_runs",
  require "cloud.github.environments",
  require "cloud.github.branch_rules",
  require "cloud.github.custom_rules",
  require "cloud.github.secrets",
  require "cloud.github.variables",
  require "cloud.github.deployments",
  require "cloud.github.deployment_statuses",
  require "cloud.github.workflows",
  require "cloud.github.runs",
  require "cloud.github.run_clock",
  require "cloud.github.run_actions",
  require "cloud.github.reviews",
  require "cloud.github.dispatches",
  require "cloud.github.run_desk",
  require "cloud.github.secret_desk",
}

local function routes_of(name)
  local lists = {}
  for _, resource in ipairs(resources) do lists[#lists + 1] = resource[name] end
  return route.table(table.unpack(lists))
end

local routes, admin_routes = routes_of "routes", routes_of "admin"

-- ---- the world ----------------------------------------------------------------------------

-- Gives a repository the tables of all resources.
local function prepare(state, repository)
  for _, resource in ipairs(resources) do
    if resource.init then resource.init(repository, state) end
  end
end

local function settle(context)
  for _, resource in ipairs(resources) do
    if resource.settle then resource.settle(context.repository, context.state, context.now) end
  end
end

---Puts a repository into the world, with all that belongs to one.
---@param state table
---@param o repositories.Seed
---@return github.Repository
function github.add_repository(state, o)
  local repository = repositories.add(state, o)
  prepare(state, repository)
  return repository
end

---The part of the world that this service owns.
---@param state table
---@param seed world.Seed
function github.init(state, seed)
  local first = seed.repository or github.FIRST
  state.github = { repository = first, repositories = {}, used = {},
    tokens = tokens.list(seed, first), apps = apps.list(seed.github and seed.github.apps) }
  beginning.plant(state, first, seed, github.add_repository)
end

---Brings a state of an older version up to date.
---@param state table  the one that was saved
---@param fresh table  a new one of the same seed
function github.renew(state, fresh)
  if not state.github.repositories then state.github = beginning.converted(state, fresh) end
  state.github.tokens, state.github.apps = fresh.github.tokens, fresh.github.apps
  for _, repository in pairs(state.github.repositories) do prepare(state, repository) end
end

local DOCS = "https://docs.github.com/rest"

-- ---- one request -------------------------------------------------------------------------

local function find(context)
  local method = context.request.method
  if method == "HEAD" then method = "GET" end
  local path = repositories.named(context.state, context.request.path)
  return route.find(routes, method, path)
end

local function read_body(context)
  local body, whole = route.json(context.request)
  if body then return body end
  route.refuse { status = 400, message = whole and "Body should be a JSON object" or "Problems parsing JSON" }
end

---@return github.Context  of a request of which nothing is known yet
local function context_of(request, state, now)
  return { request = request, state = state, github = state.github, now = now, shown = {}, associations = {},
    headers = {}, query = route.query(request.query or "") }
end

-- What can be said of a request before it is known what it is about.
local function arrive(context)
  context.token = tokens.anonymous
  limits.open(context)
  context.token = tokens.identify(context)
  limits.open(context)
end

-- The repository of the path, if the token may be there and do this.
local function enter(context)
  local repository, moved = repositories.of_path(context)
  context.repository = repository
  permissions.authorize(context, context.route)
  if moved then repositories.redirect(context, repository) end
end

local function handle(context)
  arrive(context)
  local found, params = find(context)
  if not (found and found.free) then limits.count(context) end
  accept.check_version(context.request.headers)
  if not found then answers.not_modelled(context) end
  context.route, context.params = found, params
  context.accept = accept.read(context.request.headers.accept)
  if not found.app then enter(context) end
  context.body = read_body(context)
  if context.repository then settle(context) end
  return found[3](context)
end

-- ---- its answer --------------------------------------------------------------------------

local HIDDEN_FROM_CACHES = "Accept, Authorization, Cookie, X-GitHub-OTP, Accept-Encoding, Accept, X-Requested-With"

local function add_headers(context, headers)
  limits.describe(context, headers)
  accept.describe(context, headers)
  tokens.describe(context.token, headers)
  headers["x-github-request-id"] = ids.hex(context.state, "github request", 16):upper()
end

local function failed(context, refusal)
  local headers = context.headers
  for name, value in pairs(refusal.headers or {}) do headers[name] = value end
  local about = refusal.docs or context.route and context.route.docs
  local body = { message = refusal.message, errors = refusal.errors and json.array(refusal.errors), url = refusal.url,
    documentation_url = about and DOCS .. "/" .. about or DOCS, status = tostring(refusal.status) }
  return route.response(refusal.status, body, headers)
end

local function done(context, value, options)
  local headers = context.headers
  for name, item in pairs(options.headers or {}) do headers[name] = item end
  headers.link, headers.location = options.link, options.location
  headers["last-modified"] = options.modified and clock.http(options.modified)
  if not options.raw then return route.response(options.status or 200, value, headers) end
  headers["content-type"] = options.raw.type
  return { status = options.status or 200, headers = headers, body = options.raw.body }
end

local function unchanged(request, headers)
  local known = request.headers["if-none-match"]
  if known then
    for tag in known:gmatch '[^%s,][^,]*' do
      if tag:gsub("^W/", "") == headers.etag:gsub("^W/", "") or tag == "*" then return true end
    end
    return false
  end
  local since = request.headers["if-modified-since"]
  return since ~= nil and since == headers["last-modified"]
end

-- An answer that the client has already is sent without its body and costs nothing.
local function conditional(context, response)
  local request, headers = context.request, response.headers
  if request.method ~= "GET" and request.method ~= "HEAD" or response.status ~= 200 then return response end
  headers.etag = ('W/"%s"'):format(sha256(response.body))
  headers["cache-control"], headers.vary = "private, max-age=60, s-maxage=60", HIDDEN_FROM_CACHES
  if not unchanged(request, headers) then return response end
  if not context.route.free then limits.give_back(context) end
  headers["content-type"] = nil
  return { status = 304, headers = headers, body = "" }
end

-- ---- for this machine alone --------------------------------------------------------------

local function carry_out(context, found)
  context.body = read_body(context)
  local wanted = context.body.repository or context.query.repository or context.github.repository
  context.repository = repositories.find(context.state, tostring(wanted))
  if not context.repository then
    route.refuse { status = 404, message = ("there is no repository %s"):format(tostring(wanted)) }
  end
  settle(context)
  return found[3](context)
end

---Whether a request below /_davit/ is for github.admin.
---@param request table
---@return boolean
function github.administers(request)
  return route.find(admin_routes, request.method, request.path) ~= nil
end

---A request below /_davit/, which needs no token: it does what people and GitHub itself would.
---@param request table
---@param state table
---@param now number
---@return table response
function github.admin(request, state, now)
  local found, params = route.find(admin_routes, request.method, request.path)
  local context = context_of(request, state, now)
  context.params, context.token, context.add_repository = params, tokens.anonymous, github.add_repository
  local ok, value, options = route.attempt(carry_out, context, found)
  if not ok then return route.response(value.status, { message = value.message, errors = value.errors }, {}) end
  return route.response(options and options.status or 200, value, {})
end

local NO_AGENT = "Request forbidden by administrative rules. Please make sure your request has a User-Agent header "
  .. "(https://docs.github.com/en/rest/overview/resources-in-the-rest-api#user-agent-required). "
  .. "Check https://developer.github.com for other possible causes.\n"

---@param request table  with `base` when the client came by another base address than https://api.github.com
---@param state table   the world
---@param now number
---@return table response
function github.handle(request, state, now)
  if not data.text(request.headers["user-agent"]) then
    return { status = 403, headers = { ["content-type"] = "text/plain; charset=utf-8" }, body = NO_AGENT }
  end
  local context = context_of(request, state, now)
  local ok, value, options = route.attempt(handle, context)
  local response = ok and done(context, value, options or {}) or failed(context, value)
  response = ok and conditional(context, response) or response
  add_headers(context, response.headers)
  if request.method == "HEAD" then response.body = "" end
  return response
end

return github
