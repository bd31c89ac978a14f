---What a client of Cloudflare that is not production's own may name: no Worker, host or marker of production's, in no
---option of any call, and no binding that leads to production's Workers.
local guard = require "environment.guard"

local own = {}

local fields = { name = "worker", worker = "worker", host = "host", marker = "marker" }
local by_kind = { worker = { name = "worker", marker = "marker" }, dns = { name = "host", marker = "marker" },
  domain = { name = "host", worker = "worker", marker = "marker" } }

-- A service or a Durable Object of another Worker, and whoever reads the logs.
local reaching = { service = "worker", script_name = "worker" }

local function check_all(env, list)
  for _, one in ipairs(type(list) == "table" and list or {}) do guard.check(env, one, reaching) end
end

-- "api.example.com/*", "https://*.example.com/path": the host is all that decides whose users get there.
local function host_of(pattern)
  return pattern:gsub("^%a+://", ""):match "^[^/]*"
end

---Raises "preview-to-production" for options that name what is production's.
---@param env environment.Environment
---@param given any
function own.check(env, given)
  if env:is_production() or type(given) ~= "table" then return end
  guard.check(env, given, fields)
  check_all(env, given.bindings)
  check_all(env, given.tail_consumers)
  check_all(env, given.streaming_tail_consumers)
  if type(given.pattern) == "string" then env:check("host", host_of(given.pattern)) end
end

---The same for an item of an inventory.
---@param env environment.Environment
---@param item { kind: string, name: string }
---@param host? string  of a note that is about another host than its own name
function own.check_item(env, item, host)
  guard.check(env, item, by_kind[item.kind])
  if host then env:check("host", host) end
end

return own
