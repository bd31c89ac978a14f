---What the edge changes on the way: an HTTP request as it hands it to a Worker, and the answer on its
---way back. A WebSocket is passed on message by message.
---
---A visitor's body is passed on when it is whole. A Worker's is, too, if it says its length and is short; any
---other is passed on as it comes.
local core = require "core"
local http = require "http.core"
local json = require "json"
local relay = require "cloud.relay"
local workerd = require "cloud.workerd"

local proxy = {}

local TIMEOUT = { idle = 400, total = 86400 }   -- seconds; a Worker may compute for 300
local LARGEST_BODY = 1 << 30
local WHOLE = 1 << 20             -- bytes of an answer that is passed on at once
local PLACE = "LHR"               -- of the data centre that a ray names

-- What concerns one connection alone (RFC 9110, 7.6.1), and what the HTTP client sets itself.
local hop_by_hop = {
  connection = true, ["keep-alive"] = true, ["proxy-authenticate"] = true,
  ["proxy-authorization"] = true, ["proxy-connection"] = true, te = true, trailer = true,
  ["transfer-encoding"] = true, upgrade = true, ["content-length"] = true, expect = true,
}

-- The client that asks the Worker undoes a compression before the answer is seen here.
local undone = { ["accept-encoding"] = true, ["content-encoding"] = true }

local function passed_on(headers)
  local kept, named = {}, {}
  for name in (headers.connection or ""):lower():gmatch("[^%s,]+") do named[name] = true end
  for name, value in pairs(headers) do
    if not (hop_by_hop[name] or undone[name] or named[name]) then kept[name] = value end
  end
  return kept
end

local function ray()
  return (core.random(8):gsub(".", function(c) return ("%02x"):format(c:byte()) end)) .. "-" .. PLACE
end

-- What request.cf holds: a place on the map of which nothing follows.
local function cf_of(request)
  local tls = request.scheme == "https"
  return {
    colo = PLACE, country = "GB", city = "London", continent = "EU", region = "England", regionCode = "ENG",
    timezone = "Europe/London", latitude = "51.50853", longitude = "-0.12574", postalCode = "SW1A",
    asn = 64496, asOrganization = "Davit's local cloud",   -- a number for documentation (RFC 5398)
    httpProtocol = "HTTP/1.1", requestPriority = "", clientTcpRtt = 1, edgeRequestKeepAliveStatus = 1,
    clientAcceptEncoding = request.headers["accept-encoding"] or "",
    tlsVersion = tls and "TLSv1.3" or "", tlsCipher = tls and "AEAD-AES128-GCM-SHA256" or "",
  }
end

local function headers_of(request)
  local headers = passed_on(request.headers)
  local client = request.address:gsub(":%d+$", "")   -- the client's port is nobody's
  local before = request.headers["x-forwarded-for"]
  headers.host = request.host
  headers["cf-connecting-ip"], headers["x-real-ip"] = client, client
  headers["x-forwarded-for"] = before and before .. ", " .. client or client
  headers["x-forwarded-proto"] = request.scheme
  headers["cf-visitor"] = ('{"scheme":"%s"}'):format(request.scheme)
  headers["cf-ipcountry"], headers["cf-ray"] = "GB", ray()
  headers["cdn-loop"] = "cloudflare; loops=1"
  headers[workerd.CF] = json.encode(cf_of(request))
  return headers
end

local function target(request)
  local query = request.query or ""
  return request.path .. (query ~= "" and "?" .. query or "")
end

---@param request table  as it came to the edge; `host` is the public one
---@param port integer   where the Worker listens
---@return table options  for an exchange
function proxy.request(request, port)
  local body = request.body or ""
  return {
    url = ("http://127.0.0.1:%d%s"):format(port, target(request)), method = request.method,
    headers = headers_of(request), body = body ~= "" and body or nil, timeout = TIMEOUT,
    max_body = LARGEST_BODY,
  }
end

-- Cookies alone may not be joined in one line: a date in them holds a comma. A new cookie begins
-- where a name and an equals sign follow one.
local function cookies_of(joined)
  local cookies = {}
  for cookie in joined:gsub(", ([^%s;,=]+=)", "\n%1"):gmatch("[^\n]+") do
    cookies[#cookies + 1] = cookie
  end
  return cookies
end

---@param answer table  status, headers, body of an exchange
---@return table response
function proxy.response(answer)
  local headers = passed_on(answer.headers)
  local cookies = headers["set-cookie"]
  headers["set-cookie"] = cookies and cookies_of(cookies)
  return { status = answer.status, headers = headers, body = answer.body }
end

local function whole(source)
  local pieces = {}
  for piece in source.read, source do pieces[#pieces + 1] = piece end
  return table.concat(pieces)
end

local function exchange(options)
  local answer, source = http.stream(options)
  if not source then return proxy.response(answer) end
  local response, length = proxy.response(answer), tonumber(answer.headers["content-length"])
  if length and length <= WHOLE then
    local body <close> = source
    response.body = whole(body)
  else
    response.body, response.stream = nil, function(out)
      local body <close> = source
      for piece in body.read, body do
        if not out:write(piece) then return end
      end
    end
  end
  return response
end

local function wants_websocket(request)
  return (request.headers.upgrade or ""):lower() == "websocket"
end

---Asks a Worker.
---@param request table
---@param port integer
---@return table response  raises what http.stream and websocket.connect raise
function proxy.ask(request, port)
  if wants_websocket(request) then
    return relay.open(("ws://%s%s"):format(request.host, target(request)), port, headers_of(request))
  end
  return exchange(proxy.request(request, port))
end

return proxy
