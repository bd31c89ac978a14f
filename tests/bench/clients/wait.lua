---Davit's side of waiting.lua: PORT COUNT EVERY SECONDS same|spread. EVERY is a pause in seconds, or "default"
---for the pace that health.wait has by itself. Prints how many probes were sent and whether all came up.
local health = require "health"
local json = require "json"

local port, count, every, seconds, where = ...

local targets = {}
for i = 0, math.tointeger(count) - 1 do
  local url = ("http://127.0.0.1:%s/0/%d"):format(port, i)
  if where == "spread" then url = ("http://127.1.%d.%d:%s/0"):format(i // 250, i % 250 + 1, port) end
  targets[i + 1] = { url = url }
end

local o = { targets = targets, deadline = tonumber(seconds), grace = tonumber(seconds) }
if every ~= "default" then
  o.backoff = { initial = tonumber(every), max = tonumber(every), jitter = "none" }
  o.pace = { slow = 0, quick = 0, edge = 0 }
end

local result, err = try(health.wait, o)
if err and err.code ~= "not-healthy" then error(err, 0) end
print(json.encode { exchanges = (result or err).probes, good = result ~= nil })
