---What may go wrong with a session of a database.
local databases = {}

local NEVER = 3600

local of_connect = { "refused", "starting", "full", "timeout" }
local of_statement = { "lost", "lost-after", "deadlock", "cancelled" }

---@param about string  "connect HOST", or the statement
---@return string[] names
---@return integer merged
function databases.names(about)
  return about:find "^connect " and of_connect or of_statement, 0
end

local function failed(code, class, message, sqlstate, delay)
  return { fault = { code, class, message, sqlstate }, delay = delay or 0.01 }
end

local connects = {
  refused = function() return failed("sql-connect", "transient", "connecting: connection refused") end,
  starting = function() return failed("sql-connect", "transient", "connecting: the database system is starting up",
    "57P03") end,
  full = function() return failed("sql-connect", "transient", "connecting: sorry, too many clients already",
    "53300") end,
  timeout = function() return failed("sql-timeout", "transient", "connecting: no answer", nil, NEVER) end,
}

---@param name string|nil  what goes wrong
---@param apply fun(): table
---@return table answer
function databases.connect(name, apply)
  return connects[name] and connects[name]() or apply()
end

local BROKE = "the connection broke while a statement ran"

---A session that was lost stays lost, and what it had not committed goes with it.
---@param self rehearsal.Faults
---@param name string|nil
---@param session integer
---@param close fun()
---@param apply fun(): table
---@return table answer
function databases.query(self, name, session, close, apply)
  if self.lost[session] then
    return failed("sql-lost", "transient", "the session ended earlier; nothing was sent")
  elseif name == "lost" or name == "lost-after" then
    if name == "lost-after" then apply() end
    self.lost[session] = true
    close()
    return failed("sql-lost", "unknown", BROKE)
  elseif name == "deadlock" then
    return failed("sql-error", "transient", "deadlock detected", "40P01")
  elseif name == "cancelled" then
    return failed("sql-error", "fatal", "canceling statement due to statement timeout", "57014")
  end
  return apply()
end

return databases
