---Where a request to SQL over HTTP wants to connect: its header Neon-Connection-String. Pure.
---
---What is wrong with it is refused in the words of Neon's proxy.
local url = require "url"

local connection = {}

---@class sql_proxy.Connection
---@field user string
---@field password string
---@field host string
---@field database string

local function refuse(message)
  failure { code = "connection-string", class = "fatal", message = message }
end

local function decoded(text)
  local plain, err = try(url.decode, text)
  if err then refuse("invalid connection string: " .. err.message) end
  return plain
end

local function parse(text)
  local parts, err = try(url.parse, text)
  if err then refuse("invalid connection string: " .. err.message) end
  if parts.scheme ~= "postgres" and parts.scheme ~= "postgresql" then refuse "incorrect scheme" end
  return parts
end

-- The password may hold a colon, the user may not.
local function credentials(parts)
  local user, password = (parts.userinfo or ""):match "^([^:]*):?(.*)$"
  if user == "" then refuse "missing username" end
  if password == "" then refuse "missing authentication credentials: required password" end
  return decoded(user), decoded(password)
end

---@param headers table<string, string>
---@return sql_proxy.Connection  raises "connection-string"
function connection.read(headers)
  local text = headers["neon-connection-string"]
  if not text then refuse "invalid header: neon-connection-string" end
  local parts = parse(text)
  local database = decoded(parts.path:match "^/([^/]*)" or "")
  if database == "" then refuse "missing database name" end
  if headers.authorization then
    refuse("missing authentication credentials: required password (the local cloud knows no authToken: "
      .. "connect with a role's password)")
  end
  local user, password = credentials(parts)
  if (parts.host or "") == "" then refuse "missing hostname" end
  return { user = user, password = password, host = parts.host, database = database }
end

return connection
