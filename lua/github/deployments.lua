---Deployments as resources: the record that a commit stands somewhere, ours by a marker in its payload; and the
---environments that they leave behind.
local api = require "github.api"
local json = require "json"
local marker = require "marker"
local mask = require "mask"
local options = require "options"
local url = require "url"

local deployments = {}

local LONGEST = 140   -- characters of a description; more bytes are never more characters
local READ, WRITE = "deployments: read", "deployments: write"

---A description as GitHub takes it: masked, then cut.
---@param text? string
---@return string|nil
function deployments.description(text)
  return text and options.beginning(mask.text(text), LONGEST - 1)
end

---Raises a misuse unless it is the whole hash of a commit: by a part of it nothing would be found again.
---@param what string  the function, for the error
function deployments.check_sha(what, sha)
  if type(sha) == "string" and (#sha == 40 or #sha == 64) and sha:find "^%x+$" then return sha:lower() end
  options.misuse("%s: 'sha' is the whole hash of a commit, not '%s'", what, tostring(sha))
end

---The id of a deployment, as run.ensure returned it or as a number.
---@param what string  the function, for the error
---@return integer
function deployments.check_id(what, given)
  local id = type(given) == "table" and given.id or given
  if math.type(id) == "integer" and id > 0 then return id end
  options.misuse("%s: expected a deployment or its id, not '%s'", what, tostring(id))
end

-- ---- looking -----------------------------------------------------------------------------

-- A payload comes back as it was sent; where it was sent as text, as text.
local function marker_of(found)
  local payload = found.payload
  if type(payload) == "string" then payload = try(json.decode, payload) end
  local text = type(payload) == "table" and payload.davit
  return marker.parse(text) and text or nil
end

local function path_of(id, rest) return ("/deployments/%d%s"):format(id, rest or "") end

---The newest status of a deployment; nil while it has none, or when the deployment is gone.
---@param id integer
---@return table|nil
function deployments.newest_status(client, id)
  local list = api.call(client, { path = path_of(id, "/statuses"), query = { per_page = 1 }, absent = true,
    needs = READ, what = "read the state of the deployment " .. id })
  return (list or {})[1]
end

-- Without a status it is pending, as GitHub itself shows it.
local function state_of(client, id)
  return (deployments.newest_status(client, id) or { state = "pending" }).state
end

local function thing_of(found, state)
  return { id = found.id, environment = found.environment, sha = found.sha, marker = marker_of(found), state = state }
end

-- Ours of this commit there, the newest first.
local function walk(client, o)
  local all = api.walk(client, { path = "/deployments", needs = READ,
    query = { environment = o.environment, sha = o.sha }, what = "look for the deployment to " .. o.environment })
  return function()
    for found in all do
      if marker_of(found) == o.marker and found.sha == o.sha then return found end
    end
  end
end

local function find(client, o)
  local found = walk(client, o)()
  return found and thing_of(found, state_of(client, found.id))
end

---Raises "preview-to-production" for a deployment of production's, of which only the id is known.
---@param id integer
function deployments.check_production(client, id)
  local env = client.environment
  if env:is_production() then return end
  local found = api.call(client, { path = path_of(id), absent = true, needs = READ,
    what = "read the deployment " .. id })
  if not found then return end
  env:check("deployment", found.environment)
  env:check_marker(marker_of(found), "the deployment " .. id)
end

-- ---- changing ----------------------------------------------------------------------------

-- GitHub's defaults would merge the default branch into what is deployed, and wait for every check of the commit,
-- the asking job's own among them.
local function create(client, o)
  local made = api.call(client, { method = "POST", path = "/deployments", needs = WRITE,
    what = "create the deployment to " .. o.environment,
    json = { ref = o.sha, auto_merge = false, required_contexts = json.array {}, environment = o.environment,
      payload = { davit = o.marker }, transient_environment = o.transient, production_environment = o.production,
      description = o.description } })
  return thing_of(made, "pending")
end

-- An active deployment cannot be deleted.
local function deactivate(client, id)
  local function is_inactive()
    local newest = deployments.newest_status(client, id)
    return newest and newest.state == "inactive" or nil
  end
  if is_inactive() then return end
  api.once(is_inactive, function()
    api.call(client, { method = "POST", path = path_of(id, "/statuses"), absent = true, needs = WRITE,
      json = { state = "inactive", auto_inactive = false }, what = "end the deployment " .. id })
    return true
  end)
end

local function destroy(client, id)
  deactivate(client, id)
  api.call(client, { method = "DELETE", path = path_of(id), absent = true, needs = WRITE,
    what = "delete the deployment " .. id })
end

-- Two runs at once may have made two.
local function destroy_all(client, o)
  local ids = {}
  for found in walk(client, o) do ids[#ids + 1] = found.id end
  for _, id in ipairs(ids) do destroy(client, id) end
end

-- ---- the resource ------------------------------------------------------------------------

local fields = {
  { "environment", "string", true }, { "sha", "string", true }, { "marker", "string", true },
  { "transient", "boolean" }, { "production", "boolean" }, { "description", "string" },
}

local function read(given)
  options.read("github.deployment", given, fields)
  marker.check("github.deployment", given.marker)
  if not given.environment:find "%S" then options.misuse("github.deployment: 'environment' is the name of one") end
  local o = { sha = deployments.check_sha("github.deployment", given.sha),
    description = deployments.description(given.description) }
  for _, name in ipairs { "environment", "marker", "transient", "production" } do o[name] = given[name] end
  return o
end

---@return table resource
function deployments.resource(client, given)
  local o = read(given)
  return {
    ("Deployment of %s to %s"):format(o.sha:sub(1, 8), o.environment),
    find = function() return find(client, o) end,
    create = function() return create(client, o) end,
    matches = function() return true end,   -- find looks at the marker already
    destroy = function() destroy_all(client, o) end,
  }
end

-- ---- what lives --------------------------------------------------------------------------

---The deployments whose marker lies below the prefix, the newest first.
---@param prefix string
---@param environment? string  only those of this one
---@return table[]  kind, name, id, marker, sha
function deployments.inventory(client, prefix, environment)
  local list = {}
  for found in api.walk(client, { path = "/deployments", query = { environment = environment }, needs = READ,
    what = "list the deployments" }) do
    local text = marker_of(found)
    if text and marker.under(text, prefix) then
      list[#list + 1] = { kind = "deployment", name = found.environment, id = found.id, marker = text, sha = found.sha }
    end
  end
  return list
end

---Deletes an item of the inventory if it still carries its marker.
function deployments.destroy(client, item)
  local id = deployments.check_id("github.destroy", item)
  local found = api.call(client, { path = path_of(id), absent = true, needs = READ,
    what = "read the deployment " .. id })
  if not found then return end
  local ours, reason = marker.same(marker_of(found), item.marker, "the deployment " .. id)
  if not ours then
    failure { code = "not-ours", about = item.name, message = "GitHub: " .. reason, hint = "nothing was changed" }
  end
  destroy(client, id)
end

-- ---- environments ------------------------------------------------------------------------

local function environment_path(name) return "/environments/" .. url.encode(name) end

local function kept(state, reason) return { state = state, reason = reason } end

-- Why an environment has to stay; nil: nothing speaks against it.
local function obstacle(client, name, environment)
  local rules = environment.protection_rules
  if type(rules) == "table" and #rules > 0 then
    return kept("protected", "it has rules that somebody gave it")
  end
  local left = api.call(client, { path = "/deployments", query = { environment = name, per_page = 1 }, needs = READ,
    what = "look for deployments to " .. name })
  return left[1] and kept("in-use", "deployments to it are there") or nil
end

-- A missing permission is an answer here, all else an error.
local function if_allowed(client, o)
  local result, err = try(function() return (api.call(client, o)) end)
  if not err then return result, nil end
  if err.code ~= "github-403" or err.class == "throttled" then error(err, 0) end
  return nil, kept("not-allowed", err.hint)
end

local function find_environment(client, name)
  return if_allowed(client, { path = environment_path(name), absent = true, needs = "actions: read",
    what = "read the environment " .. name })
end

-- Who may not even know is told 404, whether it is there or not: then it is looked at again.
local function delete_environment(client, name)
  local done, refused = if_allowed(client, { method = "DELETE", path = environment_path(name), absent = true,
    needs = "administration: write", what = "delete the environment " .. name })
  if refused or done then return refused or kept "removed" end
  if not find_environment(client, name) then return kept "absent" end
  return kept("not-allowed", "it is there, and GitHub says that there is none to delete: "
    .. "the token lacks 'administration: write'")
end

---Deletes an environment that deployments have left behind.
---@param name string
---@return { state: "removed"|"absent"|"in-use"|"protected"|"not-allowed", reason?: string }
function deployments.remove_environment(client, name)
  if type(name) ~= "string" or not name:find "%S" then
    options.misuse("github.remove_environment: expected the name of an environment")
  end
  local found, refused = find_environment(client, name)
  if not found then return refused or kept "absent" end
  return obstacle(client, name, found) or delete_environment(client, name)
end

return deployments
