---Rules of faults: one that is read is written as a line that is read as the same rule; of every other text it is
---said what is wrong. No request makes a rule fail.
local faults = require "cloud.faults"
local same = require("core").load_file("tests/fuzz/same.lua")()

local hosts = { "api.cloudflare.com", "console.neon.tech", "api.github.com", "example.com" }

return function(text)
  local made, reason, hint = faults.parse(text)
  if not made then
    assert(type(reason) == "string" and (hint == nil or type(hint) == "string"), "a reason")
    return
  end
  local line = faults.line(made)
  local again = assert(faults.parse(line))
  assert(faults.line(again) == line, line)
  local set = faults.new(text)
  faults.add(set, made)
  for _, host in ipairs(hosts) do
    local request = { method = "POST", host = host, path = text:match "/%S*" or "/" }
    local one = faults.pick(set, request, 1)
    if one then
      local response = faults.answer(one, request, 1, function() return { status = 200, headers = {}, body = text } end)
      assert(response.close or math.type(response.status) == "integer", "an answer")
    end
  end
  assert(#set.injected <= #hosts and same(set.rules[1].id, 1))
end
