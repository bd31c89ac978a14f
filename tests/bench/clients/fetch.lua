---Davit's side of http.lua: URL COUNT PARALLEL [CA]; so many tasks share so many exchanges.
local http = require "http"

local url, count, parallel_tasks, ca = ...
local left = math.tointeger(count)

local function worker()
  while left > 0 do
    left = left - 1
    http.request { url = url, ca = ca }
  end
end

local workers = {}
for i = 1, math.tointeger(parallel_tasks) do workers[i] = worker end
parallel(workers)
