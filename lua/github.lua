---GitHub for recipes: a client of one repository, whose parts are in github/.
local approvals = require "github.approvals"
local authors = require "github.authors"
local comments = require "github.comments"
local deployments = require "github.deployments"
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
  deployments.destroy(client, item)
end

-- What a recipe calls, by name: each gets the client before its own arguments.
local functions = {
  pull = pulls.get, open_pull = pulls.get_open, open_pulls = pulls.all_open,
  comments = comments.all, comment = comments.resource,
  find_run = runs.find, run = runs.get, find_status = statuses.find, status = statuses.of_commit,
  deployment = deployments.resource, deployment_status = statuses.of_deployment,
  inventory = inventory, destroy = destroy, remove_environment = deployments.remove_environment,
  issue = issues.resource, close_issue = issues.close,
  secret = secrets.resource, secrets = secrets.list, delete_secret = secrets.delete,
  variable = variables.resource, variables = variables.list,
  pending_deployments = approvals.pending, review = approvals.review,
}

function github.client(o)
  options.read("github.client", o, fields)
  if not o.repository:find("^[%w_.-]+/[%w_.-]+$") then
    options.misuse("github.client: 'repository' must be like \"owner/name\", not '%s'",
      o.repository)
  end
  local client = { repository = o.repository, token = o.token, logins = authors.read(o.login), keys = {} }
  local bound = {}
  for name, f in pairs(functions) do
    bound[name] = function(...) return f(client, ...) end
  end
  return bound
end

return github
