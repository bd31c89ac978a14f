---Hosts as a browser on this machine reaches them: NAME.localhost is NAME, without any setting. The
---Worker is shown its public name over https, as its visitors come, and what it answers with that
---name is led back: redirects, cookies of a domain, the origin that may read an answer. Pure.
---
---Text in bodies stays as it is: a page's absolute links lead to the public name.
local browser = {}

local SUFFIX = ".localhost"

---@class browser.Place  where the browser came to
---@field scheme string
---@field port string   with its colon, or empty

-- "http://NAME.localhost:PORT/path" as the public URL; any other text as it is.
local function public(url)
  return (url:gsub("^https?://([^/:?#]+)%.localhost:?%d*", "https://%1"))
end

---Turns a request to NAME.localhost into one to NAME.
---@param request table
---@return browser.Place|nil  nil for a request to another name
function browser.arrive(request)
  local name = request.host:match "^(.+)%.localhost$"
  if not name then return nil end
  local headers = request.headers
  local place = { scheme = request.scheme, port = (headers.host or ""):match ":%d+$" or "" }
  request.host, request.scheme, headers.host = name, "https", name
  for _, header in ipairs { "origin", "referer" } do
    headers[header] = headers[header] and public(headers[header])
  end
  return place
end

local function led_back(url, place, serves)
  local host, rest = url:match "^https?://([^/:?#]+):?%d*(.*)$"
  if not host or not serves(host) then return url end
  return ("%s://%s%s%s%s"):format(place.scheme, host, SUFFIX, place.port, rest)
end

local function of_domain(cookie)
  return (cookie:gsub("(;%s*[Dd][Oo][Mm][Aa][Ii][Nn]=[^;%s]+)", "%1" .. SUFFIX))
end

local function each(value, f)
  if type(value) ~= "table" then return value and f(value) end
  local list = {}
  for i, item in ipairs(value) do list[i] = f(item) end
  return list
end

---Leads the names in an answer's headers back to where the browser is.
---@param response table
---@param place browser.Place
---@param serves fun(host: string): boolean  whether the local cloud answers for a host
---@return table response
function browser.leave(response, place, serves)
  local headers = response.headers
  if not headers then return response end
  for _, name in ipairs { "location", "access-control-allow-origin" } do
    headers[name] = each(headers[name], function(url) return led_back(url, place, serves) end)
  end
  headers["set-cookie"] = each(headers["set-cookie"], of_domain)
  return response
end

return browser
