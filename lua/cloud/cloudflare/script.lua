---One Workers script in the state: found by its name, made, given versions and deployments.
---
---Versions and deployments are ascending: what was uploaded last is the newest version, what was
---deployed last serves. A version that is in the state never changes.
---
---Invariant: every version that a deployment names is there.
local clock = require "cloud.clock"
local data = require "cloud.data"
local ids = require "cloud.ids"
local limits = require "cloud.cloudflare.limits"
local route = require "cloud.route"

local script = {}

script.author = "davit@example.com"

---@param seconds number
---@return string  as the service writes times
function script.time(seconds) return clock.iso(seconds, 6) end

---@param message? string
function script.refuse_missing(message)
  route.refuse { status = 404, code = 10007,
    message = message or "This Worker does not exist on your account." }
end

---The script that the path names; refuses when there is none.
---@return table
function script.of(context)
  local found = context.cloudflare.scripts[context.params.script]
  if not found then script.refuse_missing() end
  return found
end

---@return table|nil version
function script.newest(of) return of.versions[#of.versions] end

---The script that the path names and its newest version; refuses when there is either not.
---@return table script, table version
function script.with_version(context)
  local found = script.of(context)
  if #found.versions > 0 then return found, script.newest(found) end
  route.refuse { status = 404, code = 10222, message =
    "This Worker has no versions, which means this Worker has no content or versioned settings." }
end

---@return table version  of this script; refuses when there is none of this id
function script.version(of, id)
  local version = data.find(of.versions, "id", id)
  if version then return version end
  route.refuse { status = 404, code = 100146, message = ("Version %s not found."):format(id) }
end

---@return table|nil deployment  the one that serves
function script.current(of) return of.deployments[#of.deployments] end

---Whether all traffic goes to the newest version.
---@return boolean
function script.newest_serves(of)
  local current, newest = script.current(of), script.newest(of)
  return current ~= nil and #current.versions == 1 and current.versions[1].version_id == newest.id
end

---Whom a request comes from, in the service's terms.
---@return string
function script.source(context)
  local agent = (context.request.headers["user-agent"] or ""):lower()
  for _, known in ipairs { "wrangler", "terraform" } do
    if agent:find(known, 1, true) == 1 then return known end
  end
  return "api"
end

---What a request says of a version or deployment in words; what is no text is left out.
---@param given any  as sent
---@return table<string, string>
function script.annotations(given)
  local annotations = {}
  for name, text in pairs(type(given) == "table" and given or {}) do
    if type(name) == "string" and type(text) == "string" then annotations[name] = text end
  end
  return annotations
end

-- ---- making ------------------------------------------------------------------------------

local function check_name(name)
  if type(name) == "string" and #name <= 63 and name:find("^[%l%d_][%l%d_-]*$") then return end
  route.refuse { status = 400, code = 10016, message = "Invalid Worker name." }
end

local function check_room(context)
  local count, most = 0, limits.of(context).workers
  for _ in pairs(context.cloudflare.scripts) do count = count + 1 end
  if count < most then return end
  route.refuse { status = 403, code = 10037, message =   -- status assumed
    ("You have exceeded the limit of %d Workers on your account."):format(most) }
end

---The script of this name, made if there is none; refuses a name that no Worker may have.
---@param name string
---@return table
function script.ensure(context, name)
  local found = context.cloudflare.scripts[name]
  if found then return found end
  check_name(name)
  check_room(context)
  found = { name = name, tag = ids.hex(context.state, "script"), tags = {}, created = context.now,
    modified = context.now, versions = {}, deployments = {}, subdomain = {}, logpush = false }
  context.cloudflare.scripts[name] = found
  return found
end

---Refuses what script.ensure would.
---@param name string
function script.check(context, name)
  if context.cloudflare.scripts[name] then return end
  check_name(name)
  check_room(context)
end

-- Numbers are not given twice, though a version may be deleted.
local function next_number(of)
  of.numbered = (of.numbered or #of.versions) + 1
  return of.numbered
end

---Adds a version; it does not serve yet.
---@param version table   as upload.make or upload.copy gave it
---@param trigger string  what made it: upload, version_upload, secret
---@return table version
function script.add(context, of, version, trigger)
  version.id = ids.uuid(context.state, "version")
  version.script, version.number = of.name, next_number(of)
  version.created, version.source = context.now, script.source(context)
  version.annotations["workers/triggered_by"] = trigger
  table.insert(of.versions, version)
  of.modified = context.now
  return version
end

---Sends traffic to versions, all of it to one unless told how it is shared.
---@param shares { version_id: string, percentage: number }[]|table  or a version
---@param o { annotations?: table, code_update_strategy?: table, trigger?: string }
---@return table deployment
function script.deploy(context, of, shares, o)
  local annotations = data.plain(o.annotations or {})
  annotations["workers/triggered_by"] = o.trigger or "deployment"
  if shares.id then shares = { { version_id = shares.id, percentage = 100 } } end
  local deployment = { id = ids.uuid(context.state, "deployment"), created = context.now,
    source = script.source(context), versions = shares, annotations = annotations,
    code_update_strategy = o.code_update_strategy }
  table.insert(of.deployments, deployment)
  of.modified = context.now
  return deployment
end

---Adds a version and sends all traffic there.
---@return table version
function script.publish(context, of, version, trigger)
  script.add(context, of, version, trigger)
  local told = { annotations = { ["workers/message"] = version.annotations["workers/message"] },
    trigger = trigger }
  script.deploy(context, of, version, told)
  return version
end

return script
