---The secrets of exchanges with Neon's databases: the password in the header that says where to connect, and those
---that a statement sets. Pure.
local url = require "url"

local database = { HEADER = "neon-connection-string" }

local CUT = "***"

---@param text string  of the header
---@return string shown, string password  as it stands there; what cannot be read is not shown
function database.connection(text)
  local parts = try(url.parse, text) or {}
  local user, password = (parts.userinfo or ""):match "^([^:]*):(.*)$"
  if not user then return CUT, text end
  return ("%s://%s:%s@%s%s"):format(parts.scheme, user, CUT, parts.host or "", parts.path or ""), password
end

---Hands the header's password to `learn`, as it is sent and as it is meant.
---@param headers table<string, string>
---@param learn fun(value: string)
function database.learn(headers, learn)
  local text = headers[database.HEADER]
  if not text then return end
  local _, password = database.connection(text)
  learn(password)
  learn((try(url.decode, password)) or password)
end

local PASSWORD = "([Pp][Aa][Ss][Ss][Ww][Oo][Rr][Dd]%s+[eE]?)'([^']+)'"
local QUOTE = "\1"   -- two quotes in a literal are one of its text

---A text without the literals that stand behind the word "password": create role … password '…'.
---@param text string
---@param learn fun(value: string)
---@return string
function database.without_passwords(text, learn)
  if not text:lower():find("password", 1, true) then return text end
  local hidden = text:gsub("''", QUOTE):gsub(PASSWORD, function(before, password)
    learn((password:gsub(QUOTE, "'")))
    return ("%s'%s'"):format(before, CUT)
  end)
  return (hidden:gsub(QUOTE, "''"))
end

return database
