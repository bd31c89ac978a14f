---What a seed file says of GitHub: repositories with branches, labels, issues and pull requests; tokens and apps;
---environments, settings and workflows.
local apps = require "cloud.github.apps"
local environments = require "cloud.github.environments"
local plans = require "cloud.github.plans"
local route = require "cloud.route"
local setting_names = require "cloud.github.setting_names"
local shape = require "project.shape"
local tokens = require "cloud.github.tokens"
local values = require "cloud.seed.values"

local github = {}

local comment_keys = { body = "text", login = "text" }
local label_keys = { name = "text", color = "text", description = "text" }
local branch_keys = { name = "text", protected = "boolean", required = { list = "text" } }
local issue_keys = {
  number = "integer", title = "text", body = "text", state = "text", login = "text", labels = { list = "text" },
  comments = { list = "any" },
}
local pull_keys = {
  number = "integer", title = "text", head = "text", base = "text", from = "text", state = "text", body = "text",
  sha = "text", login = "text", draft = "boolean", labels = { list = "text" }, comments = { list = "any" },
}
local environment_keys = {
  name = "text", wait_timer = "integer", reviewers = { list = "text" }, prevent_self_review = "boolean",
  protected_branches = "boolean", branches = { list = "text" }, secrets = { map = "text" },
  variables = { map = "text" },
}
local workflow_keys = {
  file = "text", name = "text", state = "text", workflow_dispatch = "any", repository_dispatch = "any",
  jobs = { list = "any" },
}
local repository_keys = {
  name = "text", private = "boolean", default_branch = "text", fork_of = "text", former = { list = "text" },
  collaborators = { map = "text" }, archived = "boolean", actions_create_pulls = "boolean",
  branches = { list = "any" }, labels = { list = "any" }, issues = { list = issue_keys },
  pull_requests = { list = pull_keys }, environments = { list = "any" }, workflows = { list = workflow_keys },
  secrets = { map = "text" }, variables = { map = "text" },
}
local token_keys = {
  value = "text", kind = "text", login = "text", app = "text", scopes = { list = "text" },
  permissions = { map = "text" }, repositories = { list = "text" }, expires = "text", fork = "boolean",
}
local app_keys = {
  slug = "text", id = "integer", permissions = { map = "text" }, repositories = { list = "text" },
}

---The keys below `github`.
github.keys = {
  repository = "text", token = "text", owner_token = "text", branches = { list = "any" }, labels = { list = "any" },
  issues = { list = issue_keys }, pull_requests = { list = pull_keys }, repositories = { list = repository_keys },
  tokens = { list = token_keys }, apps = { list = app_keys }, environments = { list = "any" },
  workflows = { list = workflow_keys }, secrets = { map = "text" }, variables = { map = "text" },
}

-- The model says what it would not take.
local function try_it(file, path, f, ...)
  local _, err = try(f, ...)
  if err then shape.wrong(file, path, err.message) end
end

-- The same of what requests may hold, too, which it refuses.
local function accept(file, path, f, ...)
  local ok, refusal = route.attempt(f, ...)
  if not ok then shape.wrong(file, path, refusal.message) end
end

-- ---- one repository ------------------------------------------------------------------------

-- Issues and pull requests are counted together.
local function check_number(file, path, number, seen)
  if number < 1 or seen[number] then
    shape.wrong(file, path .. ".number", "is a number from 1 that no other issue or pull request has")
  end
  seen[number] = true
end

local function read_item(file, path, item, seen)
  shape.require_keys(file, item, path, { "number" })
  check_number(file, path, item.number, seen)
  values.one_of(file, path .. ".state", item.state, "open", "closed")
  item.comments = values.with_short_form(file, item.comments, comment_keys, "body", path .. ".comments")
end

local function read_pull(file, path, pull, seen)
  read_item(file, path, pull, seen)
  values.repository(file, path .. ".from", pull.from)
  pull.title, pull.head = pull.title or "Pull request " .. pull.number, pull.head or "pull-" .. pull.number
end

local function check_label(file, path, label)
  if label.color and not label.color:find "^%x%x%x%x%x%x$" then
    shape.wrong(file, path .. ".color", "is made of 6 hexadecimal digits")
  end
end

