---The timelines: each a folder with a data directory and its past (cloud.postgres.history).
---
---A timeline is made under another name and renamed: what has its name is complete. It is made of nothing (an
---unpacked template), of another one's head (a physical copy), of a moment in another one's past (a base and the
---log after it) or of another one's schema. While something is done with a data directory, its name is locked.
---
---A head is what it was when the child was wanted. Nobody can copy that once more was committed: then it is a
---moment of the past like others, which takes longer.
local cluster = require "cloud.postgres.cluster"
local fs = require "fs.core"
local history = require "cloud.postgres.history"
local lock = require "cloud.postgres.lock"
local schema = require "cloud.postgres.schema"

local timelines = {}

local TEMPLATE = "template"
local WORKSHOP_PORT = 5433         -- on the network's own address, which no endpoint has
local RECOVERY_TIMEOUT = 3600      -- seconds; a long log takes its time

---@class cloud.postgres.Timeline  as the model lists it
---@field id string
---@field parent? string
---@field at? { lsn?: string, time?: number }  nil: the parent's head
---@field created number                       when it was wanted, and which head that is
---@field schema_only? boolean

---@class cloud.postgres.Timelines
---@field servers table<string, cloud.postgres.Server>  of those whose primary runs, by timeline
local Timelines = {}
Timelines.__index = Timelines

---@class cloud.postgres.TimelinesOptions
---@field owner cloud.postgres.Owner
---@field password string    of cluster.ADMIN
---@field network string     "127.x.y"
---@field access string      the file that says who may connect how
---@field now fun(): number
---@field crew cloud.Crew

---@param o cloud.postgres.TimelinesOptions
---@return cloud.postgres.Timelines
function timelines.new(o)
  return setmetatable({ owner = o.owner, password = o.password, workshop = o.network .. ".0", access = o.access,
    crew = o.crew, now = o.now, servers = {}, there = {}, locks = lock.new() }, Timelines)
end

---@param id string
---@return string  its folder
function Timelines:folder(id) return ("%s/%s"):format(self.owner.folder, id) end

---@param id string
---@return string  its data directory
function Timelines:data(id) return self:folder(id) .. "/data" end

---@param id string
---@return boolean
function Timelines:exists(id)
  self.there[id] = self.there[id] or fs.exists(self:data(id)) or nil
  return self.there[id] == true
end

---Keeps others from what is done with a timeline's files, and from starting or ending its server.
---@param id string
---@return table held  for a `<close>` variable
function Timelines:lock(id) return self.locks:take(id) end

local function is_running(self, id) return self.servers[id] ~= nil and cluster.runs(self.servers[id]) end

-- ---- servers that nobody connects to ----------------------------------------------------------

local function nothing() end

-- On the network's own address; one at a time. Its end may be expected: who asked says what it means.
local function in_workshop(self, data, more, body)
  local _ <close> = self.locks:take "the workshop"
  local server = cluster.start(self.owner, { name = "postgres workshop", data = data, address = self.workshop,
    port = WORKSHOP_PORT, access = self.access, settings = more, timeout = RECOVERY_TIMEOUT,
    crew = { spawn = self.crew.spawn, log = nothing, verbose = self.crew.verbose } })
  local _ <close> = setmetatable({}, { __close = function() cluster.stop(server) end })
  return body(server)
end

-- The data directory of a server that was killed is put in order by starting it once.
local function settle(self, data)
  if not cluster.control(self.owner, data).clean then in_workshop(self, data, nil, nothing) end
end

-- ---- making one -------------------------------------------------------------------------------

-- The names sort by the order of the log; $3 is the first file that the copy has for itself, or the last base
-- that it shares. One program links all of them: there may be hundreds.
local SHARE = [[
share_log() {
  from=$1 to=$2 first=$3
  set --
  for file in "$from"/*; do
    name=${file##*/}
    if [ "$name" = "$first" ]; then break; fi
    case $name in
      archive_status|*.backup|*.partial) ;;
      *) if [ ! -e "$to/$name" ]; then set -- "$@" "$file"; fi ;;
    esac
  done
  if [ $# -gt 0 ]; then ln "$@" "$to/"; fi
}
share_bases() {
  from=$1 to=$2 last=${3-}
  set --
  for file in "$from"/base-*.tar; do
    if [ ! -e "$file" ]; then break; fi
    set -- "$@" "$file"
    if [ "${file##*/}" = "$last" ]; then break; fi
  done
  if [ $# -gt 0 ]; then ln "$@" "$to/"; fi
}
]]

