---Going back in production: which Workers to which version, what that cannot undo, and the database. The methods are
---flow.Environment's (lua/flow.lua).
local clock = require "cloud.clock"
local cloudflare = require "cloudflare"
local commit = require "flow.commit"
local core = require "core"
local log = require "log"
local neon = require "neon"
local options = require "options"
local planned = require "run.planned"
local put = require "flow.put"

local back = { methods = {} }

-- What went wrong decides what has to go back: the decision tree of the guide, as it is asked for with --why.
local reasons = {
  code = { database = false, says = "a fault in the code: the Workers go back, the data stays" },
  migration = { database = false, says = "a migration that the Workers before it can live with: the Workers go back, "
    .. "the schema stays" },
  data = { database = true,
    says = "data is damaged: the database goes back to a moment before, and all Workers use it" },
}

local misuse = options.usage

-- What belongs to the one way back, and not to the other.
local function check_options(why, database, o)
  if database and not o.time then
    misuse("the database goes back to a moment, and none is named",
      "--time 2026-01-31T12:00:00Z; 'davit show RUN' and the issue of the failed deploy have the last good one")
  end
  if database and not clock.parse(o.time) then
    misuse(("--time is a moment such as 2026-01-31T12:00:00Z, not '%s'"):format(o.time))
  end
  if o.time and not database then misuse("--time is for the database, which stays as it is with --why " .. why) end
  if database and (o.worker or o.version) then
    misuse("--worker and --version are for Workers alone: with the database all of them are deployed anew")
  end
  if o.version and not o.worker then misuse "--version is one Worker's: name it with --worker" end
end

---@param why string  "code", "migration" or "data"
---@param o { time?: string, breaking?: boolean, worker?: string, version?: string }
---@return { database: boolean, says: string }
function back.decide(why, o)
  local reason = reasons[why]
  if not reason then misuse(("--why is code, migration or data, not '%s'"):format(why)) end
  local database = reason.database or why == "migration" and o.breaking or false
  check_options(why, database, o)
  return { database = database,
    says = database and why == "migration"
      and "a migration that breaks the Workers before it: the database goes back, too" or reason.says }
end

-- ---- Workers -----------------------------------------------------------------------------------------

---@param env flow.Environment
---@param name? string  one Worker of davit.yaml (all)
---@return flow.Worker[]
function back.chosen(env, name)
  if not name then return env.workers end
  local known = {}
  for i, worker in ipairs(env.workers) do
    if worker.name == name then return { worker } end
    known[i] = worker.name
  end
  local near = core.nearest(name, known)
  misuse(("no Worker is called '%s'%s"):format(name, near and (", did you mean '%s'?"):format(near) or ""))
end

local function no_way_back(worker, message, hint)
  failure { code = "no-way-back", class = "fatal", about = worker.script, message = message, hint = hint }
end

-- Where a Worker goes: the version that was named, else the last good one.
local function version_of(env, worker, version)
  if not version then
    local good = env.cloudflare.last_good(worker.script, env.marker)
    return good and good.version or no_way_back(worker,
      ("the Worker %s has no earlier version that was good and could be deployed"):format(worker.script),
      "deploy a commit that works; name another Worker with --worker, or one of its versions with --version")
  end
  for _, one in ipairs(env.cloudflare.versions(worker.script)) do
    if one.id == version then return version end
  end
  no_way_back(worker, ("the Worker %s has no version %s that could be deployed"):format(worker.script, version),
    "'wrangler versions list' shows the newest ones; of older ones the commit has to be deployed anew")
end

---@class flow.Target  where a Worker goes back to
---@field name string     of davit.yaml
---@field script string
---@field from? string    the version that serves
---@field from_tag? string
---@field to string       the version that will
---@field tag? string
---@field since? string   when it was made
---@field serves_as? string  what it says of itself at its health's address

local function target_of(env, worker, version, now)
  local to = version_of(env, worker, version)
  local found = env.cloudflare.find_version(worker.script, to) or {}
  return { name = worker.name, script = worker.script, from = now.version, from_tag = now.tag, to = to, tag = found.tag,
    since = found.created, serves_as = (found.variables or {}).VERSION }
end

local RELEASE <const> = "release "

---What a deployment of a run says of itself, so that those which came together are known.
---@param sha string
---@param run string  its id
---@return string
function back.release(sha, run) return ("%s%s by %s"):format(RELEASE, sha:sub(1, 8), run) end

local function says_stays(worker)
  local why = "the newest release did not change it"
  if not planned.tell("skip", worker.script, why) then log.info(("%s stays: %s"):format(worker.script, why)) end
end