-- Secrets and variables of a repository or an environment.
local function read_settings(file, path, o)
  for kind, key in pairs { Secret = "secrets", Variable = "variables" } do
    for name in pairs(o[key] or {}) do
      accept(file, ("%s.%s.%s"):format(path, key, name), setting_names.check, kind, name)
    end
  end
end

local function read_environment(file, path, one)
  accept(file, path .. ".name", environments.check_name, one.name)
  local timer = one.wait_timer or 0
  if timer < 0 or timer > 43200 then shape.wrong(file, path .. ".wait_timer", "is 0 to 43200 minutes") end
  if #(one.reviewers or {}) > 6 then shape.wrong(file, path .. ".reviewers", "are six at most") end
  read_settings(file, path, one)
end

local function read_flows(file, path, o)
  o.environments = values.with_short_form(file, o.environments, environment_keys, "name", path .. ".environments")
  for i, one in ipairs(o.environments) do read_environment(file, ("%s.environments.%d"):format(path, i), one) end
  for i, one in ipairs(o.workflows or {}) do
    accept(file, ("%s.workflows.%d"):format(path, i), plans.workflow, one)
  end
  read_settings(file, path, o)
end

-- What stands in a repository, or below `github` for the first one.
local function read_content(file, path, o)
  local seen = {}
  o.labels = values.with_short_form(file, o.labels, label_keys, "name", path .. ".labels")
  o.branches = values.with_short_form(file, o.branches, branch_keys, "name", path .. ".branches")
  for i, label in ipairs(o.labels) do check_label(file, ("%s.labels.%d"):format(path, i), label) end
  for i, issue in ipairs(o.issues or {}) do
    read_item(file, ("%s.issues.%d"):format(path, i), issue, seen)
    issue.title = issue.title or "Issue " .. issue.number
  end
  for i, pull in ipairs(o.pull_requests or {}) do
    read_pull(file, ("%s.pull_requests.%d"):format(path, i), pull, seen)
  end
  read_flows(file, path, o)
end

local function check_collaborators(file, path, one)
  for login, role in pairs(one.collaborators or {}) do
    values.one_of(file, ("%s.collaborators.%s"):format(path, login), role, "pull", "triage", "push", "maintain",
      "admin")
  end
end

local function read_repository(file, path, one, seen)
  shape.require_keys(file, one, path, { "name" })
  values.repository(file, path .. ".name", one.name)
  values.repository(file, path .. ".fork_of", one.fork_of)
  if seen[one.name] then shape.wrong(file, path .. ".name", ("two repositories are called %s"):format(one.name)) end
  seen[one.name] = true
  check_collaborators(file, path, one)
  read_content(file, path, one)
end

local function read_repositories(file, value)
  local seen = {}
  for i, one in ipairs(value.repositories or {}) do
    read_repository(file, "github.repositories." .. i, one, seen)
  end
end

-- ---- who may ask ---------------------------------------------------------------------------

-- What would be looked for and find another one, or nothing.
local function check_unique(file, path, key, item, seen)
  local value = item[key]
  if value == "" then shape.wrong(file, ("%s.%s"):format(path, key), "is empty") end
  if seen[value] then shape.wrong(file, ("%s.%s"):format(path, key), "is that of another one before it") end
  seen[value] = true
end

local function read_token(file, path, token, seen)
  shape.require_keys(file, token, path, { "value" })
  check_unique(file, path, "value", token, seen)
  token.expires = values.time(file, path .. ".expires", token.expires)
  try_it(file, path, tokens.make, token, "owner/name")
end

local function read_app(file, path, app, seen)
  shape.require_keys(file, app, path, { "slug", "permissions" })
  check_unique(file, path, "slug", app, seen)
  try_it(file, path, apps.list, { app })
end

local function each(file, list, path, read)
  local seen = {}
  for i, item in ipairs(list or {}) do read(file, ("%s.%d"):format(path, i), item, seen) end
end

---Checks what stands below `github`.
---@param file table
---@param value table
---@return github.Seed
function github.read(file, value)
  values.repository(file, "github.repository", value.repository)
  read_repositories(file, value)
  read_content(file, "github", value)
  each(file, value.tokens, "github.tokens", read_token)
  each(file, value.apps, "github.apps", read_app)
  return { repositories = value.repositories, branches = value.branches, labels = value.labels, issues = value.issues,
    tokens = value.tokens, apps = value.apps, environments = value.environments, workflows = value.workflows,
    secrets = value.secrets, variables = value.variables }
end

return github
