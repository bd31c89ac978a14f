---The Neon API: who may ask, how errors look, the project itself, and the follower's side.
---
---A follower is whoever keeps a real database for every branch. While state.neon.follow is true
---an operation runs until the follower reports its end; otherwise it runs for a set time.
local branches = require "cloud.neon.branches"
local clock = require "cloud.clock"
local data = require "cloud.data"
local endpoints = require "cloud.neon.endpoints"
local hosts = require "cloud.neon.hosts"
local ids = require "cloud.ids"
local operations = require "cloud.neon.operations"
local route = require "cloud.route"

local neon = { branches = branches.all, event = operations.event, locate = hosts.locate }

---The part of the world that this service owns.
function neon.init(state, seed)
  local token = seed.tokens and seed.tokens.neon or "neon-token"
  state.neon = { project_id = seed.neon_project or "wandering-moon-123456", token = token,
    seed = ids.hex(state, "neon"), follow = false, branches = {}, operations = {} }
  branches.init(state)
end

local function project(context)
  local settings = context.state.settings
  local born = clock.iso(settings.created_at)
  return { project = {
    id = context.neon.project_id, name = "davit", platform_id = "aws",
    region_id = "aws-eu-central-1", provisioner = "k8s-neonvm", pg_version = 17,
    proxy_host = "eu-central-1.aws.neon.tech", store_passwords = true, creation_source = "console",
    history_retention_seconds = 86400, branch_logical_size_limit = 512,
    branch_logical_size_limit_bytes = 536870912, data_storage_bytes_hour = 0,
    data_transfer_bytes = 0, written_data_bytes = 0, compute_time_seconds = 0,
    active_time_seconds = 0, cpu_used_sec = 0, owner_id = "davit",
    owner = { name = "Davit", email = "davit@example.com", subscription_type = "launch_v3",
      branches_limit = settings.branches_limit },
    created_at = born, updated_at = born, consumption_period_start = born,
    consumption_period_end = clock.iso(settings.created_at + 30 * 86400),
  } }
end

local routes = route.table({ { "GET", "/projects/{project}", project } },
  branches.routes, operations.routes, endpoints.routes)

local function authorize(context)
  local token = (context.request.headers.authorization or ""):match("^[Bb]earer%s+(%S+)$")
  if token ~= context.neon.token then
    route.refuse { status = 401, message = "supplied credentials do not pass authentication" }
  end
end

local function handle(context)
  authorize(context)
  local path = context.request.path:match("^/api/v2(/.*)$") or ""
  local found, params = route.find(routes, context.request.method, path)
  if not found then
    local status = params == "method" and 405 or 404
    route.refuse { status = status, message = "this route does not exist" }
  end
  context.params = params
  if params.project ~= context.neon.project_id then
    route.refuse { status = 404, message = "project not found" }
  end
  context.body = route.json(context.request)
  if not context.body then
    route.refuse { status = 400, message = "the request body is not JSON" }
  end
  return found[3](context)
end

---@param request table
---@param state table   the world
---@param now number
---@return table response
function neon.handle(request, state, now)
  branches.expire(state, now)
  local context = { request = request, state = state, neon = state.neon, now = now,
    query = route.query(request.query or "") }
  local ok, value, options = route.attempt(handle, context)
  if ok then return route.response(options and options.status or 200, value, {}) end
  local id = data.text(request.headers["x-request-id"]) or ids.uuid(state, "request")
  local body = { request_id = id, code = value.code or "", message = value.message }
  return route.response(value.status, body, {})
end

return neon
