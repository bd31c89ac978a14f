---Secrets of a Worker: which it has, and all changes of them as one version and one deployment.
---
---Each of the service's other ways makes a version and a deployment of every single secret, and only so many versions
---can be gone back to.
local json = require "json"
local options = require "options"
local upload = require "cloudflare.upload"
local worker = require "cloudflare.worker"

local secrets = {}

local MOST = 100   -- changes of one request

local fields = { { "worker", "string", true }, { "marker", "string", true }, { "set", "table" }, { "delete", "table" } }

---@return { name: string, type: string }[]  empty when there is no such Worker
function secrets.list(account, name)
  local found = account.seen:ask("secrets " .. name, function()
    return (account:workers(upload.script(name, "/secrets"), { absent = true,
      what = "list the secrets of the Worker " .. name }))
  end)
  local list = {}
  for i, one in ipairs(found or {}) do list[i] = { name = one.name, type = one.type } end
  return list
end

---Whether a Worker has a secret of this name.
---@return boolean
function secrets.has(account, name, secret)
  for _, one in ipairs(secrets.list(account, name)) do
    if one.name == secret then return true end
  end
  return false
end

-- ---- changes -----------------------------------------------------------------------------

local function check_name(name)
  if type(name) == "string" and name ~= "" then return end
  options.misuse("cloudflare.change_secrets: a secret's name must be a text, not %s", tostring(name))
end

-- Name and new value of every change, null for one that goes.
local function changes_of(o)
  local list, seen = {}, {}
  for name, value in pairs(o.set or {}) do
    check_name(name)
    options.read("cloudflare.change_secrets", { value = value }, { { "value", "text", true } })
    seen[name] = true
    list[#list + 1] = { name, { name = name, type = "secret_text", text = value } }
  end
  for _, name in ipairs(o.delete or {}) do
    check_name(name)
    if seen[name] then options.misuse("cloudflare.change_secrets: '%s' is both set and deleted", name) end
    seen[name] = true
    list[#list + 1] = { name, json.null }
  end
  return list
end

-- To send it twice would be one version more, and the same secrets.
local function send(account, name, changes, first, last)
  local batch = {}
  for i = first, last do batch[changes[i][1]] = changes[i][2] end
  account:workers(upload.script(name, "/secrets-bulk"), { method = "PATCH", safe = true, merge = { secrets = batch },
    just_made = true, what = ("change %d secrets of the Worker %s"):format(last - first + 1, name) })
end

local function only_there(account, o, changes)
  local there, list = {}, {}
  for _, one in ipairs(secrets.list(account, o.worker)) do there[one.name] = true end
  for _, change in ipairs(changes) do
    if change[2] ~= json.null or there[change[1]] then list[#list + 1] = change end
  end
  return list
end

---Sets and deletes secrets of a Worker of ours; what is to be deleted and is not there is fine.
---@param account cloudflare.Account
---@param o { worker: string, marker: string, set?: table<string, any>, delete?: string[] }
---@return { set: string[], deleted: string[] }  names
function secrets.change(account, o)
  options.read("cloudflare.change_secrets", o, fields)
  local changes = changes_of(o)
  worker.require_ours(account, o.worker, o.marker)
  if o.delete and o.delete[1] then changes = only_there(account, o, changes) end
  for first = 1, #changes, MOST do
    send(account, o.worker, changes, first, math.min(first + MOST - 1, #changes))
  end
  local done = { set = json.array {}, deleted = json.array {} }
  for _, change in ipairs(changes) do
    table.insert(change[2] == json.null and done.deleted or done.set, change[1])
  end
  return done
end

return secrets
