---Places of secrets: the text's first line is a place, the rest a URL. A place is taken or refused with a reason; what a
---place admits is the same origin, and below the same path, for a reader of URLs that is not ours to check with.
local secret = require "secret.core"
local url = require "url"

local ports = { http = 80, https = 443 }

-- "scheme://host:port" and the path without dots, as url reads them; nil: it does not.
local function read(text)
  text = text:gsub("#.*", "")
  local parts = try(url.parse, text)
  if not parts or not parts.host or not parts.scheme then return nil end
  local scheme = parts.scheme:lower()
  assert(not parts.userinfo, "user information: " .. text)
  local path = try(url.normalise, text)
  return ("%s://%s:%d"):format(scheme, parts.host:lower(), parts.port or ports[scheme] or 0),
    path and url.parse(path).path
end

local function check_admitted(place, to)
  local may, below = read(place)
  local origin, path = read(to)
  if not may or not origin then return end
  assert(may == origin, ("%s admits %s"):format(place, to))
  if not path or not below then return end
  below = below:gsub("/+$", "")
  assert(path:sub(1, #below) == below and path:find("^[/?#]?", #below + 1), ("%s admits the path of %s"):format(place, to))
end

-- Of a place the part that url can read.
local function plain(place)
  place = place:gsub("^[%u,]+ ", ""):gsub(" .*$", "")
  return place:find("://", 1, true) and place or "https://" .. place
end

return function(text)
  local place, to = text:match "^([^\n]*)\n(.*)$"
  place, to = place or "https://api.github.com/v1", to or text
  if place:find "\0" or to:find "\0" then return end   -- no URL gets that far
  local why = secret.place_wrong(place)
  local one, err = try(secret.new, "FUZZED", "a-value-to-send", { place })
  assert((why == nil) == (one ~= nil) and (not err or err.code == "misuse"), place)
  for _, known in ipairs { place, "https://api.github.com", "http://127.0.0.1:8080/v1" } do
    if not secret.place_wrong(known) then
      local value = secret.new("FUZZED", "a-value-to-send", { known })
      if secret.admitted(value, to, "GET", "authorization") and not known:find "^unix:" then check_admitted(plain(known), to) end
    end
  end
end
