---A stub that answers from memory, for the benches: davit tests/bench/clients/replay.lua RECORDING
---Each request gets what was answered last to one of its method and path; it prints where it listens.
local fs = require "fs"
local json = require "json"
local server = require "server"

local answers = {}
for line in fs.read((...)):gmatch "[^\n]+" do
  local entry = json.decode(line)
  answers[entry.method .. " " .. entry.path] = { status = entry.status, body = json.encode(entry.resp or json.null),
    headers = { ["content-type"] = "application/json" } }
end

local unknown = { status = 404, body = '{"success":false,"errors":[{"code":7003,"message":"unknown"}],"messages":[],"result":null}' }

local s <close> = server.listen {}
print(s.url)
s:serve(function(request) return answers[request.method .. " " .. request.path] or unknown end)
