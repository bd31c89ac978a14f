---The Neon API: one request, how errors look, what a world begins with, and the follower's side.
---
---A follower is whoever keeps a real database for every branch. While state.neon.follow is true an operation runs
---until the follower reports its end, and computes rest when it says so; otherwise both are told from the time.
local access = require "cloud.neon.access"
local account = require "cloud.neon.account"
local begin = require "cloud.neon.begin"
local body = require "cloud.neon.body"
local branch = require "cloud.neon.branch"
local branch_list = require "cloud.neon.branch_list"
local branches = require "cloud.neon.branches"
local computes = require "cloud.neon.computes"
local connection = require "cloud.neon.connection"
local data = require "cloud.data"
local databases = require "cloud.neon.databases"
local follow = require "cloud.neon.follow"
local hosts = require "cloud.neon.hosts"
local ids = require "cloud.ids"
local operations = require "cloud.neon.operations"
local projects = require "cloud.neon.projects"
local restore = require "cloud.neon.restore"
local roles = require "cloud.neon.roles"
local route = require "cloud.route"
local schema = require "cloud.neon.schema"

local neon = {
  init = begin.world, upgrade = begin.upgrade, branches = follow.branches, follow = follow.told, event = follow.event,
  locate = hosts.locate,
}

-- A literal path comes before one with a parameter in its place.
local routes = route.table(account.routes, projects.routes, branch_list.routes, branches.routes, restore.routes,
  operations.routes, computes.routes, roles.routes, databases.routes, connection.routes, schema.routes)

local function handle(context)
  context.token = access.token(context)
  local path = context.request.path:match("^/api/v2(/.*)$") or ""
  local found, params = route.find(routes, context.request.method, path)
  if not found then body.refuse(params == "method" and 405 or 404, "this route does not exist") end
  access.count(context, found[1] .. " " .. found[2])
  context.params = params
  if params.project then context.project = projects.get(context, params.project) end
  context.body = route.json(context.request)
  if not context.body then body.refuse(400, "the request body is not JSON") end
  return found[3](context)
end

local function failed(context, refusal)
  local id = data.text(context.request.headers["x-request-id"]) or ids.uuid(context.state, "request")
  local retry_after = context.retry_after and ("%d"):format(context.retry_after)
  return route.response(refusal.status, { request_id = id, code = refusal.code or "", message = refusal.message },
    { ["retry-after"] = retry_after })
end

---@param request table  may have `trouble`: what shall go wrong with the operation that it starts
---@param state table    the world
---@param now number
---@return table response  with `dump` it is whole when cloud/neon_schema.lua has asked the databases
function neon.handle(request, state, now)
  branch.sweep(state, now)
  local context = { request = request, state = state, neon = state.neon, now = now,
    query = route.query(request.query or "") }
  state.neon.trouble = request.trouble
  local ok, value, options = route.attempt(handle, context)
  state.neon.trouble = nil
  if not ok then return failed(context, value) end
  local response = route.response(options and options.status or 200, value, {})
  response.dump = options and options.dump
  return response
end

return neon
