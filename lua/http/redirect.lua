---Following redirects, hop by hop: each hop is a request of its own, whose secrets the primitive checks
---against the address it goes to. What may not go along is taken away before, or stops the hop.
local core = require "core"
local options = require "options"
local origin = require "http.origin"
local secret = require "secret.core"
local status = require "http.status"
local url = require "url"

local redirect = {}

redirect.MOST = 10
local LONGEST = 16384   -- bytes of an address
local SECONDS, IDLE_SECONDS = 30, 3600   -- http.request's own limit for the whole of it; with one for silence

local followed = { [301] = true, [302] = true, [303] = true, [307] = true, [308] = true }

-- They say who asks; where they may not go, they stay behind.
local credential = { authorization = true, cookie = true, ["proxy-authorization"] = true }

-- They speak of a body (Fetch, 4.4), which goes when the method becomes GET.
local of_body = { ["content-type"] = true, ["content-length"] = true, ["content-encoding"] = true,
  ["content-language"] = true, ["content-location"] = true }

local bodies = { "body", "from", "multipart" }

-- A place of the first origin, and a proof of identity for it.
local of_origin = { "connect_to", "certificate", "key" }

-- ---- errors ------------------------------------------------------------------------------

local TOLD, LEGIBLE = 10, 200   -- hops in a message, and bytes of each

local function shown(address)
  return options.beginning(origin.shown(address), LEGIBLE)
end

