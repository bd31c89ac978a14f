---The files of a rehearsal: what is written or removed stays in memory, everything else is read from
---the project's real folder.
local overlay = {}

-- "./a//b/../c" -> "a/c"; "." -> "".
local function normalise(path)
  local parts = {}
  for part in path:gmatch("[^/]+") do
    if part == ".." and #parts > 0 and parts[#parts] ~= ".." then
      table.remove(parts)
    elseif part ~= "." then
      parts[#parts + 1] = part
    end
  end
  return (path:sub(1, 1) == "/" and "/" or "") .. table.concat(parts, "/")
end

local function parent_of(path)
  return path:match("^(.*)/[^/]*$") or ""
end

local function missing(doing, path)
  return { fault = { "file-not-found", "fatal", ("%s %s: No such file or directory"):format(doing, path) } }
end

local Overlay = {}
Overlay.__index = Overlay

-- Whether the real files at and below the path count no more.
function Overlay:hides(path)
  while path ~= "" do
    if self.gone[path] then return true end
    path = parent_of(path)
  end
  return false
end

local function real(path) return path == "" and "." or path end

function Overlay:make(path)
  while path ~= "" and not self.folders[path] do
    self.folders[path] = true
    path = parent_of(path)
  end
  return {}
end

function Overlay:read(path, _, max)
  local text = self.files[path]
  if text then
    if #text > max then
      return { fault = { "file-too-large", "fatal", ("reading %s: it is larger than %d bytes"):format(path, max) } }
    end
    return { data = text }
  end
  if self:hides(path) then return missing("reading", path) end
  return self.disk.read(real(path), max)
end

function Overlay:write(path, text)
  self.files[path] = text
  return self:make(parent_of(path))
end

function Overlay:remove(path)
  for _, list in ipairs { self.files, self.folders } do
    for name in pairs(list) do
      if name == path or name:sub(1, #path + 1) == path .. "/" then list[name] = nil end
    end
  end
  self.gone[path] = true
  return {}
end

function Overlay:stat(path)
  if self.files[path] then return { size = #self.files[path] } end
  if self.folders[path] then return { size = 0, folder = true } end
  if self:hides(path) then return missing("looking at", path) end
  return self.disk.stat(real(path))
end

function Overlay:list(path)
  local seen, names = {}, {}
  local answer = self:hides(path) and missing("listing", path) or self.disk.list(real(path))
  local inside = path == "" and "" or path .. "/"
  for _, name in ipairs(answer.names or {}) do
    if not self.gone[inside .. name:gsub("/$", "")] then seen[name] = true end
  end
  for kind, suffix in pairs { files = "", folders = "/" } do
    for name in pairs(self[kind]) do
      if name ~= path and parent_of(name) == path then seen[name:sub(#inside + 1) .. suffix] = true end
    end
  end
  if answer.fault and next(seen) == nil and not self.folders[path] then return answer end
  for name in pairs(seen) do names[#names + 1] = name end
  return { names = names }
end

---@param action "read"|"write"|"list"|"stat"|"make"|"remove"
---@param path string
---@param text string  what is written
---@param max integer  bytes to read at most
---@return table answer  of the rehearsal's world: data, names, size and folder, or fault
function Overlay:act(action, path, text, max)
  return self[action](self, normalise(path), text, max)
end

---@param disk table       reads the real files
---@param hidden string[]  paths of real files that are not there in a rehearsal
function overlay.new(disk, hidden)
  local self = setmetatable({ disk = disk, files = {}, folders = {}, gone = {} }, Overlay)
  for _, path in ipairs(hidden) do self.gone[normalise(path)] = true end
  return self
end

return overlay
