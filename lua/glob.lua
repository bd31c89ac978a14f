---Globs: patterns of paths.
local compile = require "glob.compile"
local options = require "options"

local glob = {}

-- Running the machine (see glob/compile.lua) --------------------------------------------------------

-- The sets of states that were met are kept, with where each character leads: after a few paths nothing
-- but tables is looked up. When there are too many they are forgotten, so memory has its limit, too.
local SETS_MAX = 500

-- Adds a state and all that are entered with it. A list to be done, not recursion: patterns may be long.
local function enter(machine, states, seen, state)
  local todo, n = { state }, 1
  while n > 0 do
    local s = todo[n]
    n = n - 1
    if not seen[s] then
      seen[s] = true
      states[#states + 1] = s
      local either = machine.either[s]
      for i = 1, either and #either or 0 do todo[n + i] = either[i] end
      n = n + (either and #either or 0)
    end
  end
end

local function set_of(machine, states, seen)
  table.sort(states)
  local key = table.concat(states, ",")
  local set = machine.sets[key]
  if set then return set end
  if machine.count >= SETS_MAX then machine.sets, machine.count = {}, 0 end
  set = { states = states, after = {}, matches = seen[machine.last] == true, alive = #states > 0 }
  machine.sets[key], machine.count = set, machine.count + 1
  return set
end

local function begin(machine)
  local states, seen = {}, {}
  enter(machine, states, seen, machine.first)
  return set_of(machine, states, seen)
end

local function advance(machine, set, c)
  local states, seen = {}, {}
  for _, s in ipairs(set.states) do
    local test = machine.accept[s]
    if test and test(c) then enter(machine, states, seen, machine.to[s]) end
  end
  return set_of(machine, states, seen)
end

local function run(machine, text)
  local set, i = begin(machine), 1
  while i <= #text and set.alive do
    local c = compile.character(text, i)
    local after = set.after[c] or advance(machine, set, c)
    set.after[c] = after
    set, i = after, i + #c
  end
  return set
end

-- Patterns --------------------------------------------------------------------------------------------

local function check(what, name, text)
  if type(text) ~= "string" then options.misuse("%s: the %s must be a string, not a %s", what, name, type(text)) end
  return text
end

local Pattern = {}
Pattern.__index = Pattern

---@param text string
---@return boolean
function Pattern:match(text)
  return run(self.machine, check("glob.match", "path", text)).matches
end

---Whether something below the folder may match.
---@param folder string
---@return boolean
function Pattern:below(folder)
  return run(self.machine, check("glob.compile", "folder", folder) .. "/").alive
end

function glob.compile(pattern)
  return setmetatable({ machine = compile.machine(check("glob.compile", "pattern", pattern)) }, Pattern)
end

function glob.match(pattern, text)
  if type(pattern) ~= "table" then
    return glob.compile(check("glob.match", "pattern", pattern)):match(text)
  end
  local matched = false
  for _, item in ipairs(pattern) do
    local negated = check("glob.match", "pattern", item):match("^!(.*)$")
    if glob.compile(negated or item):match(text) then matched = not negated end
  end
  return matched
end

function glob.escape(text)
  return (check("glob.escape", "text", text):gsub("[*?%[%]{}\\,!]", "\\%0"))
end

return glob
