---The modules of a seed's Worker, as files on the disk: one, or all of a folder.
local fs = require "fs.core"
local path = require "path"

local modules = {}

-- As wrangler types modules by what their names end with; other files are data.
local types = {
  js = "application/javascript+module", mjs = "application/javascript+module", cjs = "application/javascript",
  wasm = "application/wasm", txt = "text/plain", html = "text/plain", sql = "text/plain", json = "application/json",
  py = "text/x-python", map = "application/source-map",
}

local function module_of(folder, name)
  return { name = name, body = fs.read(path.join(folder, name)),
    type = types[(name:match "%.(%w+)$" or ""):lower()] or "application/octet-stream" }
end

local function add_folder(list, folder, below)
  for _, entry in ipairs(fs.list(path.join(folder, below))) do
    local inner = entry:match "^(.*)/$"
    if inner then
      add_folder(list, folder, below .. inner .. "/")
    else
      list[#list + 1] = module_of(folder, below .. entry)
    end
  end
  return list
end

---@param file string
---@return table[] modules, string main  name, type, body; raises what keeps it from being read
function modules.of_file(file)
  local name = path.basename(file)
  return { module_of(path.dirname(file), name) }, name
end

---@param folder string
---@return table[] modules
function modules.of_folder(folder) return add_folder({}, folder, "") end

return modules
