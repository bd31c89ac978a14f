---What a proxy changes on the way: an HTTP request as the edge hands it to a Worker, and the answer
---on its way back. Pure, except for the ray, which is only ever compared.
local core = require "core"

local proxy = {}

local TIMEOUT = 60

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
  return (core.random(8):gsub(".", function(c) return ("%02x"):format(c:byte()) end)) .. "-LHR"
end

---@param request table  as it came to the edge; `host` is the public one
---@param port integer   where the Worker listens
---@return table options for http.request
function proxy.request(request, port)
  local headers = passed_on(request.headers)
  headers.host = request.host
  headers["cf-connecting-ip"] = request.address:gsub(":%d+$", "")   -- the client's port is nobody's
  headers["cf-ray"] = ray()
  headers["x-forwarded-proto"] = request.scheme
  local query = request.query or ""
  local body = request.body or ""
  return {
    url = ("http://127.0.0.1:%d%s%s"):format(port, request.path, query ~= "" and "?" .. query or ""),
    method = request.method, headers = headers, body = body ~= "" and body or nil, timeout = TIMEOUT,
    redirects = 0,   -- the client's to follow
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

---@param answer table  of http.request
---@return table response
function proxy.response(answer)
  local headers = passed_on(answer.headers)
  local cookies = headers["set-cookie"]
  headers["set-cookie"] = cookies and cookies_of(cookies)
  return { status = answer.status, headers = headers, body = answer.body }
end

return proxy
