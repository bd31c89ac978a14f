---SQL over HTTP: POST /sql as the driver @neondatabase/serverless sends it. One statement, or several as
---one transaction; each request is a session of its own.
---
---What it says is cloud/sql_proxy/statements.lua's affair, and answered from a ledger in rehearsals.
local hosts = require "cloud.neon.hosts"
local operations = require "cloud.neon.operations"
local sql = require "sql"
local statements = require "cloud.sql_proxy.statements"
local url = require "url"

local http = {}

local PORT = 5432
local WAKE_TIMEOUT = 20           -- seconds until a compute that is being made must be there
local WAKE_LOOK = 0.05
local CONNECT_TIMEOUT = 60        -- waking and room for a compute included

local refusal = statements.refusal

-- ---- the session ------------------------------------------------------------------------------

-- A compute that is still being made is waited for, as Neon wakes one that sleeps. One whose operation has failed
-- for good may come to be when it is used.
local function awake(cloud, host)
  for _ = 1, WAKE_TIMEOUT / WAKE_LOOK do
    local _, endpoint = hosts.find(cloud.state, host)
    if not endpoint then return nil end
    if operations.outcome(cloud.state, endpoint.operation, cloud.now()) ~= "pending" then return endpoint end
    sleep(WAKE_LOOK)
  end
end

local function connect(where, address)
  local text = ("postgresql://%s:%s@%s:%d/%s?sslmode=disable"):format(url.encode(where.user),
    url.encode(where.password), address, PORT, url.encode(where.database))
  return try(sql.connect, { url = text, timeout = CONNECT_TIMEOUT })
end

-- ---- requests ---------------------------------------------------------------------------------

local function post(cloud, request)
  local where, payload = statements.read(request)
  if not where then return payload end
  local endpoint = awake(cloud, where.host)
  if not endpoint then return refusal(400, statements.ABSENT) end
  local opened, refused = connect(where, hosts.address(cloud.state, endpoint))
  if refused and refused.class == "cancelled" then error(refused, 0) end
  if refused then return statements.not_connected(refused, where) end
  local session <close> = opened
  return statements.answer(session, payload, request.headers)
end

local PREFLIGHT = {
  allow = "OPTIONS, POST", ["access-control-allow-origin"] = "*", ["access-control-max-age"] = "86400",
  ["access-control-allow-headers"] = "Authorization, Neon-Connection-String, Neon-Raw-Text-Output, Neon-Array-Mode, "
    .. "Neon-Pool-Opt-In, Neon-Batch-Read-Only, Neon-Batch-Isolation-Level",
}

---@param cloud cloud.Cloud
---@param request table
---@return table response
function http.answer(cloud, request)
  if request.path == "/sql" and request.method == "POST" then return post(cloud, request) end
  if request.path == "/sql" and request.method == "OPTIONS" then
    local headers = {}
    for name, value in pairs(PREFLIGHT) do headers[name] = value end
    return { status = 200, headers = headers, body = "" }
  end
  return { status = 400, headers = { ["content-type"] = "application/json" }, body = '"query is not supported"' }
end

return http