-- The log has segments of its own from the one on in which the server would go on.
local COPY = SHARE .. [[
mkdir -m 700 "$2" "$2/data"
for file in "$1"/data/*; do
  case ${file##*/} in pg_wal|postmaster.*) ;; *) cp -a "$file" "$2/data/" ;; esac
done
mkdir -p -m 700 "$2/data/pg_wal/archive_status"
share_log "$1/data/pg_wal" "$2/data/pg_wal" "$3"
own=
for file in "$1"/data/pg_wal/*; do
  if [ "${file##*/}" = "$3" ]; then own=1; fi
  if [ "$own" ] && [ -f "$file" ]; then cp -a "$file" "$2/data/pg_wal/"; fi
done
share_bases "$1" "$2"
]]

local COPY_LIVE = SHARE .. [[
mkdir -m 700 "$2"
"$3/pg_basebackup" --host="$4" --port="$5" --username="$6" --pgdata="$2/data" --checkpoint=fast --wal-method=fetch \
  --no-sync --no-manifest
first=$(ls "$2/data/pg_wal" | grep -E '^[0-9A-F]{24}$' | head -n 1)
share_log "$1/data/pg_wal" "$2/data/pg_wal" "$first"
share_bases "$1" "$2"
]]

-- The position, and since when the head has been what it is. A server that nothing was committed to began with it.
local HEAD = [[select pg_current_wal_insert_lsn()::text as lsn, extract(epoch from
  coalesce((pg_last_committed_xact()).timestamp, pg_postmaster_start_time()))::float8 as since]]

-- Ready to be copied, too.
local function head_of(self, id)
  if is_running(self, id) then
    local session <close> = cluster.session(self.servers[id], self.password)
    return session:query(HEAD).rows[1]
  end
  local folder = self:folder(id)
  history.unpack(self.owner, folder)
  settle(self, folder .. "/data")
  local control = cluster.control(self.owner, folder .. "/data")
  return { lsn = control.lsn, segment = control.segment, since = fs.stat(folder .. "/data/global/pg_control").mtime }
end

local function copy_head(self, parent, made, head)
  local what, from = "copying timeline " .. parent, self:folder(parent)
  local server = self.servers[parent]
  if head.segment then return self.owner:shell(what, COPY, from, made, head.segment) end
  self.owner:run(what, { "sh", "-ceu", COPY_LIVE, "sh", from, made, self.owner.binaries, server.address,
    tostring(server.port), cluster.ADMIN }, { env = { PGPASSWORD = self.password, LC_ALL = "C" } })
end

local UNPACK = SHARE .. [[
mkdir -m 700 "$2" "$2/data"
tar -C "$2/data" -xf "$1/$3"
mkdir -p -m 700 "$2/data/pg_wal/archive_status"
share_log "$1/data/pg_wal" "$2/data/pg_wal" none
share_bases "$1" "$2" "$3"
: > "$2/data/recovery.signal"
]]

-- What is committed is in the log's files, but for what a session chose to have there later. With something
-- behind it, the moment is reached.
local function flush(self, id)
  if not is_running(self, id) then return end
  local session <close> = cluster.session(self.servers[id], self.password)
  session:query "set synchronous_commit = on; select pg_logical_emit_message(true, 'davit', '')"
end

-- A position is where the next record would begin; a time includes what was committed at it.
local function target_of(at)
  if at.lsn then return { "recovery_target_lsn=" .. at.lsn, "recovery_target_inclusive=off" } end
  local seconds = math.floor(at.time)
  return { ("recovery_target_time=%s.%06d+00"):format(os.date("!%Y-%m-%d %H:%M:%S", seconds),
    math.floor((at.time - seconds) * 1000000)) }
end

