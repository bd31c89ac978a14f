---The host that every Worker may have on workers.dev, as a resource: a switch on the Worker.
local marker = require "marker"
local options = require "options"
local url = require "url"
local worker = require "cloudflare.worker"

local workers_dev = {}

local fields = { { "worker", "string", true }, { "marker", "string", true } }

local function path_of(o)
  return ("/scripts/%s/subdomain"):format(url.encode(o.worker))
end

local function switch(account, o, on)
  account:workers(path_of(o), { method = "POST", safe = true, absent = not on, just_made = on,
    json = { enabled = on, previews_enabled = false }, changes = {},
    what = ("switch workers.dev %s for the Worker %s"):format(on and "on" or "off", o.worker) })
end

local function refuse_nameless()
  failure { code = "cloudflare-no-workers-dev", message = "Cloudflare: the account has no name on workers.dev",
    hint = "choose one in the dashboard: Workers & Pages, Overview, Your subdomain" }
end

local function thing_of(account, o)
  local found = account:workers("/subdomain", { absent = true, what = "read the account's workers.dev name" })
  if not (found and type(found.subdomain) == "string") then refuse_nameless() end
  local host = ("%s.%s.workers.dev"):format(o.worker, found.subdomain)
  return { worker = o.worker, host = host, url = "https://" .. host }
end

local function find(account, o)
  local found = account:workers(path_of(o), { absent = true,
    what = "read the workers.dev switch of the Worker " .. o.worker })
  if found and found.enabled then return thing_of(account, o) end
end

-- The switch has no marker of its own, its Worker has.
local function ours(account, o)
  local thing = "the Worker " .. o.worker
  return account:same(worker.marker_of(account, o.worker), o.marker, thing)
end

local function destroy(account, o)
  if not find(account, o) then return end
  local own, reason = ours(account, o)
  if not own then worker.refuse(reason, o.worker) end
  switch(account, o, false)
end

---@return table resource
function workers_dev.resource(account, o)
  options.read("cloudflare.workers_dev", o, fields)
  marker.check("cloudflare.workers_dev", o.marker)
  return {
    "workers.dev host of " .. o.worker,
    find = function() return find(account, o) end,
    create = function()
      local own, reason = ours(account, o)
      if not own then worker.refuse(reason, o.worker) end
      switch(account, o, true)
      return thing_of(account, o)
    end,
    matches = function() return ours(account, o) end,
    destroy = function() destroy(account, o) end,
  }
end

return workers_dev
