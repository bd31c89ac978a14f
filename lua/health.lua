---Waiting until a service is up, and until it is this version that serves.
---The engine is in C (host/health.c); here are the policy, the classes and their texts.
local core = require "health.core"
local options = require "options"

local health = {}

---Which answers mean "not yet" and which mean "never". Keys: statuses, families of them,
---codes of the HTTP primitive's errors.
health.classes = {
  ["1xx"] = "fatal", ["2xx"] = "fatal", ["3xx"] = "fatal", ["4xx"] = "failing", ["5xx"] = "transient",
  [404] = "pending",                       -- a provider's placeholder before the first deploy arrives
  [408] = "transient", [425] = "transient", [429] = "throttled",
  [401] = "fatal", [403] = "fatal",        -- an access page stands in the way
  [500] = "failing",                       -- the new code throws
  [523] = "pending", [525] = "pending", [526] = "pending", [530] = "pending",
  ["http-refused"] = "pending", ["http-lost"] = "transient", ["http-timeout"] = "transient",
  ["http-connect-timeout"] = "pending", ["http-tls"] = "pending", ["http-certificate"] = "pending",
  ["dns-not-found"] = "pending", ["dns-no-data"] = "pending", ["dns-failed"] = "transient",
  ["dns-timeout"] = "transient", ["http-too-large"] = "fatal", ["not-local"] = "fatal",
  hints = {
    pending = "it never came up: look at the deployment, its DNS record and its certificate",
    stale = "an older version is still serving: was the new one deployed, and to this host?",
    failing = "the service itself reports an error: its log says why",
    fatal = "something answers that will not become healthy by waiting: is the URL right?",
    transient = "the service is not stable: its log and the provider's status page say why",
    throttled = "the service limits requests: wait, or look from fewer places",
  },
}

local expected = { { "status", "any" }, { "json", "table" }, { "headers", "table" } }

local function set_of_statuses(status)
  local set = {}
  for _, s in ipairs(type(status) == "table" and status or { status or 200 }) do set[s] = true end
  return set
end

local function lower_names(headers)
  local lowered = {}
  for name, value in pairs(headers or {}) do lowered[name:lower()] = value end
  return lowered
end

function health.wait(o)
  local request = {}
  for name, value in pairs(type(o) == "table" and o or {}) do request[name] = value end
  local expect = options.read("health.wait: expect", request.expect or {}, expected)
  request.expect = nil
  request.statuses = set_of_statuses(expect.status)
  request.json = expect.json or {}
  request.headers = lower_names(expect.headers)
  request.classes = health.classes
  return core.wait(request)
end

return health
