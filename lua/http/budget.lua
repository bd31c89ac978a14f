---Rate budgets: requests of one credential are held back before the service turns them away. All tasks
---share the account, and through a file in the user's state folder all Davit processes of the machine do.
---
---The arithmetic is in host/budget.c; here is what the headers of an answer mean, and how one waits.
local budget_core = require "http.budget.core"
local core = require "core"
local log = require "log"
local options = require "options"
local origin = require "http.origin"
local retry = require "retry"
local secret = require "secret.core"
local sha256 = require "sha256"
local status = require "http.status"
local task = require "task"

local budget = {}

local QUIET = 2       -- seconds; whoever watches is told about a longer wait
local LOOK = 5        -- seconds: who waits longer looks again meanwhile, as there may be news
local BUSY = 0.002    -- seconds until the file is asked for again that another process holds
local READ = 1024     -- bytes of a header: no service says more, and a hostile one may not keep us busy
local MANY = 10 ^ 9   -- requests: an account counts no more
local PATIENCE = 500  -- so often; whoever holds it then was stopped in the middle

---@class http.Budget
---@field limits table[]
---@field wait number
---@field pause number
---@field header string
---@field resource? string
local Budget = {}
Budget.__index = Budget
Budget.__name = "http.Budget"

-- ---- making one --------------------------------------------------------------------------

local fields = { { "limits", "table" }, { "wait", "number" }, { "pause", "number" }, { "header", "string" },
  { "resource", "string" } }
local limit_fields = { { "limit", "integer", true }, { "window", "number", true }, { "cost", "table" },
  { "per", "string" } }

local function check_limit(limit)
  options.read("http.budget: limits", limit, limit_fields)
  if limit.limit < 1 or limit.limit > MANY or not (limit.window > 0 and limit.window <= 86400) then
    options.misuse("http.budget: a limit is { limit = requests up to 10^9, window = seconds up to 86400 },"
      .. " both above 0")
  elseif limit.per and limit.per ~= "credential" and limit.per ~= "machine" then
    options.misuse("http.budget: 'per' is \"credential\" or \"machine\", not '%s'", limit.per)
  end
  for _, cost in pairs(limit.cost or {}) do
    if math.type(cost) ~= "integer" or cost < 0 or cost > MANY then
      options.misuse("http.budget: 'cost' is a table of method = an integer from 0 to 10^9")
    end
  end
end

