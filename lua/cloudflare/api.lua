---One request to the Cloudflare API: the envelope around its answers, and what its codes mean.
local http = require "http"
local json = require "json"
local pages = require "http.pages"
local service = require "service"
local url = require "url"

local api = {}

local BASE = "https://api.cloudflare.com/client/v4"

-- A token's requests of any kind, and an address's; the dashboard counts, too: the service's headers say so.
local budget = http.budget { wait = 120,
  limits = { { limit = 1200, window = 300 }, { limit = 200, window = 1, per = "machine" } } }

---Where a value may go that only this API is to see.
api.origin = BASE .. "/accounts"

local unusable = { class = "fatal",
  hint = "the token is unknown, expired or cut off: copy it again or create another" }
local no_route = { class = "fatal",
  hint = "an id in that address is not valid: look at the account id and the zone first" }
local internal = { class = "transient",
  hint = "Cloudflare's side fails: https://www.cloudflarestatus.com says whether it is known" }
local already = { class = "converge" }
local occupied = { class = "fatal",
  hint = "a record of somebody else has that host: remove it or choose another host" }

local undeployed = { class = "fatal",
  hint = "the newest version of the Worker does not have all traffic: deploy it first" }

---What a code means; the status decides where a code is not listed, and whenever it is 429.
local meanings = {
  [971] = { class = "throttled" },
  [10000] = { class = "fatal" },   -- its hint names the permission that was needed
  [1000] = unusable, [6003] = unusable, [9106] = unusable, [9109] = unusable, [10001] = unusable,
  [7000] = no_route, [7003] = no_route,
  [10002] = internal, [10013] = internal, [10014] = internal,
  [10035] = { class = "transient", refused = true },   -- another change of it is under way
  [10046] = { class = "transient", refused = true },   -- a bulk change is
  [10007] = { class = "fatal", hint = "the Worker is not there: deploy it first" },
  [10123] = { class = "fatal",
    hint = "migrations of Durable Objects need a deployment: cloudflare.worker uploads and deploys at once" },
  [10214] = undeployed, [10215] = undeployed,
  [10220] = { class = "fatal", hint = "secrets were changed since that version: a person has to say whether it may "
    .. "come back with its old ones (force = true)" },
  [10063] = { class = "fatal",
    hint = "choose a name on workers.dev in the dashboard: Workers & Pages, Your subdomain" },
  [10057] = { class = "fatal",
    hint = "the version before has no such binding to inherit: give it a value" },
  [10020] = already, [81057] = already, [81058] = already, [81062] = already,
  [81053] = occupied, [81054] = occupied, [100117] = occupied,
}

-- What was just made is not known yet everywhere.
local on_its_way = { class = "transient", refused = true,
  hint = "it was made a moment ago, and Cloudflare does not show it everywhere: try again" }

-- Not found, as Workers, their environments, and DNS records say it.
local absent_codes = { [10007] = true, [10090] = true, [10092] = true, [81044] = true }

-- ---- answers -----------------------------------------------------------------------------

local function given(value)
  if value ~= json.null then return value end
end

-- The first error with the causes below it: "DNS Validation Error: Invalid type. (9004)".
local function first_error(reply)
  local first = (given(reply.errors) or {})[1]
  if not first then return tonumber(reply.code), given(reply.error) or "no reason was given" end
  local texts = { first.message }
  for _, cause in ipairs(given(first.error_chain) or {}) do
    texts[#texts + 1] = ("%s (%s)"):format(cause.message, cause.code)
  end
  return first.code, table.concat(texts, ": ")
end

local function is_absent(status, code)
  if absent_codes[code] then return true end
  return status == 404 and code ~= 7000 and code ~= 7003
end

-- A page of a proxy or of the firewall before the API.
local function malformed(answer)
  if answer.status < 300 then return service.unreadable("cloudflare", answer) end
  local challenged = service.header(answer, "cf-mitigated") == "challenge"
  return { code = "cloudflare-malformed",
    class = challenged and "fatal" or service.class(answer.status),
    message = ("status %d with a page that is not the API's"):format(answer.status),
    hint = challenged and "Cloudflare challenges this machine's address: allow it, or run elsewhere"
      or nil }
end

local function described(answer, code, text)
  local ray = answer.status >= 500 and service.header(answer, "cf-ray")
  return ("code %s, status %d: %s%s"):format(code or "none", answer.status, text,
    ray and (" (ray %s)"):format(ray) or "")
end

local function hint_of(meaning, code, needs)
  if code ~= 10000 then return meaning.hint end
  if not needs then return unusable.hint end
  return ("the token needs the permission '%s', and the account must be its own"):format(needs)
end

local function meaning_of(answer, code, o)
  if answer.status == 429 then return { class = "throttled" } end   -- code 10000 comes with it, too
  if o.just_made and absent_codes[code] then return on_its_way end
  return meanings[code] or answer.status >= 500 and internal or { class = service.class(answer.status) }
end

local function fault_of(answer, reply, o)
  local code, text = first_error(reply)
  local meaning = meaning_of(answer, code, o)
  return { code = ("cloudflare-%s"):format(code or answer.status), class = meaning.class,
    message = described(answer, code, text), refused = meaning.refused,
    hint = answer.status ~= 429 and hint_of(meaning, code, o.needs) or nil }, code
end

-- `success` decides, not the status; 204 and 205 have no body.
local function judge(answer, o)
  local empty = answer.body == "" and (answer.status == 204 or answer.status == 205)
  local reply = empty and { success = true } or try(json.decode, answer.body)
  if type(reply) ~= "table" then return malformed(answer) end
  answer.reply = reply
  if reply.success == true then return nil end
  local fault, code = fault_of(answer, reply, o)
  if o.absent and is_absent(answer.status, code) then
    answer.reply = { success = true }
    return nil
  end
  return fault
end

-- ---- requests ----------------------------------------------------------------------------

---@class cloudflare.Request
---@field token any          the credential
---@field what string        what is tried, for errors
---@field needs? string      the permission that it takes, for errors
---@field path string        below /client/v4
---@field method? string     GET
---@field query? table
---@field json? table
---@field merge? table        the body, as a JSON merge patch
---@field multipart? table[]
---@field secrets? table     as of http.request
---@field absent? boolean    a thing that is not there is nil, not an error
---@field safe? boolean      may arrive twice; POST may not unless this says so
---@field just_made? boolean  we have made what it is about: "not found" means "not yet"

local function request_of(o)
  local headers = { authorization = "Bearer " .. o.token,
    ["content-type"] = o.merge and "application/merge-patch+json" or nil }
  return { url = BASE .. o.path .. (o.query and "?" .. url.query(o.query) or ""), method = o.method or "GET",
    headers = headers, json = o.json, body = o.merge and json.encode(o.merge), multipart = o.multipart,
    secrets = o.secrets, timeout = 60, budget = budget }
end

---@param o cloudflare.Request
---@return any result   nil when there is none
---@return table answer of http.request, with the decoded `reply`
function api.call(o)
  local answer = service.call { service = "Cloudflare", what = o.what, safe = o.safe, request = request_of(o),
    judge = function(answer) return judge(answer, o) end }
  return given(answer.reply.result), answer
end

---All items of a list that comes in pages.
---@param o cloudflare.Request
---@return any[]
function api.pages(o)
  return pages.all({ style = "page" }, function(parameters)
    local query = {}
    for name, value in pairs(o.query or {}) do query[name] = value end
    for name, value in pairs(parameters) do query[name] = value end
    local _, answer = api.call(setmetatable({ query = query }, { __index = o }))
    return answer.reply, answer
  end)
end

return api
