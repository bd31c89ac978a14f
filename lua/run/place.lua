---Where the runs of a project are recorded: a file below its .davit/, or the database that the
---variable DAVIT_STORE names, which machines share.
local core = require "core"
local fs = require "fs"
local secret = require "secret"
local store = require "store.core"

local place = {}

---@param root string  the project's folder
---@return userdata store  close it
---@return boolean shared  whether it outlives this machine
function place.open(root)
  local url = try(secret.env, "DAVIT_STORE", { to = { "sql:*" } })
  core.hide_variable "DAVIT_STORE"
  if url then return store.open(url), true end
  fs.make(root .. "/.davit")
  return store.open(root .. "/.davit/journal.db"), false
end

return place
