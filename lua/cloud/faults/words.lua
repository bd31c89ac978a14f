---What the services say when something fails: error answers in each one's own form.
---
---Messages are the services' where recordings, their documents or the source of Neon's proxy have them. Assumed: which
---code of Cloudflare's goes with a status that a rule gives no code for.
---
---Neon has three voices: its API's ("neon"), its proxy's for SQL over HTTP ("neon-sql") and before the opening of a
---WebSocket ("neon-socket").
local blobs = require "cloud.github.blobs"
local json = require "json"
local refusal = require "cloud.sql_proxy.refusal"

local words = {}

local cloudflare_codes = {
  [400] = 10001, [401] = 10000, [403] = 10000, [404] = 7003, [409] = 10035, [429] = 971,
}
local UNKNOWN = 10013

local cloudflare_messages = {
  [971] = "Please wait and consider throttling your request speed",
  [7003] = "Could not route to this path, perhaps your object identifier is invalid?",
  [7500] = "internal error",
  [10000] = "Authentication error",
  [10007] = "This Worker does not exist on your account.",
  [10013] = "An unknown error has occurred",
  [10035] = "Multiple attempts to modify a resource occurred at the same time. Please try again.",
  [10072] = "You have exceeded the limit of 5 cron triggers",
  [10090] = "This Worker does not exist on your account.",
  [10220] = "Rollback failed. The following secrets have changed: A, B",
}

local reasons = {
  [400] = "bad request", [401] = "unauthorized", [403] = "forbidden", [404] = "not found", [409] = "conflict",
  [423] = "project already has running conflicting operations, scheduling of new ones is prohibited",
  [429] = "too many requests", [500] = "internal server error", [502] = "bad gateway",
  [503] = "service unavailable", [504] = "gateway timeout",
}

local function reason_of(status) return reasons[status] or ("status %d"):format(status) end

local bare = { [204] = true, [205] = true, [304] = true }   -- these never have a body

local function response(status, body, retry_after)
  local headers = { ["retry-after"] = retry_after and ("%d"):format(math.ceil(retry_after)) or nil }
  if bare[status] then return { status = status, body = "", headers = headers } end
  headers["content-type"] = "application/json; charset=utf-8"
  return { status = status, body = json.encode(body), headers = headers }
end

local function capital(text) return (text:gsub("^%l", string.upper)) end

---@class cloud.faults.Failure
---@field status integer
---@field code? integer|string
---@field message? string
---@field retry_after? number  seconds

local services = {}

function services.cloudflare(failure)
  local code = failure.code or cloudflare_codes[failure.status] or UNKNOWN
  local message = failure.message or cloudflare_messages[code] or capital(reason_of(failure.status))
  return { success = false, errors = json.array { { code = code, message = message } },
    messages = json.array {}, result = json.null }
end

function services.neon(failure)
  return { request_id = "00000000-0000-4000-a000-000000000000", code = failure.code or "",
    message = failure.message or reason_of(failure.status) }
end

services["neon-sql"] = function(failure)
  return refusal.body(failure.message or reason_of(failure.status), nil, tostring(failure.code or ""))
end

services["neon-socket"] = function(failure) return { msg = failure.message or reason_of(failure.status) } end

function services.github(failure)
  return { message = failure.message or capital(reason_of(failure.status)), status = tostring(failure.status),
    errors = failure.code and json.array { { code = failure.code } } or nil,
    documentation_url = "https://docs.github.com/rest" }
end

-- The service of artifacts, and the store of their bytes.
local twirp_codes = { [400] = "invalid_argument", [401] = "unauthenticated", [403] = "permission_denied",
  [404] = "not_found", [409] = "already_exists", [429] = "resource_exhausted", [503] = "unavailable" }

function services.twirp(failure)
  return { code = failure.code or twirp_codes[failure.status] or "internal",
    msg = failure.message or reason_of(failure.status) }
end

local blob_codes = { [404] = "BlobNotFound", [403] = "AuthenticationFailed", [500] = "InternalError",
  [503] = "ServerBusy" }