-- The Workers that the newest release has changed. What it left alone would go to the release before it, and nobody
-- ever ran that beside the others. All, where what came last is no release of Davit's.
local function of_newest_release(workers, serving)
  local newest, list = {}, {}
  for _, now in pairs(serving) do
    if (now.came or "") > (newest.came or "") then newest = now end
  end
  if (newest.message or ""):sub(1, #RELEASE) ~= RELEASE then return workers end
  for _, worker in ipairs(workers) do
    if serving[worker.name].message == newest.message then list[#list + 1] = worker else says_stays(worker) end
  end
  return list
end

---To which version each Worker goes; all are looked at before one is changed.
---@param worker? string    one of davit.yaml (those that the newest release has changed)
---@param version? string   of that one (what it served before)
---@return flow.Target[]
function back.methods:rollback_targets(worker, version)
  local list, serving, chosen = {}, {}, back.chosen(self, worker)
  for _, one in ipairs(chosen) do serving[one.name] = self.cloudflare.serving(one.script) or {} end
  if not worker then chosen = of_newest_release(chosen, serving) end
  for i, one in ipairs(chosen) do list[i] = target_of(self, one, version, serving[one.name]) end
  return list
end

---Sends all traffic of a Worker to a version, and waits for nothing.
---@param target flow.Target
---@param force? boolean  also across changed secrets
function back.methods:roll_back(target, force)
  local done, err = try(self.cloudflare.rollback, { worker = target.script, marker = self.marker, version = target.to,
    force = force, message = "davit rollback" })
  if err and err.code == "cloudflare-10220" then
    err.hint = "secrets were changed since that version: with --force it serves with those that it had"
  end
  if err then error(err, 0) end
  return { from = done.from, to = done.version, changed = done.changed }
end

-- What deploys of Davit call a version ends in digits of its settings, secrets and database (flow/workers.lua).
local function settings_in(tag) return tag and tag:match "^%x+%-(%x+)$" end

local function about_secrets(target)
  local now, past = settings_in(target.from_tag), settings_in(target.tag)
  if now and now == past then return "its secrets and settings are those of now" end
  return "it has the secrets and settings of its time: refused where secrets were changed since, unless --force"
end

---What a plan says of rolling a Worker back.
---@param target flow.Target
---@return "keep"|"change" action, string why
function back.plan(target)
  if target.from == target.to then return "keep", "it serves version " .. target.to end
  local function called(id, tag) return tag and ("%s (%s)"):format(id, tag) or id end
  return "change", ("%s: version %s, after %s; %s"):format(target.script, called(target.to, target.tag),
    target.from and called(target.from, target.from_tag) or "several that share the traffic", about_secrets(target))
end

---Takes back that a Worker got another version: what served before it has all traffic again, with its own secrets.
---Whoever has deployed since, or has gone back, is left alone.
---@param target { script: string, from?: string, to?: string }  to: what it serves by now, where that is known
function back.methods:serve_again(target)
  local serves = (self.cloudflare.serving(target.script) or {}).version
  if serves and (serves == target.from or target.to and serves ~= target.to) then return end
  if not target.from then
    failure { code = "no-way-back", about = target.script,
      message = ("the traffic of the Worker %s was split before"):format(target.script),
      hint = "nothing was changed; davit rollback --worker NAME --version ID gives all of it to one version" }
  end
  self.cloudflare.rollback { worker = target.script, marker = self.marker, version = target.from, force = true,
    message = "it was taken back" }
end

---The host of a Worker on workers.dev, where there is no zone.
---@param worker flow.Worker
---@return string
function back.methods:workers_dev_host(worker)
  return put.there(self.cloudflare.workers_dev { worker = worker.script, marker = self.marker }).host
end

---What going back does not undo, for whoever has to decide.
---@param env flow.Environment
---@param decision { database: boolean }
---@param o { time?: string }
---@return string[]
function back.stays(env, decision, o)
  local list = {}
  if decision.database then
    list[1] = ("everything that was written after %s is lost to the Workers (the branch '%s' keeps it)"):format(o.time,
      env.branch_name)
  else
    list[1] = "the database: its schema and its data are what they are now"
  end
  for _, one in ipairs(cloudflare.rollback_reach.stays) do list[#list + 1] = one end
  return list
end

---Says it before anything is done: as a warning, in a plan as part of that.
---@param decision { says: string }
---@param list string[]  of back.stays
function back.say_stays(decision, list)
  for _, text in ipairs(list) do planned.tell("stays", text) end
  if planned.active() then return end
  log.warn(("rollback: %s. It does not bring back: %s"):format(decision.says, table.concat(list, "; ")))
end

-- ---- the database ------------------------------------------------------------------------------------

---The commit whose code the Workers get together with the database: what is checked out, unchanged.
---@return { sha: string }
function back.methods:commit_here()
  local here = commit.checked_out(self.project.root)
  if here and here.clean then return { sha = here.sha } end
  misuse(here and "files differ from the commit that is checked out" or "the project is no checkout of git",
    "the Workers are deployed anew with the database: check out the commit that they shall have")
end

---What each Worker serves now: where a failure leads back to.
---@return table<string, { version: string, tag?: string }>
function back.methods:served_now()
  local list = {}
  for _, worker in ipairs(self.workers) do
    local now = self.cloudflare.serving(worker.script)
    if now and now.version then list[worker.name] = { version = now.version, tag = now.tag } end
  end
  return list
end

---A branch of the database as it was at a moment, as run.ensure takes it. It is never swept: somebody deletes it when
---the incident is over.
---@param time string
---@param epoch integer  when the rollback began
function back.methods:restored_branch(time, epoch)
  return self.neon.branch { name = neon.names.emergency_restore(epoch), parent = self.branch_name,
    marker = self.marker, at = { time = time } }
end

---Says where the next deploy looks for its database.
---@param env flow.Environment
---@param branch { name: string }
function back.say_next(env, branch)
  log.warn(("davit.yaml still says environments.%s.database: %s, and the next deploy goes there; name %s instead")
    :format(env.kind, env.branch_name, branch.name))
end

return back
