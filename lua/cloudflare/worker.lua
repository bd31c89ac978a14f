---Workers as resources: a script with its modules, bindings and assets, ours by its tag.
local history = require "cloudflare.history"
local marker = require "marker"
local planned = require "run.planned"
local retry = require "retry"
local upload = require "cloudflare.upload"

local worker = {}

local script = upload.script

-- ---- ownership ---------------------------------------------------------------------------

---Raises that something is not ours.
---@param reason string
---@param about string
function worker.refuse(reason, about)
  failure { code = "not-ours", about = about, message = "Cloudflare: " .. reason,
    hint = "nothing was changed; remove it or choose another name" }
end

---Raises unless the marker found is the one wanted.
---@param account cloudflare.Account
---@param found? string
---@param wanted? string
---@param thing string  what it is called
function worker.refuse_foreign(account, found, wanted, thing)
  local ours, reason = account:same(found, wanted, thing)
  if not ours then worker.refuse(reason, thing) end
end

local function settings(account, name)
  return account:workers(script(name, "/settings"), { absent = true,
    what = "read the Worker " .. name })
end

-- What `seen` has of a Worker: whether it is there, and its marker.
local function told(found)
  return found and { marker = marker.of_tags(found.tags) }
end

---A Worker by its name; nil when there is none.
---@return { name: string, marker: string|nil }|nil
function worker.find(account, name)
  local found = account.seen:ask("worker " .. name, function() return told(settings(account, name)) end)
  return found and { name = name, marker = found.marker }
end

---Remembers whose a Worker is that was just made or marked.
---@param account cloudflare.Account
---@param name string
---@param text string  the marker
function worker.made(account, name, text)
  account.own.markers[name] = text
  account.seen:keep("worker " .. name, { marker = text })
end

---Asks for all Workers at once, so that each of them need not be asked for in the next while.
---@param account cloudflare.Account
---@return table[]  as the service shows them
function worker.list(account)
  local all, at = account.seen:renew("workers", function()
    return account:workers("/scripts", { what = "list the Workers" }) or {}
  end)
  for _, found in ipairs(at and all or {}) do account.seen:keep("worker " .. found.id, told(found), at) end
  return all
end

---Raises "preview-to-production" for a Worker of production, by its name or by its marker, in any other environment.
---@param account cloudflare.Account
---@param name string
function worker.check(account, name)
  local env = account.environment
  if env:is_production() then return end
  env:check("worker", name)
  env:check_marker(worker.marker_of(account, name), "the Worker " .. name)
end

---The marker of a Worker; nil when it has none, or is not there.
---@return string|nil
function worker.marker_of(account, name)
  return (worker.find(account, name) or {}).marker
end

---Raises unless a Worker is there and ours. Who has just made it, or looked, need not look again: that is remembered
---for as long as the client lives.
---@param account cloudflare.Account
---@param name string
---@param wanted string  a marker
function worker.require_ours(account, name, wanted)
  if account.own.markers[name] == wanted then return end
  local found = worker.find(account, name)
  if not found then
    failure { code = "cloudflare-10007", about = name, message = ("Cloudflare: there is no Worker %s"):format(name),
      hint = "deploy it first" }
  end
  worker.refuse_foreign(account, found.marker, wanted, "the Worker " .. name)
  account.own.markers[name] = wanted
end

-- ---- the version that serves -------------------------------------------------------------

local function thing_of(o, version_id)
  return { name = o.name, marker = o.marker, version_tag = o.version_tag, version_id = version_id }
end

-- The thing when what serves is what is wanted; nil when it is not, or cannot be told.
local function as_wanted(account, o)
  local serving = o.version_tag and not o.always and history.serving(account, o.name)
  if serving and serving.tag == o.version_tag then return thing_of(o, serving.version) end
end

