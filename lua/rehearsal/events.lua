---The events of a rehearsed run, as host/rehearsal_clock.c logs them: "18.185 http PUT api.cloudflare.com/… -> 200".
local events = {}

---@class rehearsal.Event
---@field at number       seconds since the rehearsal began
---@field kind string     "http", "journal", …; "fault", "again" or "other" for what befalls Davit
---@field text string     what it was, without its kind
---@field bad boolean     it did not go well
---@field changes boolean it changes something elsewhere
---@field term? string    of a fault: "500:http:12"

-- What an event's outcome may be when all is well; the rest is worth a look.
local fine = { done = true, found = true, taken = true, connected = true, open = true, ["0"] = true, yes = true,
  ["file-not-found"] = true, ["dns-no-data"] = true }

local reads = { GET = true, HEAD = true, OPTIONS = true }
local kinds = { http = true, sql = true, dns = true, process = true, file = true, journal = true, lease = true,
  websocket = true, pack = true, unpack = true, person = true }

local function is_bad(kind, text)
  if kind == "journal" then return text:find "^%a[%w-]*%-failed" ~= nil or text:find(" -> refused", 1, true) ~= nil end
  local method, outcome = text:match "^(%S+).* %-> (%S+)$"
  if outcome == "404" and reads[method] then return false end   -- that it is not there is an answer
  return outcome ~= nil and not fine[outcome] and not outcome:find "^[23]%d%d$"
end

local function effect(at, kind, text)
  return { at = at, kind = kind, text = text, bad = is_bad(kind, text),
    changes = kind == "http" and not reads[text:match "^%S+"] }
end

local function mark(at, text)
  local fault, kind, index = text:match "^([%w-]+) at (%a+) (%d+)$"
  if fault then
    local term = ("%s:%s:%s"):format(fault, kind, index)
    return { at = at, kind = "fault", text = text, bad = true, changes = false, term = term }
  end
  local again = text:find "^davit " ~= nil
  return { at = at, kind = again and "again" or "other", text = text, bad = false, changes = false }
end

---@param log string
---@return rehearsal.Event[]
function events.read(log)
  local list = {}
  for at, text in log:gmatch "(%d+%.%d+) ([^\n]-) ?\n" do
    local kind, rest = text:match "^(%a+) (.*)$"
    list[#list + 1] = kinds[kind] and effect(tonumber(at), kind, rest) or mark(tonumber(at), text)
  end
  return list
end

-- ---- shorter -----------------------------------------------------------------------------------

local services = {
  { "api%.cloudflare%.com/client/v4/accounts/[^/ ]+/", "cloudflare /" },
  { "api%.cloudflare%.com/client/v4/", "cloudflare /" },
  { "console%.neon%.tech/api/v2/projects/[^/ ]+/", "neon /" }, { "console%.neon%.tech/api/v2/", "neon /" },
  { "api%.github%.com/repos/[^/ ]+/[^/ ]+/", "github /" }, { "api%.github%.com/", "github /" },
}

---What a request was about, with the services by their names and long ids cut: for people.
---@param text string
---@return string
function events.short(text)
  text = text:gsub("https://", "")
  for _, one in ipairs(services) do text = text:gsub(one[1], one[2]) end
  return (text:gsub("%f[%x](%x%x%x%x%x%x%x%x)%x+%f[%X]", function(first) return first .. "…" end))
end

return events
