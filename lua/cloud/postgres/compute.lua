---A compute: the PostgreSQL server of one endpoint. It wakes when it is asked for and is suspended when it is idle
---(cloud.postgres.awake says when); a read-only one is a hot standby of its timeline's primary.
---
---A standby's data is copied from the primary when it wakes and removed when it is suspended: it is then always
---complete, and costs nothing while nobody reads. Its primary is awake while it is.
local cluster = require "cloud.postgres.cluster"
local condition = require "condition"
local core = require "core"
local fs = require "fs.core"
local roles = require "cloud.postgres.roles"
local sql = require "sql"
local task = require "task"
local tcp = require "tcp.core"

local compute = { PORT = 5433 }   -- behind the door, which has 5432

local CATCH_UP = 30               -- seconds until a standby must have what its primary had
local LOOK = 0.02
local GRACE = 3                   -- seconds without a byte until a connection is idle

---@class cloud.postgres.Compute
---@field endpoint table     as the model lists it: id, type, address, timeline, suspend_seconds, disabled
---@field branch table       name, roles, databases
---@field state "idle"|"starting"|"active"|"stopping"
---@field server? cloud.postgres.Server
---@field relays table<integer, tcp.Relay>  who is connected
---@field connections integer  that there were
---@field coming integer     who is about to be
---@field used number        monotonic seconds when somebody came or went last
local Compute = {}
Compute.__index = Compute

---@class cloud.postgres.Plane  what computes share
---@field owner cloud.postgres.Owner
---@field timelines cloud.postgres.Timelines
---@field tls cloud.postgres.Tls
---@field awake cloud.postgres.Awake
---@field password string
---@field access string
---@field crew cloud.Crew
---@field specs table<string, cloud.postgres.Timeline>
---@field primary fun(timeline: string): cloud.postgres.Compute|nil
---@field ensure fun(timeline: string)  makes one that is not there
---@field report fun(event: table)
---@field now fun(): number

---@param plane cloud.postgres.Plane
---@return cloud.postgres.Compute
function compute.new(plane, endpoint, branch)
  return setmetatable({ plane = plane, endpoint = endpoint, branch = branch, state = "idle", relays = {},
    connections = 0, coming = 0, used = core.monotonic(), changed = condition.new() }, Compute)
end

function Compute:is_standby() return self.endpoint.type == "read_only" end

---@return boolean
function Compute:runs() return self.server ~= nil and cluster.runs(self.server) end

---@return boolean  that it runs or is about to
function Compute:is_up() return self.state == "starting" or self.state == "stopping" or self:is_active() end

---@return boolean  that it may be connected to
function Compute:is_active() return self.state == "active" and self:runs() end

local function say(self, state)
  self.state = state
  self.changed:notify()
  local used = state == "active" and self.plane.now() or nil
  self.plane.report { endpoint = self.endpoint.id, state = state, used = used }
end

-- ---- starting ---------------------------------------------------------------------------------

