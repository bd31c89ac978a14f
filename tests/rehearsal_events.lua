---A process of tests/rehearsal_repeat_test.lua: rehearses a preview that is not disturbed, twice, and one that is resumed
---late in its course; prints the SHA-256 of the events of each.
local explore = require "rehearsal.explore"
local project = require "project"

local result = explore.run(project.read "tests/projects/codex", {
  recipe = "preview", params = { pr = 42, untested = true }, after = {}, pull_requests = { 42 }, seed = 1, jobs = 1,
  plan = "crash-after:journal:70:resume",
}, function(packet) print(packet.schedule, packet.events) end)

-- The explorer says so where the second undisturbed run did not do the same as the first.
if #result.failed > 0 then error(result.failed[1].problems[1].line, 0) end
