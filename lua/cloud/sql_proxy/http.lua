---SQL over HTTP: POST /sql as the driver @neondatabase/serverless sends it. One statement, or several as
---one transaction; each request is a session of its own.
---
---Answers, errors and their statuses are those of Neon's proxy, whose source is public. Assumed: the
---words for an endpoint that is not there, and that production's limits are 64 MiB.
local connection = require "cloud.sql_proxy.connection"
local hosts = require "cloud.neon.hosts"
local json = require "json"
local operations = require "cloud.neon.operations"
local refusals = require "cloud.sql_proxy.refusal"
local sql = require "sql"
local url = require "url"
local values = require "cloud.sql_proxy.values"

local http = {}

local LARGEST = 64 << 20          -- bytes of a request, and of an answer
local PORT = 5432
local WAKE_TIMEOUT = 20           -- seconds until a compute that is being made must be there
local WAKE_LOOK = 0.05
local CONNECT_TIMEOUT = 10
local STATEMENT_TIMEOUT = 900     -- seconds; Neon has no limit

-- ---- answers ----------------------------------------------------------------------------------

local function respond(status, value, headers)
  headers = headers or {}
  headers["content-type"], headers["access-control-allow-origin"] = "application/json", "*"
  return { status = status, headers = headers, body = json.encode(value) }
end

---@param status integer
---@param message string
---@param said? table    the server's fields
---@param code? string   SQLSTATE
local function refusal(status, message, said, code)
  return respond(status, refusals.body(message, said, code))
end

-- ---- what is asked ----------------------------------------------------------------------------

local MALFORMED = "could not parse the HTTP request body: "

local function is_query(value)
  if type(value) ~= "table" or type(value.query) ~= "string" then return false end
  return value.params == nil or type(value.params) == "table"
end

---@return table|nil payload, string|nil reason
local function read_payload(body)
  local payload, err = try(json.decode, body)
  if err then return nil, MALFORMED .. err.message end
  local batch = type(payload) == "table" and payload.queries
  if is_query(payload) then return payload end
  for _, query in ipairs(type(batch) == "table" and batch or { false }) do
    if not is_query(query) then return nil, MALFORMED .. "data did not match any variant of untagged enum Payload" end
  end
  return payload
end

local levels = { Serializable = "SERIALIZABLE", ReadUncommitted = "READ UNCOMMITTED",
  ReadCommitted = "READ COMMITTED", RepeatableRead = "REPEATABLE READ" }

