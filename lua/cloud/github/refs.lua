---Branches and the references to them.
local answers = require "cloud.github.answers"
local commits = require "cloud.github.commits"
local data = require "cloud.data"
local git = require "cloud.github.git"
local json = require "json"
local links = require "cloud.github.links"
local pulls = require "cloud.github.pulls"
local route = require "cloud.route"

local refs = {}

-- ---- branches ------------------------------------------------------------------------------

local function names_of(repository)
  local names = {}
  for name in pairs(repository.branches) do names[#names + 1] = name end
  table.sort(names)
  return names
end

local function branch_url(context, name)
  return links.api(context, ("/repos/%s/branches/%s"):format(context.repository.full_name, links.escape(name)))
end

local function protection_of(branch)
  return { enabled = branch.protected or false, required_status_checks = {
    enforcement_level = branch.protected and "non_admins" or "off",
    contexts = data.array(branch.required), checks = json.array {} } }
end

local function show_short(context, name)
  local branch = context.repository.branches[name]
  local commit = ("/repos/%s/commits/%s"):format(context.repository.full_name, branch.sha)
  return { name = name, protected = branch.protected or false,
    commit = { sha = branch.sha, url = links.api(context, commit) }, protection = protection_of(branch),
    protection_url = branch_url(context, name) .. "/protection" }
end

local function list(context)
  local wanted = context.query.protected
  local names = data.filter(names_of(context.repository), function(name)
    local is = context.repository.branches[name].protected or false
    return not wanted or tostring(is) == wanted
  end)
  return answers.list(context, names, show_short)
end

local function get(context)
  local name = context.params.branch
  local branch = context.repository.branches[name]
  if not branch then route.refuse { status = 404, message = "Branch not found" } end
  local shown, url = show_short(context, name), branch_url(context, name)
  shown.commit = commits.show(context, context.repository.commits[branch.sha])
  shown._links = { self = url, html = links.html(("/%s/tree/%s"):format(context.repository.full_name, name)) }
  return shown
end

-- ---- references ----------------------------------------------------------------------------

local function show_ref(context, name, sha)
  local full = context.repository.full_name
  local url = ("/repos/%s/git/%s"):format(full, name)
  return { ref = name, node_id = "REF_" .. sha, url = links.api(context, url), object = { type = "commit", sha = sha,
    url = links.api(context, ("/repos/%s/git/commits/%s"):format(full, sha)) } }
end

-- "heads/NAME" and "pull/N/head" are what there is.
local function get_ref(context)
  local ref = context.params.ref:gsub("^refs/", "")
  if not ref:find "^heads/" and not ref:find "^pull/" then answers.not_found() end
  local commit = git.resolve(context.repository, "refs/" .. ref)
  if not commit then answers.not_found() end
  return show_ref(context, "refs/" .. ref, commit.sha)
end

local function matching_refs(context)
  local list_of = {}
  for _, name in ipairs(names_of(context.repository)) do
    if ("heads/" .. name):sub(1, #context.params.ref) == context.params.ref then list_of[#list_of + 1] = name end
  end
  return answers.list(context, list_of, function(_, name)
    return show_ref(context, "refs/heads/" .. name, context.repository.branches[name].sha)
  end)
end

local function sha_of(context, body)
  local sha = data.text(body.sha)
  if not sha then answers.malformed 'Invalid request.\n\n"sha" wasn\'t supplied.' end
  if not context.repository.commits[sha] then answers.malformed "Object does not exist" end
  return sha
end

local function move(context, name, sha)
  git.point(context.repository, name, sha, context.now)
  pulls.synchronize(context.state, context.repository, name, context.now)
end

local function create_ref(context)
  local body = answers.body(context)
  local name = (data.text(body.ref) or ""):match "^refs/heads/(.+)$"
  if not name then answers.malformed "Reference name must be prefixed with 'refs/heads/'." end   -- tags are not kept
  local sha = sha_of(context, body)
  if context.repository.branches[name] then answers.malformed "Reference already exists" end
  move(context, name, sha)
  local shown = show_ref(context, "refs/heads/" .. name, sha)
  return shown, { status = 201, location = shown.url }
end

local function branch_of_path(context)
  local name = context.params.ref:match "^heads/(.+)$"
  if not (name and context.repository.branches[name]) then answers.malformed "Reference does not exist" end
  return name
end

local function update_ref(context)
  local name, body = branch_of_path(context), answers.body(context)
  local sha = sha_of(context, body)
  local forward = git.contains(context.repository, sha, context.repository.branches[name].sha)
  if not forward and body.force ~= true then answers.malformed "Update is not a fast forward" end
  move(context, name, sha)
  return show_ref(context, "refs/heads/" .. name, sha)
end

-- The pull requests from and into a branch that goes are closed.
local function close_pulls(context, name)
  for _, into in pairs(context.github.repositories) do
    for _, pull in ipairs(into.pulls) do
      local of_branch = pull.head == name and pull.head_repository == context.repository.full_name
        or pull.base == name and into == context.repository
      if of_branch and pull.state == "open" then
        pull.state, pull.closed, pull.updated = "closed", context.now, context.now
        pull.closed_by = context.token.login
      end
    end
  end
end

local function delete_ref(context)
  local name = branch_of_path(context)
  if name == context.repository.default_branch then answers.malformed "Cannot delete the default branch" end
  if context.repository.branches[name].protected then answers.malformed "Cannot delete protected branch" end
  context.repository.branches[name] = nil
  close_pulls(context, name)
  return nil, { status = 204 }
end

local BRANCHES, GIT = "/repos/{owner}/{repo}/branches", "/repos/{owner}/{repo}/git/"
local READ, WRITE = { "contents", "read" }, { "contents", "write" }

refs.routes = {
  { "GET", BRANCHES, list, permission = READ, docs = "branches/branches#list-branches" },
  { "GET", BRANCHES .. "/{branch...}", get, permission = READ, docs = "branches/branches#get-a-branch" },
  { "GET", BRANCHES .. "/{branch...}/protection", answers.not_modelled },   -- which a branch's name would hide
  { "GET", GIT .. "ref/{ref...}", get_ref, permission = READ, docs = "git/refs#get-a-reference" },
  { "GET", GIT .. "matching-refs/{ref...}", matching_refs, permission = READ,
    docs = "git/refs#list-matching-references" },
  { "POST", GIT .. "refs", create_ref, permission = WRITE, docs = "git/refs#create-a-reference" },
  { "PATCH", GIT .. "refs/{ref...}", update_ref, permission = WRITE, docs = "git/refs#update-a-reference" },
  { "DELETE", GIT .. "refs/{ref...}", delete_ref, permission = WRITE, docs = "git/refs#delete-a-reference" },
}

return refs
