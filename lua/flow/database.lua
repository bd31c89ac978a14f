---The database of an environment: its branch, how it is reached, how it is brought up to date. These are methods
---of flow.Environment (lua/flow.lua).
local artifact = require "artifact"
local checks = require "flow.checks"
local migrations = require "flow.migrations"
local planned = require "run.planned"
local secrets = require "flow.secrets"
local session = require "migrations.session"

local database = {}

local BRANCH_LIFE <const> = 14 * 86400  -- a second net: Neon itself deletes a branch that nobody cleaned up

-- What production works on is nobody's to make or to remove.
local function refuse_lasting(env)
  if env.is:is_production() then env.is:refuse("branch", env.branch_name, "it is neither made nor removed by a run") end
end

---The environment's own database branch, as run.ensure takes it.
---@param o? { name?: string, expires?: integer }  another one of the same environment; seconds it lives at most
function database:branch(o)
  refuse_lasting(self)
  o = o or {}
  return self.neon.branch {
    name = o.name or self.branch_name, parent = self.database.parent, marker = self.marker,
    expires = o.expires or BRANCH_LIFE,
  }
end

---A branch by its name alone: enough to find and to destroy it.
---@param name? string  the environment's own
function database:branch_named(name)
  refuse_lasting(self)
  return self.neon.branch { name = name or self.branch_name, marker = self.marker }
end

local function connection_uri(env, id, to)
  if planned.is(id) then return planned.unknown("Database branch " .. env.branch_name) end
  return env.neon.connection_uri {
    branch = id, database = env.database.database, role = env.database.role, to = to,
  }
end

---The branch's connection string, which may go to the database and into Workers only. Neon is asked once for each
---branch and places.
---@param branch table  what run.ensure returned
---@param to? string[]  where else it may go
function database:database_url(branch, to)
  local places = { "sql:*", secrets.WORKER_UPLOAD }
  for _, place in ipairs(to or {}) do places[#places + 1] = place end
  local key = ("%s %s"):format(branch.id, table.concat(places, " "))
  self.urls[key] = self.urls[key] or connection_uri(self, branch.id, places)
  return self.urls[key]
end

-- ---- handing over --------------------------------------------------------------------------------------

-- No longer than what it leads to is there for: a pull request's branch stays, a push's goes with its test.
local RETENTION <const> = { preview = "7d", other = "1d" }

-- For whom it is sealed, and where they may use it: where davit.yaml says, else in a command of the shell.
local function sealed_places(env, sealed_to)
  local to = {}
  for _, key in ipairs(sealed_to) do to[#to + 1] = "sealed:" .. key end
  for _, place in ipairs((env.project.secrets.DATABASE_URL or {}).to or checks.places) do to[#to + 1] = place end
  return to
end

local function as_list(sealed_to)
  local list = type(sealed_to) == "string" and { sealed_to } or sealed_to
  return list and list[1] and list or nil
end

---Hands the database over to a later job: the branch by its id; sealed, its connection string, too.
---@param branch table  what run.ensure returned
---@param o? { name?: string, sealed_to?: string|string[], run?: string, attempt?: integer, retention?: number|string }
function database:hand_over(branch, o)
  o = o or {}
  local keys = as_list(o.sealed_to)
  local url = keys and self:database_url(branch, sealed_places(self, keys)) or nil
  artifact.hand_over {
    name = o.name or "database", run = o.run, attempt = o.attempt, sealed_to = keys and o.sealed_to,
    retention = o.retention or RETENTION[self.kind] or RETENTION.other,
    values = { branch = branch.id, DATABASE_URL = url },
  }
end

---Takes over the database that a job before has handed over, and asks Neon how it is reached.
---@param o? { name?: string, given?: table<string, string>, run?: string, attempt?: integer }
---@return { id: string } branch, any url  a secret
function database:take_over(o)
  o = o or {}
  local handed = artifact.take_over {
    name = o.name or "database", given = o.given, run = o.run, attempt = o.attempt, expect = { "branch" },
  }
  local branch = { id = handed.branch }
  return branch, self:database_url(branch)
end

-- ---- migrating ------------------------------------------------------------------------------------------

---The connection string for migrations, which the project's command gets where there is one.
---@param branch { id: string }
function database:migration_url(branch)
  return self:database_url(branch, self.database.kind == "command" and checks.places or nil)
end

local SOON <const> = 15   -- seconds

-- Who can connect has no need to ask Neon how far it is with a branch. Where that takes long, Neon says why, or when.
local function wait_until_reached(env, branch, url)
  local opened, err = try(session.open, url, SOON)
  if opened then return opened:close() end
  if err.class ~= "transient" and err.class ~= "pending" then error(err, 0) end
  env.neon.ready(branch)
  session.open(url):close()
end

---Waits until the branch accepts connections and applies what the folder has and it has not.
---@return migrations.Report
function database:migrate(branch)
  local url = self:migration_url(branch)
  wait_until_reached(self, branch, url)   -- it is used even where there is nothing to apply
  return migrations.try { database = self.database, url = url, environment = self.kind, newer = true }
end

---What a plan says of that: of a branch that is there, what is pending.
---@param branch table  what run.ensure returned
---@return "run"|"skip" action, string|nil why, migrations.Report|nil report
function database:plan_migrate(branch)
  if planned.is(branch) then return "run", "what its parent has not" end
  self.neon.ready(branch)
  return migrations.plan_apply(migrations.plan(self.database, migrations.folder(self.database),
    self:database_url(branch), { newer = true }))
end

return database
