---The files of a rehearsal: what is written or removed stays in memory, everything else is read from
---the project's real folder.
local sha256 = require "sha256"

local overlay = {}

local MOST = 1 << 30   -- bytes of a file, as in the real world's buffers

local FILE_MODE, FOLDER_MODE = tonumber("644", 8), tonumber("755", 8)

-- "./a//b/../c" -> "a/c"; "." -> ""; "/here/a" -> "a", when the working folder is "/here".
local function normalise(path, here)
  local parts = {}
  for part in path:gmatch("[^/]+") do
    if part == ".." and #parts > 0 and parts[#parts] ~= ".." then
      table.remove(parts)
    elseif part ~= "." then
      parts[#parts + 1] = part
    end
  end
  local text = (path:sub(1, 1) == "/" and "/" or "") .. table.concat(parts, "/")
  if text == here then return "" end
  return text:sub(1, #here + 1) == here .. "/" and text:sub(#here + 2) or text
end

-- "" is the project's folder; that of "/dev" is "/", which has none.
local function parent_of(path)
  local parent = path:match("^(.*)/[^/]*$") or ""
  return parent == "" and #path > 1 and path:sub(1, 1) == "/" and "/" or parent
end

local function missing(doing, path)
  return { fault = { "file-not-found", "fatal", ("%s %s: No such file or directory"):format(doing, path) } }
end

local function folder_in_the_way(doing)
  return { fault = { "file-failed", "fatal", doing .. ": Is a directory" } }
end

-- What is being received has no place yet, and no list shows it (host/files_maker.c).
local function is_unplaced(name) return #name == 31 and name:find "^%.davit%-%x+$" ~= nil end

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

function Overlay:make_folders(path, now)
  while path ~= "" and path ~= "/" and not self.folders[path] do
    self.folders[path] = now or 0
    path = parent_of(path)
  end
  return {}
end

function Overlay:put(path, text, mode, now)
  self.writes = self.writes + 1
  self.files[path] = text
  self.facts[path] = { mode = mode or FILE_MODE, mtime = now or 0, stamp = self.writes }
  return self:make_folders(parent_of(path), now)
end

function Overlay:make(path, o) return self:make_folders(path, o.now) end

function Overlay:read(path, o)
  local text, max = self.files[path], o.max
  if text then
    if #text > max then
      return { fault = { "file-too-large", "fatal", ("reading %s: it is larger than %d bytes"):format(path, max) } }
    end
    return { data = text }
  end
  if self:hides(path) then return missing("reading", path) end
  return self.disk.read(real(path), max)
end

function Overlay:write(path, o) return self:put(path, o.text, o.mode, o.now) end

function Overlay:piece(path, o)
  local text = self.files[path]
  if text then
    return { data = text:sub(o.offset + 1, o.offset + o.max), size = #text, stamp = self.facts[path].stamp }
  end
  if self.folders[path] then return folder_in_the_way("reading " .. path) end
  if self:hides(path) then return missing("reading", path) end
  return self.disk.piece(real(path), o.offset, o.max)
end

function Overlay:digest(path)
  local whole = self:piece(path, { offset = 0, max = MOST })
  return whole.fault and whole or { data = sha256(whole.data), size = whole.size, stamp = whole.stamp }
end

function Overlay:begin(path, o)
  if self:stat(o.to).folder then return folder_in_the_way("writing " .. o.to) end
  return self:put(path, "", nil, o.now)
end

function Overlay:append(path, o)
  local so_far = self.files[path]
  if not so_far then return missing("writing", ("%s for %s"):format(path, o.to)) end
  return self:put(path, so_far .. o.text, nil, o.now)
end

function Overlay:place(path, o)
  local text = self.files[path]
  if not text then return missing("writing", ("%s for %s"):format(path, o.to)) end
  self.files[path] = nil
  return self:put(o.to, text, o.mode, o.now)
end

function Overlay:extend(path, o)
  local so_far = self:read(path, { max = MOST })
  if self:stat(path).folder then return folder_in_the_way("writing " .. path) end
  local facts = self:stat(path)
  return self:put(path, (so_far.data or "") .. o.text, facts.mode, o.now)
end

function Overlay:copy(path, o)
  local facts = self:stat(path)
  if facts.fault then return missing("reading", path) end
  if facts.folder then return folder_in_the_way("reading " .. path) end
  if self:stat(o.to).folder then return folder_in_the_way("writing " .. o.to) end
  return self:put(o.to, self:read(path, { max = MOST }).data, facts.mode, o.now)
end

function Overlay:move(path, o)
  local facts = self:stat(path)
  if facts.fault then return missing("moving", path) end
  if not facts.folder then
    local answer = self:copy(path, o)
    return answer.fault and answer or self:remove(path)
  end
  self:make_folders(o.to, o.now)
  for _, name in ipairs(self:list(path).names) do
    name = name:gsub("/$", "")
    self:move(path .. "/" .. name, { to = o.to .. "/" .. name, now = o.now })
  end
  return self:remove(path)
end

function Overlay:set_mode(path, o)
  local facts = self:stat(path)
  if facts.fault then return missing("changing", path) end
  if not facts.folder then self:put(path, self:read(path, { max = MOST }).data, o.mode, facts.mtime) end
  return {}
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
  local inside = (path == "" or path == "/") and path or path .. "/"
  for _, name in ipairs(answer.names or {}) do
    if not self.gone[inside .. name:gsub("/$", "")] then seen[name] = true end
  end
  for kind, suffix in pairs { files = "", folders = "/" } do
    for name in pairs(self[kind]) do
      if name ~= path and parent_of(name) == path then seen[name:sub(#inside + 1) .. suffix] = true end
    end
  end
  if answer.fault and next(seen) == nil and not self.folders[path] then return answer end
  for name in pairs(seen) do
    if not is_unplaced(name) then names[#names + 1] = name end
  end
  return { names = names }
end

-- What archives ask (host/rehearsal_archive.c) -------------------------------------------------------

---What stands at a path, without following a link.
function Overlay:look(path)
  if self.files[path] then return { kind = "file" } end
  if not self:hides(path) then
    local answer = self.disk.look(real(path))
    if not answer.fault then return answer end
  end
  if self.folders[path] then return { kind = "folder" } end
  return missing("looking at", path)
end

---A link of an archive is remembered until it is adopted.
function Overlay:link(path, o)
  self.links[path] = o.text
  return self:make_folders(parent_of(path), o.now)
end

-- False: it is not there.
function Overlay:copy_tree(from, to, now)
  local facts = self:stat(from)
  if facts.fault then return false end
  if not facts.folder then
    self:copy(from, { to = to, now = now })
    return true
  end
  local names = self:list(from).names
  self:make_folders(to, now)
  for _, name in ipairs(names) do
    name = name:gsub("/$", "")
    self:copy_tree(from .. "/" .. name, to .. "/" .. name, now)
  end
  return true
end

-- Nothing here is a link, so each becomes a copy of what it leads to, unless that is not there. Links may lead to
-- links: as long as one was resolved, another may be.
function Overlay:resolve_links(now)
  local resolved
  repeat
    resolved = false
    for path, target in pairs(self.links) do
      if self:copy_tree(normalise(parent_of(path) .. "/" .. target, self.here), path, now) then
        self.links[path] = nil
        resolved = true
      end
    end
  until not resolved
  self.links = {}
end

function Overlay:conflict(path, to, replaces)
  for _, name in ipairs(self:list(path).names) do
    local plain, is_folder = name:gsub("/$", "")
    local there = self:stat(to .. "/" .. plain)
    local both = there.folder and is_folder == 1
    if both then
      local found = self:conflict(path .. "/" .. plain, to .. "/" .. plain, replaces)
      if found then return found end
    elseif not there.fault and (there.folder or is_folder == 1 or not replaces) then
      return plain
    end
  end
end

---Moves what was unpacked below `path` into the folder; `max` above 0 says that files are replaced.
function Overlay:adopt(path, o)
  self:make_folders(path, o.now)
  local found = self:conflict(path, o.to, o.max > 0)
  if found then
    return { fault = { "file-exists", "fatal", ("unpacking into %s: %s is there already"):format(o.to, found) } }
  end
  self:resolve_links(o.now)
  return self:move(path, o)
end

---@param action string  "read", "write" …: a method above, named by host/rehearsal_files.c
---@param path string
---@param text? string  what is written
---@param max? integer  bytes to read at most
---@param mode? integer  of what is written
---@param to? string    of a copy or a move; the place of a file that is begun, filled or placed
---@param offset? integer  of a piece
---@param now? number  Unix seconds
---@return table answer  as the world of a rehearsal takes it: data, names, size, mode, stamp, …, or fault
function Overlay:act(action, path, text, max, mode, to, offset, now)
  return self[action](self, normalise(path, self.here), {
    text = text, max = max, mode = mode, to = to and normalise(to, self.here), offset = offset, now = now,
  })
end

---@param disk table       reads the real files
---@param hidden string[]  paths of real files that are not there in a rehearsal
function overlay.new(disk, hidden)
  local self = setmetatable(
    { disk = disk, here = disk.here, files = {}, facts = {}, folders = {}, gone = {}, links = {}, writes = 0 }, Overlay)
  for _, path in ipairs(hidden) do self.gone[normalise(path, self.here)] = true end
  return self
end

return overlay
