---The files of a rehearsal: what is written or removed stays in memory, everything else is read from
---the project's real folder.
local overlay = {}

local FILE_MODE, FOLDER_MODE = tonumber("644", 8), tonumber("755", 8)

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

function Overlay:make(path, _, _, _, now)
  while path ~= "" and not self.folders[path] do
    self.folders[path] = now or 0
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

function Overlay:write(path, text, _, mode, now)
  self.files[path] = text
  self.facts[path] = { mode = mode or FILE_MODE, mtime = now or 0 }
  return self:make(parent_of(path), nil, nil, nil, now)
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
  local facts = self.facts[path] or {}
  if self.files[path] then return { size = #self.files[path], mode = facts.mode, mtime = facts.mtime } end
  if not self:hides(path) then
    local answer = self.disk.stat(real(path))
    if not answer.fault then return answer end
  end
  if self.folders[path] then return { size = 0, folder = true, mode = FOLDER_MODE, mtime = self.folders[path] } end
  return missing("looking at", path)
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
---@param text? string  what is written
---@param max? integer  bytes to read at most
---@param mode? integer  of what is written
---@param now? number  Unix seconds
---@return table answer  of the rehearsal's world: data, names, or size, mode, mtime, folder, or fault
function Overlay:act(action, path, text, max, mode, now)
  return self[action](self, normalise(path), text, max, mode, now)
end

---@param disk table       reads the real files
---@param hidden string[]  paths of real files that are not there in a rehearsal
function overlay.new(disk, hidden)
  local self = setmetatable({ disk = disk, files = {}, facts = {}, folders = {}, gone = {} }, Overlay)
  for _, path in ipairs(hidden) do self.gone[normalise(path)] = true end
  return self
end

return overlay
