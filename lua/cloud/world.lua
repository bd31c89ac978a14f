---The local cloud as one value: the state of every service, and who answers which host.
local blobs = require "cloud.github.blobs"
local cloudflare = require "cloud.cloudflare"
local github = require "cloud.github"
local neon = require "cloud.neon"
local results = require "cloud.github.results"
local webhooks = require "cloud.webhooks"

local world = {}

-- Seconds, unless the name says otherwise.
local settings = {
  dns_delay = 5,            -- until a new name resolves
  negative_ttl = 60,        -- how long a resolver may remember that there is no such name
  tls_delay = 10,           -- until a custom domain has its certificate
  propagation_delay = 3,    -- until an upload is what the edge serves
  operation_seconds = 2,    -- how long a database operation runs
  created_at = 1767225600,  -- when all that the world begins with was made
  cloudflare_requests = 1200,  -- a token's requests in five minutes
  records_limit = 200,      -- of a zone on the free plan
  workers_plan = "paid",       -- or "free": how many Workers, variables, crons and assets there may be
  future_dates = false,        -- whether a compatibility date may lie in the future
  github_requests = 1000,      -- a workflow's requests in an hour
  github_user_requests = 5000, -- anybody else's
  github_points = 900,         -- of a minute: a reading request costs one, a changing one five
  github_content_per_minute = 80, github_content_per_hour = 500,   -- requests that make something new
  artifact_storage = 500 << 20,   -- bytes of artifacts in the whole world
  branches_limit = 200,        -- of a Neon project
  projects_limit = 100,
  endpoints_limit = 1000,      -- of a Neon project; assumed
  roles_limit = 500,           -- of a branch
  databases_limit = 500,       -- of a branch
  history_seconds = 86400,     -- how much of its past a Neon project keeps
  suspend_seconds = 300,       -- until a compute rests that nobody uses
  pack_seconds = 600,          -- until the data of a branch that rests is packed, in `davit cloud`
  recovery_seconds = 0,        -- how long a deleted branch may be taken back: a preview that few accounts have
  operation_retry = 5,         -- until Neon tries a failed operation again; assumed
  neon_requests = 700,         -- a key's requests in a minute
  neon_route_requests = 40,    -- a key's requests in a second to one route
  sslmode = "require",      -- in the connection strings that are handed out
  network = "127.0.42",     -- the computes' addresses begin with it
}

---@class world.Tokens
---@field workers? string
---@field dns? string
---@field neon? string
---@field github? string        of a workflow of the first repository
---@field github_owner? string  of its owner
---@field [integer] tokens.Seed

---@class world.Seed
---@field account_id? string
---@field zone? string
---@field repository? string     owner/name
---@field neon_project? string
---@field neon? neon.Seed
---@field account_name? string
---@field subdomain? string|false  of workers.dev; false: none is registered yet ("davit")
---@field zones? (string|zones.Seed)[]  beside the first one
---@field tokens? world.Tokens
---@field pull_requests? table[] number, title, head, and if wanted state, body, sha, base, from, labels, comments
---@field github? github.Seed    more repositories, issues, labels, tokens
---@field webhook? string        the host of the project's incoming webhook
---@field settings? table        overrides of the settings above
---@field seed? string           makes other ids of the same requests

local services = {
  ["api.cloudflare.com"] = cloudflare,
  ["console.neon.tech"] = neon,
  ["api.github.com"] = github,
  [results.HOST] = results,
  [blobs.HOST] = blobs,
}

---@param seed? world.Seed
---@return table state
function world.new(seed)
  seed = seed or {}
  local state = { seed = seed.seed or "davit", counters = {}, settings = {} }
  for name, value in pairs(settings) do state.settings[name] = value end
  for name, value in pairs(seed.settings or {}) do
    if settings[name] == nil then error("unknown setting '" .. tostring(name) .. "'", 2) end
    state.settings[name] = value
  end
  state.settings.negative_ttl = math.ceil(state.settings.negative_ttl)   -- DNS knows whole seconds
  cloudflare.init(state, seed)
  neon.init(state, seed)
  github.init(state, seed)
  webhooks.init(state, seed)
  return state
end

---@param request table  method, host, path, query, headers, body
---@param state table
---@param now number
---@return table|nil response  nil when no service of the world has this host
function world.handle(request, state, now)
  local service = services[request.host:lower():gsub(":%d+$", "")]
  if webhooks.serves(state, request.host) then service = webhooks end
  return service and service.handle(request, state, now)
end

return world