local function start_server(self, data, more)
  local file = self.plane.tls:of(self.endpoint)
  local with = { "ssl=on", "ssl_cert_file=" .. file, "ssl_key_file=" .. file }
  table.move(more, 1, #more, #with + 1, with)
  return cluster.start(self.plane.owner, { name = "postgres " .. self.branch.name, data = data,
    address = self.endpoint.address, port = compute.PORT, access = self.plane.access, settings = with,
    crew = self.plane.crew })
end

local function reconciled_file(self) return self.plane.timelines:folder(self.endpoint.timeline) .. "/reconciled" end

-- At a position of the log the model does not know what there was: that position is the cluster's own.
local function is_exact(self)
  local spec = self.plane.specs[self.endpoint.timeline]
  return spec ~= nil and not (spec.at and spec.at.lsn)
end

-- Asking the cluster costs a session; a file tells whether there is anything to ask.
local function reconcile(self)
  local wanted = { timeline = self.endpoint.timeline, roles = self.branch.roles, databases = self.branch.databases,
    exact = is_exact(self) }
  local file, digest = reconciled_file(self), roles.digest(wanted)
  if fs.exists(file) and fs.read(file) == digest then return end
  roles.reconcile(self.server, self.plane.password, wanted)
  fs.write(file, digest, { mode = "0600" })
end

local function start_primary(self)
  local timelines, id = self.plane.timelines, self.endpoint.timeline
  self.plane.awake:enter(self)
  self.plane.ensure(id)
  local _ <close> = timelines:lock(id)
  timelines:prepare(id)
  self.server = start_server(self, timelines:data(id), {})
  timelines.servers[id] = self.server
  reconcile(self)
end

-- ---- standbys ---------------------------------------------------------------------------------

local function standby_folder(self)
  return ("%s/standby-%s"):format(self.plane.timelines:folder(self.endpoint.timeline), self.endpoint.id)
end

-- With -R the copy knows how to reach its primary, in a file that only its owner reads.
local STANDBY = [[
rm -rf "$5"
"$1/pg_basebackup" --host="$2" --port="$3" --username="$4" --pgdata="$5" --write-recovery-conf --checkpoint=fast \
  --wal-method=fetch --no-sync --no-manifest
]]

local function position(server, password, question)
  local session <close> = cluster.session(server, password)
  return session:query(("select %s as lsn"):format(question)).rows[1].lsn
end

local function catch_up(self, primary)
  local password = self.plane.password
  local wanted = position(primary.server, password, "pg_current_wal_lsn()::text")
  for _ = 1, CATCH_UP / LOOK do
    if position(self.server, password, ("pg_last_wal_replay_lsn() >= '%s'"):format(wanted)) == true then return end
    sleep(LOOK)
  end
  failure { code = "postgres-standby", about = self.branch.name,
    message = ("the read-only compute of branch %s does not catch up with its primary"):format(self.branch.name) }
end

local function start_standby(self)
  local plane, id = self.plane, self.endpoint.timeline
  local primary = plane.primary(id)
  if not primary then
    failure { code = "postgres-standby", about = self.branch.name, message = ("branch %s has no read-write compute, "
      .. "which its read-only one follows"):format(self.branch.name), hint = "add a read_write endpoint to the branch" }
  end
  local _ <close> = primary:hold()
  plane.awake:enter_behind(self, primary)
  local _ <close> = plane.timelines:lock(id)
  plane.owner:run("copying branch " .. self.branch.name, { "sh", "-ceu", STANDBY, "sh", plane.owner.binaries,
    primary.server.address, tostring(primary.server.port), cluster.ADMIN, standby_folder(self) },
    { env = { PGPASSWORD = plane.password } })
  self.server = start_server(self, standby_folder(self), { "wal_keep_size=0", "hot_standby=on" })
  catch_up(self, primary)
end

-- ---- waking and suspending --------------------------------------------------------------------

local function stop_server(self)
  local id = self.endpoint.timeline
  if self.server then cluster.stop(self.server) end
  if self:is_standby() then fs.remove(standby_folder(self))
  elseif self.plane.timelines.servers[id] == self.server then self.plane.timelines.servers[id] = nil end
  self.server = nil
end

local function start(self)
  if self:is_standby() then return start_standby(self) end
  start_primary(self)
end

-- One that is being started or stopped is waited for.
local function settle(self)
  while self.state == "starting" or self.state == "stopping" do self.changed:wait() end
end

---Starts it, unless it is active; returns when it may be connected to.
function Compute:wake()
  settle(self)
  if self:is_active() then return end
  if self.retired then
    failure { code = "postgres-gone", about = self.branch.name, message = "the endpoint was deleted" }
  end
  self.state = "starting"
  local _, err = try(function()
    if self.server then stop_server(self) end   -- of one that was killed
    start(self)
  end)
  self.used = core.monotonic()
  if not err then return say(self, "active") end
  task.shield(stop_server, self)
  say(self, "idle")
  error(err, 0)
end

---Brings roles and databases of one that is awake in line with the model.
function Compute:apply()
  settle(self)
  if self:is_active() and not self:is_standby() then reconcile(self) end
end

local BUSY = [[select count(*)::int as n from pg_stat_activity
where usename <> $1 and (backend_type = 'walsender' or backend_type = 'client backend' and state <> 'idle')]]

-- Whether statements or transactions are under way, however quietly. Who cannot be asked may be busy.
local function is_busy(self)
  if not self:is_connected() then return false end
  local found = try(function()
    local session <close> = cluster.session(self.server, self.plane.password)
    return session:query(BUSY, { cluster.ADMIN }).rows[1].n
  end)
  return found == nil or found > 0
end

local function stop(self)
  if not self.server then return end
  self.state = "stopping"
  local _, err = try(function()
    local _ <close> = self.plane.timelines:lock(self.endpoint.timeline)
    stop_server(self)
  end)
  say(self, "idle")
  if err then error(err, 0) end
end

---Ends it, if it runs; who is connected is disconnected.
function Compute:suspend()
  settle(self)
  try(self.measure, self)
  settle(self)   -- somebody else may have been quicker
  stop(self)
end

-- A client that is just logging in is not idle.
local function is_unused(self, seconds)
  local least = self:is_connected() and math.max(seconds, GRACE) or seconds
  return self:is_active() and self.coming == 0 and self:idle() >= least
end

---Ends it if nobody used it for some time. Somebody may begin to while its server is asked about it.
---@param seconds number
---@return boolean ended
function Compute:rest(seconds)
  if not is_unused(self, seconds) or is_busy(self) then return false end
  try(self.measure, self)
  if not is_unused(self, seconds) then return false end
  stop(self)
  return true
end

---Ends it for good: its endpoint is gone.
function Compute:retire()
  self.retired = true
  self:suspend()
end

local FIGURES = [[select sum(pg_database_size(oid))::bigint as size,
  pg_wal_lsn_diff(pg_current_wal_insert_lsn(), $1::text::pg_lsn)::bigint as written
from pg_database where datallowconn and not datistemplate]]

---Tells the model how many bytes the databases hold, how many were written to their log since it left the parent's,
---and when it was used.
function Compute:measure()
  if not self:is_active() then return end
  local plane, timeline = self.plane, self.endpoint.timeline
  plane.report { endpoint = self.endpoint.id, used = plane.now() - self:idle() }
  if self:is_standby() then return end
  local session <close> = cluster.session(self.server, plane.password)
  local row = session:query(FIGURES, { plane.timelines:origin(timeline) or sql.null }).rows[1]
  plane.report { timeline = timeline, size = row.size, written = row.written }
end

---Takes notice of a server that has ended by itself.
function Compute:notice_lost()
  if self.state == "active" and not self:runs() then say(self, "idle") end
end

-- ---- its use ----------------------------------------------------------------------------------

---Keeps it from being suspended for want of use.
---@return table held  for a `<close>` variable
function Compute:hold()
  self.coming = self.coming + 1
  return setmetatable({}, { __close = function()
    self.coming, self.used = self.coming - 1, core.monotonic()
  end })
end

---Joins a client and the server until both have ended, or the compute is suspended.
---@param client tcp.Connection
---@param server tcp.Connection
function Compute:join(client, server)
  local relay <close> = tcp.relay(client, server)
  self.connections = self.connections + 1
  local number = self.connections
  local _ <close> = setmetatable({}, { __close = function()
    self.relays[number], self.used = nil, core.monotonic()
  end })
  self.relays[number] = relay
  relay:wait()
end

---@return boolean
function Compute:is_connected() return next(self.relays) ~= nil end

---@return number seconds  since something was done on a connection, or one came or went
function Compute:idle()
  local least = core.monotonic() - self.used
  for _, relay in pairs(self.relays) do least = math.min(least, relay:idle() or 0) end
  return self.coming > 0 and 0 or least
end

return compute
