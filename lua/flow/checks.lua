---The checks of davit.yaml: which of them a change asks for, and how they are run.
local condition = require "condition"
local glob = require "glob"
local log = require "log"
local process = require "process"

local checks = {}

local SHELL <const> = "program:/bin/sh"   -- every check is a command of the shell

---Where a check's secrets may go.
checks.places = { SHELL }

-- ---- choosing ----------------------------------------------------------------------------------------

-- "packages" is a folder with all in it, or a file; anything else is a glob.
local function matches(pattern, path)
  if pattern:find "[*?%[{\\]" then return glob.match(pattern, path) end
  local name = pattern:gsub("^%./", ""):gsub("/+$", "")
  return path == name or path:sub(1, #name + 1) == name .. "/"
end

local function any(patterns, texts)
  for _, text in ipairs(texts) do
    for _, pattern in ipairs(patterns) do
      if matches(pattern, text) then return true end
    end
  end
  return false
end

---@class flow.Change  what a run of the checks is about
---@field stage "test"|"preview"  which recipe asks
---@field pr? integer
---@field sha? string             nil: the newest of the pull request
---@field here? flow.Checkout     nil: no checkout of git
---@field by_hand? boolean        no event has started it
---@field branch? string
---@field schedule? boolean       it was started by the clock
---@field paths? string[]         what changed; nil: unknown, so everything may have
---@field why? string            why it is unknown
---@field only? string[]          names: these, whatever `when` says
---@field builds? boolean         Workers are built as well

-- Why a check is not asked for, or nil.
local function not_wanted(check, name, change, named)
  if (check.needs == "preview") ~= (change.stage == "preview") then return "it belongs to another recipe" end
  if next(named) then return not named[name] and "it was not asked for" or nil end
  local when = check.when
  if when.schedule and not change.schedule then return "it runs by the clock" end
  if when.branches and not any(when.branches, { change.branch or "" }) then
    return ("the branch is %s"):format(change.branch or "unknown")
  end
  if when.paths and change.paths and not any(when.paths, change.paths) then return "nothing changed in its paths" end
end

local function refuse(message, hint)
  failure { code = "usage", class = "misuse", message = message, hint = hint }
end

-- The names that were asked for, as a set.
local function named_of(all, change)
  local named = {}
  for _, name in ipairs(change.only or {}) do
    if not all[name] then refuse(("no check is called '%s'"):format(name), "davit.yaml lists them under 'checks'") end
    if all[name].needs == "preview" and change.stage ~= "preview" then
      refuse(("the check %s needs a preview"):format(name), "'davit preview' runs it, against what it has deployed")
    end
    named[name] = true
  end
  return named
end

---Which checks a change asks for; setups are run when anything else is.
---@param all table<string, project.Check>
---@param change flow.Change
---@return table<string, project.Check> chosen, table<string, string> others  why they are not
function checks.choose(all, change)
  local named, chosen, others = named_of(all, change), {}, {}
  local function sort_in(name, check, why)
    if why then others[name] = why else chosen[name] = check end
  end
  for name, check in pairs(all) do
    if not check.setup then sort_in(name, check, not_wanted(check, name, change, named)) end
  end
  local wanted = next(chosen) ~= nil or change.builds
  for name, check in pairs(all) do
    if check.setup then sort_in(name, check, not (wanted or named[name]) and "nothing needs it" or nil) end
  end
  return chosen, others
end

---Whether one of them needs it.
---@param chosen table<string, project.Check>
---@param what "database"|"e2e"|"preview"
---@return boolean
function checks.need(chosen, what)
  for _, check in pairs(chosen) do
    if check.needs == what then return true end
  end
  return false
end

-- ---- running -----------------------------------------------------------------------------------------

-- At most `limit` at a time.
local function gate(limit)
  local free, changed = limit, condition.new()
  return function(f)
    while free == 0 do changed:wait() end
    free = free - 1
    local result, err = try(f)
    free = free + 1
    changed:notify()
    if err then error(err, 0) end
    return result
  end
end

local function command(check, name, root, env)
  local all = {}
  for key, value in pairs(check.env or {}) do all[key] = value end
  for key, value in pairs(env) do all[key] = value end
  local _, err = try(process.run, {
    command = check.run, cwd = root .. (check.cwd and "/" .. check.cwd or ""), env = all, timeout = check.timeout,
    output = "stream", prefix = name .. " | ", merge = true,
  })
  if not err then return end
  if err.class ~= "cancelled" then err.message = ("the check %s: %s"):format(name, err.message) end
  error(err, 0)
end

-- Waits for those it comes after; false when one of them did not pass.
local function await(state, check, chosen)
  for _, name in ipairs(check.after) do
    while chosen[name] and state.ended[name] == nil do state.changed:wait() end
    if chosen[name] and not state.ended[name] then return false end
  end
  return true
end

local function run_one(run, name, o, state)
  local check, passed = o.chosen[name], false
  local _, err = try(function()
    if not await(state, check, o.chosen) then
      log.warn(("the check %s was not run: one that it comes after failed"):format(name))
      return
    end
    state.gate(function()
      run.step("check", { command = check.run, cwd = check.cwd }, function()
        command(check, name, o.root, o.env_of(check))
      end, nil, function() return "run", check.run end)
    end)
    passed = true
  end)
  state.ended[name] = passed
  state.changed:notify()
  if err then error(err, 0) end
end

---@class flow.Checked
---@field chosen table<string, project.Check>
---@field root string
---@field jobs integer   how many at a time
---@field env_of fun(check: project.Check): table<string, any>  the variables of one

---Runs them, each as soon as those it comes after have passed; all are told, whatever becomes of others.
---@param run run
---@param o flow.Checked
function checks.run(run, o)
  local state = { ended = {}, changed = condition.new(), gate = gate(o.jobs) }
  local branches = { all = true }
  for name in pairs(o.chosen) do
    branches[name] = function() run_one(run, name, o, state) end
  end
  if next(o.chosen) then run.parallel(branches) end
end

return checks
