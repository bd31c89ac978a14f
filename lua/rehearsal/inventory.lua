---Everything that stands in the models, as sorted lines that can be compared: what matters of each
---object, without ids and times, which no two runs share. A line is "object: detail"; an object that
---is there twice has its lines twice.
local data = require "cloud.data"
local ledger = require "cloud.ledger"
local sha256 = require "sha256"

local inventory = {}

local function short(text)
  return sha256(text):sub(1, 12)
end

---Whether a line is about what was said and is not taken back: the status of a commit, a remark on an issue.
---@param line string
---@return boolean
function inventory.is_said(line) return line:find "^status " ~= nil or line:find "^remark " ~= nil end

---Whether a line is about a comment, which is changed rather than removed.
---@param line string
---@return boolean
function inventory.is_remark(line) return line:find "^comment " ~= nil or inventory.is_said(line) end

---The object that a line is about.
---@param line string
---@return string
function inventory.object(line)
  return line:match("^(.-): ") or line
end

-- ---- Cloudflare --------------------------------------------------------------------------

local function add_records(add, cloudflare)
  for _, r in ipairs(cloudflare.records) do
    add("DNS record %s %s: %s%s%s%s", r.type, r.name, r.content, r.proxied and " proxied" or "",
      r.managed_by and " of a custom domain" or "", r.comment and (" '%s'"):format(r.comment) or "")
  end
end

local function add_domains(add, cloudflare)
  for _, d in ipairs(cloudflare.domains) do add("custom domain %s: of Worker %s", d.hostname, d.service) end
end

local function add_routes(add, cloudflare)
  for _, r in ipairs(cloudflare.routes) do add("route %s: to %s", r.pattern, r.script or "no Worker") end
end

---Which values secrets of Workers have now: after them, one is told from another.
---@param state table  of the models
---@return table<string, true>
function inventory.values(state)
  local known = {}
  for _, script in pairs(state.cloudflare.scripts) do
    for _, version in ipairs(script.versions) do
      for _, binding in ipairs(version.bindings) do
        if binding.type == "secret_text" then known[binding.text] = true end
      end
    end
  end
  return known
end

-- Values that a run makes differ from run to run: inventory.shared compares them.
local function binding_text(binding, known)
  if binding.type ~= "secret_text" then
    return ("%s %s"):format(binding.type, binding.text or binding.service or binding.namespace_id or "")
  end
  return known[binding.text] and "the secret " .. short(binding.text) or "a new secret"
end

local function add_version(add, script, version, known)
  for _, binding in ipairs(version.bindings) do
    add("Worker %s: %s = %s", script.name, binding.name, binding_text(binding, known))
  end
  for _, module in ipairs(version.modules or {}) do
    add("Worker %s: module %s %s", script.name, module.name, short(module.body or ""))
  end
  for path, asset in pairs(version.assets and version.assets.manifest or {}) do
    add("Worker %s: asset %s %s", script.name, path, type(asset) == "table" and asset.hash or asset)
  end
end

local function tag_of(version) return (version.annotations or {})["workers/tag"] or "without a tag" end

-- The shares of the versions that serve, and which ones ever did.
local function traffic_of(script)
  local now, ever = {}, {}
  for i, deployment in ipairs(script.deployments) do
    for _, share in ipairs(deployment.versions) do
      ever[share.version_id] = true
      if i == #script.deployments then now[share.version_id] = share.percentage end
    end
  end
  return now, ever
end

-- What serves, and what was uploaded and never did. Earlier versions stay as history: nobody can delete them.
local function add_versions(add, script, known)
  local now, ever = traffic_of(script)
  for _, version in ipairs(script.versions) do
    local tag = tag_of(version)
    if now[version.id] then
      local share = now[version.id]
      if share ~= 100 then add("Worker %s: %s has %g %% of the traffic", script.name, tag, share) end
      add_version(add, script, version, known)
    elseif not ever[version.id] then
      add("Worker %s: version %s without traffic", script.name, tag)
    end
  end
end

local function add_scripts(add, cloudflare, known)
  for _, script in pairs(cloudflare.scripts) do
    add("Worker %s: tagged %s%s", script.name, table.concat(script.tags, " "),
      script.subdomain.since and ", on workers.dev" or "")
    for _, schedule in ipairs(script.schedules or {}) do add("Worker %s: runs at %s", script.name, schedule.cron) end
    add_versions(add, script, known)
  end
end

-- ---- Neon and its databases --------------------------------------------------------------

