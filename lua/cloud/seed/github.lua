---What a seed file says of GitHub: repositories with branches, labels, issues and pull requests; tokens and apps.
local apps = require "cloud.github.apps"
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
local repository_keys = {
  name = "text", private = "boolean", default_branch = "text", fork_of = "text", former = { list = "text" },
  collaborators = { map = "text" }, archived = "boolean", actions_create_pulls = "boolean",
  branches = { list = "any" }, labels = { list = "any" }, issues = { list = issue_keys },
  pull_requests = { list = pull_keys },
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
  tokens = { list = token_keys }, apps = { list = app_keys },
}

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

-- A fork comes after what it is a fork of; without github.repository the project says what the first one is called.
local function read_repositories(file, value)
  local seen = {}
  for i, one in ipairs(value.repositories or {}) do
    local path = "github.repositories." .. i
    local known = not one.fork_of or seen[one.fork_of] or one.fork_of == (value.repository or one.fork_of)
    if not known then shape.wrong(file, path .. ".fork_of", ("there is no %s before it"):format(one.fork_of)) end
    read_repository(file, path, one, seen)
  end
end

-- ---- who may ask ---------------------------------------------------------------------------

-- The model says what it would not take.
local function try_it(file, path, f, ...)
  local _, err = try(f, ...)
  if err then shape.wrong(file, path, err.message) end
end

local function read_token(file, path, token)
  shape.require_keys(file, token, path, { "value" })
  token.expires = values.time(file, path .. ".expires", token.expires)
  try_it(file, path, tokens.make, token, "owner/name")
end

local function read_app(file, path, app)
  shape.require_keys(file, app, path, { "slug", "permissions" })
  try_it(file, path, apps.list, { app })
end

local function each(file, list, path, read)
  for i, item in ipairs(list or {}) do read(file, ("%s.%d"):format(path, i), item) end
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
    tokens = value.tokens, apps = value.apps }
end

return github