-- Of a long way the beginning and the end.
local function chain(hops, last)
  local steps = {}
  for i, hop in ipairs(hops) do
    local from_end = #hops - i
    if i <= TOLD // 2 or from_end < TOLD // 2 then
      steps[#steps + 1] = ("%s (%d)"):format(shown(hop.url), hop.status)
    elseif i == TOLD // 2 + 1 then
      steps[#steps + 1] = ("%d more"):format(#hops - TOLD)
    end
  end
  if last then steps[#steps + 1] = shown(last) end
  return table.concat(steps, " -> ")
end

local function refuse(request, hops, to, why, hint)
  failure {
    code = "http-redirect", class = "fatal", about = hops[1].url, hops = hops, hint = hint,
    message = ("%s %s: %s: %s"):format(request.method or "GET", origin.shown(hops[1].url), why, chain(hops, to)),
  }
end

-- An error of a later hop says how one came there.
local function on_the_way(err, hops, to)
  if err.class ~= "cancelled" and err.code ~= "deadline" then
    err.hops = hops
    err.message = ("%s (redirect %d: %s)"):format(err.message, #hops, chain(hops, to))
  end
  error(err, 0)
end

-- ---- the next hop ------------------------------------------------------------------------

-- Services write into a location what no URL holds: spaces, brackets, a lone percent sign. As browsers do, it is
-- encoded where it stands; after the host, as brackets are right in one.
local function mended(text)
  text = text:gsub("^%s+", ""):gsub("%s+$", "")
  local before, rest = text:match("^([^/?#]*//[^/?#]*)(.*)$")
  rest = (rest or text):gsub("%%(%x?%x?)", function(digits) return #digits < 2 and "%25" .. digits or nil end)
  return (before or "") .. rest:gsub('[%z\1-\32\127"<>\\^`{|}%[%]]', function(c) return ("%%%02X"):format(c:byte()) end)
end

local function target(request, hops, answer)
  local location = status.header(answer, "location")
  if #location > LONGEST then
    refuse(request, hops, nil, ("the redirect leads to an address of %d bytes"):format(#location))
  end
  local to = try(url.join, mended(request.url), mended(location))
  local from_origin, from_scheme = origin.of(request.url)
  local to_origin, to_scheme = origin.of(to or location)
  if not to or not to_origin then refuse(request, hops, location, "the redirect leads to no http or https address") end
  if from_scheme == "https" and to_scheme == "http" then
    refuse(request, hops, to, "the redirect leads from https to http",
      "what was encrypted would go in clear text: ask the service for an https address")
  end
  return (to:gsub("#.*", "")), from_origin ~= to_origin
end

local function becomes_get(method, code)
  if code == 303 then return method ~= "GET" and method ~= "HEAD" end
  return method == "POST" and (code == 301 or code == 302)
end

-- Whether a header goes along. A plain credential belongs to its origin; a secret knows where it may go.
local function goes_along(name, value, changed, crossing, without_body)
  if name == "host" then return not crossing end
  if without_body and of_body[name] then return false end
  if not credential[name] then return true end
  if secret.is(value) then return secret.admitted(value, changed.url, changed.method or "GET", name) end
  return not crossing
end

local function headers_for(request, changed, crossing, without_body)
  local kept = {}
  for name, value in pairs(request.headers or {}) do
    if goes_along(name:lower(), value, changed, crossing, without_body) then kept[name] = value end
  end
  return kept
end

-- A key that is a secret knows where it may sign.
local function signs_at(sigv4, changed)
  local key = type(sigv4) == "table" and sigv4.key
  return secret.is(key) and secret.admitted(key, changed.url, changed.method or "GET", "authorization")
end

local function next_request(request, code, to, crossing)
  local changed = {}
  for name, value in pairs(request) do changed[name] = value end
  local without_body = becomes_get(request.method or "GET", code)
  if without_body then
    changed.method = "GET"
    for _, name in ipairs(bodies) do changed[name] = nil end
  end
  for _, name in ipairs(crossing and of_origin or {}) do changed[name] = nil end
  changed.url, changed.secret_url = to, nil
  if crossing and not signs_at(request.sigv4, changed) then changed.sigv4 = nil end
  changed.headers = headers_for(request, changed, crossing, without_body)
  return changed
end

-- ---- time --------------------------------------------------------------------------------

local function total_of(timeout)
  if type(timeout) ~= "table" then return timeout or SECONDS end
  return timeout.total or timeout.idle and IDLE_SECONDS or SECONDS
end

-- The timeout is one for all hops; a table of them has it as `total`.
local function with_time_left(request, timeout, seconds)
  local left = math.max(total_of(timeout) - seconds, 0.001)
  if type(timeout) ~= "table" then
    request.timeout = left
    return
  end
  request.timeout = { total = left }
  for name, value in pairs(timeout) do
    if name ~= "total" then request.timeout[name] = value end
  end
end

-- ---- following ---------------------------------------------------------------------------

local function is_redirect(answer)
  return followed[answer.status] and status.header(answer, "location") ~= nil
end

local function step(request, answer, hops, seen, most)
  local to, crossing = target(request, hops, answer)
  if #hops > most then refuse(request, hops, to, ("more than %d redirects"):format(most)) end
  local changed = next_request(request, answer.status, to, crossing)
  local visit = (changed.method or "GET") .. " " .. to
  if seen[visit] then refuse(request, hops, to, "the redirects go round in circles") end
  seen[visit] = true
  return changed
end

---@param most any
---@return integer
function redirect.read(most)
  if most == nil then return redirect.MOST end
  if math.type(most) ~= "integer" or most < 0 then
    options.misuse("http.request: option 'redirects' is how many are followed, an integer from 0")
  end
  return most
end

---Sends a request, and again wherever the answers lead.
---@param request table  options of http.core
---@param most integer   redirects at most; 0: every answer is the answer
---@param send fun(request: table): table
---@return table answer  with `hops`
function redirect.follow(request, most, send)
  local started, hops = core.monotonic(), {}
  local timeout, seen = request.timeout, nil
  local answer = send(request)
  while most > 0 and is_redirect(answer) do
    seen = seen or { [(request.method or "GET") .. " " .. request.url:gsub("#.*", "")] = true }
    hops[#hops + 1] = { url = request.url, status = answer.status }
    request = step(request, answer, hops, seen, most)
    with_time_left(request, timeout, core.monotonic() - started)
    local next_answer, err = try(send, request)
    if err then on_the_way(err, hops, request.url) end
    answer = next_answer
  end
  answer.hops = hops
  return answer
end

return redirect
