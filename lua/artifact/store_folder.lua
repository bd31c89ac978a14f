---Artifacts in a folder: blobs by their SHA-256, an entry for each name, run and attempt.
---
---  blobs/SHA256                 an archive, or what was sealed; once, however many entries name it
---  entries/NAME@RUN@ATTEMPT.json
---  incoming/…                   what is being made
---  lock                         held by who changes something; the system drops it with its holder
---
---A blob comes before its entry and goes after it, so a process that is killed in between leaves a blob that
---nobody names: the next sweep removes it. Who reads has opened the blob, and keeps it while it is removed.
---
---This is one store; others are tables of the same functions (artifact.Store, lua/artifact.lua).
local core = require "core"
local filelock = require "filelock"
local fs = require "fs.core"
local hex = require "hex"
local json = require "json"
local names = require "artifact.names"

local store_folder = {}

local PATIENCE <const> = 30       -- seconds until another process has made its change
local FORGOTTEN <const> = 86400   -- seconds after which nobody makes what is incoming any more

---@class artifact.Folder: artifact.Store
local Folder = {}
Folder.__index = Folder

-- ---- the lock ------------------------------------------------------------------------------

local function lock(self)
  fs.make(self.place)
  local file, last = self.place .. "/lock", core.monotonic() + PATIENCE
  while true do
    local held = filelock.take(file, "")
    if held then return held end
    if core.monotonic() >= last then
      failure {
        code = "artifact-busy", class = "transient", about = self.place,
        message = ("another process has held %s for %d s"):format(file, PATIENCE),
        hint = "look which one: fuser " .. file,
      }
    end
    sleep(0.01)
  end
end

-- ---- entries -------------------------------------------------------------------------------

local function names_in(folder)
  local list, err = try(fs.list, folder)
  if list then return list end
  if err.code == "file-not-found" then return {} end
  error(err, 0)
end

local function file_of(self, key)
  return ("%s/entries/%s.json"):format(self.place, names.text(key))
end

local kinds = { files = true, values = true }

local function is_digest(text) return type(text) == "string" and #text == 64 and not text:find "[^0-9a-f]" end

local function is_list(value)
  if type(value) ~= "table" then return value == nil end
  for i, item in pairs(value) do
    if math.type(i) ~= "integer" or type(item) ~= "string" then return false end
  end
  return true
end

local function is_whole(entry)
  return type(entry) == "table" and kinds[entry.kind] and is_digest(entry.sha256) and is_list(entry.sealed_to)
    and type(entry.created) == "number" and type(entry.expires) == "number" and type(entry.size) == "number"
    and math.type(entry.order) == "integer"
end

-- Who wrote it checked it: what is no entry was damaged. It is shown, so that somebody removes it.
local function decode(key, text)
  local entry = try(json.decode, text)
  if is_whole(entry) and entry.name == key.name and entry.run == key.run and entry.attempt == key.attempt then
    return entry
  end
  return { name = key.name, run = key.run, attempt = key.attempt, damaged = true, order = 0 }
end

-- A folder cannot be read, and a pipe would be waited for: neither was put there by us.
local function is_file(path)
  local facts = try(fs.stat, path)
  return facts ~= nil and facts.kind == "file"
end

-- nil: it is not there, was removed that moment, or is none.
local function read(self, key)
  local file = file_of(self, key)
  if not is_file(file) then return nil end
  local text, err = try(fs.read, file)
  if text then return decode(key, text) end
  if err.code == "file-not-found" then return nil end
  error(err, 0)
end

