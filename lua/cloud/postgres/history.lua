---The past of a timeline, which lies in its own folder: bases, which are compressed copies of the data
---directory at one moment, and in data/pg_wal the log since the oldest of them. A base and the log after it give
---every later moment back.
---
---Nothing that is kept here is ever written again, so that timelines share it by hard links: whoever was made of
---another one has its past, and keeps it when the other one goes.
---Invariant: no server writes to a segment of the log that another timeline has a link to. A copy of the head
---has its last segments for itself; who recovers to a moment goes on in segments of a new number.
local cluster = require "cloud.postgres.cluster"
local fs = require "fs.core"

local history = {}

local SEGMENT = 20       -- bits: initdb makes the log's segments 1 MiB
local LONG = 64 << 20    -- bytes of log that are not replayed without a base between

---@class cloud.postgres.Base
---@field file string    its name in the timeline's folder
---@field time number    Unix seconds when it was complete
---@field first integer  LSN from which the log is needed
---@field last integer   LSN from which on it can be brought to any moment

-- ---- positions in the log ---------------------------------------------------------------------

---@param text string  "0/16B3748"
---@return integer|nil lsn  nil: it is none
function history.lsn(text)
  local high, low = text:match "^(%x+)/(%x+)$"
  return high and (tonumber(high, 16) << 32 | tonumber(low, 16)) or nil
end

-- The part of a segment's name that does not depend on the server's timeline.
local function segment_of(lsn)
  return ("%08X%08X"):format(lsn >> 32, (lsn & 0xffffffff) >> SEGMENT)
end

-- ---- bases ------------------------------------------------------------------------------------

---@param folder string  of a timeline
---@return cloud.postgres.Base[]  oldest first
function history.bases(folder)
  local list = {}
  for _, name in ipairs(fs.list(folder)) do
    local time, first, last = name:match "^base%-(%d+)%-(%x+)%-(%x+)%.tar$"
    if time then
      list[#list + 1] = { file = name, time = tonumber(time) / 1000, first = tonumber(first, 16),
        last = tonumber(last, 16) }
    end
  end
  table.sort(list, function(a, b) return a.time < b.time end)
  return list
end

-- The name sorts by time; a base counts as complete only once it may be read.
local function name_of(time, first, last)
  return ("base-%015d-%016X-%016X.tar"):format(math.ceil(time * 1000), first, last)
end

local PACK = [[
trap 'rm -f "$1/base.new"' EXIT
tar -C "$1/data" --exclude='./pg_wal/*' --exclude='./postmaster.*' -I "$SQUEEZE" -cf "$1/base.new" .
mv "$1/base.new" "$1/$2"
]]

local PACK_LIVE = [[
trap 'rm -f "$1/base.plain"; if [ -z "${made-}" ]; then rm -f "$1/base.new"; fi' EXIT
"$2/pg_basebackup" --host="$3" --port="$4" --username="$5" --pgdata=- --format=tar --wal-method=none --checkpoint=fast \
  --no-sync --no-manifest > "$1/base.plain"
tar -xOf "$1/base.plain" backup_label | sed -n 's/^START WAL LOCATION: \([^ ]*\).*/\1/p'
$SQUEEZE < "$1/base.plain" > "$1/base.new"
made=1
]]

---Adds a base of a timeline whose server does not run.
---@param owner cloud.postgres.Owner
---@param folder string
---@param now number
function history.add(owner, folder, now)
  local at = history.lsn(cluster.control(owner, folder .. "/data").lsn)
  owner:shell("keeping a base of " .. folder, PACK, folder, name_of(now, at, at))
end

---Adds a base of a timeline whose server runs.
---@param owner cloud.postgres.Owner
---@param folder string
---@param server cloud.postgres.Server
---@param password string
---@param clock fun(): number
function history.add_live(owner, folder, server, password, clock)
  local what = "keeping a base of " .. folder
  local said = owner:run(what, { "sh", "-ceu", PACK_LIVE, "sh", folder, owner.binaries, server.address,
    tostring(server.port), cluster.ADMIN }, { env = { PGPASSWORD = password, SQUEEZE = owner.squeeze, LC_ALL = "C" } })
  local first = history.lsn(said:match "%x+/%x+" or "")
  if not first then failure { code = "postgres-failed", message = what .. ": the backup is not whole" } end
  local session <close> = cluster.session(server, password)
  local last = session:query("select pg_current_wal_insert_lsn()::text as lsn").rows[1].lsn
  owner:run(what, { "mv", folder .. "/base.new", folder .. "/" .. name_of(clock(), first, history.lsn(last)) })