local function blob_failure(failure)
  local code = tostring(failure.code or blob_codes[failure.status] or "OperationTimedOut")
  return { status = failure.status, body = blobs.error(code, failure.message or reason_of(failure.status)),
    headers = { ["content-type"] = "application/xml", ["x-ms-error-code"] = code,
      ["retry-after"] = failure.retry_after and ("%d"):format(math.ceil(failure.retry_after)) or nil } }
end

---@alias cloud.faults.Voice "cloudflare"|"neon"|"neon-sql"|"neon-socket"|"github"|"twirp"|"blobs"

---@param service cloud.faults.Voice
---@param failure cloud.faults.Failure
---@return table response
function words.failure(service, failure)
  if service == "blobs" then return blob_failure(failure) end
  local made = response(failure.status, services[service](failure), failure.retry_after)
  if service == "neon-sql" then made.headers["access-control-allow-origin"] = "*" end
  return made
end

-- ---- limits -----------------------------------------------------------------------------------

local SECONDARY = "You have exceeded a secondary rate limit. Please wait a few minutes before you try again."

---@param retry_after? number  seconds
---@return table response  GitHub's limit on what comes too quickly: 403, with or without a time to wait
function words.secondary_limit(retry_after)
  return words.failure("github", { status = 403, message = SECONDARY, retry_after = retry_after })
end

-- GitHub's first limit says when its window ends instead of how long to wait.
local function github_limit(rule, now)
  local answer = words.failure("github", { status = rule.status or 403, retry_after = rule.retry_after,
    message = rule.message or "API rate limit exceeded for installation." })
  local headers = answer.headers
  headers["x-ratelimit-limit"], headers["x-ratelimit-remaining"] = "1000", "0"
  headers["x-ratelimit-used"], headers["x-ratelimit-resource"] = "1000", "core"
  headers["x-ratelimit-reset"] = ("%d"):format(math.ceil(now + (rule.retry_after or 3600)))
  return answer
end

local TOO_MANY = "Too many connections to this endpoint. Please try again later."

-- The proxy lets every WebSocket in and then says in PostgreSQL's protocol that there are too many.
local function socket_limit(rule)
  local message = rule.message or TOO_MANY
  if rule.status then return words.failure("neon-socket", { status = rule.status, message = message }) end
  return { status = 101, refusal = { severity = "ERROR", code = tostring(rule.code or "XX000"), message = message } }
end

local slow_down = { cloudflare = cloudflare_messages[971], neon = "rate limit exceeded", ["neon-sql"] = TOO_MANY }
local limit_status = { ["neon-sql"] = 500 }

---@param service cloud.faults.Voice
---@param rule { status?: integer, code?: any, message?: string, retry_after?: number }
---@param now number
---@return table response  the service's answer to whom asks too often
function words.limit(service, rule, now)
  if service == "github" then return github_limit(rule, now) end
  if service == "neon-socket" then return socket_limit(rule) end
  local answer = words.failure(service, { status = rule.status or limit_status[service] or 429, code = rule.code,
    message = rule.message or slow_down[service], retry_after = rule.retry_after })
  if service == "cloudflare" then
    answer.headers["ratelimit"] = ('"default";r=0;t=%d'):format(math.ceil(rule.retry_after or 300))
    answer.headers["ratelimit-policy"] = '"default";q=1200;w=300'
  end
  return answer
end

---@param rule { message?: string }
---@return table response  Neon's answer while an operation of the project runs
function words.locked(rule)
  return words.failure("neon", { status = 423, message = rule.message })
end

-- ---- what stands between ----------------------------------------------------------------------

local PAGE = [[
<html>
<head><title>%d %s</title></head>
<body>
<center><h1>%d %s</h1></center>
<hr><center>cloudflare</center>
</body>
</html>
]]

---@param status integer
---@return table response  what a proxy before the service answers: a page where JSON is expected
function words.page(status)
  local title = reason_of(status):gsub("%f[%l]%l", string.upper)
  return { status = status, body = PAGE:format(status, title, status, title),
    headers = { ["content-type"] = "text/html; charset=utf-8" } }
end

return words
