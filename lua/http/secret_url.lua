---A URL that is itself a secret, as incoming webhooks have it: what may be told of it is the origin that its places
---name ("POST https://hooks.example.com url"). That stands in its place wherever a URL is read or shown; the primitive
---alone resolves the other, and compares the two.
local secret = require "secret.core"

local secret_url = {}

---The origin of a secret that may be a URL; nil where none of its places says so, or several do.
---@param value any  a secret
---@return string|nil  "https://hooks.example.com/"
function secret_url.origin(value)
  local found
  for _, place in ipairs(secret.places(value)) do
    local origin = place:match "(https?://[^ ]+) url$"
    if origin and found then return nil end
    found = origin or found
  end
  return found and found .. "/"
end

---Takes a secret out of the request's URL. Where it may be none it stays there, and is refused as any other.
---@param request table  options of http.core
function secret_url.take(request)
  if not secret.is(request.url) then return end
  local origin = secret_url.origin(request.url)
  if origin then request.url, request.secret_url = origin, request.url end
end

return secret_url
