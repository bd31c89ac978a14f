---The headers of an answer, as lines come from the network.
local fuzz = require "fuzz"

return function(text)
  local budget = #text
  for name, value in pairs(fuzz.headers(text)) do
    assert(#name > 0 or value, "a name")
    assert(not name:find "[A-Z:\n]", "a name is lower case and ends at the colon")
    assert(not value:find "\n" and not value:find "^[ \t]", "a value is one line without blanks before it")
    budget = budget - #name
  end
  assert(budget >= 0, "more names than were sent")
end