-- How the headers want a transaction: as its first statement, and the headers that say so in the answer.
local function read_transaction(headers)
  local words, echo = {}, {}
  local level = headers["neon-batch-isolation-level"]
  if level then
    words[#words + 1], echo["neon-batch-isolation-level"] = "ISOLATION LEVEL " .. (levels[level] or ""), level
  end
  for header, word in pairs { ["neon-batch-read-only"] = "READ ONLY", ["neon-batch-deferrable"] = "DEFERRABLE" } do
    if headers[header] == "true" then words[#words + 1], echo[header] = word, "true" end
  end
  return "START TRANSACTION " .. table.concat(words, ", "), echo, not level or levels[level] ~= nil
end

-- ---- the session ------------------------------------------------------------------------------

-- A compute that is still being made is waited for, as Neon wakes one that sleeps.
local function awake(cloud, host)
  for _ = 1, WAKE_TIMEOUT / WAKE_LOOK do
    local _, endpoint = hosts.find(cloud.state, host)
    if not endpoint then return nil end
    if operations.settled(cloud.state, endpoint.operation, cloud.now()) then return endpoint end
    sleep(WAKE_LOOK)
  end
end

local function connect(where, address)
  local text = ("postgresql://%s:%s@%s:%d/%s?sslmode=disable"):format(url.encode(where.user),
    url.encode(where.password), address, PORT, url.encode(where.database))
  return try(sql.connect, { url = text, timeout = CONNECT_TIMEOUT })
end

local wrong_password = { ["28P01"] = true, ["28000"] = true }

-- The server's refusals stand in the message alone.
local function not_connected(err, where)
  if wrong_password[err.sqlstate] then
    return refusal(400, ("password authentication failed for user '%s'"):format(where.user))
  end
  if not err.sqlstate then return refusal(500, "Couldn't connect to compute node") end
  local message = err.message:match "^connecting to .-: (.*) %(%w+%)$" or err.message
  return refusal(500, message, { severity = "FATAL" }, err.sqlstate)
end

-- ---- statements -------------------------------------------------------------------------------

local ZERO = { severity = "ERROR", message = 'invalid byte sequence for encoding "UTF8": 0x00' }

-- libpq's strings end at a zero byte; the server refuses one wherever it stands.
local function refuse_zero_bytes(text, params)
  local found = text:find("\0", 1, true)
  for _, value in ipairs(params) do
    found = found or type(value) == "string" and value:find("\0", 1, true)
  end
  if found then failure { code = "sql-error", message = ZERO.message, sqlstate = "22021", said = ZERO } end
end

-- "INSERT 0 3" is INSERT with 3 rows, "CREATE TABLE" is CREATE with none.
local function command_of(tag)
  local name, rest = tag:match "^(%S*) ?(.*)$"
  local count = rest:match(name == "INSERT" and "^%d+ (%d+)$" or "^(%d+)$")
  return name, math.tointeger(count) or json.null
end

local function fields_of(result)
  local fields = {}
  for i, field in ipairs(result.fields) do
    fields[i] = { name = field.name, dataTypeID = field.type, tableID = field.table, columnID = field.number,
      dataTypeSize = field.size, dataTypeModifier = field.modifier, format = "text" }
  end
  return json.array(fields)
end

local function row_of(cells, fields, how)
  local row = how.as_array and json.array {} or {}
  for i, field in ipairs(fields) do
    row[how.as_array and i or field.name] = how.raw and cells[i] or values.result(cells[i], field.type)
  end
  return row
end

---@param query table  of the payload
---@param headers table<string, string>
local function carry_out(session, query, headers)
  local params = {}
  for i, value in ipairs(query.params or {}) do params[i] = values.parameter(value) end
  refuse_zero_bytes(query.query, params)
  local result = session:query(query.query, params, { raw = true, timeout = STATEMENT_TIMEOUT })
  local how = { as_array = headers["neon-array-mode"] == "true", raw = headers["neon-raw-text-output"] == "true" }
  if type(query.arrayMode) == "boolean" then how.as_array = query.arrayMode end
  local rows = {}
  for i, cells in ipairs(result.rows) do rows[i] = row_of(cells, result.fields, how) end
  local command, count = command_of(result.command or "")
  return { rowAsArray = how.as_array, fields = fields_of(result), rows = json.array(rows),
    command = command, rowCount = count }
end

local function carry_out_all(session, queries, headers)
  local begin = read_transaction(headers)
  local results = {}
  session:query(begin)
  for i, query in ipairs(queries) do results[i] = carry_out(session, query, headers) end
  session:query "COMMIT"
  return { results = json.array(results) }
end

local function answer_payload(session, payload, headers)
  local work = payload.queries and carry_out_all or carry_out
  local value, err = try(work, session, payload.queries or payload, headers)
  if err and err.class == "cancelled" then error(err, 0) end
  if err then return refusal(400, err.said and err.said.message or err.message, err.said, err.sqlstate) end
  local _, echo = read_transaction(payload.queries and headers or {})
  local response = respond(200, value, echo)
  if #response.body > LARGEST then
    return refusal(507, ("response is too large (max is %d bytes)"):format(LARGEST))
  end
  return response
end

-- ---- requests ---------------------------------------------------------------------------------

local ABSENT = "The requested endpoint could not be found, or you don't have access to it. "
  .. "Please check the provided ID and try again."

local function post(cloud, request)
  local where, err = try(connection.read, request.headers)
  if err then return refusal(400, err.message) end
  local _, _, known = read_transaction(request.headers)
  if not known then return refusal(400, "invalid isolation level") end
  if #request.body > LARGEST then
    return refusal(413, ("request is too large (max is %d bytes)"):format(LARGEST))
  end
  local payload, reason = read_payload(request.body)
  if not payload then return refusal(400, reason) end
  local endpoint = awake(cloud, where.host)
  if not endpoint then return refusal(400, ABSENT) end
  local opened, refused = connect(where, hosts.address(cloud.state, endpoint))
  if refused and refused.class == "cancelled" then error(refused, 0) end
  if refused then return not_connected(refused, where) end
  local session <close> = opened
  return answer_payload(session, payload, request.headers)
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
