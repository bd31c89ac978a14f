---Globs: patterns of paths.
local compile = require "glob.compile"
local options = require "options"

local glob = {}

-- Running the machine (see glob/compile.lua) --------------------------------------------------------

-- Adds a state and all that are entered with it. A list to be done, not recursion: patterns may be long.
local function enter(machine, states, seen, state)
  local todo = { state }
  while #todo > 0 do
    local s = table.remove(todo)
    if not seen[s] then
      seen[s] = true
      states[#states + 1] = s
      for _, other in ipairs(machine.either[s] or {}) do todo[#todo + 1] = other end
    end
  end
end

local function begin(machine)
  local states = {}
  enter(machine, states, {}, machine.first)
  return states
end

local function advance(machine, states, c)
  local after, seen = {}, {}
  for _, s in ipairs(states) do
    local test = machine.accept[s]
    if test and test(c) then enter(machine, after, seen, machine.to[s]) end
  end
  return after
end

local function run(machine, text)
  local states, i = begin(machine), 1
  while i <= #text and #states > 0 do
    local c = compile.character(text, i)
    states, i = advance(machine, states, c), i + #c
  end
  return states
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
  for _, state in ipairs(run(self.machine, check("glob.match", "path", text))) do
    if state == self.machine.last then return true end
  end
  return false
end

---Whether something below the folder may match.
---@param folder string
---@return boolean
function Pattern:below(folder)
  return #run(self.machine, check("glob.compile", "folder", folder) .. "/") > 0
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
