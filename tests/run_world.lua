---For tests of runs: a store in a folder of their own, recipes from functions, and things to make
---in a table instead of a cloud.
local fs = require "fs"
local history = require "run.history"
local process = require "process"
local runs = require "run"
local store = require "store.core"

local world = {}

world.folder = process.run { argv = { "mktemp", "-d" } }.output:match("[^\n]+")
world.store = store.open(world.folder .. "/journal.db")

---Options of runs.start for a function; what was reported is collected in `events` as "kind path".
---@param f fun(p: table, run: table)|table  a recipe's run, or a recipe
---@param more? table
---@return table options, string[] events
function world.options(f, more)
  local events = {}
  local recipe = type(f) == "table" and f or { run = f }
  recipe.name, recipe.file, recipe.source = recipe.name or "test", "test.lua", recipe.source or "1"
  local options = {
    recipe = recipe, params = { pr = 42 }, store = world.store, user = "tester",
    report = function(kind, path) events[#events + 1] = kind .. " " .. path end,
    ask = function() return nil end,
  }
  for name, value in pairs(more or {}) do options[name] = value end
  return options, events
end

---@return table run, string[] events
function world.start(f, more)
  local options, events = world.options(f, more)
  return runs.start(options), events
end

---@return table run, string[] events
function world.resume(id, f, more)
  local options, events = world.options(f, more)
  return runs.resume(options, history.read(options.store, id)), events
end

---@return table run, string[] events
function world.undo(id, f, more)
  local options, events = world.options(f, more)
  return runs.undo(options, history.read(options.store, id)), events
end

local copies = 0

---The record of a run as a crash after its n-th event would have left it: a run of its own.
---@param id string
---@param n integer
---@return string id
function world.crashed_after(id, n)
  copies = copies + 1
  local copy, events = ("%s-crashed-%d"):format(id, copies), {}
  for i, event in ipairs(world.store:events { run = id }) do
    if i > n then break end
    event.run, event.seq = copy, nil
    event.status = i == 1 and "running" or nil
    events[#events + 1] = event
  end
  world.store:append(events)
  return copy
end

---A thing in the table `cloud`, by name; `how` changes what its functions do.
---@param cloud table<string, any>
---@param name string
---@param how? table
---@return table resource
function world.thing(cloud, name, how)
  how = how or {}
  return {
    name,
    find = function() return cloud[name] end,
    create = function()
      if how.before then failure(how.before) end
      if cloud[name] then failure { code = "twice", message = name .. " was made twice" } end
      cloud[name] = { name = name }
      if how.after then failure(how.after) end
      return cloud[name]
    end,
    destroy = function()
      if how.sticky then failure { code = "sticky", message = name .. " does not go" } end
      cloud[name] = nil
    end,
  }
end

---How to close it all.
function world.close()
  world.store:close()
  fs.remove(world.folder)
end

return world
