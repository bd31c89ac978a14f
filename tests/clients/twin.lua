---What lives in a local cloud after a deploy, as lines by path, and how two such differ: ids and times and who it was apart.
local json = require "json"
local store = require "cloud.store"

local twin = {}

-- Ids, times, and by which client it was.
local apart = { id = true, tag = true, created = true, modified = true, since = true, previews_since = true, source = true,
  version_id = true, cert_id = true, zone_id = true, startup_ms = true, comment_modified = true }

local function sort_by_name(list)
  table.sort(list, function(a, b) return (a.name or a.hostname or "") < (b.name or b.hostname or "") end)
end

local function add_lines(lines, path, value)
  if type(value) ~= "table" then
    lines[path] = tostring(value)
    return
  end
  if #value > 0 and type(value[1]) == "table" and not path:find "versions$" then sort_by_name(value) end
  for name, item in pairs(value) do
    if not apart[name] then add_lines(lines, ("%s.%s"):format(path, name), item) end
  end
end

-- An asset is what it holds, and goes by the same hash.
local function with_contents(cloudflare, version)
  for _, file in pairs(version.assets and version.assets.manifest or {}) do
    local asset = cloudflare.assets[file.hash] or {}
    file.content, file.type = asset.body, asset.type
  end
  if version.extra then version.extra = json.decode(version.extra) end
end

---Stops a cloud and tells what lives in it.
---@param place clients.Cloud
---@return table<string, string>
function twin.lines(place)
  place:stop()
  local cloudflare = store.new(place.state):load().world.cloudflare
  for _, script in pairs(cloudflare.scripts) do
    for _, version in ipairs(script.versions) do with_contents(cloudflare, version) end
  end
  local lines = {}
  for _, kind in ipairs { "scripts", "domains", "routes", "records" } do add_lines(lines, kind, cloudflare[kind]) end
  return lines
end

local function reason_for(known, path)
  for _, one in ipairs(known) do
    if path:find(one[1]) then
      one.used = true
      return one[2]
    end
  end
end

---@param a table<string, string>  by wrangler
---@param b table<string, string>  by Davit
---@param known table[]  { pattern of paths, why that differs }; what was met gets `used`
---@return string[]
function twin.differences(a, b, known)
  local paths, found = {}, {}
  for path in pairs(a) do paths[path] = true end
  for path in pairs(b) do paths[path] = true end
  for path in pairs(paths) do
    if a[path] ~= b[path] and not reason_for(known, path) then
      found[#found + 1] = ("%s: %s by wrangler, %s by Davit"):format(path, a[path] or "nothing", b[path] or "nothing")
    end
  end
  table.sort(found)
  return found
end

return twin