local function recover(self, data, target)
  local more = { "hot_standby=off", "restore_command=false", "recovery_target_action=promote" }
  table.move(target, 1, #target, #more + 1, more)
  in_workshop(self, data, more, nothing)
end

local NOT_REACHED = "recovery ended before configured recovery target was reached"

-- Where nothing was committed after a time, the end of the log is that time.
local function recover_to(self, data, at)
  local _, err = try(recover, self, data, target_of(at))
  if not err then return end
  if not err.message:find(NOT_REACHED, 1, true) then error(err, 0) end
  if at.time and not at.lsn then return recover(self, data, {}) end
  failure { code = "postgres-history", about = at.lsn, message = ("the log ends before %s"):format(at.lsn) }
end

local function words(at) return at.lsn or os.date("!%Y-%m-%dT%H:%M:%SZ", math.floor(at.time)) end

local function copy_past(self, parent, made, at)
  local from = self:folder(parent)
  if at.lsn and not history.lsn(at.lsn) then
    failure { code = "postgres-history", about = at.lsn, message = ("'%s' is no position in a log"):format(at.lsn) }
  end
  flush(self, parent)
  local base = history.before(from, at)
  if not base then
    failure { code = "postgres-history", about = parent,
      message = ("timeline %s has no history at %s any more"):format(parent, words(at)) }
  end
  self.owner:shell(("copying timeline %s of %s"):format(parent, words(at)), UNPACK, from, made, base.file)
  recover_to(self, made .. "/data", at)
end

-- Where the log of the parent ends and the copy's own begins: PostgreSQL notes it when it was recovered.
local function end_of_past(self, data)
  local control = cluster.control(self.owner, data)
  local noted = fs.read(("%s/pg_wal/%s.history"):format(data, control.segment:sub(1, 8)))
  return noted:match "\t(%x+/%x+)\t[^\n]*%s*$"
end

-- Does what the head is asked for, where it is the one of a time; returns its position then.
local function with_head(self, parent, time, body)
  local head = head_of(self, parent)
  if time and head.since > time then return nil end
  body(head)
  if time and not head.segment and head_of(self, parent).since > time then return nil end
  return head.lsn
end

-- Whoever was wanted before the past that is kept has the head as it is.
local function copy(self, spec, made)
  local at = spec.at
  if not at then
    local moment = { time = spec.created }
    at = history.before(self:folder(spec.parent), moment) and moment
    local function copied(head) copy_head(self, spec.parent, made, head) end
    local lsn = with_head(self, spec.parent, at and at.time, copied)
    if lsn then return lsn end
    fs.remove(made)
  end
  copy_past(self, spec.parent, made, at)
  return at.lsn or end_of_past(self, made .. "/data")
end

-- ---- of nothing, and of a schema ----------------------------------------------------------------

local START = [[
mkdir -m 700 "$2" "$2/data"
base=$(ls "$1" | grep '^base-')
tar -C "$2/data" -xf "$1/$base"
ln "$1/$base" "$2/"
mkdir -p -m 700 "$2/data/pg_wal/archive_status"
cp "$1"/pg_wal/0* "$2/data/pg_wal/"
]]

-- What initdb makes is made once; unpacking it takes a fifth of the time.
local function make_template(self)
  local _ <close> = self.locks:take(TEMPLATE)
  local folder = self:folder(TEMPLATE)
  if fs.exists(folder) then return folder end
  local made = folder .. ".new"
  fs.remove(made)
  self.owner:run("making " .. made, { "mkdir", "-m", "700", made })
  cluster.make(self.owner, made .. "/data", self.password)
  history.add(self.owner, made, self.now())
  self.owner:shell("keeping the first log", 'mv "$1/data/pg_wal" "$1/pg_wal"; rm -rf "$1/data"; mv "$1" "$2"',
    made, folder)
  return folder
end

local function make_root(self, made)
  self.owner:shell("making a database cluster", START, make_template(self), made)
  return cluster.control(self.owner, made .. "/data").lsn
end

-- The source is the parent's server, or one that is started for it.
local function with_source(self, spec, made, body)
  if not spec.at and is_running(self, spec.parent) then
    local server = self.servers[spec.parent]
    local lsn = with_head(self, spec.parent, spec.created, function() body(server) end)
    if lsn then return lsn end
  end
  local source = made .. "/source"
  local lsn = copy(self, spec, source)
  in_workshop(self, source .. "/data", nil, body)
  fs.remove(source)
  return lsn
end

local function make_of_schema(self, spec, made)
  make_root(self, made)
  local dump = made .. "/schema.sql"
  local lsn = with_source(self, spec, made, function(server)
    schema.dump(self.owner, server, self.password, dump)
  end)
  in_workshop(self, made .. "/data", nil, function(server) schema.load(self.owner, server, self.password, dump) end)
  fs.remove(dump)
  return lsn
end

-- ---- the whole --------------------------------------------------------------------------------

-- Returns where its log begins.
local function fill(self, spec, made)
  if not spec.parent then return make_root(self, made) end
  if not self:exists(spec.parent) then
    failure { code = "postgres-history", about = spec.parent,
      message = ("timeline %s, which %s begins with, is not there"):format(spec.parent, spec.id) }
  end
  local _ <close> = self:lock(spec.parent)
  if spec.schema_only then return make_of_schema(self, spec, made) end
  return copy(self, spec, made)
end

---Makes a timeline, unless it is there.
---@param spec cloud.postgres.Timeline
function Timelines:make(spec)
  local _ <close> = self:lock(spec.id)
  if self:exists(spec.id) then return end
  local made = self:folder(spec.id) .. ".new"
  fs.remove(made)   -- of an earlier attempt
  local _, err = try(function() fs.write(made .. "/origin", fill(self, spec, made), { mode = "0600" }) end)
  if err then
    try(fs.remove, made)   -- the space is needed by others
    error(err, 0)
  end
  fs.rename(made, self:folder(spec.id))
end

---Where the log of a timeline leaves its parent's. That stands in a file: it may be asked for long after it was made.
---@param id string
---@return string|nil lsn  nil: it is not there, or was made by an older Davit
function Timelines:origin(id)
  return (try(fs.read, self:folder(id) .. "/origin"))
end

---Removes a timeline whose servers have ended, or what an attempt left.
---@param id string
function Timelines:remove(id)
  local _ <close> = self:lock(id)
  self.servers[id], self.there[id] = nil, nil
  fs.remove(self:folder(id))
end

---Makes the data of a timeline, whose name the caller has locked, ready for a server.
---@param id string
function Timelines:prepare(id) history.unpack(self.owner, self:folder(id)) end

-- A base of now, where one is due.
local function add_base(self, id, retention)
  local folder, now = self:folder(id), self.now()
  if not history.due(folder, now, retention / 4) then return end
  if is_running(self, id) then
    history.add_live(self.owner, folder, self.servers[id], self.password, self.now)
  elseif cluster.control(self.owner, folder .. "/data").clean then
    history.add(self.owner, folder, now)
  end
end

---Lets go of a past that is older than it must be kept, and sees to it that what is left can be read. What nobody
---used for a while is packed.
---@param id string
---@param retention number  seconds
---@param rest number       seconds without a server until it is packed
function Timelines:tidy(id, retention, rest)
  if self.locks:is_held(id) or not self:exists(id) then return end
  local _ <close> = self:lock(id)
  local folder = self:folder(id)
  if not history.is_packed(folder) then
    add_base(self, id, retention)
    local since = self.now() - fs.stat(folder .. "/data/global/pg_control").mtime
    if not is_running(self, id) and since >= rest and cluster.control(self.owner, folder .. "/data").clean then
      history.pack(self.owner, folder, self.now())
    end
  end
  history.trim(folder, self.now() - retention, retention / 4)
end

-- What a compute or a copy was at when it was killed: data of standbys, bases that are not whole.
local attempts = { "^standby%-", "^base%.new", "^base%.plain" }

---Removes what an earlier run that was killed left inside of timelines.
function Timelines:clear()
  for _, name in ipairs(fs.list(self.owner.folder)) do
    local id = name:match "^(.+)/$"
    for _, inner in ipairs(id and fs.list(self:folder(id)) or {}) do
      for _, pattern in ipairs(attempts) do
        if inner:find(pattern) then fs.remove(("%s/%s"):format(self:folder(id), (inner:gsub("/$", "")))) end
      end
    end
  end
end

---@return string[]  names of the folders that are there
function Timelines:list()
  local names = {}
  for _, name in ipairs(fs.list(self.owner.folder)) do names[#names + 1] = name:match "^(.+)/$" end
  return names
end

---Which of some folders belong to no timeline: to one that is gone, or an attempt that a kill cut short.
---@param names string[]
---@param known table<string, any>  by id
---@return string[]
function Timelines:unknown(names, known)
  local list = {}
  for _, name in ipairs(names) do
    local id = name:gsub("%.new$", "")
    if id ~= TEMPLATE and not (known[name] or self.locks:is_held(id)) then list[#list + 1] = name end
  end
  return list
end

return timelines
