---A version's static assets: the files that workerd's assets service reads, and what it is told. Pure.
local json = require "json"

local assets = {}

local function percent_decode(path)
  return (path:gsub("%%(%x%x)", function(hex) return string.char(tonumber(hex, 16)) end))
end

---A manifest's path on disk. Manifests encode paths as URLs do, and workerd looks files up decoded.
---The client chose the path, so one that could lead elsewhere is refused.
local function place(path)
  path = percent_decode(path)
  local inside = path:match "^/(.+)$"
  if not inside or path:find("\0", 1, true) or path:find "//" or path:sub(-1) == "/"
    or (path .. "/"):find "/%.%.?/" then
    error(("'%s' cannot be the path of an asset"):format(path))
  end
  return "assets/" .. inside
end

---Puts the files of a manifest beside the configuration.
---@param manifest table<string, { hash: string }>
---@param content fun(hash: string): string
---@param files workerd.File[]  they are added here
function assets.place(manifest, content, files)
  local paths = {}
  for path in pairs(manifest) do paths[#paths + 1] = path end
  table.sort(paths)
  for _, path in ipairs(paths) do
    files[#files + 1] = { path = place(path), body = content(manifest[path].hash) }
  end
end

---What an upload may say about its assets, and what workerd calls it.
local names = {
  html_handling = "html_handling",
  not_found_handling = "not_found_handling",
  run_worker_first = "run_worker_first",
  _headers = "headers",
  _redirects = "redirects",
}

---@param given? table  the upload's
---@return string json
function assets.config(given)
  local config = {}
  for theirs, ours in pairs(names) do config[ours] = given and given[theirs] end
  return json.encode(config)
end

return assets
