---Files for recipes. Paths stay inside the project unless a call says { outside = true }; the
---core does that at every call (host/files_lua.c), and what is built of several calls here
---passes the option on.
local core = require "fs.fenced"
local glob = require "glob"
local hex = require "hex"
local options = require "options"
local world = require "core"

local fs = {
  append = core.append,
  chmod = core.chmod,
  exists = core.exists,
  list = core.list,
  make = core.make,
  read = core.read,
  remove = core.remove,
  sha256 = core.sha256,
  stat = core.stat,
  write = core.write,
}

-- Trees ---------------------------------------------------------------------------------------------

local function walk_options(what, o)
  o = options.read(what, o or {}, { { "except", "any" }, { "outside", "boolean" } })
  local except = type(o.except) == "string" and { o.except } or o.except or {}
  if type(except) ~= "table" then options.misuse("%s: option 'except' must be a pattern or a list of them", what) end
  local compiled = {}
  for i, pattern in ipairs(except) do compiled[i] = glob.compile(pattern) end
  return compiled, { outside = o.outside }
end

local function excepted(patterns, path)
  for _, pattern in ipairs(patterns) do
    if pattern:match(path) then return true end
  end
  return false
end

-- The entries of a folder, as paths below the root of the walk, the last one first.
local function entries_of(root, below, where)
  local list, stack = core.list(below == "" and root or root .. "/" .. below, where), {}
  for i = #list, 1, -1 do
    local name, is_folder = list[i]:gsub("/$", "")
    stack[#stack + 1] = { path = below == "" and name or below .. "/" .. name, folder = is_folder == 1 }
  end
  return stack
end

-- Each path below the folder with its kind; `enters` says into which folders the walk goes.
local function walk(root, patterns, where, enters)
  local stack = entries_of(root, "", where)
  local opened
  return function()
    if opened then table.move(entries_of(root, opened, where), 1, 1 << 20, #stack + 1, stack) end
    opened = nil
    local entry
    repeat entry = table.remove(stack) until not entry or not excepted(patterns, entry.path)
    if not entry then return nil end
    if entry.folder and enters(entry.path) then opened = entry.path end
    return entry.path, entry.folder and "folder" or "file"
  end
end

function fs.walk(folder, o)
  local patterns, where = walk_options("fs.walk", o)
  return walk(folder, patterns, where, function() return true end)
end

-- The folders in front of the first name with a meaning: "src/a" of "src/a/**/*.c".
local function fixed_part(pattern)
  return pattern:match("^([^*?%[{\\]*)/") or ""
end

function fs.glob(pattern, o)
  local patterns, where = walk_options("fs.glob", o)
  if type(pattern) ~= "string" then options.misuse("fs.glob: the pattern must be a string, not a %s", type(pattern)) end
  local absolute, found = pattern:sub(1, 1) == "/", {}
  local root = fixed_part(pattern)
  if root == "" then root = absolute and "/" or "." end
  local inner = pattern
  if root ~= "." then inner = pattern:sub(#root + (root == "/" and 1 or 2)) end
  local wanted, prefix = glob.compile(inner), root == "." and "" or root == "/" and "/" or root .. "/"
  if not core.exists(root, where) then return found end
  for path, kind in walk(root, patterns, where, function(path) return wanted:below(path) end) do
    if kind == "file" and wanted:match(path) then found[#found + 1] = prefix .. path end
  end
  return found
end

-- Copying, moving -------------------------------------------------------------------------------------

local function check_target(what, from, to)
  if type(to) ~= "string" or to == "" then options.misuse("%s: where to? a path is a text", what) end
  local source, target = from:gsub("/+$", "") .. "/", to:gsub("/+$", "") .. "/"
  if target:sub(1, #source) == source then options.misuse("%s: '%s' lies in '%s'", what, to, from) end
end

local function copy_tree(from, to, where)
  core.make(to, where)
  for path, kind in walk(from, {}, where, function() return true end) do
    if kind == "folder" then
      core.make(to .. "/" .. path, where)
    else
      core.copy_file(from .. "/" .. path, to .. "/" .. path, where)
    end
  end
end

local function read_where(what, o)
  o = options.read(what, o or {}, { { "outside", "boolean" } })
  return { outside = o.outside }
end

function fs.copy(from, to, o)
  local where = read_where("fs.copy", o)
  local is_folder = core.stat(from, where).kind == "folder"
  check_target("fs.copy", from, to)
  if not is_folder then return core.copy_file(from, to, where) end
  copy_tree(from, to, where)
end

function fs.move(from, to, o)
  local where = read_where("fs.move", o)
  local _, err = try(core.rename, from, to, where)
  if not err then return end
  if err.code ~= "file-elsewhere" then error(err, 0) end
  fs.copy(from, to, o)
  core.remove(from, where)
end

-- Temporary folders --------------------------------------------------------------------------------------

local Temporary = {}
Temporary.__index = Temporary

function Temporary:__div(name) return self.path .. "/" .. name end

function Temporary:__tostring() return self.path end

function Temporary:remove() require("fs.core").remove(self.path) end

Temporary.__close = Temporary.remove

function fs.temporary()
  local root = require("fs.core").root()
  local folder = root and require("run.scratch").folder(root) or world.getenv "TMPDIR" or "/tmp"
  local path = ("%s/davit-%s"):format(folder, hex.encode(world.random(8)))
  core.make(path)
  if not root then core.chmod(path, "0700") end
  return setmetatable({ path = path }, Temporary)
end

return fs
