---SQL over HTTP in a rehearsal: requests to the hosts of Neon's databases, answered from the ledger.
local hosts = require "cloud.neon.hosts"
local json = require "json"
local ledger = require "cloud.ledger"
local statements = require "cloud.sql_proxy.statements"

local sql_over_http = {}

local TEXT = 25   -- the oid of what the ledger knows no type of

-- ---- a session of the ledger -------------------------------------------------------------------

local Session = {}
Session.__index = Session

-- A column is "name" or "name:oid".
local function field_of(column)
  local name, oid = column:match "^(.*):(%d+)$"
  return { name = name or column, type = math.tointeger(oid) or TEXT, table = 0, number = 0, size = -1, modifier = -1 }
end

local function raise(fault)
  failure { code = fault[1], class = fault[2], message = fault[3], sqlstate = fault[4],
    said = { severity = "ERROR", message = fault[3] } }
end

function Session:query(text, params)
  local given = {}
  for i, value in ipairs(params or {}) do given[i] = value ~= json.null and value or nil end
  local answer = ledger.query(self.state, self.id, text, given, self.now)
  if answer.fault then raise(answer.fault) end
  local fields, rows = {}, {}
  for i, column in ipairs(answer.columns or {}) do fields[i] = field_of(column) end
  for i, row in ipairs(answer.rows or {}) do
    rows[i] = {}
    for n = 1, #fields do rows[i][n] = row[n] == nil and json.null or row[n] end
  end
  return { fields = fields, rows = rows, command = answer.command }
end

Session.__close = function(self) ledger.close(self.state, self.id) end

-- ---- requests ----------------------------------------------------------------------------------

local function escaped(text)
  return (text:gsub("[^%w._~-]", function(c) return ("%%%02X"):format(c:byte()) end))
end

local function connect(state, where, now)
  local answer = ledger.connect(state, ("postgresql://%s:%s@%s/%s"):format(escaped(where.user), escaped(where.password),
    where.host, escaped(where.database)), now)
  if not answer.fault then return setmetatable({ state = state, id = answer.session, now = now }, Session) end
  return nil, { message = answer.fault[3], sqlstate = answer.fault[4] }
end

---@param request table
---@return boolean
function sql_over_http.is_for(request)
  return hosts.is_proxy(request.host) and request.path == "/sql" and request.method == "POST"
end

---@param state table  of the models
---@param request table
---@param now number
---@return table response
function sql_over_http.answer(state, request, now)
  local where, payload = statements.read(request)
  if not where then return payload end
  if not hosts.find(state, where.host) then return statements.refusal(400, statements.ABSENT) end
  local opened, refused = connect(state, where, now)
  if not opened then return statements.not_connected(refused, where) end
  local session <close> = opened
  return statements.answer(session, payload, request.headers)
end

return sql_over_http
