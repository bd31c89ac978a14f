---What is said of a deployment and of a commit. Nothing of it can be taken back: there is only something newer to say,
---and a deployment's statuses go with it.
local api = require "github.api"
local deployments = require "github.deployments"
local options = require "options"

local statuses = {}

-- A resource of which nothing is there any more once it was taken back: what was said stays said.
local function said(name, find, create)
  local taken_back = false
  return {
    name,
    find = function() return not taken_back and find() or nil end,
    create = create,
    destroy = function() taken_back = true end,
  }
end

local function check_state(what, state, known)
  for _, one in ipairs(known) do
    if one == state then return end
  end
  options.misuse("%s: 'state' is %s, not '%s'", what, table.concat(known, ", "), tostring(state))
end

-- What is no address of the web is refused by GitHub as well.
local function check_url(what, name, address)
  if not address or address:find "^https?://[^%s/]" then return end
  options.misuse("%s: '%s' is an http(s) URL, not '%s'", what, name, address)
end

-- ---- of a deployment ---------------------------------------------------------------------

local deployment_states = { "in_progress", "success", "failure", "error", "inactive" }

local deployment_fields = {
  { "deployment", "any", true }, { "state", "string", true }, { "url", "string" }, { "log_url", "string" },
  { "description", "string" },
}

local function read_of_deployment(given)
  local what = "github.deployment_status"
  options.read(what, given, deployment_fields)
  check_state(what, given.state, deployment_states)
  check_url(what, "url", given.url)
  check_url(what, "log_url", given.log_url)
  local thing = type(given.deployment) == "table" and given.deployment or {}
  return { id = deployments.check_id(what, given.deployment), shown = thing.marker ~= nil,
    state = given.state, url = given.url,
    log_url = given.log_url, description = deployments.description(given.description) }
end

local function is_said(found, o)
  return found.state == o.state and api.same_text(found.environment_url, o.url)
    and api.same_text(found.log_url, o.log_url) and api.same_text(found.description, o.description)
end

local function thing_of(found, o) return { id = found.id, deployment = o.id, state = found.state } end

-- It ends no other deployment: which of them still stand is for the recipe to say.
local function say_of_deployment(client, o)
  if not o.shown then deployments.check_production(client, o.id) end
  local made = api.call(client, { method = "POST", path = ("/deployments/%d/statuses"):format(o.id),
    needs = "deployments: write", what = ("say that the deployment %d is %s"):format(o.id, o.state),
    json = { state = o.state, environment_url = o.url, log_url = o.log_url, description = o.description,
      auto_inactive = false } })
  return thing_of(made, o)
end

---@return table resource
function statuses.of_deployment(client, given)
  local o = read_of_deployment(given)
  return said(("Deployment %d is %s"):format(o.id, o.state), function()
    local found = deployments.newest_status(client, o.id)
    return found and is_said(found, o) and thing_of(found, o) or nil
  end, function() return say_of_deployment(client, o) end)
end

-- ---- of a commit -------------------------------------------------------------------------

local commit_states = { "error", "failure", "pending", "success" }

local commit_fields = {
  { "sha", "string", true }, { "context", "string", true }, { "state", "string", true }, { "description", "string" },
  { "url", "string" },
}

-- The newest status of each context.
local function walk(client, sha)
  return api.walk(client, { path = ("/commits/%s/status"):format(sha), needs = "statuses: read",
    what = "read the statuses of the commit " .. sha }, "/statuses")
end

local function same_context(a, b) return a:lower() == b:lower() end

local function read_of_commit(given)
  local what = "github.status"
  options.read(what, given, commit_fields)
  check_state(what, given.state, commit_states)
  check_url(what, "url", given.url)
  return { sha = deployments.check_sha(what, given.sha), context = given.context, state = given.state,
    url = given.url, description = deployments.description(given.description) }
end

local function find_same(client, o)
  for found in walk(client, o.sha) do
    if same_context(found.context, o.context) then
      local same = found.state == o.state and api.same_text(found.target_url, o.url)
        and api.same_text(found.description, o.description)
      return same and { id = found.id, context = found.context, state = found.state } or nil
    end
  end
end

local function say_of_commit(client, o)
  local made = api.call(client, { method = "POST", path = "/statuses/" .. o.sha, needs = "statuses: write",
    what = ("say that %s is %s"):format(o.context, o.state),
    json = { state = o.state, context = o.context, description = o.description, target_url = o.url } })
  return { id = made.id, context = made.context, state = made.state }
end

---@return table resource
function statuses.of_commit(client, given)
  local o = read_of_commit(given)
  return said(("Status %s of %s is %s"):format(o.context, o.sha:sub(1, 8), o.state),
    function() return find_same(client, o) end, function() return say_of_commit(client, o) end)
end

-- ---- what others say of a commit -----------------------------------------------------------

-- The worse one counts. What was skipped has not succeeded, and keeps nothing else from it.
local ranks = { failure = 4, pending = 3, success = 2, skipped = 1 }

local of_status = { error = "failure", failure = "failure", pending = "pending", success = "success" }
local of_conclusion = { success = "success", skipped = "skipped", neutral = "skipped" }

local function state_of_check(check)
  if check.status ~= "completed" then return "pending" end
  return of_conclusion[api.given(check.conclusion) or ""] or "failure"
end

local function worse(before, state, address)
  if before and ranks[before.state] >= ranks[state] then return before end
  return { state = state, url = api.given(address) }
end

local function walk_checks(client, o)
  return api.walk(client, { path = ("/commits/%s/check-runs"):format(o.sha), needs = "checks: read",
    query = { check_name = o.context, filter = "latest" }, what = "read the checks of the commit " .. o.sha },
    "/check_runs")
end

local function of_statuses(client, o)
  local found
  for status in walk(client, o.sha) do
    if not o.context or same_context(status.context, o.context) then
      found = worse(found, of_status[status.state] or "failure", status.target_url)
    end
  end
  return found
end

local function of_checks(client, o)
  local found
  for check in walk_checks(client, o) do
    if not o.context or check.name == o.context then
      found = worse(found, state_of_check(check), check.details_url)
    end
  end
  return found
end

---What statuses and check runs of a context come to, or of all contexts.
---@return { state: string, url?: string }|nil  nil: nobody has said anything
function statuses.find(client, given)
  options.read("github.find_status", given, { { "sha", "string", true }, { "context", "string" } })
  local o = { sha = deployments.check_sha("github.find_status", given.sha), context = given.context }
  local found = parallel {
    statuses = function() return of_statuses(client, o) end, checks = function() return of_checks(client, o) end,
  }
  local checked = found.checks
  return checked and worse(found.statuses, checked.state, checked.url) or found.statuses
end

return statuses
