---The local cloud's memory between two runs: one JSON file, and beside it a file for every text
---that is long or not UTF-8 (modules, assets), named by its hash and written once.
---
---Invariant: state.json is replaced as a whole, after the texts that it names are there; so the
---folder holds a state that can be loaded at any time.
local fs = require "fs.core"
local json = require "json"
local sha256 = require "sha256"

local store = {}

local FORMAT = 1
local LONGEST = 2048            -- bytes of a text that stays inside state.json
local LARGEST_FILE = 1 << 30
local PRIVATE = "0600"   -- secrets stand in the state

-- ---- values to JSON and back ----------------------------------------------------------------

-- A table's keys decide how it is written: as an array, as an object, or as a list of pairs when
-- JSON has no such table, or the object could be taken for one of the marks.
local function shape(value)
  local count, plain = 0, true
  for key in pairs(value) do
    count = count + 1
    plain = plain and type(key) == "string" and key:sub(1, 1) ~= "$" and utf8.len(key) ~= nil
  end
  if count > 0 and count == #value then return "array" end
  return plain and "object" or "pairs"
end

local pack

local function pack_table(value, hash_of)
  local kind, packed = shape(value), {}
  if kind == "array" then
    for i, item in ipairs(value) do packed[i] = pack(item, hash_of) end
    return packed
  end
  if kind == "object" then
    for key, item in pairs(value) do packed[key] = pack(item, hash_of) end
    return packed
  end
  for key, item in pairs(value) do
    packed[#packed + 1] = { pack(key, hash_of), pack(item, hash_of) }
  end
  return { ["$pairs"] = packed }
end

---@param hash_of fun(text: string): string  asked for every text that is kept in a file
function pack(value, hash_of)
  if type(value) == "table" then return pack_table(value, hash_of) end
  if type(value) ~= "string" or #value <= LONGEST and utf8.len(value) then return value end
  return { ["$text"] = hash_of(value) }
end

local function unpack_value(value, read)
  if type(value) ~= "table" then return value end
  if value["$text"] then return read(value["$text"]) end
  local unpacked = {}
  if value["$pairs"] then
    for _, pair in ipairs(value["$pairs"]) do
      unpacked[unpack_value(pair[1], read)] = unpack_value(pair[2], read)
    end
    return unpacked
  end
  for key, item in pairs(value) do unpacked[key] = unpack_value(item, read) end
  return unpacked
end

---A value as the text of state.json. Pure.
---@param value any  strings, numbers, booleans, and tables of them without cycles
---@param hash_of fun(text: string): string  asked for every text that is kept in a file of its own
---@return string
function store.encode(value, hash_of)
  return json.encode { format = FORMAT, value = pack(value, hash_of) }
end

---@param text string  of store.encode
---@param read fun(hash: string): string
---@return any|nil value, string|nil reason
function store.decode(text, read)
  local document, err = try(json.decode, text)
  if not document then return nil, err.message end
  if type(document) ~= "table" or document.format ~= FORMAT then
    return nil, "it was written by another version of Davit"
  end
  return unpack_value(document.value, read)
end

-- ---- the folder -------------------------------------------------------------------------------

---@class cloud.Store
---@field folder string
---@field texts table<string, string>  what was saved last: long text to hash
local Store = {}
Store.__index = Store

---@param folder string  of the local cloud
---@return cloud.Store
function store.new(folder)
  return setmetatable({ folder = folder, texts = {} }, Store)
end

function Store:path() return self.folder .. "/state.json" end

function Store:text_path(hash) return ("%s/texts/%s"):format(self.folder, hash) end

---Ends the start. What stands there is worth more than a new beginning, so it is never overwritten.
---@param reason string
function Store:broken(reason)
  failure {
    code = "cloud-state-broken", about = self:path(),
    message = ("the local cloud's state in %s cannot be used: %s"):format(self:path(), reason),
    hint = "the same command with --reset removes it, with the local databases, and begins anew",
  }
end

local function read_text(self, hash)
  if type(hash) ~= "string" or not hash:find "^%x+$" then self:broken "it names a text that is none" end
  local text, err = try(fs.read, self:text_path(hash), { max = LARGEST_FILE })
  if not text then self:broken(err.message) end
  if sha256(text) ~= hash then self:broken("the bytes of texts/" .. hash .. " have changed") end
  self.texts[text] = hash
  return text
end

---@return table|nil value  as it was saved; nil when nothing was yet
function Store:load()
  if not fs.exists(self:path()) then return nil end
  local text, reason = try(fs.read, self:path(), { max = LARGEST_FILE })
  if not text then self:broken(reason.message) end
  local value, why = store.decode(text, function(hash) return read_text(self, hash) end)
  if type(value) ~= "table" then self:broken(why or "it holds no world") end
  return value
end

-- Texts of the last save are known by content: hashing them again would cost the most.
local function encoded_with_texts(self, value)
  local texts = {}
  local document = store.encode(value, function(text)
    texts[text] = texts[text] or self.texts[text] or sha256(text)
    return texts[text]
  end)
  return document, texts
end

---Writes the value: durable when it returns. Texts that nothing names any more are removed.
---@param value any  strings, numbers, booleans, and tables of them without cycles
function Store:save(value)
  local document, texts = encoded_with_texts(self, value)
  local before, used = self.texts, {}
  for text, hash in pairs(texts) do
    used[hash] = true
    if not before[text] then fs.write(self:text_path(hash), text, { mode = PRIVATE }) end
  end
  fs.write(self:path(), document, { mode = PRIVATE })
  self.texts = texts
  for _, hash in pairs(before) do
    if not used[hash] then fs.remove(self:text_path(hash)) end
  end
end

---Forgets everything that was saved.
---@param folder string  of the local cloud
function store.reset(folder)
  fs.remove(folder .. "/state.json")
  fs.remove(folder .. "/texts")
end

return store