local function same_names(account, o)
  local there, count = {}, 0
  for _, binding in ipairs((settings(account, o.name) or {}).bindings or {}) do
    there[binding.name], count = true, count + 1
  end
  for _, binding in ipairs(o.bindings or {}) do
    if not there[binding.name] then return false end
  end
  return count == #(o.bindings or {})
end

-- ---- upload ------------------------------------------------------------------------------

-- The upload's answer has the version's id without hyphens, all others with.
local function uuid(text)
  if type(text) ~= "string" then return nil end
  return (text:gsub("^(%x%x%x%x%x%x%x%x)(%x%x%x%x)(%x%x%x%x)(%x%x%x%x)(%x+)$", "%1-%2-%3-%4-%5"))
end

local function put(account, o, parts)
  local answer = account:workers(script(o.name), { method = "PUT", safe = false,
    query = { bindings_inherit = "strict" }, multipart = parts, what = "upload the Worker " .. o.name,
    changes = upload.changes(o.name) })
  worker.made(account, o.name, o.marker)
  return thing_of(o, uuid(answer and answer.deployment_id))
end

---Uploads a Worker and sends it all traffic. Every upload is a version and a deployment of its own, and rollback
---reaches only so many: when the answer was lost, its tag is looked for before anything is sent again.
---@param account cloudflare.Account
---@param o table  of upload.read
---@return table thing
function worker.deploy(account, o)
  local parts = upload.prepare(account, o.name, o)
  return retry.run(retry.policies.after_looking, function(attempt)
    return attempt > 1 and as_wanted(account, o) or put(account, o, parts)
  end)
end

-- ---- the resource ------------------------------------------------------------------------

local function destroy(account, o)
  local thing = worker.find(account, o.name)
  if not thing then return end
  worker.refuse_foreign(account, thing.marker, o.marker, "the Worker " .. o.name)
  account.own.markers[o.name] = nil
  account:workers(script(o.name), { method = "DELETE", absent = true, query = { force = true },
    what = "delete the Worker " .. o.name })
end

-- What an upload would change; and the tag of what serves, for who knows what it is made of.
local function plan(account, o)
  if planned.is(o.version_tag) then return "change", "a new version, unless what is built serves already" end
  local serving = history.serving(account, o.name) or {}
  local same = serving.tag and serving.tag == o.version_tag
  if same and not o.always and same_names(account, o) then return "keep" end
  if same then return "change", o.always and "secrets are made anew" or "its bindings" end
  return "change", ("version %s after %s"):format(o.version_tag or "without a tag", serving.tag or "one without a tag"),
    serving.tag
end

---@return table resource
function worker.resource(account, o)
  upload.read("cloudflare.worker", { "name", "string", true }, o)
  local looked = false   -- whether `matches` has seen whose it is, or `find` that it is nobody's
  local function deploy()
    upload.check_complete("cloudflare.worker", o.name, o)
    if not looked then worker.check(account, o.name) end
    return worker.deploy(account, o)
  end
  return {
    "Worker " .. o.name,
    find = function()
      local found = worker.find(account, o.name)
      looked = not found
      return found
    end,
    create = deploy,
    matches = function(thing)
      looked = true
      return account:same(thing.marker, o.marker, "the Worker " .. o.name)
    end,
    update = function()
      local current = as_wanted(account, o)
      if current and same_names(account, o) then return current end
      return deploy()
    end,
    plan = function() return plan(account, o) end,
    destroy = function() destroy(account, o) end,
  }
end

---Deletes an item of the inventory.
function worker.destroy(account, item)
  destroy(account, { name = item.name, marker = item.marker })
end

---The Workers whose tag carries a marker below the prefix.
---@return table[]  kind, name, id, marker
function worker.inventory(account, prefix)
  local list = {}
  for _, found in ipairs(worker.list(account)) do
    local text = marker.of_tags(found.tags)
    if text and marker.under(text, prefix) then
      list[#list + 1] = { kind = "worker", name = found.id, id = found.id, marker = text }
    end
  end
  return list
end

return worker
