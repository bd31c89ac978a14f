---How many requests the flows send: never more than the scripts of wrangler, neonctl, curl and gh that they replace
---(tests/bench/sources send 48 for a first preview and 45 for a first production), and which is nobody's second question.
local fs = require "fs"
local json = require "json"
local productions = assert(require("core").load_file("tests/place_production.lua"))()

local flow_test = productions.tests(test, skip)

local place <close> = not productions.missing() and productions.new { record = "../requests" } or nil

local function recorded()
  local list = {}
  for line in fs.read(place.parent .. "/requests"):gmatch "[^\n]+" do list[#list + 1] = json.decode(line) end
  return list
end

-- Runs a flow, and gives back what it has asked: texts of "METHOD /path".
local function requests_of(...)
  local before = #recorded()
  local result = place:davit(...)
  if result.exit ~= 0 then error(result.output .. result.errors, 0) end
  local list = {}
  for i, one in ipairs(recorded()) do
    if i > before then list[#list + 1] = ("%s %s"):format(one.method, one.path) end
  end
  return list
end

local function count(list, pattern)
  local n = 0
  for _, text in ipairs(list) do n = n + (text:find(pattern) and 1 or 0) end
  return n
end

local function at_most(limit, list)
  if #list > limit then error(("%d requests, at most %d:\n%s"):format(#list, limit, table.concat(list, "\n")), 2) end
end

flow_test("a first preview sends fewer requests than the script of the sources, and one of nothing new fewer", function()
  place:push "first"
  place:event()
  local first = requests_of("preview", "--pr", "42", "--local", "--yes")
  at_most(40, first)
  equal({ count(first, "/settings$"), count(first, "/connection_uri$"), count(first, "/deployments$") }, { 0, 1, 3 })
  local again = requests_of("preview", "--pr", "42", "--local", "--yes")
  at_most(33, again)
  equal(#again - count(again, "^GET "), 0)
end)

flow_test("a first production sends fewer requests than the script of the sources, and one of nothing new fewer", function()
  place:push "second"
  local first = requests_of("production", "--local", "--yes")
  at_most(44, first)
  equal({ count(first, "/settings$"), count(first, "/connection_uri$"), count(first, "/branches") }, { 0, 1, 1 })
  local again = requests_of("production", "--local", "--yes")
  at_most(42, again)
  equal(count(again, "^POST ") + count(again, "^PUT "), 0)
end)
