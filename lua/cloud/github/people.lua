---Who may review deployments: people by their number, and teams, which are kept and shown and have no members here.
local json = require "json"
local links = require "cloud.github.links"
local repositories = require "cloud.github.repositories"
local users = require "cloud.github.users"

local people = {}

-- Everybody that the world has heard of: the owner, collaborators, and who has a token.
local function logins_of(context)
  local list = { repositories.owner(context.repository) }
  for login in pairs(context.repository.collaborators) do list[#list + 1] = login end
  for _, token in ipairs(context.github.tokens) do
    if token.user then list[#list + 1] = token.login end
  end
  return list
end

local function login_of(context, id)
  for _, login in ipairs(logins_of(context)) do
    if users.id(login) == id then return login end
  end
end

---Whether somebody can be named as a reviewer: he has to see the repository.
---@param context github.Context
---@param reviewer { type?: string, id?: integer }
---@return boolean
function people.may_review(context, reviewer)
  if reviewer.type == "Team" then return reviewer.id ~= nil end
  local login = login_of(context, reviewer.id)
  return login ~= nil and repositories.is(context.repository, login, "pull")
end

local function team(context, id)
  local slug, owner = ("team-%d"):format(id), repositories.owner(context.repository)
  local url = links.api(context, ("/organizations/%d/team/%d"):format(users.id(owner), id))
  return { id = id, node_id = ("T_%d"):format(id), name = slug, slug = slug, description = json.null,
    privacy = "closed", permission = "pull", url = url, type = "organization", parent = json.null,
    html_url = links.html(("/orgs/%s/teams/%s"):format(owner, slug)), members_url = url .. "/members{/member}",
    repositories_url = url .. "/repos" }
end

---As he stands in answers.
---@param context github.Context
---@param reviewer { type: string, id: integer }
function people.reviewer(context, reviewer)
  if reviewer.type == "Team" then return { type = "Team", reviewer = team(context, reviewer.id) } end
  local login = login_of(context, reviewer.id)
  return { type = "User", reviewer = login and users.show(context, login) or json.null }
end

---Whether whoever asks is one of them.
---@param context github.Context
---@param reviewers { type: string, id: integer }[]
---@return boolean
function people.is_reviewer(context, reviewers)
  if not context.token.user then return false end
  local mine = users.id(context.token.login)
  for _, reviewer in ipairs(reviewers) do
    if reviewer.type ~= "Team" and reviewer.id == mine then return true end
  end
  return false
end

return people