local function row_text(row)
  local parts = {}
  for name, value in pairs(row) do
    parts[#parts + 1] = ("%s=%s"):format(name, #value > 40 and short(value) or value)
  end
  return table.concat(parts, " ")
end

local function statement_text(text)
  return #text <= 80 and text or ("%s… %s"):format(text:sub(1, 60), short(text))
end

-- A branch that was made in an emergency has the second in its name.
local function name_of(branch) return (branch.name:gsub("%f[%d]%d%d%d%d%d%d%d%d%d%d%f[^%d]", "TIME")) end

local function add_entry(add, branch, i, entry)
  if entry.verb ~= "insert" then
    return add("database %s: %03d %s", name_of(branch), i, statement_text(entry.text))
  end
  for _, row in ipairs(entry.rows) do
    add("database %s: %03d row of %s %s", name_of(branch), i, entry.name, row_text(row))
  end
end

local function add_branch(add, state, branch)
  local parent = data.find(state.neon.branches, "id", branch.parent_id)
  local marks, computes = {}, {}
  for key, value in pairs(branch.annotation or {}) do marks[#marks + 1] = key .. "=" .. value end
  for i, endpoint in ipairs(branch.endpoints) do computes[i] = endpoint.type end
  add("database branch %s: of %s, marked %s, %s%s%s", name_of(branch), parent and name_of(parent) or "nothing",
    table.concat(marks, " "), table.concat(computes, " "), branch.protected and ", protected" or "",
    branch.expires and ", expires" or "")
  for i, entry in ipairs(ledger.own(state, branch)) do add_entry(add, branch, i, entry) end
end

local function add_branches(add, state)
  for _, branch in ipairs(state.neon.branches) do
    if not branch.deleted then add_branch(add, state, branch) end
  end
end

-- ---- GitHub ------------------------------------------------------------------------------

-- What is written for people names the run and moments, which no two runs share.
local function said(text)
  local line = (text or ""):gsub("%l[%w_-]*%-%d%d%d%d%d%d%d%d%-%d%d%d%d%d%d%-%x%x%x%x%x%x", "RUN")
    :gsub("%d%d%d%d%-%d%d%-%d%dT%d%d:%d%d:%d%d[%d.]*Z", "TIME"):gsub("%s+", " ")
  return line
end

local function add_comments(add, github)
  for _, repository in pairs(github.repositories) do
    for _, c in ipairs(repository.comments) do
      local kind = data.find(repository.issues, "number", c.number) and "remark" or "comment"
      add("%s on #%d by %s: %s", kind, c.number, c.login, said(c.body))
    end
  end
end

-- A closed issue is over, and GitHub deletes none.
local function add_issues(add, repository)
  for _, issue in ipairs(repository.issues) do
    if issue.state == "open" then
      add("issue '%s': by %s %s", issue.title, issue.login, said(issue.body))
    end
  end
end

local function add_deployments(add, repository)
  for _, d in ipairs(repository.deployments) do
    local newest = d.statuses[#d.statuses] or { state = "without a status", environment_url = "" }
    add("deployment of %s to %s: %s, %s %s", d.ref, d.environment, d.task, newest.state, newest.environment_url)
  end
end

-- Of secrets that there are some: their values differ from run to run.
local function add_settings(add, of, secrets, variables)
  for name in pairs(secrets or {}) do add("secret %s of %s: sealed", name, of) end
  for name, variable in pairs(variables or {}) do add("variable %s of %s: %s", name, of, variable.value) end
end

-- One that nobody set up is what a deployment has left behind: GitHub keeps it, and no workflow may delete it.
local function add_environments(add, repository)
  add_settings(add, repository.full_name, repository.secrets, repository.variables)
  for _, environment in ipairs(repository.environments) do
    local reviewers = #environment.reviewers
    if reviewers > 0 then add("environment %s: with %d reviewers", environment.name, reviewers) end
    add_settings(add, environment.name, environment.secrets, environment.variables)
  end
end

local function add_reports(add, repository)
  for _, check in ipairs(repository.check_runs) do
    add("check %s: %s %s", check.name, check.status, check.conclusion or "")
  end
  for sha, list in pairs(repository.statuses) do
    local newest = {}   -- what is said twice is said once
    for _, status in ipairs(list) do newest[status.context] = status end
    for context, status in pairs(newest) do add("status %s: %s of %s", context, status.state, sha:sub(1, 8)) end
  end
  for _, run in ipairs(repository.runs) do add("run of %s: by %s", run.path, run.event) end
end

-- ---- all ---------------------------------------------------------------------------------

---@param state table  of the models
---@param known? table<string, true>  values of secrets that are told apart: those from before the run
---@return string[]
function inventory.lines(state, known)
  local lines = {}
  local function add(format, ...) lines[#lines + 1] = format:format(...) end
  add_records(add, state.cloudflare)
  add_domains(add, state.cloudflare)
  add_routes(add, state.cloudflare)
  add_scripts(add, state.cloudflare, known or {})
  add_branches(add, state)
  add_comments(add, state.github)
  for _, repository in pairs(state.github.repositories) do
    add_issues(add, repository)
    add_deployments(add, repository)
    add_environments(add, repository)
    add_reports(add, repository)
  end
  table.sort(lines)
  return lines
end

---Which Workers serve with the same secret: what one run gives to two Workers, every run must.
---@param state table
---@return string[]
function inventory.shared(state)
  local groups, lines = {}, {}
  for _, script in pairs(state.cloudflare.scripts) do
    local now = traffic_of(script)
    for _, version in ipairs(script.versions) do
      for _, binding in ipairs(now[version.id] and version.bindings or {}) do
        if binding.type == "secret_text" then
          local key = binding.name .. "\0" .. binding.text
          groups[key] = groups[key] or {}
          table.insert(groups[key], script.name)
        end
      end
    end
  end
  for key, names in pairs(groups) do
    lines[#lines + 1] = ("secret %s: the same in %s"):format(key:match("^[^\0]*"), table.concat(names, ", "))
  end
  table.sort(lines)
  return lines
end

return inventory