-- Four of each kind fit into an account.
local function sorted_limits(list)
  local kinds = { credential = {}, machine = {} }
  for _, limit in ipairs(list) do
    check_limit(limit)
    local kind = kinds[limit.per or "credential"]
    kind[#kind + 1] = limit
    if #kind > 4 then options.misuse("http.budget: more than four limits of one kind") end
  end
  return kinds
end

---@param o table
---@return http.Budget
function budget.new(o)
  options.read("http.budget", o, fields)
  local wait, pause = o.wait or 60, o.pause or 1
  if not (wait >= 0 and pause >= 0) then options.misuse("http.budget: 'wait' and 'pause' are seconds") end
  if o.header and not o.header:find("^[%w%-_]+$") then
    options.misuse("http.budget: 'header' is the name of a header, not '%s'", o.header)
  end
  return setmetatable({ limits = sorted_limits(o.limits or {}), wait = wait, pause = pause,
    header = (o.header or "authorization"):lower(), resource = o.resource }, Budget)
end

---@return http.Budget|nil
function budget.read(value)
  if value == nil or getmetatable(value) == Budget then return value end
  options.misuse("http.request: option 'budget' is what http.budget returns, not a %s", type(value))
end

-- ---- the ledger --------------------------------------------------------------------------

-- $XDG_STATE_HOME counts only when it is absolute, as its specification says.
local function place()
  local folder, home = core.getenv "XDG_STATE_HOME", core.getenv "HOME"
  if not folder or folder:sub(1, 1) ~= "/" then
    if not home or home:sub(1, 1) ~= "/" then return nil end
    folder = home .. "/.local/state"
  end
  return folder .. "/davit/budgets"
end

---One for everything in this Lua state, opened when it is first needed.
local function ledger()
  budget.ledger = budget.ledger or budget_core.open(place())
  return budget.ledger
end

-- Asks until no other process holds the file. One that does not go on holds nobody else up: from then on this
-- process counts by itself.
local function asked(method, ...)
  for _ = 1, PATIENCE do
    local open = ledger()
    local first, second, third, fourth = open[method](open, core.now(), ...)
    if first then return first, second, third, fourth end
    sleep(BUSY)
  end
  log.warn(("a process that was stopped holds %s: rate budgets are not shared any more"):format(place()))
  budget.ledger = budget_core.open()
  return asked(method, ...)
end

-- ---- before a request --------------------------------------------------------------------

local function claim_of(key, limits, method)
  local claim = { key }
  for i, limit in ipairs(limits) do
    claim[i + 1] = { limit.limit, limit.window, (limit.cost or {})[method] or (limit.cost or {}).default or 1 }
  end
  return claim
end

local MACHINE = ("0"):rep(16)   -- in place of a fingerprint: whoever asks from here
local halves = {}               -- of keys, by origin

local function half_of(home)
  halves[home] = halves[home] or sha256(home):sub(1, 16)
  return halves[home]
end

-- What is no header at all the primitive refuses with its name.
local function credential_of(self, request)
  for name, value in pairs(type(request.headers) == "table" and request.headers or {}) do
    local may_be = type(name) == "string" and (type(value) == "string" or secret.is(value))
    if may_be and name:lower() == self.header then return value end
  end
  return ""
end

local function claims_of(self, request, home)
  local half, method = half_of(home), request.method or "GET"
  local fingerprint = budget_core.fingerprint(credential_of(self, request))
  local own = claim_of(half .. fingerprint, self.limits.credential, method)
  if #self.limits.machine == 0 then return own end
  return own, claim_of(half .. MACHINE, self.limits.machine, method)
end

local function reason_of(self, reason, which, index)
  if reason == "held" then return "the service turned the credential away" end
  if reason == "spent" then return "the service says that the credential's requests are used up" end
  if reason == "paced" then return "few of the credential's requests are left: they are spread" end
  local limit = self.limits[which == 1 and "credential" or "machine"][index]
  return ("%d requests in %g s are used up"):format(limit.limit, limit.window)
end

local function refuse(request, wait, reason)
  local at = core.now() + wait
  failure {
    code = "http-budget", class = "throttled", about = request.url, retry_after = wait, ["until"] = at,
    message = ("%s %s: not sent: %s until %s UTC (%.0f s)"):format(request.method or "GET",
      origin.shown(request.url), reason, os.date("!%H:%M:%S", math.ceil(at)), wait),
    hint = "others on this machine use the credential too, or the budget's 'wait' is short: run again after that time",
  }
end

-- Waits until the request may go; returns its ticket.
local function take(self, request, own, machine)
  local started, told = core.monotonic(), false
  while true do
    local wait, ticket, which, index = asked("take", own, machine)
    if wait == 0 then return ticket end
    local left = self.wait - (core.monotonic() - started)
    if wait > math.min(left, task.remaining() or math.huge) then
      refuse(request, wait, reason_of(self, ticket, which, index))
    end
    if wait >= QUIET and not told then
      told = true
      log.warn(("%s: waiting %.0f s: %s"):format(origin.shown(request.url), wait,
        reason_of(self, ticket, which, index)))
    end
    sleep(math.min(wait, LOOK))
  end
end

-- ---- after it ----------------------------------------------------------------------------

-- `"burst";r=50;t=30, "daily";r=900;t=3600`: of several the one that has least left.
local function structured(answer, policy)
  local found
  local header = (status.header(answer, "ratelimit") or ""):sub(1, READ)
  for name, parameters in header:gmatch('"([^"]*)"([^",]*)') do
    local left, reset = parameters:match(";%s*r=(%d+)"), parameters:match(";%s*t=(%d+)")
    if left and reset and (not found or tonumber(left) < found.remaining) then
      found = { remaining = tonumber(left), reset = tonumber(reset), name = name }
    end
  end
  for name, parameters in (found and policy or ""):sub(1, READ):gmatch('"([^"]*)"([^",]*)') do
    if name == found.name then found.quota = tonumber(parameters:match(";%s*q=(%d+)")) end
  end
  return found
end

-- Seconds until a reset that is told as such, or as Unix seconds.
local function until_reset(text)
  local seconds = tonumber(text)
  if not seconds then return nil end
  return seconds > 1e8 and math.max(seconds - core.now(), 0) or seconds
end

-- x-ratelimit-… as GitHub has them, or ratelimit-… of the drafts before.
local function plain(self, answer, prefix)
  local resource = status.header(answer, prefix .. "resource")
  if self.resource and resource and resource ~= self.resource then return nil end
  local left = tonumber(status.header(answer, prefix .. "remaining"))
  local reset = until_reset(status.header(answer, prefix .. "reset"))
  if not left or not reset then return nil end
  return { remaining = left, reset = reset, quota = tonumber(status.header(answer, prefix .. "limit")) }
end

-- How long the service turns the credential away. A 403 does so only when it says when that ends.
local function hold_of(self, answer, news)
  if answer.status ~= 429 and answer.status ~= 403 then return nil end
  local spent = news.remaining == 0 and news.reset or nil
  return retry.after(status.header(answer, "retry-after")) or spent or answer.status == 429 and self.pause or nil
end

-- The answer is here: what may still wait does not lose it to a cancellation.
local function learn(self, answer, key, ticket)
  local news = structured(answer, status.header(answer, "ratelimit-policy")) or plain(self, answer, "x-ratelimit-")
    or plain(self, answer, "ratelimit-") or {}
  news.hold = hold_of(self, answer, news)
  if news.remaining or news.hold then task.shield(asked, "tell", key, ticket, news) end
end

---What sends a request within the budget. At another origin than the first it is sent as it is.
---@param self http.Budget
---@param send fun(request: table): table
---@return fun(request: table): table
function budget.within(self, send)
  local home
  return function(request)
    if type(request.url) ~= "string" then return send(request) end   -- refused
    local place_of = origin.of(request.url)
    home = home or place_of
    if not home or place_of ~= home then return send(request) end
    local own, machine = claims_of(self, request, home)
    local ticket = take(self, request, own, machine)
    local answer = send(request)
    learn(self, answer, own[1], ticket)
    return answer
  end
end

return budget
