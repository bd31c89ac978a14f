---What the suites of clients have in common: the stories of a service, programs in node that go through calls, and how
---what was said is held against contracts.
local cloud = assert(require("core").load_file "tests/clients/cloud.lua")()
local fs = require "fs"
local json = require "json"
local process = require "process"

local suite = {}

---Whether Davit was built with the sanitizers: they look at Davit and not at its clients, so that fewer stories do.
suite.sanitized = (os.getenv "DAVIT" or ""):find("/san/", 1, true) ~= nil

---Those of a suite's stories that shall be told: all of them, but STORIES="deploy sdk" names some, for whoever works on
---those.
---@param names string  parted by blanks, in their order
---@return string[]
function suite.chosen(names)
  local wanted, chosen = os.getenv "STORIES", {}
  for name in names:gmatch "%S+" do
    if not wanted or (" " .. wanted .. " "):find(" " .. name .. " ", 1, true) then chosen[#chosen + 1] = name end
  end
  return chosen
end

---Loads stories: files that make tests, which see what tests see and are given `about`, with their name in `story`.
---@param names string[]
---@param about table
---@param env table  the file's that tells them
function suite.tell(names, about, env)
  for _, name in ipairs(names) do
    local file = ("tests/clients/stories/%s.lua"):format(name)
    about.story = name
    assert(load(fs.read(file), "@" .. file, "t", env))(about)
  end
end

---@param text string
---@param piece string  plain
function suite.contains(text, piece)
  if not text:find(piece, 1, true) then error(("%q is not in:\n%s"):format(piece, text), 2) end
end

-- ---- programs in node -------------------------------------------------------------------------

---@class clients.Calls
---@field title string     of the tests (of Lanes: its own)
---@field program string   in tests/clients, which says by check.mjs what became of each call
---@field argv? string[]   after the folder of the npm parts
---@field env? table<string, string>

local function call(o)
  return process.run { argv = { cloud.node, "tests/clients/" .. o.program, cloud.parts, table.unpack(o.argv or {}) },
    check = false, timeout = 300, env = o.env }
end

local function report(o, ended, test)
  local count = 0
  for outcome, name, reason in ended.output:gmatch "([%l ]-ok)\t([^\t\n]*)\t([^\n]*)" do
    count = count + 1
    test(("%s: %s"):format(o.title, name), function()
      if outcome ~= "ok" then error(reason, 0) end
    end)
  end
  test(o.title .. " comes to its end", function()
    local last = ended.output:match "\nend\t(%d+)\n$"
    if ended.exit ~= 0 or last ~= tostring(count) then error(ended.errors .. ended.output, 0) end
  end)
end

---Runs a program; each thing that it checks is a test.
---@param o clients.Calls
---@param test fun(name: string, body: fun())
function suite.checks(o, test) report(o, call(o), test) end

-- ---- stories beside each other ----------------------------------------------------------------

---@class clients.Lanes
---@field stories table[]  name or calls, lane, body; then err or result
local Lanes = {}
Lanes.__index = Lanes

---Stories of which those of a lane are told one after the other, and lanes at the same time.
---@return clients.Lanes
function suite.lanes() return setmetatable({ stories = {} }, Lanes) end

---@param lane string
---@param name string  of the test
---@param body fun()
function Lanes:add(lane, name, body) table.insert(self.stories, { lane = lane, name = name, body = body }) end

---Each thing that a program checks is a test.
---@param lane string
---@param title string
---@param prepare fun(): clients.Calls  what it needs is made when its turn comes
function Lanes:add_checks(lane, title, prepare)
  table.insert(self.stories, { lane = lane, name = title .. " are called", body = function(story)
    story.calls = prepare()
    story.calls.title = title
    story.ended = call(story.calls)
  end })
end

local function tell(lane)
  for _, story in ipairs(lane) do
    local _, err = try(story.body, story)
    if err and err.class == "cancelled" then error(err, 0) end
    story.err = err
  end
end

---Tells all, and reports each as a test, in the order in which they were added.
---@param test fun(name: string, body: fun())
function Lanes:run(test)
  local lanes, bodies = {}, { all = true }
  for _, story in ipairs(self.stories) do
    lanes[story.lane] = lanes[story.lane] or {}
    table.insert(lanes[story.lane], story)
  end
  for name, lane in pairs(lanes) do bodies[name] = function() tell(lane) end end
  if next(lanes) then parallel(bodies) end
  for _, story in ipairs(self.stories) do
    if story.ended then report(story.calls, story.ended, test) end
    if story.err or not story.ended then
      test(story.name, function() if story.err then error(story.err, 0) end end)
    end
  end
end

-- ---- contracts --------------------------------------------------------------------------------

local function line(one)
  return ("%s: %s, %s (%s): %s"):format(one.contract, one.operation, one.at, one.rule, one.detail or one.reason)
end

---@class clients.Held
---@field service string  whose known differences may occur: tests/clients/known_differences_SERVICE.json
---@field recordings string[]
---@field contracts { [1]: string, [2]: string }[]  how one is called there, and its file
---@field partial? boolean  not all was said: known differences need not have occurred

---Holds recorded exchanges against contracts.
---@param o clients.Held
---@return { exchanges: integer, held: table<string, integer>, known: integer } told, string[] problems
function suite.hold(o)
  local argv = { cloud.node, "tests/clients/contracts.mjs", cloud.parts,
    ("tests/clients/known_differences_%s.json"):format(o.service) }
  table.move(o.recordings, 1, #o.recordings, #argv + 1, argv)
  argv[#argv + 1] = "--"
  for _, contract in ipairs(o.contracts) do argv[#argv + 1] = ("%s=%s"):format(contract[1], contract[2]) end
  local told = json.decode(process.run({ argv = argv, timeout = 300, max_output = 32 << 20 }).output)
  local problems = {}
  for _, one in ipairs(told.differences) do problems[#problems + 1] = "new: " .. line(one) end
  for _, one in ipairs(o.partial and {} or told.stale) do problems[#problems + 1] = "no longer: " .. line(one) end
  return told, problems
end

---How many requests each client has made.
---@param entries table[]    of a recording
---@param patterns string[]  of user agents; what they match is the client's name
---@return table<string, integer>
function suite.agents(entries, patterns)
  local counts = {}
  for _, entry in ipairs(entries) do
    for _, pattern in ipairs(patterns) do
      local name = (entry.headers["user-agent"] or ""):match(pattern)
      if name then counts[name] = (counts[name] or 0) + 1 end
    end
  end
  for name, count in pairs(counts) do print(("clients: %s, %d requests"):format(name, count)) end
  return counts
end

return suite
