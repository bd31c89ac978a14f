---Whether both tokens are live and may do what a flow needs, before it does anything.
---
---A token cannot be asked what it may do. So a cheap read is tried for each permission, which a token that may edit
---may do as well; with `edit` also a change of something that cannot be there, which is refused in another way to
---whom may not change anything.
local api = require "cloudflare.api"
local options = require "options"
local planned = require "run.planned"
local upload = require "cloudflare.upload"
local url = require "url"
local worker = require "cloudflare.worker"

local verify = {}

local fields = { { "workers", "boolean" }, { "zone", "boolean" }, { "routes", "boolean" }, { "edit", "boolean" } }

local NO_WORKER, NO_ID = "davit.invalid", ("0"):rep(32)   -- no Worker may have a dot in its name

-- ---- live --------------------------------------------------------------------------------

-- A token of a user and one of the account are verified at different places.
local function token_status(account)
  local request = { token = account.token, path = "/user/tokens/verify",
    what = "verify the token of the option 'token' (CLOUDFLARE_API_TOKEN)" }
  local found, err = try(function() return (api.call(request)) end)
  if err and err.class ~= "fatal" then error(err, 0) end
  if err then
    request.path = ("/accounts/%s/tokens/verify"):format(url.encode(account:id()))
    found, err = try(function() return (api.call(request)) end)
  end
  if err and err.class == "fatal" then err.code = "cloudflare-token" end   -- neither place knows it
  if err then error(err, 0) end
  if found.status ~= "active" then
    failure { code = "cloudflare-token", hint = "create another one",
      message = "Cloudflare: the token of the option 'token' is " .. found.status }
  end
  return { id = found.id, status = found.status }
end

-- ---- what each may -----------------------------------------------------------------------

-- All of them, as whoever asks for a verification looks at several next.
local function read_workers(account) worker.list(account) end

local function edit_workers(account)
  account:workers(upload.script(NO_WORKER, "/script-settings"), { method = "PATCH", json = {}, absent = true,
    changes = {}, what = "change no Worker with the option 'token'" })
end

local function read_zone(account) account:zone "cloudflare.verify" end

local function read_records(account)
  account:dns("cloudflare.verify", "", { query = { per_page = 1 },
    what = "read DNS records with the option 'dns_token'" })
end

local function edit_records(account)
  account:dns("cloudflare.verify", "/" .. NO_ID, { method = "DELETE", absent = true, changes = {},
    what = "delete no DNS record with the option 'dns_token'" })
end

local function read_routes(account)
  account:routes("cloudflare.verify", "", { what = "read Workers routes with the option 'token'" })
end

local function edit_routes(account)
  account:routes("cloudflare.verify", "/" .. NO_ID, { method = "DELETE", absent = true,
    what = "delete no Workers route with the option 'token'" })
end

local WORKERS = { "token", "Workers Scripts Edit" }
local ZONE, RECORDS = { "dns_token", "Zone Read" }, { "dns_token", "DNS Edit" }
local ROUTES = { "token", "Workers Routes Edit" }

-- What is tried, each with the option and the permission that it takes, by the dashboard's words: of the account, and
-- of the zone.
local function probes_of(o)
  local of_account, of_zone = {}, {}
  local function add(list, needs, read, edit)
    list[#list + 1] = { needs = needs, try = read }
    if o.edit and edit and not planned.active() then list[#list + 1] = { needs = needs, try = edit } end
  end
  if o.workers then add(of_account, WORKERS, read_workers, edit_workers) end
  if o.zone or o.routes then add(of_zone, ZONE, read_zone) end
  if o.zone then add(of_zone, RECORDS, read_records, edit_records) end
  if o.routes then add(of_zone, ROUTES, read_routes, edit_routes) end
  return of_account, of_zone
end

local lacking = { ["cloudflare-10000"] = true, ["cloudflare-zone"] = true }
local NOT_KNOWN <const> = "cloudflare-9109"   -- what is told of a token where it is not verified

local function refused(err)
  if err.code == NOT_KNOWN then err.code = "cloudflare-token" end
  error(err, 0)
end

-- What a token may not do. One that cannot find the zone is not asked what it may do there.
local function missing_of(account, probes)
  local missing, seen = {}, {}
  for _, probe in ipairs(probes) do
    local _, err = nil, nil
    if not (seen["Zone Read"] or seen[probe.needs[2]]) then _, err = try(probe.try, account) end
    if err and not lacking[err.code] then refused(err) end
    if err then
      seen[probe.needs[2]] = true
      missing[#missing + 1] = { option = probe.needs[1], permission = probe.needs[2] }
    end
  end
  return missing
end

-- What each returns. They are asked at the same time; of several errors that of the first is raised, whichever came
-- first.
local function beside(...)
  local answers, errors, tasks = {}, {}, {}
  for i, f in ipairs { ... } do
    tasks[i] = function() answers[i], errors[i] = try(f) end
  end
  parallel(tasks)
  for i = 1, #tasks do
    if errors[i] then error(errors[i], 0) end
  end
  return table.unpack(answers, 1, #tasks)
end

-- Both look for the account where it is not given; the one that is not found is for the probes to tell.
local function ask(account, o)
  if not account.own.account then try(account.id, account) end
  local of_account, of_zone = probes_of(o)
  local token, missing, more = beside(function() return token_status(account) end,
    function() return missing_of(account, of_account) end, function() return missing_of(account, of_zone) end)
  table.move(more, 1, #more, #missing + 1, missing)
  return token, missing
end

local variables = { token = "CLOUDFLARE_API_TOKEN", dns_token = "CLOUDFLARE_DNS_API_TOKEN" }

local function refuse(account, missing)
  local texts = {}
  for i, one in ipairs(missing) do
    texts[i] = ("the option '%s' (%s) lacks %s"):format(one.option, variables[one.option], one.permission)
  end
  failure { code = "cloudflare-scope", about = account.zone_name,
    message = "Cloudflare: a token may not do what it is for: " .. table.concat(texts, "; "),
    hint = "edit the token in the dashboard (API Tokens): add the permission, and include the account or the zone "
      .. (account.zone_name or "") }
end

---Whether both tokens are accepted and may do what they are for; raises what is missing. The DNS token is tried on its
---zone alone, as it may be bound to nothing else.
---@param account cloudflare.Account
---@param given? { workers?: boolean, zone?: boolean, routes?: boolean, edit?: boolean }
---@return { token: { id: string, status: string }, zone: string|nil }
function verify.run(account, given)
  local o = { workers = true, zone = account.zone_name ~= nil, routes = false, edit = false }
  for name, value in pairs(options.read("cloudflare.verify", given or {}, fields)) do o[name] = value end
  if o.zone or o.routes then
    if not account.zone_name then account:zone "cloudflare.verify" end
    account:zone_token "cloudflare.verify"
  end
  local token, missing = ask(account, o)
  if missing[1] then refuse(account, missing) end
  return { token = token, zone = o.zone and account.zone_name or nil }
end

return verify
