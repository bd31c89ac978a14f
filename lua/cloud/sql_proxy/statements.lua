---SQL over HTTP without its way to a database: what a request asks for, carried out in a session that somebody
---else has opened, and what is answered. A session is a table with query(self, text, params, options).
---
---Answers, errors and their statuses are those of Neon's proxy, whose source is public. Assumed: the words for an
---endpoint that is not there, and that production's limits are 64 MiB.
local connection = require "cloud.sql_proxy.connection"
local json = require "json"
local refusals = require "cloud.sql_proxy.refusal"
local values = require "cloud.sql_proxy.values"

local statements = {}

local LARGEST = 64 << 20          -- bytes of a request, and of an answer
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
---@return table response
function statements.refusal(status, message, said, code)
  return respond(status, refusals.body(message, said, code))
end

-- ---- who is not connected ----------------------------------------------------------------------

statements.ABSENT = "The requested endpoint could not be found, or you don't have access to it. "
  .. "Please check the provided ID and try again."

local wrong_password = { ["28P01"] = true, ["28000"] = true }

---The server's refusals stand in the message alone.
---@param err table   of sql.connect
---@param where sql_proxy.Connection
---@return table response
function statements.not_connected(err, where)
  if wrong_password[err.sqlstate] then
    return statements.refusal(400, ("password authentication failed for user '%s'"):format(where.user))
  end
  if not err.sqlstate then return statements.refusal(500, "Couldn't connect to compute node") end
  local message = err.message:match "^connecting to .-: (.*) %(%w+%)$" or err.message
  return statements.refusal(500, message, { severity = "FATAL" }, err.sqlstate)
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

---@param session table
---@param payload table    of statements.read
---@param headers table<string, string>
---@return table response
function statements.answer(session, payload, headers)
  local work = payload.queries and carry_out_all or carry_out
  local value, err = try(work, session, payload.queries or payload, headers)
  if err and err.class == "cancelled" then error(err, 0) end
  if err then return statements.refusal(400, err.said and err.said.message or err.message, err.said, err.sqlstate) end
  local _, echo = read_transaction(payload.queries and headers or {})
  local response = respond(200, value, echo)
  if #response.body > LARGEST then
    return statements.refusal(507, ("response is too large (max is %d bytes)"):format(LARGEST))
  end
  return response
end

-- ---- requests ---------------------------------------------------------------------------------

---What a request wants, and where.
---@param request table
---@return sql_proxy.Connection|nil where, table payload  or nil and the answer that refuses it
function statements.read(request)
  local where, err = try(connection.read, request.headers)
  if err then return nil, statements.refusal(400, err.message) end
  local _, _, known = read_transaction(request.headers)
  if not known then return nil, statements.refusal(400, "invalid isolation level") end
  if #request.body > LARGEST then
    return nil, statements.refusal(413, ("request is too large (max is %d bytes)"):format(LARGEST))
  end
  local payload, reason = read_payload(request.body)
  if not payload then return nil, statements.refusal(400, reason) end
  return where, payload
end

return statements
