---The follower behind Neon's model: a timeline of real data for each of the model's, a PostgreSQL server for each
---endpoint while it is awake, and a door before it.
---
---cloud/postgres/: `owner` (who runs the programs, where), `cluster` (one data directory, its server), `timelines`
---and `history` (how they are made, their past), `schema`, `roles`, `compute`, `awake` (who may be), `door`, `tls`,
---`hands` (what is done at the same time).
---
---Each project is followed in a task of its own, its parents before its children: one that waits, for room say, keeps
---no other one from going on. Invariant: data goes only after a state was saved that does without it.
local awake = require "cloud.postgres.awake"
local compute = require "cloud.postgres.compute"
local core = require "core"
local door = require "cloud.postgres.door"
local fs = require "fs.core"
local hands = require "cloud.postgres.hands"
local owner = require "cloud.postgres.owner"
local timelines = require "cloud.postgres.timelines"
local tls = require "cloud.postgres.tls"

local postgres = { find = owner.find, reset = owner.reset }

local MOST = 8                -- projects that are followed at the same time, upkeep being one
local RETRY = 30              -- seconds before what could not be made is tried again
local OPERATION_RETRY = 5     -- seconds before an operation is, which may end well then
local ATTEMPTS = 4            -- of an operation
local TIDY = 60               -- seconds between looks at the past, or less where it is short
local REST = 600              -- seconds without a server until a timeline is packed

---@class cloud.Postgres.Options
---@field binaries? string     the folder of PostgreSQL's programs
---@field folder string        of the local cloud, absolute
---@field root boolean         whether Davit runs as root
---@field password string      of the clusters' own role
---@field network string       "127.x.y"
---@field authority authority.Authority
---@field awake? integer       computes at most (24)
---@field rest? number         seconds without a server until a timeline is packed (600)
---@field now fun(): number
---@field report fun(event: table)  told what the model should know
---@field saved fun()       saves the state as it is now, if that is possible
---@field again fun()       asks for another call of follow(), with the plan of then
---@field crew cloud.Crew

---What the model wants (cloud.neon.follow), parents first.
---@class cloud.Postgres.Plan
---@field timelines table[]  id, parent, at, schema_only
---@field branches table[]   id, project_id, name, timeline, former (timeline, until it is restored), history_seconds,
---roles, databases, deleted, failed (for good, what was to make it), operations (id, action, endpoint)
---@field endpoints table[]  id, branch, timeline, type, address, suspend_seconds, state, disabled

---@class cloud.Postgres
---@field computes table<string, cloud.postgres.Compute>  by endpoint
---@field doors table<string, cloud.postgres.Door>        by endpoint
---@field shut table<string, table>  by endpoint: why its door cannot be opened
---@field plan cloud.Postgres.Plan                        the newest
---@field tried table<string, number>                     when a timeline was tried last
local Postgres = {}
Postgres.__index = Postgres

-- Who may connect how. The proxy for SQL over WebSockets comes from the network's first address, with
-- passwords in clear text, as Neon's does; everybody else is asked as initdb said.
local ACCESS = [[
host all all %s.0/32 password
host all all all scram-sha-256
host replication all all scram-sha-256
]]

local function allow_access(self, network)
  local file = self.owner.folder .. "/access"
  fs.write(file, ACCESS:format(network), { mode = "0644" })
  return file
end

---@param o cloud.Postgres.Options
---@return cloud.Postgres
function postgres.new(o)
  local self = setmetatable({ binaries = o.binaries, computes = {}, doors = {}, shut = {}, tried = {}, crew = o.crew,
    report = o.report, saved = o.saved, now = o.now, password = o.password, specs = {}, failures = {}, swept = "",
    rest = o.rest or REST,
    hands = hands.new(MOST, o.crew.spawn, o.again), tidied = core.monotonic() }, Postgres)
  if not o.binaries then return self end
  self.owner = owner.new(o.binaries, o.folder, o.root)
  self.access = allow_access(self, o.network)
  self.timelines = timelines.new { owner = self.owner, password = o.password, network = o.network,
    access = self.access, crew = o.crew, now = o.now }
  self.tls, self.awake = tls.new(self.owner, o.authority), awake.new(o.awake)
  function self.ensure(timeline)
    if self.specs[timeline] then self.timelines:make(self.specs[timeline]) end
  end
  function self.primary(timeline)
    for _, one in pairs(self.computes) do
      if one.endpoint.timeline == timeline and not one:is_standby() then return one end
    end
  end
  return self
end

-- ---- timelines --------------------------------------------------------------------------------

