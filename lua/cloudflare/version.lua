---Versions of a Worker as resources: uploaded without traffic, found by their tag.
---
---The service makes no version of a Worker that is not there: the first one is deployed as it is uploaded, and its
---thing says so.
local history = require "cloudflare.history"
local options = require "options"
local retry = require "retry"
local upload = require "cloudflare.upload"
local url = require "url"
local worker = require "cloudflare.worker"

local version = {}

local function thing_of(o, found, deployed)
  return { worker = o.worker, id = found.id, tag = o.version_tag, number = found.number, deployed = deployed,
    first = found.number == 1 }
end

local function at_tag(account, o)
  local list = history.versions(account, o.worker) or {}
  for _, found in ipairs(list) do
    if found.tag == o.version_tag then return found, list[1].id end
  end
end

local function has_traffic(deployment, id)
  for _, share in ipairs(deployment and deployment.split or {}) do
    if share.version == id then return true end
  end
  return false
end

local function has_served(deployments, id)
  for _, deployment in ipairs(deployments) do
    if has_traffic(deployment, id) then return true end
  end
  return false
end

local function find(account, o)
  local found, newest = at_tag(account, o)
  if not found then return nil end
  local deployments = history.deployments(account, o.worker)
  local thing = thing_of(o, found, has_traffic(deployments[1], found.id))
  local is_older = found.id ~= newest and (not thing.deployed or has_served(deployments, newest))
  thing.past, thing.served = is_older or nil, has_served(deployments, found.id) or nil
  return thing
end

-- An older version without traffic has the secrets of its time, those that were inherited too. And while one serves as
-- what came after it was taken back, the service lets nobody change a secret.
local function find_current(account, o)
  local thing = find(account, o)
  return thing and not thing.past and thing or nil
end

-- ---- making ------------------------------------------------------------------------------

local function post(account, o, parts)
  local made = account:workers(upload.script(o.worker, "/versions"), { method = "POST", multipart = parts,
    query = { bindings_inherit = "strict" }, what = "upload a version of the Worker " .. o.worker,
    changes = upload.changes(o.worker) })
  return thing_of(o, made, false)
end

-- When the answer was lost, the tag is looked for before anything is sent again.
local function add(account, o)
  local parts = upload.prepare(account, o.worker, o)
  return retry.run(retry.policies.after_looking, function(attempt)
    return attempt > 1 and find_current(account, o) or post(account, o, parts)
  end)
end

local function make_worker(account, o)
  local named = setmetatable({ name = o.worker }, { __index = o })
  local made = worker.deploy(account, named)
  return thing_of(o, { id = made.version_id, number = 1 }, true)
end

local function create(account, o)
  upload.check_complete("cloudflare.version", o.worker, o)
  local holder = worker.find(account, o.worker)
  if holder then worker.refuse_foreign(account, holder.marker, o.marker, "the Worker " .. o.worker) end
  local thing = (holder and add or make_worker)(account, o)
  worker.made(account, o.worker, o.marker)
  return thing
end

-- ---- taking back -------------------------------------------------------------------------

local function refuse_serving(o, thing)
  failure { code = "cloudflare-version-serves", about = o.worker,
    message = ("Cloudflare: the version %s of the Worker %s has traffic"):format(thing.id, o.worker),
    hint = "deploy another one first, or destroy the Worker" }
end

-- What was ever deployed cannot be deleted: it stays as history, without traffic.
local function delete(account, o, thing)
  local _, err = try(function()
    account:workers(("/workers/%s/versions/%s"):format(url.encode(o.worker), url.encode(thing.id)), { method = "DELETE",
      absent = true, what = ("delete the version %s of the Worker %s"):format(thing.id, o.worker) })
  end)
  if err and err.code ~= "cloudflare-10021" then error(err, 0) end
  return err ~= nil
end

-- Whether a Worker is what the upload of its first version has made, and nothing has come since.
local function is_alone(account, o)
  return #(history.versions(account, o.worker) or {}) == 1 and #history.deployments(account, o.worker) == 1
end

-- A Worker goes with the version that has made it.
local function destroy_serving(account, o, thing)
  if not (thing.first and is_alone(account, o)) then refuse_serving(o, thing) end
  worker.destroy(account, { name = o.worker, marker = o.marker })
end

local function destroy(account, o)
  local thing = find(account, o)
  if not thing then return false end
  worker.require_ours(account, o.worker, o.marker)
  account.own.markers[o.worker] = nil   -- it may be gone afterwards
  if thing.deployed then return destroy_serving(account, o, thing) end
  if thing.served then return true end   -- the service would refuse: see delete
  return delete(account, o, thing)
end

-- ---- the resource ------------------------------------------------------------------------

---@return table resource
function version.resource(account, o)
  upload.read("cloudflare.version", { "worker", "string", true }, o)
  if not o.version_tag then options.misuse "cloudflare.version: option 'version_tag' is required" end
  local is_history = false
  return {
    ("version %s of %s"):format(o.version_tag, o.worker),
    find = function() return not is_history and find(account, o) or nil end,
    create = function() return create(account, o) end,
    matches = function()
      return account:same(worker.marker_of(account, o.worker), o.marker, "the Worker " .. o.worker)
    end,
    update = function(thing) return thing.past and create(account, o) or thing end,
    plan = function(thing)
      if thing.past then return "change", "uploaded again: a later version has other secrets" end
      return "keep", thing.deployed and "it serves" or "it has no traffic"
    end,
    destroy = function() is_history = destroy(account, o) == true end,
  }
end

return version
