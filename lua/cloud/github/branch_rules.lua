---Which branches and tags may deploy to an environment: all, the protected ones, or those that patterns name.
local answers = require "cloud.github.answers"
local data = require "cloud.data"
local environments = require "cloud.github.environments"
local ids = require "cloud.ids"
local links = require "cloud.github.links"
local shape = require "cloud.github.shape"

local branch_rules = {}

local special = { ["*"] = "[^/]*", ["?"] = "[^/]", ["**/"] = ".*" }

-- One of several characters, or with a mark at its beginning none of them.
local function class_of(text)
  local mark, inner = text:match "^%[([!^]?)(.+)%]$"
  return ("[%s%s]"):format(mark ~= "" and "^" or "", (inner:gsub("[%%%^%]]", "%%%0")))
end

-- A pattern of Ruby's File.fnmatch as one of Lua's: a star does not match a slash, two do before one. With a bracket
-- that nothing closes there is none, and nothing matches.
local function pattern_of(glob)
  local parts, at = {}, 1
  while at <= #glob do
    local class = glob:match("^%[[!^]?[^%]]+%]", at)
    local piece = class or glob:match("^%*%*/", at) or glob:sub(at, at)
    if piece == "[" then return nil end
    parts[#parts + 1] = class and class_of(class) or special[piece] or piece:gsub("%p", "%%%0")
    at = at + #piece
  end
  return "^" .. table.concat(parts) .. "$"
end

---@param glob string
---@param name string
---@return boolean
function branch_rules.matches(glob, name)
  local pattern = pattern_of(glob)
  return pattern ~= nil and name:find(pattern) ~= nil
end

---Whether a reference may deploy. Events of pull requests have one like refs/pull/42/merge, which no branch's pattern
---matches by its name.
---@param repository github.Repository
---@param environment github.Environment
---@param ref string  refs/heads/…, refs/tags/… or refs/pull/…/merge
---@return boolean
function branch_rules.allow(repository, environment, ref)
  local tag, branch = ref:match "^refs/tags/(.+)$", ref:match "^refs/heads/(.+)$"
  if environment.branch_policy == "protected" then
    local at = branch and repository.branches[branch]
    return at ~= nil and at.protected == true
  end
  if environment.branch_policy ~= "custom" then return true end
  for _, rule in ipairs(environment.branch_rules) do
    local name = branch or ref
    if rule.type == "tag" then name = tag end
    if name and branch_rules.matches(rule.name, name) then return true end
  end
  return false
end

---What a job is told that may not deploy.
---@param environment github.Environment
---@param ref string
---@return string
function branch_rules.refusal(environment, ref)
  local tag = ref:match "^refs/tags/(.+)$"
  return ("%s \"%s\" is not allowed to deploy to %s due to environment protection rules."):format(
    tag and "Tag" or "Branch", tag or ref:match "^refs/heads/(.+)$" or ref, environment.name)
end

-- ---- requests ---------------------------------------------------------------------------------

local function show(_, rule)
  return { id = rule.id, node_id = ("GP_%d"):format(rule.id), name = rule.name, type = rule.type }
end

local function list(context)
  return answers.counted(context, "branch_policies", environments.get(context).branch_rules, show)
end

local fields = {
  name = { "string", required = true }, type = { "string", enum = { "branch", "tag" } },
}

local function url_of(context, rule)
  return links.api(context, ("/repos/%s/environments/%s/deployment-branch-policies/%d"):format(
    context.repository.full_name, links.escape(context.params.environment), rule.id))
end

local function same(rules, name, kind)
  for _, rule in ipairs(rules) do
    if rule.name == name and rule.type == kind then return rule end
  end
end

local function create(context)
  local environment = environments.get(context)
  if environment.branch_policy ~= "custom" then answers.not_found() end
  local body = shape.body(context, fields)
  local kind = body.type or "branch"
  if body.name == "" then answers.malformed "Name cannot be blank" end   -- words assumed
  local known = same(environment.branch_rules, body.name, kind)
  if known then return nil, { status = 303, location = url_of(context, known) } end
  local made = { id = 300000 + ids.next(context.state, "branch rule"), name = body.name, type = kind }
  table.insert(environment.branch_rules, made)
  environment.updated = context.now
  return show(context, made)
end

local function find(context)
  local environment = environments.get(context)
  local rule, index = data.find(environment.branch_rules, "id", math.tointeger(tonumber(context.params.rule)))
  if not rule then answers.not_found() end
  return rule, index, environment
end

local function rename(context)
  local rule, body = find(context), shape.body(context, fields)
  rule.name = body.name
  return show(context, rule)
end

local function delete(context)
  local _, index, environment = find(context)
  table.remove(environment.branch_rules, index)
  return nil, { status = 204 }
end

local ALL = "/repos/{owner}/{repo}/environments/{environment}/deployment-branch-policies"
local ONE = ALL .. "/{rule}"
local reads, writes = { "actions", "read" }, { "administration", "write" }

branch_rules.routes = {
  { "GET", ALL, list, permission = reads, docs = "deployments/branch-policies#list-deployment-branch-policies" },
  { "POST", ALL, create, permission = writes,
    docs = "deployments/branch-policies#create-a-deployment-branch-policy" },
  { "GET", ONE, function(context) return show(context, (find(context))) end, permission = reads,
    docs = "deployments/branch-policies#get-a-deployment-branch-policy" },
  { "PUT", ONE, rename, permission = writes,
    docs = "deployments/branch-policies#update-a-deployment-branch-policy" },
  { "DELETE", ONE, delete, permission = writes,
    docs = "deployments/branch-policies#delete-a-deployment-branch-policy" },
}

return branch_rules
