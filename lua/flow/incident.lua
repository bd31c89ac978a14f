---What people are told when production's deploy has failed: one open issue, with what was taken back, what was not,
---and the commands that do the rest. Opened again with every failure, closed by the next success.
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

-- What each Worker served before, and how a person brings it back.
local function commands(env, point)
  local lines = {}
  for _, worker in ipairs(env.workers) do
    local before = (point.workers or {})[worker.name]
    if before then
      lines[#lines + 1] = ("davit rollback --worker %s --version %s   # %s"):format(worker.name, before.version,
        before.tag or "without a tag")
    end
  end
  if point.database then
    lines[#lines + 1] = ("davit rollback --why data --time %s   # loses what was written since"):format(
      point.database.time)
  end
  return #lines == 0 and "" or ("\n**By hand**\n\n```sh\n%s\n```\n"):format(table.concat(lines, "\n"))
end

---The text of the issue.
---@param env flow.Environment
---@param o { sha: string, run: string, outcome: table, point?: table, migrated?: table }
---@return string
function incident.body(env, o)
  local cause, point = o.outcome.error or {}, o.point or {}
  local applied = o.migrated and o.migrated.applied or {}
  local stays = {}
  for _, name in ipairs(applied) do
    stays[#stays + 1] = ("the migration `%s` is applied and stays: nothing takes a migration back by itself"):format(
      name)
  end
  return table.concat {
    ("The deploy of `%s` has failed: %s\n"):format(o.sha:sub(1, 8), cause.message or "it was stopped"),
    cause.hint and ("\nNext: %s\n"):format(cause.hint) or "",
    list("Taken back", quoted(o.outcome.back)), list("Not taken back", reasons(o.outcome.left)),
    list("What cannot be taken back", stays), commands(env, point),
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
