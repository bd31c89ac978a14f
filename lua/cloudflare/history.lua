---Which versions a Worker has, and which of them served when.
local url = require "url"
local upload = require "cloudflare.upload"

local history = {}

---How the message of a deployment begins that went back: what it replaced was not good.
history.BACK = "back: "

---@class cloudflare.Version
---@field id string
---@field number integer
---@field tag? string
---@field message? string
---@field created? string  ISO 8601
---@field variables? table<string, string>  of one version that was asked for: its plain_text bindings

local function annotation(found, name)
  local annotations = type(found.annotations) == "table" and found.annotations or {}
  return type(annotations[name]) == "string" and annotations[name] or nil
end

local function version_of(found)
  return { id = found.id, number = found.number, tag = annotation(found, "workers/tag"),
    message = annotation(found, "workers/message"), created = (found.metadata or {}).created_on }
end

---The versions that can be deployed, the newest first; nil when there is no such Worker.
---@return cloudflare.Version[]|nil
function history.versions(account, name)
  local found = account:workers(upload.script(name, "/versions"), { absent = true, query = { deployable = true },
    what = "list the versions of the Worker " .. name })
  if not found then return nil end
  local list = {}
  for i, one in ipairs(found.items or {}) do list[i] = version_of(one) end
  return list
end

-- The plain variables of a version; secrets are never given back.
local function variables_of(found)
  local list = {}
  for _, binding in ipairs((found.resources or {}).bindings or {}) do
    if binding.type == "plain_text" then list[binding.name] = binding.text end
  end
  return list
end

---One version, with its plain variables.
---@return cloudflare.Version|nil
function history.version(account, name, id)
  local found = account:workers(upload.script(name, "/versions/" .. url.encode(id)), { absent = true,
    what = ("read the version %s of the Worker %s"):format(id, name) })
  if not found then return nil end
  local version = version_of(found)
  version.variables = variables_of(found)
  return version
end

---@class cloudflare.Deployment
---@field id string
---@field created? string
---@field message? string
---@field version? string  the one that has all traffic
---@field split table[]    { version, percentage } of all

local function deployment_of(found)
  local split = {}
  for i, share in ipairs(found.versions or {}) do
    split[i] = { version = share.version_id, percentage = share.percentage }
  end
  return { id = found.id, created = found.created_on, message = annotation(found, "workers/message"), split = split,
    version = #split == 1 and split[1].version or nil }
end

---The deployments, the newest first: it is the one that serves. Empty when there is no such Worker.
---@return cloudflare.Deployment[]
function history.deployments(account, name)
  local found = account:workers(upload.script(name, "/deployments"), { absent = true,
    what = "list the deployments of the Worker " .. name })
  local list = {}
  for i, one in ipairs((found or {}).deployments or {}) do list[i] = deployment_of(one) end
  return list
end

local function is_back(one) return (one.message or ""):sub(1, #history.BACK) == history.BACK end

-- The deployment with which the version came that serves. Whoever went back to it later brought nothing new.
local function arrival(deployments)
  for _, one in ipairs(deployments) do
    if one.version == deployments[1].version and not is_back(one) then return one end
  end
  return {}
end

---What serves: of one version all about it, of several their shares; nil when nothing does.
---@return table|nil
function history.serving(account, name)
  local deployments = history.deployments(account, name)
  local newest = deployments[1]
  if not newest then return nil end
  if not newest.version then
    return { split = newest.split, deployment = newest.id, created = newest.created }
  end
  local version = history.version(account, name, newest.version) or {}
  local came = arrival(deployments)
  return { version = newest.version, tag = version.tag, deployment = newest.id, created = newest.created,
    came = came.created, message = came.message }
end

-- Whether somebody went back from a deployment: the one after it says so.
local function was_bad(deployments, i) return is_back(deployments[i - 1]) end

---The newest deployment before the current one that sent all traffic to another version, as far as that can still be
---deployed and nobody went back from it; nil when there is none.
---@return table|nil  version, tag, message, deployment, created
function history.last_good(account, name)
  local deployments, deployable = history.deployments(account, name), {}
  if not deployments[2] then return nil end
  for _, version in ipairs(history.versions(account, name) or {}) do deployable[version.id] = version end
  for i = 2, #deployments do
    local past = deployments[i]
    local is_other = past.version ~= deployments[1].version and not was_bad(deployments, i)
    local version = is_other and deployable[past.version]
    if version then
      return { version = version.id, tag = version.tag, message = version.message, deployment = past.id,
        created = past.created }
    end
  end
end

return history
