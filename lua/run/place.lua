---Where the runs of a project are recorded: a file below its .davit/, or the database that the
---variable DAVIT_STORE names, which machines share.
local core = require "core"
local fs = require "fs.core"
local secret = require "secret"
local store = require "store.core"

local place = {}

-- A URL that cannot be read is not shown: it may hold a password in any place.
local function open_shared(url)
  local s, err = try(store.open, url)
  if s then return s end
  if err.class ~= "misuse" then error(err, 0) end
  failure {
    code = "config", class = "misuse", message = "DAVIT_STORE is not the URL of a PostgreSQL database",
    hint = "its form is postgresql://USER:***@HOST:PORT/DATABASE, with special characters as %XX; "
      .. "without the variable runs are recorded below .davit/",
  }
end

---@param root string  the project's folder
---@return userdata store  close it
---@return boolean shared  whether it outlives this machine
function place.open(root)
  local url = try(secret.env, "DAVIT_STORE", { to = { "sql:*" } })
  core.hide_variable "DAVIT_STORE"
  if url then return open_shared(url), true end
  fs.make(root .. "/.davit")
  return store.open(root .. "/.davit/journal.db"), false
end

return place
