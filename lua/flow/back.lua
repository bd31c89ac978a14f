---Going back in production: which Workers to which version, what that cannot undo, and the database. The methods are
---flow.Environment's (lua/flow.lua).
local cloudflare = require "cloudflare"
local core = require "core"
local neon = require "neon"

local back = { methods = {} }

-- What went wrong decides what has to go back: the decision tree of the guide, as it is asked for with --why.
local reasons = {
  code = { database = false, says = "a fault in the code: the Workers go back, the data stays" },
  migration = { database = false, says = "a migration that the Workers before it can live with: the Workers go back, "
    .. "the schema stays" },
  data = { database = true, says = "data is damaged: the database goes back to a moment before, and all Workers "
    .. "use it" },
}

local function misuse(message, hint)
  failure { code = "usage", class = "misuse", message = message, hint = hint }
end

---@param why string  "code", "migration" or "data"
---@param o { time?: string, breaking?: boolean }
---@return { database: boolean, says: string }
function back.decide(why, o)
  local reason = reasons[why]
  if not reason then misuse(("--why is code, migration or data, not '%s'"):format(why)) end
  local database = reason.database or why == "migration" and o.breaking or false
  if database and not o.time then
    misuse("the database goes back to a moment, and none is named",
      "--time 2026-01-31T12:00:00Z; 'davit show RUN' and the issue of the failed deploy have the last good one")
  end
  if o.time and not database then misuse("--time is for the database, which stays as it is with --why " .. why) end
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

local function target_of(env, worker, version)
  local now = env.cloudflare.serving(worker.script) or {}
  if version then return { from = now.version, to = version } end
  local good = env.cloudflare.last_good(worker.script, env.marker)
  if not good then
    failure { code = "no-way-back", class = "fatal", about = worker.script,
      message = ("the Worker %s has no earlier version that could be deployed"):format(worker.script),
      hint = "deploy a commit that works, or name another Worker with --worker" }
  end
  return { from = now.version, to = good.version, tag = good.tag, since = good.created }
end

---To which version each Worker goes; all are looked at before one is changed.
---@param worker? string    one of davit.yaml (all)
---@param version? string   of that one (what it served before)
---@return { name: string, script: string, from?: string, to: string, tag?: string }[]
function back.methods:rollback_targets(worker, version)
  if version and not worker then misuse "--version is one Worker's: name it with --worker" end
  local list = {}
  for i, one in ipairs(back.chosen(self, worker)) do
    list[i] = target_of(self, one, version)
    list[i].name, list[i].script = one.name, one.script
  end
  return list
end

---Sends all traffic of a Worker to a version, and waits for nothing.
---@param target { script: string, to: string }
---@param force? boolean  also across changed secrets
function back.methods:roll_back(target, force)
  return self.cloudflare.rollback { worker = target.script, marker = self.marker, version = target.to, force = force,
    message = "davit rollback" }
end

---What going back does not undo, for whoever has to decide.
---@param decision { database: boolean }
---@param o { time?: string }
---@return string[]
function back.stays(decision, o)
  local list = {}
  for _, one in ipairs(cloudflare.rollback_reach.stays) do list[#list + 1] = one end
  list[#list + 1] = decision.database and ("everything that was written after %s is lost"):format(o.time)
    or "the database: its schema and its data are what they are now"
  return list
end

-- ---- the database ------------------------------------------------------------------------------------

---A branch of the database as it was at a moment, as run.ensure takes it. It is never swept: somebody deletes it when
---the incident is over.
---@param time string
---@param epoch integer  when the rollback began
function back.methods:restored_branch(time, epoch)
  return self.neon.branch { name = neon.names.emergency_restore(epoch), parent = self.branch_name, marker = self.marker,
    at = { time = time } }
end

---Gives all Workers the connection string of a branch: one version and one deployment each.
---@param branch { id: string }
---@param worker flow.Worker
function back.methods:use_database(branch, worker)
  return self.cloudflare.change_secrets { worker = worker.script, marker = self.marker,
    set = { DATABASE_URL = self:database_url(branch) } }
end

---Whether a Worker has a secret of this name.
---@param worker flow.Worker
---@return boolean
function back.uses_database(worker)
  for _, name in ipairs(worker.settings.secrets) do
    if name == "DATABASE_URL" then return true end
  end
  return false
end

return back
