---The API's rate limit: requests counted per token, and the block that follows too many.
local route = require "cloud.route"

local throttle = {}

local WINDOW = 300   -- the seconds over which requests are counted
local BLOCK = 300    -- and those of the block, from the request that was one too many

local function refuse(seconds)
  route.refuse { status = 429, code = 971, headers = { ["retry-after"] = tostring(seconds) },
    message = "Please wait and consider throttling your request speed" }
end

-- Assumed: a window begins with the first request after the last one's end.
local function window_of(used, name, now)
  local mine = used[name]
  local over = not mine or not mine.since or (mine.blocked_until or mine.since + WINDOW) <= now
  if over then
    mine = { since = now, requests = 0 }
    used[name] = mine
  end
  return mine
end

---Counts a request and refuses it when it is one too many; the answer's headers say what is left.
---@param context table
function throttle.count(context)
  local limit, now = context.state.settings.cloudflare_requests, context.now
  local mine = window_of(context.cloudflare.used, context.token or "nobody", now)
  mine.requests = mine.requests + 1
  if mine.requests > limit then mine.blocked_until = mine.blocked_until or now + BLOCK end
  local left = math.ceil((mine.blocked_until or mine.since + WINDOW) - now)
  context.headers["ratelimit"] =
    ('"default";r=%d;t=%d'):format(math.max(limit - mine.requests, 0), left)
  context.headers["ratelimit-policy"] = ('"default";q=%d;w=%d'):format(limit, WINDOW)
  if mine.blocked_until then refuse(left) end
end

return throttle
