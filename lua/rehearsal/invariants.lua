---A project's own invariants: files beside its recipes, `recipes/NAME.invariants.lua` for the recipe NAME and
---`recipes/all.invariants.lua` for every one. Each calls invariant([name,] f), and f(cloud, run) is called after every
---schedule. They are pure: nothing of Davit's is there, only Lua's own tables, texts and numbers.
local limited = require "limited"

local invariants = {}

local STEPS <const> = 10000000   -- of the virtual machine: a tenth of a second, and no schedule's time

---@class rehearsal.Invariant
---@field name string
---@field holds fun(cloud: table, run: table): boolean|nil, string|nil

---@class rehearsal.InvariantFile
---@field file string
---@field text string

-- ---- finding ---------------------------------------------------------------------------------------

---@param root string    the project's folder
---@param recipe string
---@return rehearsal.InvariantFile[]
function invariants.files(root, recipe)
  local fs, list = require "fs.core", {}
  for _, name in ipairs { "all", recipe } do
    local file = ("recipes/%s.invariants.lua"):format(name)
    if fs.exists(root .. "/" .. file) then list[#list + 1] = { file = file, text = fs.read(root .. "/" .. file) } end
  end
  return list
end

---The recipes that have a file of invariants, "all" among them.
---@param root string
---@return string[]
function invariants.names(root)
  local fs, list = require "fs.core", {}
  for _, entry in ipairs(fs.exists(root .. "/recipes") and fs.list(root .. "/recipes") or {}) do
    list[#list + 1] = entry:match "^([%w_-]+)%.invariants%.lua$"
  end
  return list
end

-- ---- loading ---------------------------------------------------------------------------------------

local plain = { "assert", "error", "ipairs", "next", "pairs", "select", "tonumber", "tostring", "type" }
local libraries = { math = { random = true, randomseed = true }, string = { dump = true }, table = {}, utf8 = {} }

local function without(library, left_out)
  local copy = {}
  for name, value in pairs(library) do
    if not left_out[name] then copy[name] = value end
  end
  return copy
end

-- What a file sees. `add` takes what it declares.
local function environment(add)
  local env = { invariant = add }
  for _, name in ipairs(plain) do env[name] = _G[name] end
  for name, left_out in pairs(libraries) do env[name] = without(_G[name], left_out) end
  return setmetatable(env, {
    __index = function(_, name)
      error(("an invariant has no '%s': it only looks at the cloud that it is given"):format(tostring(name)), 2)
    end,
    __newindex = function(_, name)
      error(("assignment to the undeclared name '%s': write 'local %s'"):format(tostring(name), tostring(name)), 2)
    end,
  })
end

local function refuse(file, why)
  failure { code = "config", class = "misuse", about = file, message = why,
    hint = "docs/rehearsal.md shows invariants" }
end

-- Takes invariant(f) and invariant(name, f).
local function taker(file, list)
  return function(name, f)
    if f == nil then name, f = nil, name end
    if type(f) ~= "function" or name ~= nil and type(name) ~= "string" then
      error("invariant expects a function of the cloud, with a name before it if it has one", 2)
    end
    list[#list + 1] = { name = name or ("%s, the invariant %d"):format(file, #list + 1), holds = f }
  end
end

---Raises "config" where a file does not load.
---@param files rehearsal.InvariantFile[]
---@return rehearsal.Invariant[]
function invariants.load(files)
  local list = {}
  for _, one in ipairs(files) do
    local own = {}
    local chunk, err = load(one.text, "@" .. one.file, "t", environment(taker(one.file, own)))
    if not chunk then refuse(one.file, err) end
    local ok, why = limited.call(STEPS, chunk)
    if not ok then refuse(one.file, tostring(why)) end
    table.move(own, 1, #own, #list + 1, list)
  end
  return list
end

-- ---- asking ----------------------------------------------------------------------------------------

local LONGEST <const> = 400   -- bytes of what one says

local function words_of(ok, holds, why)
  if not ok then return tostring(holds):sub(1, LONGEST) end
  if holds == false then return why == nil and "it does not hold" or tostring(why):sub(1, LONGEST) end
end

---@param list rehearsal.Invariant[]
---@param look fun(): table  the cloud, made anew for each
---@param run table          what the run said
---@return rehearsal.Problem[]
function invariants.broken(list, look, run)
  local problems = {}
  for _, one in ipairs(list) do
    local said = {}
    for key, value in pairs(run) do said[key] = value end
    local why = words_of(limited.call(STEPS, one.holds, look(), said))
    if why then problems[#problems + 1] = { what = "invariant", line = ("%s: %s"):format(one.name, why) } end
  end
  return problems
end

return invariants
