---The socket for GitHub's `gh`: that program reaches another server than its own only through one, without TLS,
---and is told of it by its configuration. So the cloud keeps a configuration, too, beside its state.
local fs = require "fs.core"

local github_socket = {}

local PRIVATE = "0600"

local function absolute(path)
  local folder, name = path:match "^(.*)/([^/]+)$"
  if not folder then folder, name = ".", path end
  local real = fs.real(folder == "" and "/" or folder)
  if real then return (real:gsub("/$", "")) .. "/" .. name end
  failure { code = "config", class = "misuse", about = path, hint = "make it, or name a path in one that there is",
    message = ("--github-socket %s: there is no folder %s"):format(path, folder) }
end

-- A folder for GH_CONFIG_DIR that sends gh to the socket.
local function write_configuration(folder, path)
  local place = folder .. "/gh"
  fs.make(place)
  fs.write(place .. "/config.yml", ("http_unix_socket: '%s'\n"):format(path:gsub("'", "''")), { mode = PRIVATE })
  return place
end

---Listens where it was asked for, which must be possible, else in the cloud's folder, if it is.
---@param folder string         of the cloud, absolute
---@param wanted? string        path
---@param listen fun(path: string)  raises when it cannot
---@param log fun(text: string)
---@return { path: string, configuration: string }|nil
function github_socket.open(folder, wanted, listen, log)
  local path = wanted and absolute(wanted) or folder .. "/github.sock"
  local _, err = try(listen, path)
  if not err then return { path = path, configuration = write_configuration(folder, path) } end
  if wanted or err.class == "cancelled" then error(err, 0) end
  log(("there is no socket for gh, which --github-socket PATH puts elsewhere: %s"):format(err.message))
end

return github_socket