local function missing()
  failure { code = "postgres-missing",
    message = "there is no PostgreSQL on this machine for the local databases",
    hint = "install the PostgreSQL server, or say where its programs are" }
end

-- One that could not be made is tried again when an operation asks for it, or after a while.
local function make(self, timeline, asked)
  if not self.binaries then missing() end
  if self.timelines:exists(timeline.id) then return end
  if not asked and core.monotonic() - (self.tried[timeline.id] or -RETRY) < RETRY then return end
  self.tried[timeline.id] = core.monotonic()
  self.timelines:make(timeline)
end

local function log_of(self, name, err)
  if not self.binaries then return end
  self.crew.log(("branch %s: %s%s"):format(name, err.message, err.hint and "; " .. err.hint or ""))
end

local function unless_cancelled(err)
  if err and err.class == "cancelled" then error(err, 0) end
  return err
end

-- What is tried again and again is said now and then.
local function complain(self, id, name, err)
  if core.monotonic() - (self.tried[id] or -RETRY) < RETRY then return end
  self.tried[id] = core.monotonic()
  log_of(self, name, err)
end

-- What goes wrong with one must not keep the others from what is theirs.
local function guard(self, id, name, f, ...)
  local _, err = try(f, ...)
  if unless_cancelled(err) then complain(self, id, name, err) end
end

-- A timeline is needed by the branches that have it, by those that go back to it should a restore fail, and by
-- those that are to be made of it. Once they are made, they have its past for themselves.
local function needed(self, plan)
  local set = {}
  for _, branch in ipairs(plan.branches) do
    set[branch.timeline] = true
    if branch.former then set[branch.former] = true end
  end
  for i = #plan.timelines, 1, -1 do
    local timeline = plan.timelines[i]
    local waits = set[timeline.id] and timeline.parent and self.binaries and not self.timelines:exists(timeline.id)
    if waits then set[timeline.parent] = true end
  end
  return set
end

-- Which timelines operations ask for, those included that they are to be made of.
local function asked_for(plan)
  local asked = {}
  for _, branch in ipairs(plan.branches) do
    if #branch.operations > 0 and not branch.deleted then asked[branch.timeline] = true end
  end
  for i = #plan.timelines, 1, -1 do
    local timeline = plan.timelines[i]
    if asked[timeline.id] and timeline.parent then asked[timeline.parent] = true end
  end
  return asked
end

-- What went wrong, by timeline.
local function make_all(self, plan, wanted)
  local asked, failed = asked_for(plan), {}
  for _, timeline in ipairs(plan.timelines) do
    if wanted[timeline.id] then
      local _, err = try(make, self, timeline, asked[timeline.id])
      failed[timeline.id] = unless_cancelled(err)
    end
  end
  return failed
end

