---Jobs that wait for an environment's reviewers: which there are, and the answer of one of them.
local api = require "github.api"
local json = require "json"
local options = require "options"
local retry = require "retry"
local runs = require "github.runs"

local approvals = {}

local DENIED = "only a reviewer that the environment names may answer, with a token of his own that has "
  .. "'deployments: write'; GITHUB_TOKEN is nobody's"

local function path_of(id, rest) return ("/actions/runs/%d/%s"):format(id, rest) end

local function reviewer_names(list)
  local names = {}
  for i, one in ipairs(api.given(list) or {}) do
    local who = api.given(one.reviewer) or {}
    names[i] = who.login or who.slug
  end
  return names
end

local function show(found)
  return { id = found.environment.id, environment = found.environment.name, wait_minutes = found.wait_timer,
    may_review = found.current_user_can_approve == true, reviewers = reviewer_names(found.reviewers) }
end

local function pending(client, id)
  local list = api.call(client, { path = path_of(id, "pending_deployments"), needs = "actions: read",
    what = "list what the run " .. id .. " waits for" })
  for i, found in ipairs(list) do list[i] = show(found) end
  return list
end

---What a run waits for.
---@return github.Pending[]
function approvals.pending(client, run)
  return pending(client, runs.check_id("github.pending_deployments", run))
end

-- ---- a review ----------------------------------------------------------------------------

local fields = {
  { "run", "any", true }, { "environments", "table", true }, { "state", "string", true }, { "comment", "string" },
}

local function check_environments(names)
  for _, name in ipairs(names) do
    if type(name) ~= "string" then options.misuse("github.review: 'environments' is a list of names") end
  end
  if #names == 0 then options.misuse("github.review: 'environments' is a list of names, and there is none") end
end

local function read(given)
  options.read("github.review", given, fields)
  check_environments(given.environments)
  if given.state ~= "approved" and given.state ~= "rejected" then
    options.misuse("github.review: 'state' is \"approved\" or \"rejected\", not '%s'", given.state)
  end
  return { run = runs.check_id("github.review", given.run), environments = given.environments, state = given.state,
    comment = given.comment or "" }
end

-- The ids of those that wait, and the names of those that do not.
local function sort_out(client, o)
  local ids, others, by_name = {}, {}, {}
  for _, one in ipairs(pending(client, o.run)) do by_name[one.environment:lower()] = one.id end
  for _, name in ipairs(o.environments) do
    local id = by_name[name:lower()]
    if id then ids[#ids + 1] = id else others[#others + 1] = name end
  end
  return ids, others
end

-- Whether it was answered like this already: by a request whose reply was lost, for one.
local function is_answered(client, o, name)
  local list = api.call(client, { path = path_of(o.run, "approvals"), needs = "actions: read",
    what = "read the reviews of the run " .. o.run })
  for _, review in ipairs(list) do
    for _, environment in ipairs(review.state == o.state and review.environments or {}) do
      if environment.name:lower() == name:lower() then return true end
    end
  end
  return false
end

local function refuse_others(client, o, others)
  for _, name in ipairs(others) do
    if not is_answered(client, o, name) then
      failure { code = "github-not-pending", about = name,
        message = ("GitHub: the run %d does not wait for the environment %s"):format(o.run, name),
        hint = "look at what it waits for: pending_deployments; it may have been answered otherwise" }
    end
  end
end

-- May be called again: it looks first.
local function answer(client, o)
  local ids, others = sort_out(client, o)
  refuse_others(client, o, others)
  if #ids == 0 then return end
  api.call(client, { method = "POST", path = path_of(o.run, "pending_deployments"), needs = "deployments: write",
    denied = DENIED, what = "answer what the run " .. o.run .. " waits for",
    json = { environment_ids = json.array(ids), state = o.state, comment = o.comment } })
end

---Answers for the environments that are named. What was answered like this already is fine; when the reply was
---lost, what still waits is asked for before anything is sent again.
function approvals.review(client, given)
  local o = read(given)
  retry.run(retry.policies.after_looking, function() answer(client, o) end)
end

return approvals