end

---The newest base from which a moment can be reached.
---@param folder string
---@param at { lsn?: string, time?: number }
---@return cloud.postgres.Base|nil  nil: the moment is before all of them
function history.before(folder, at)
  local lsn, found = at.lsn and history.lsn(at.lsn), nil
  for _, base in ipairs(history.bases(folder)) do
    if lsn and base.last <= lsn or not lsn and base.time <= at.time then found = base end
  end
  return found
end

-- ---- letting go -------------------------------------------------------------------------------

-- Segments before the oldest base lead nowhere. Other files there are small, and PostgreSQL's.
local function trim_log(folder, first)
  local log, oldest = folder .. "/data/pg_wal", segment_of(first)
  for _, name in ipairs(fs.list(log)) do
    if #name == 24 and name:find "^%x+$" and name:sub(9) < oldest then fs.remove(("%s/%s"):format(log, name)) end
  end
end

-- Which bases stay: the last before `since`, the newest, and between them those that time or much log lies before.
local function kept(bases, since, every)
  local keep, last = {}, nil
  for i, base in ipairs(bases) do
    local following = bases[i + 1]
    local needed = not following or following.time > since
    local near = last and base.time - last.time < every and base.first - last.first < LONG
    if needed and not (near and following) then
      keep[base.file], last = true, base
    end
  end
  return keep
end

---Removes what is only needed for moments before `since`, and bases that stand close to others.
---@param folder string
---@param since number  Unix seconds
---@param every number  seconds that lie between bases
function history.trim(folder, since, every)
  local bases = history.bases(folder)
  local keep, first = kept(bases, since, every), nil
  for _, base in ipairs(bases) do
    if not keep[base.file] then fs.remove(("%s/%s"):format(folder, base.file)) end
    first = first or keep[base.file] and base.first
  end
  if first then trim_log(folder, first) end
end

-- Whether the control file, and with it all that lasts, is as the base has it.
local function is_as(folder, base) return fs.stat(folder .. "/data/global/pg_control").mtime <= base.time end

-- Bytes of log since a base, about.
local function length_since(folder, base)
  local first, count = segment_of(base.first), 0
  for _, name in ipairs(fs.list(folder .. "/data/pg_wal")) do
    if #name == 24 and name:sub(9) >= first then count = count + 1 end
  end
  return count << SEGMENT
end

---Whether the past grew since the newest base, and that is so long ago, or it grew so much, that a new one is due.
---@param folder string
---@param now number
---@param every number  seconds
---@return boolean
function history.due(folder, now, every)
  local bases = history.bases(folder)
  local newest = bases[#bases]
  if not newest then return true end
  if now - newest.time < every and length_since(folder, newest) < LONG then return false end
  return not is_as(folder, newest)
end

-- ---- packing ----------------------------------------------------------------------------------

-- The note that data is packed stands before the first file goes and until the last one is back, so that
-- whoever is cut short begins again.
local PACKED = [[
printf %s "$2" > "$1/packed.new"; mv "$1/packed.new" "$1/packed"
find "$1/data" -mindepth 1 -maxdepth 1 ! -name pg_wal -exec rm -rf {} +
]]

local UNPACKED = [[
find "$1/data" -mindepth 1 -maxdepth 1 ! -name pg_wal -exec rm -rf {} +
tar -C "$1/data" -xf "$1/$(cat "$1/packed")"
rm "$1/packed"
]]

---@param folder string
---@return boolean  that its data is a base alone, besides the log
function history.is_packed(folder) return fs.exists(folder .. "/packed") end

---Leaves of the data of a timeline, whose server was shut down in order, only a base of what it is now.
---@param owner cloud.postgres.Owner
---@param folder string
---@param now number
function history.pack(owner, folder, now)
  local bases = history.bases(folder)
  if not bases[1] or not is_as(folder, bases[#bases]) then
    history.add(owner, folder, now)
    bases = history.bases(folder)
  end
  owner:shell("packing " .. folder, PACKED, folder, bases[#bases].file)
end

---@param owner cloud.postgres.Owner
---@param folder string
function history.unpack(owner, folder)
  if history.is_packed(folder) then owner:shell("unpacking " .. folder, UNPACKED, folder) end
end

return history