---The entries, or those of one name; in no order.
---@param name? string
---@return artifact.Entry[]
function Folder:entries(name)
  local list = {}
  for _, file in ipairs(names_in(self.place .. "/entries")) do
    local key = names.read(file:match "^(.*)%.json$" or "")
    local entry = key and (not name or key.name == name) and read(self, key)
    if entry then list[#list + 1] = entry end
  end
  return list
end

-- ---- blobs ---------------------------------------------------------------------------------

local function blob_of(self, sha256)
  return ("%s/blobs/%s"):format(self.place, sha256)
end

---@param entry artifact.Entry
---@return boolean
function Folder:has(entry)
  return fs.exists(blob_of(self, entry.sha256))
end

local stays = { __close = function() end }

---The file with the bytes of an entry; it may be gone when it is opened.
---@param entry artifact.Entry
---@return { path: string }  to be closed: of another store it is a copy
function Folder:blob(entry)
  local path = blob_of(self, entry.sha256)
  if fs.exists(path) and not is_file(path) then
    failure { code = "artifact-damaged", about = path, message = path .. " is no file" }
  end
  return setmetatable({ path = path }, stays)
end

-- nil: an entry cannot be read, so nobody knows which blobs are named.
local function named_blobs(self)
  local named = {}
  for _, entry in ipairs(self:entries()) do
    if entry.damaged then return nil end
    named[entry.sha256] = true
  end
  return named
end

-- Only under the lock: then no entry is about to name it.
local function drop_blob(self, sha256)
  local named = named_blobs(self)
  if named and not named[sha256] then fs.remove(blob_of(self, sha256)) end
end

---A place where a blob is made; it goes with its scope unless it was put.
---@return { path: string }  to be closed
function Folder:stage()
  local path = ("%s/incoming/%s"):format(self.place, hex.encode(core.random(8)))
  fs.make(self.place .. "/incoming")
  return setmetatable({ path = path }, { __close = function() fs.remove(path) end })
end

-- ---- changes --------------------------------------------------------------------------------

local function refuse(there)
  failure {
    code = "artifact-exists", about = there.name,
    message = ("the artifact %s is there already, with other content (%s)"):format(names.tell(there),
      there.damaged and "damaged" or "sha256:" .. there.sha256),
    hint = "an artifact is never changed silently: give it another name, or say replace",
  }
end

-- The newest of a name is told by a number, not by a clock that may be set back.
local function next_order(self, name)
  local order = 0
  for _, entry in ipairs(self:entries(name)) do order = math.max(order, entry.order) end
  return order + 1
end

---Takes the file at the path for the entry's bytes and records the entry. The same bytes under the same name,
---run and attempt are fine; others are "artifact-exists".
---@param entry artifact.Entry  gets its order
---@param path string   of Folder:stage
---@param replace boolean
---@return artifact.Entry  the one that is there now
function Folder:put(entry, path, replace)
  local _ <close> = lock(self)
  local there = read(self, entry)
  local same = there and there.sha256 == entry.sha256 and there.kind == entry.kind
  local live = there and (there.damaged or there.expires > entry.created)
  if live and not same and not replace then refuse(there) end
  fs.make(self.place .. "/blobs")
  fs.rename(path, blob_of(self, entry.sha256))   -- also in place of the same bytes: it may have been damaged
  if same and live and not replace then return there end
  entry.order = next_order(self, entry.name)
  fs.write(file_of(self, entry), json.encode(entry) .. "\n")
  if there and there.sha256 and there.sha256 ~= entry.sha256 then drop_blob(self, there.sha256) end
  return entry
end

---@param entry artifact.Entry
---@return boolean  false: it was not there any more
function Folder:remove(entry)
  local _ <close> = lock(self)
  local there = read(self, entry)
  if not there then return false end
  fs.remove(file_of(self, entry))
  if there.sha256 then drop_blob(self, there.sha256) end
  return true
end

-- ---- what is none of it -------------------------------------------------------------------------

local own = { ["blobs/"] = true, ["entries/"] = true, ["incoming/"] = true, lock = true }

local function is_entry(self, file)
  return names.read(file:match "^(.*)%.json$" or "") and is_file(self.place .. "/entries/" .. file)
end

local function is_blob(self, file)
  return is_digest(file) and is_file(self.place .. "/blobs/" .. file)
end

---What somebody else has put there, by its place in the folder: it is neither listed nor swept.
---@return string[]
function Folder:strays()
  local list = {}
  local function look(folder, belongs)
    for _, name in ipairs(names_in(self.place .. folder)) do
      if not belongs(self, name) then list[#list + 1] = (folder .. "/" .. name):sub(2) end
    end
  end
  look("", function(_, name) return own[name] end)
  look("/entries", is_entry)
  look("/blobs", is_blob)
  return list
end

-- ---- what is over ----------------------------------------------------------------------------------

local function sweep_blobs(self)
  local named = named_blobs(self)
  for _, sha256 in ipairs(named and names_in(self.place .. "/blobs") or {}) do
    if not named[sha256] and is_blob(self, sha256) then fs.remove(blob_of(self, sha256)) end
  end
end

local function sweep_incoming(self)
  for _, name in ipairs(names_in(self.place .. "/incoming")) do
    local path = self.place .. "/incoming/" .. name
    local facts = try(fs.stat, path)
    if facts and facts.mtime < core.now() - FORGOTTEN then fs.remove(path) end
  end
end

---Removes the entries that have expired, blobs that nobody names, and what a killed process was making.
---@param is_over fun(entry: artifact.Entry): boolean
---@return artifact.Entry[] removed
function Folder:sweep(is_over)
  local removed = {}
  if not fs.exists(self.place) then return removed end
  local _ <close> = lock(self)
  for _, entry in ipairs(self:entries()) do
    if is_over(entry) then
      fs.remove(file_of(self, entry))
      removed[#removed + 1] = entry
    end
  end
  sweep_blobs(self)
  sweep_incoming(self)
  return removed
end

---@param place string  the folder; made when something is put
---@return artifact.Store
function store_folder.open(place)
  return setmetatable({ place = place }, Folder)
end

return store_folder
