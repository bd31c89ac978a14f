---What the tests of the Neon provider share: a client, branches, and SQL that the models' ledger answers.
local core = require "core"
local environment = require "environment"
local json = require "json"
local ledger = require "cloud.ledger"
local neon = require "neon"
local provider_world = assert(core.load_file("tests/provider_world.lua"))()
local sql = require "sql"
local sql_core = require "sql.core"

local neon_provider_world = { ensure = provider_world.ensure, open = provider_world.open,
  MARK = "codex/preview/42", OTHER = "codex/preview/7", PRODUCTION = "codex/production/main",
  PROJECT = "wandering-moon-123456" }

---@param env? environment.Environment
---@return neon.Client
function neon_provider_world.client(env)
  return neon.client { project = neon_provider_world.PROJECT, key = "neon-token", environment = env }
end

---A client of the preview whose marker is MARK.
---@return neon.Client
function neon_provider_world.preview()
  return neon_provider_world.client(environment.new { project = "codex", kind = "preview", key = 42 })
end

---@return table  options of client.branch, those of a test over the usual ones
function neon_provider_world.branch_of(o)
  local base = { name = "pr-42", parent = "production", marker = neon_provider_world.MARK }
  for name, value in pairs(o or {}) do base[name] = value end
  return base
end

---@return table  an answer of the service
function neon_provider_world.refusal(status, message, code)
  return { status = status, headers = {},
    body = json.encode { request_id = "r", code = code or "", message = message or "no" } }
end

function neon_provider_world.settle(w) w.now = w.now + 10 end

local function raise(fault)
  failure { code = fault[1], class = fault[2], message = fault[3], sqlstate = fault[4] }
end

local function rows_of(answer)
  local rows = {}
  for i, values in ipairs(answer.rows or {}) do
    rows[i] = {}
    for n, column in ipairs(answer.columns) do rows[i][column:match "^[^:]+"] = values[n] end
  end
  return rows
end

---@return table session
local function connect(w, url)
  local opened = ledger.connect(w.state, url, w.now)
  if opened.fault then raise(opened.fault) end
  local session = {}
  function session.query(_, text)
    local answer = ledger.query(w.state, opened.session, text, {}, w.now)
    if answer.fault then raise(answer.fault) end
    return { rows = rows_of(answer) }
  end
  function session.close() ledger.close(w.state, opened.session) end
  return setmetatable(session, { __close = session.close })
end

---Has sql.connect ask the ledger until it is closed.
---@return table  to be closed
function neon_provider_world.with_sql(w)
  local saved = sql.connect
  local function set(f) sql.connect, sql_core.connect = f, f end   -- migrations take the second one
  set(function(o) return connect(w, o.url) end)
  return setmetatable({}, { __close = function() set(saved) end })
end

---Carries out SQL on a branch.
---@param branch table
---@return table[] rows
function neon_provider_world.query(w, branch, text)
  local url = neon_provider_world.client().connection_uri { branch = branch, to = { "sql:*" } }
  local session <close> = connect(w, url)
  return session:query(text).rows
end

---The values of the column n of the table t, in their order.
---@return string
function neon_provider_world.values(w, branch)
  local list = {}
  for i, row in ipairs(neon_provider_world.query(w, branch, "select n from t")) do list[i] = row.n end
  return table.concat(list, " ")
end

return neon_provider_world
