---GitHub for recipes: a client of one repository, whose parts are in github/.
local approvals = require "github.approvals"
local authors = require "github.authors"
local comments = require "github.comments"
local deployments = require "github.deployments"
local environment_guard = require "environment.guard"
local guard = require "github.guard"
local issues = require "github.issues"
local options = require "options"
local pulls = require "github.pulls"
local runs = require "github.runs"
local secrets = require "github.secrets"
local statuses = require "github.statuses"
local variables = require "github.variables"

local github = {}

---The only place its token is sent to, and where the values of GitHub's own secrets go, sealed.
github.places = {
  token = { "https://api.github.com/repos header:authorization" },
  secret = { "PUT https://api.github.com/repos body" },
}

local fields = {
  { "repository", "string", true }, { "token", "text", true }, { "login", "any" },
  { "environment", "any" },
}

local function inventory(client, prefix, o)
  if type(prefix) ~= "string" then
    options.misuse("github.inventory: expected a marker or the beginning of one, not a %s", type(prefix))
  end
  options.read("github.inventory", o or {}, { { "environment", "string" } })
  return deployments.inventory(client, prefix, o and o.environment)
end

local function destroy(client, item)
  if type(item) ~= "table" or item.kind ~= "deployment" then
    options.misuse("github.destroy: expected an item of the inventory")
  end
  guard.check_item(client.environment, item)
  deployments.destroy(client, item)
end

-- What may change something: its options are looked at before anything is sent.
local function asking(f, check)
  return function(client, given, ...)
    check(client.environment, given)
    return f(client, given, ...)
  end
end

-- What a recipe calls, by name: each gets the client before its own arguments.
local functions = {
  pull = pulls.get, open_pull = pulls.get_open, open_pulls = pulls.all_open,
  comments = comments.all, comment = asking(comments.resource, guard.check),
  find_run = runs.find, run = runs.get, find_status = statuses.find, status = statuses.of_commit,
  deployment = asking(deployments.resource, guard.check),
  deployment_status = asking(statuses.of_deployment, guard.check),
  inventory = inventory, destroy = destroy,
  remove_environment = asking(deployments.remove_environment, guard.check),
  issue = asking(issues.resource, guard.check), close_issue = asking(issues.close, guard.check),
  secret = asking(secrets.resource, guard.check_setting), secrets = secrets.list,
  delete_secret = asking(secrets.delete, guard.check_setting),
  variable = asking(variables.resource, guard.check_setting), variables = variables.list,
  pending_deployments = approvals.pending, review = asking(approvals.review, guard.check),
}

function github.client(o)
  options.read("github.client", o, fields)
  if not o.repository:find("^[%w_.-]+/[%w_.-]+$") then
    options.misuse("github.client: 'repository' must be like \"owner/name\", not '%s'",
      o.repository)
  end
  local client = { repository = o.repository, token = o.token, logins = authors.read(o.login), keys = {},
    environment = environment_guard.given("github.client", o.environment) }
  local bound = {}
  for name, f in pairs(functions) do
    bound[name] = function(...) return f(client, ...) end
  end
  return bound
end

return github