local function key_of(set)
  local names = {}
  for id in pairs(set) do names[#names + 1] = id end
  return table.concat(names, " ")
end

-- What was there before the plan that it is held against has been looked at for long: others make timelines meanwhile.
local function sweep(self)
  if key_of(needed(self, self.plan)) == self.swept then return end
  local there = self.timelines:list()
  local wanted = needed(self, self.plan)
  local gone = self.timelines:unknown(there, wanted)
  if #gone > 0 then self.saved() end
  for _, id in ipairs(gone) do self.timelines:remove(id) end
  self.swept = key_of(wanted)
end

-- ---- endpoints --------------------------------------------------------------------------------

local function open_door(self, endpoint, branch)
  local one = compute.new(self, endpoint, branch)
  self.doors[endpoint.id] = door.open(one, self.crew)
  self.computes[endpoint.id] = one
end

local function close_door(self, id)
  self.doors[id]:close()
  local one = self.computes[id]
  self.computes[id], self.doors[id] = nil, nil
  one:retire()
  self.tls:forget(id)
end

local function moved(one, endpoint)
  return one.endpoint.timeline ~= endpoint.timeline or one.endpoint.address ~= endpoint.address
end

-- A compute whose branch got another timeline ends with all its sessions, and wakes on the new one.
local function adapt(self, endpoint, branch)
  local one = self.computes[endpoint.id]
  if one and one.endpoint.address ~= endpoint.address then
    close_door(self, endpoint.id)
    one = nil
  end
  if not one then return open_door(self, endpoint, branch) end
  if moved(one, endpoint) or endpoint.disabled then one:suspend() end
  one.endpoint, one.branch = endpoint, branch
end

-- Where no door can be opened connections lead elsewhere: nothing may say that the endpoint is there.
local function follow_endpoint(self, endpoint, branch)
  local _, err = try(adapt, self, endpoint, branch)
  self.shut[endpoint.id] = unless_cancelled(err)
  if err then complain(self, endpoint.id, branch.name, err) end
end

-- Others open and close doors while one of them is closed.
local function computes_of(self, project)
  local list = {}
  for _, one in pairs(self.computes) do
    if not project or one.branch.project_id == project then list[#list + 1] = one end
  end
  return list
end

-- Whoever was told of an endpoint may connect at once. Work that goes on is of an older plan, and would close it.
local function open_doors(self, plan)
  local branches = {}
  for _, branch in ipairs(plan.branches) do branches[branch.id] = branch end
  for _, endpoint in ipairs(plan.endpoints) do
    local branch = branches[endpoint.branch]
    if not branch.deleted and not self.computes[endpoint.id] then follow_endpoint(self, endpoint, branch) end
  end
end

local function follow_endpoints(self, plan, branches)
  local living = {}
  for _, endpoint in ipairs(plan.endpoints) do
    local branch = branches[endpoint.branch]
    if branch and not branch.deleted then
      living[endpoint.id] = true
      follow_endpoint(self, endpoint, branch)
    end
  end
  for _, one in ipairs(computes_of(self, plan.project)) do
    local id = one.endpoint.id
    if not living[id] then guard(self, id, one.branch.name, close_door, self, id) end
  end
end

-- ---- operations -------------------------------------------------------------------------------

local function has(operations, action, endpoint)
  for _, operation in ipairs(operations) do
    if operation.action == action and (not endpoint or operation.endpoint == endpoint) then return true end
  end
  return false
end

-- What the operations of a branch ask of its computes. An idle one learns of roles and databases when it wakes.
local function carry_out(self, plan, branch)
  for _, endpoint in ipairs(plan.endpoints) do
    local shut, one = self.shut[endpoint.id], endpoint.branch == branch.id and self.computes[endpoint.id]
    if endpoint.branch == branch.id and shut then error(shut, 0) end
    if one then
      if endpoint.state == "idle" or has(branch.operations, "suspend_compute", endpoint.id) then one:suspend() end
      if endpoint.state == "active" and not endpoint.disabled then one:wake() end
      one:apply()
    end
  end
end

local function remove(self, plan, branch)
  for _, other in ipairs(plan.branches) do
    if other.timeline == branch.timeline and not other.deleted then return end
  end
  if not self.binaries or not has(branch.operations, "delete_timeline") then return end
  self.saved()
  self.timelines:remove(branch.timeline)
end

-- What may end well later is tried again, as Neon does, for a while.
local function retry_of(self, operation, err)
  local failures = (self.failures[operation.id] or 0) + 1
  self.failures[operation.id] = failures
  if err.class == "transient" and failures < ATTEMPTS then return self.now() + OPERATION_RETRY end
end

-- A branch whose restore has failed is what it was as soon as anybody is told so.
local function go_back(self, branch)
  for _, one in pairs(self.computes) do
    if one.branch.id == branch.id and not one:is_up() then one.endpoint.timeline = branch.former end
  end
end

local function report(self, branch, operation, err, lsn)
  if err then
    local retry_at = retry_of(self, operation, err)
    if branch.former and not retry_at then go_back(self, branch) end
    self.report { operation = operation.id, status = "failed", error = err.message, retry_at = retry_at }
  else
    self.failures[operation.id] = nil
    self.report { operation = operation.id, status = "finished", lsn = lsn }
  end
end

-- A branch that could not be made, and is there now.
local function tell_late(self, branch)
  if not branch.failed or branch.deleted or not self.timelines:exists(branch.timeline) then return end
  self.report { timeline = branch.timeline, made = true, lsn = self.timelines:origin(branch.timeline) }
end

-- Which one of a chain goes wrong: that which makes the data, or that which does something with it, even where all
-- is tried at once.
local function culprit(operations, made)
  for i, operation in ipairs(operations) do
    local makes = operation.action == "create_branch" or operation.action == "create_timeline"
    local acts = operation.action == "start_compute" or operation.action == "delete_timeline"
    if not made and makes or made and acts then return i end
  end
  return 1
end

-- A failure is the operation's outcome, and said aloud where no operation waits for it.
local function settle(self, plan, branch, err)
  local made = not err
  if made and #branch.operations > 0 then
    err = unless_cancelled(select(2, try(branch.deleted and remove or carry_out, self, plan, branch)))
  end
  local lsn = made and self.binaries and self.timelines:origin(branch.timeline) or nil
  local last = err and math.min(culprit(branch.operations, made), #branch.operations) or #branch.operations
  for i = 1, last do   -- those behind one that fails wait for it
    report(self, branch, branch.operations[i], i == last and err or nil, lsn)
  end
  if err then log_of(self, branch.name, err) end
end

-- ---- the whole --------------------------------------------------------------------------------

local function follow_project(self, plan)
  local branches = {}
  for _, branch in ipairs(plan.branches) do branches[branch.id] = branch end
  if self.binaries then follow_endpoints(self, plan, branches) end
  local failed = make_all(self, plan, needed(self, plan))
  for _, branch in ipairs(plan.branches) do
    local err = not branch.deleted and failed[branch.timeline] or nil
    if #branch.operations > 0 or err and self.binaries then settle(self, plan, branch, err) end
    if self.binaries then tell_late(self, branch) end
  end
end

-- By project. One that is gone may have doors left.
local function parts_of(self, plan)
  local parts, owners, shut = {}, {}, {}
  local function part(id)
    parts[id] = parts[id] or { project = id, timelines = plan.timelines, branches = {}, endpoints = {} }
    return parts[id]
  end
  for _, branch in ipairs(plan.branches) do
    owners[branch.id] = part(branch.project_id)
    table.insert(owners[branch.id].branches, branch)
  end
  for _, endpoint in ipairs(plan.endpoints) do
    table.insert(owners[endpoint.branch].endpoints, endpoint)
    shut[endpoint.id] = self.shut[endpoint.id]
  end
  for _, one in ipairs(computes_of(self)) do part(one.branch.project_id) end
  self.shut = shut
  return parts
end

---Brings all of it in line with what the model wants, in tasks of its own, and reports every operation that has ended.
---@param plan cloud.Postgres.Plan
---@return boolean all  false: what is to be done goes on for some; `again` is called when it is their turn
function Postgres:follow(plan)
  self.plan, self.specs = plan, {}
  for _, timeline in ipairs(plan.timelines) do self.specs[timeline.id] = timeline end
  local parts, projects = parts_of(self, plan), {}
  for id in pairs(parts) do projects[#projects + 1] = id end
  self.hands:sort(projects)
  local all = true
  for _, id in ipairs(projects) do
    if self.binaries and not self.hands:is_busy(id) then open_doors(self, parts[id]) end
    all = self.hands:take(id, function() follow_project(self, parts[id]) end) and all
  end
  return all
end

---Waits until nothing is being done.
function Postgres:wait() self.hands:wait() end

---Says what a new start means: no compute is awake. What one that was killed left behind goes.
---@param plan cloud.Postgres.Plan
function Postgres:resume(plan)
  if not self.binaries then return end
  self.plan = plan
  guard(self, "sweep", "of old", sweep, self)
  guard(self, "tls", "of old", self.tls.clear, self.tls)
  guard(self, "attempts", "of old", self.timelines.clear, self.timelines)
  for _, endpoint in ipairs(plan.endpoints) do
    if endpoint.state == "active" then self.report { endpoint = endpoint.id, state = "idle" } end
  end
end

-- Without any history it is still looked at now and then.
local function retention_of(branch) return branch.history_seconds > 0 and branch.history_seconds or TIDY end

-- Where a past is short, it is looked after more often.
local function is_time_to_tidy(self, plan)
  local every = math.min(TIDY, self.rest / 2)
  for _, branch in ipairs(plan.branches) do every = math.min(every, retention_of(branch) / 8) end
  if core.monotonic() - self.tidied < every then return false end
  self.tidied = core.monotonic()
  return true
end

local function tidy(self, plan)
  for _, one in ipairs(computes_of(self)) do guard(self, one.endpoint.id, one.branch.name, one.measure, one) end
  local lines = self.timelines
  for _, branch in ipairs(plan.branches) do
    if not branch.deleted then
      guard(self, branch.id, branch.name, lines.tidy, lines, branch.timeline, retention_of(branch), self.rest)
    end
  end
end

local function upkeep(self, plan)
  guard(self, "sweep", "of old", sweep, self)
  self.awake:sweep(function(one, f, ...) guard(self, one.endpoint.id, one.branch.name, f, ...) end)
  if is_time_to_tidy(self, plan) then tidy(self, plan) end
end

---What time alone changes: computes that nobody uses are suspended, a past that is too old goes, and what nobody
---wants any more.
---@param plan cloud.Postgres.Plan
function Postgres:sweep(plan)
  if self.binaries then self.hands:take("upkeep", function() upkeep(self, plan) end) end
end

---@return { name: string, pid?: integer }[]  the servers that run
function Postgres:list()
  local list = {}
  for _, one in pairs(self.computes) do
    if one:runs() then list[#list + 1] = { name = one.server.service.name, pid = one.server.service.pid } end
  end
  return list
end

return postgres
