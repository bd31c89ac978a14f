---What must have succeeded before a commit is deployed: its statuses and check runs, by their contexts.
local check_runs = require "cloud.github.check_runs"
local commit_statuses = require "cloud.github.commit_statuses"

local contexts = {}

-- The state of a check run among statuses. Only a success counts: what was skipped has not succeeded.
local function state_of(check)
  return check.status == "completed" and check.conclusion or "pending"
end

local function all_of(repository, sha)
  local list = {}
  for _, status in ipairs(commit_statuses.latest(repository, sha)) do
    list[#list + 1] = { context = status.context, state = status.state }
  end
  for _, check in ipairs(check_runs.of(repository, sha, true)) do
    list[#list + 1] = { context = check.name, state = state_of(check) }
  end
  return list
end

-- The state of each context; where two have one name, that of the one that has not succeeded.
local function states_of(all)
  local states = {}
  for _, one in ipairs(all) do
    local before = states[one.context:lower()]
    if not before or before == "success" then states[one.context:lower()] = one.state end
  end
  return states
end

-- The named ones. Assumed: what nobody has reported yet is pending.
local function chosen(all, names)
  local states, list = states_of(all), {}
  for i, name in ipairs(names) do list[i] = { context = name, state = states[name:lower()] or "pending" } end
  return list
end

-- What a protected branch that stands at the commit demands and nobody has reported. Assumed.
local function add_demanded(repository, sha, all)
  local states = states_of(all)
  for _, branch in pairs(repository.branches) do
    for _, name in ipairs(branch.sha == sha and branch.protected and branch.required or {}) do
      if not states[name:lower()] then all[#all + 1] = { context = name, state = "pending" } end
      states[name:lower()] = states[name:lower()] or "pending"
    end
  end
end

---@param context github.Context
---@param sha string
---@param names? string[]  the required ones (all that there are, and those that a protected branch demands)
---@return boolean unmet, table[] list  whether one has not succeeded, and the states of all that were asked for
function contexts.unmet(context, sha, names)
  local list = all_of(context.repository, sha)
  if names then list = chosen(list, names) else add_demanded(context.repository, sha, list) end
  for _, one in ipairs(list) do
    if one.state ~= "success" then return true, list end
  end
  return false, list
end

return contexts
