---What people are told when production's deploy has failed: one open issue, with what serves, what was taken back, what
---was not, and the commands that do the rest. Brought up to date by every failure, closed by the next success.
local marker = require "marker"

local incident = {}

local function key_of(env)
  local parts = marker.parse(env.marker)
  return marker.new { project = parts.project, environment = parts.environment, key = "incident" }
end

local function list(title, lines)
  if #lines == 0 then return "" end
  return ("\n**%s**\n\n- %s\n"):format(title, table.concat(lines, "\n- "))
end

local function quoted(names)
  local lines = {}
  for i, name in ipairs(names) do lines[i] = ("`%s`"):format(name) end
  return lines
end

local function reasons(left)
  local lines = {}
  for i, one in ipairs(left) do lines[i] = ("`%s`: %s"):format(one.path, one.why) end
  return lines
end

-- ---- Workers -----------------------------------------------------------------------------------------

local function is_left(outcome, worker)
  for _, one in ipairs(outcome.left) do
    if one.path == "deploy " .. worker.name then return true end
  end
  return false
end

local function version_of(before) return ("`%s` (%s)"):format(before.version, before.tag or "without a tag") end

-- What a Worker serves when everything was taken back that could be.
local function standing(worker, before, outcome)
  local name = ("`%s`"):format(worker.script)
  if is_left(outcome, worker) then
    return ("%s keeps the new version; before it was %s"):format(name, before and version_of(before) or "not there")
  end
  if not before then return name .. " was not there before, and is not there" end
  return ("%s serves %s, as before"):format(name, version_of(before))
end

local function workers(env, point, outcome)
  local lines = {}
  for i, worker in ipairs(env.workers) do lines[i] = standing(worker, point[worker.name], outcome) end
  return lines
end

-- ---- the database ------------------------------------------------------------------------------------

local function migrations(o)
  local lines = {}
  for _, name in ipairs(o.applied) do
    lines[#lines + 1] = ("the migration `%s` is applied and stays: nothing takes a migration back by itself")
      :format(name)
  end
  if o.unsure then
    lines[1] = "nobody knows whether the migrations were applied, as the database does not answer: "
      .. "`davit migrate --to production` says what it lacks"
  end
  return lines
end

-- ---- what a person can do ----------------------------------------------------------------------------

-- A Worker alone goes back to its old code only where that can live with the schema.
local function commands(env, o, is_breaking)
  local lines, point = {}, o.point
  for _, worker in ipairs(env.workers) do
    local before = point.workers[worker.name]
    if before and is_left(o.outcome, worker) and not is_breaking then
      lines[#lines + 1] = ("davit rollback --worker %s --version %s"):format(worker.name, before.version)
    end
  end
  if is_breaking then
    lines[#lines + 1] = "git checkout COMMIT                      # the last one that works with the schema before"
    lines[#lines + 1] = ("davit rollback --why migration --breaking --time %s   # loses what was written since")
      :format(point.database.time)
  elseif #o.applied > 0 or o.unsure then
    lines[#lines + 1] = ("davit rollback --why data --time %s   # if data is damaged; loses what was written since")
      :format(point.database.time)
  end
  return #lines == 0 and "" or ("\n**By hand**\n\n```sh\n%s\n```\n"):format(table.concat(lines, "\n"))
end

---The text of the issue.
---@param env flow.Environment
---@param o { sha: string, run: string, outcome: table, point?: table, applied: string[], unsure?: boolean,
---breaking?: boolean }
---@return string
function incident.body(env, o)
  local cause = o.outcome.error or {}
  local serves = o.point and list("What serves", workers(env, o.point.workers, o.outcome))
    or "\nNo Worker and no database was touched.\n"
  return table.concat {
    ("The deploy of `%s` has failed: %s\n"):format(o.sha:sub(1, 8), cause.message or "it was stopped"),
    cause.hint and ("\nNext: %s\n"):format(cause.hint) or "", serves,
    list("Taken back", quoted(o.outcome.back)), list("Not taken back", reasons(o.outcome.left)),
    list("What cannot be taken back", migrations(o)),
    o.point and commands(env, o, o.breaking and #o.applied > 0) or "",
    "\nThe next deploy that succeeds closes this issue.\n",
    ("\nThe record: `davit show %s`\n"):format(o.run),
  }
end

---The one open issue about this environment, as a resource.
---@param env flow.Environment
---@param o table  as of incident.body
function incident.issue(env, o)
  return env.github.issue { key = key_of(env), title = ("The deploy to %s has failed"):format(env.kind),
    body = incident.body(env, o), labels = { "incident" } }
end

---Closes it, if there is one.
---@param env flow.Environment
---@param sha string  the commit that serves now
function incident.close(env, sha)
  return env.github.close_issue { key = key_of(env), comment = ("`%s` is deployed and healthy."):format(sha:sub(1, 8)) }
end

return incident
