---A folder of migrations, in one of two layouts: drizzle's, with its journal, or plain files in the order of their
---names. What a layout says of the table that records them stands here, too.
local fs = require "fs.core"
local json = require "json"
local sha256 = require "sha256"

local folder = {}

local BREAKPOINT = "--> statement-breakpoint"

---@class migrations.File
---@field name string        the file's name
---@field path string        where it is read
---@field key string|integer what its record is found by
---@field text string
---@field hash string        sha256 of the text

local function migration(place, name, key)
  local path = place .. "/" .. name
  local text = fs.read(path)
  return { name = name, path = path, key = key or name, text = text, hash = sha256(text) }
end

---drizzle's: meta/_journal.json says which files there are, and `when` is what each is known by.
folder.drizzle = {
  kind = "drizzle",
  journal = "/meta/_journal.json",
  table = "drizzle.__drizzle_migrations",
  columns = "id serial primary key, hash text not null, created_at bigint",
  select = "select created_at as key, hash",
  insert = "(hash, created_at) values ($1, $2)",
}

local function refuse_journal(path, reason)
  failure {
    code = "migration-journal", about = path,
    message = ("%s is no journal of drizzle's: %s"):format(path, reason),
  }
end

local function read_entries(path)
  local journal, err = try(json.decode, fs.read(path))
  if err then refuse_journal(path, err.message) end
  local entries = type(journal) == "table" and journal.entries
  if type(entries) ~= "table" then refuse_journal(path, "no entries") end
  return entries
end

function folder.drizzle.read(place)
  local path = place .. folder.drizzle.journal
  local list, seen = {}, {}
  for i, entry in ipairs(read_entries(path)) do
    local key = type(entry) == "table" and math.tointeger(entry.when)
    if not key or type(entry.tag) ~= "string" then
      refuse_journal(path, ("entry %d lacks `tag` or `when`"):format(i))
    end
    if seen[key] then refuse_journal(path, ("%s and %s have the same `when`"):format(seen[key], entry.tag)) end
    seen[key] = entry.tag
    list[i] = migration(place, entry.tag .. ".sql", key)
  end
  return list
end

---Plain: every *.sql in the order of the names.
folder.plain = {
  kind = "sql",
  table = "public.davit_migrations",
  columns = "name text primary key, hash text not null, "
    .. "applied_at timestamptz not null default now()",
  select = "select name as key, hash",
  insert = "(hash, name) values ($1, $2)",
}

function folder.plain.read(place)
  local list = {}
  for _, name in ipairs(fs.list(place)) do
    if name:find("%.sql$") then list[#list + 1] = migration(place, name) end
  end
  return list
end

---@param place string
---@return table layout
function folder.layout(place)
  return fs.exists(place .. folder.drizzle.journal) and folder.drizzle or folder.plain
end

---The pieces of a text between breakpoints, each with the line it begins on.
---@param text string
---@return { text: string, line: integer }[]
function folder.pieces(text)
  local list, from, line = {}, 1, 1
  repeat
    local first, last = text:find(BREAKPOINT, from, true)
    local piece = text:sub(from, first and first - 1)
    list[#list + 1] = { text = piece, line = line }
    line = line + select(2, piece:gsub("\n", ""))
    from = last and last + 1
  until not from
  return list
end

---The line of the character at `position` of a text that begins on line `first`.
---@param text string
---@param first integer
---@param position integer  in characters, as the server counts
---@return integer
function folder.line_of(text, first, position)
  local at = utf8.len(text) and utf8.offset(text, position) or position
  local _, breaks = text:sub(1, at - 1):gsub("\n", "")
  return first + breaks
end

---`schema.name` with both parts quoted.
---@param name string  NAME or SCHEMA.NAME
---@return string quoted, string schema
function folder.quote(name)
  local schema, short = name:match("^([^.]+)%.([^.]+)$")
  if not schema then schema, short = "public", name end
  local function quoted(part) return '"' .. part:gsub('"', '""') .. '"' end
  return quoted(schema) .. "." .. quoted(short), quoted(schema)
end

return folder
