---Runs once in every new state: what recipes see beside Davit's own modules.
---Globals become strict; os and math.random ask the world instead of the machine.
local core = require "core"

-- Time and chance ---------------------------------------------------------------

---What a recipe asks of time and chance goes through here; a run that is going on puts a function in
---its place that records it, so that it goes the same way when it is resumed.
---@param what string          "time", "random"
---@param read fun(...): any
function core.observe(what, read, ...)   -- luacheck: no unused args
  return read(...)
end

math.randomseed(string.unpack("i8i8", core.random(16)))

local random = math.random

---As math.random, for Davit's own use: nothing that a recipe decides by.
core.chance = random

math.random = function(...) return core.observe("random", random, ...) end   -- luacheck: ignore 122

-- os ----------------------------------------------------------------------------

local date, difftime, time = os.date, os.difftime, os.time
local started = core.monotonic()

local function unix_seconds() return math.floor(core.now()) end

local function seconds_since_start() return core.monotonic() - started end

local hidden = {}

---For what davit.yaml declares as a secret: from here on only secret.env reads the variable, and whatever prints
---masks its value, which may have come in another way, too.
---@param name string
function core.hide_variable(name)
  core.announce_variable(name)
  hidden[name] = true
  core.hide(name)
end

os = {
  difftime = difftime,

  getenv = function(name)
    if hidden[name] then
      failure {
        code = "misuse", class = "misuse", message = ("os.getenv: %s is a secret"):format(name),
        hint = ("secret.env(\"%s\", { to = … }) gives it without showing it"):format(name),
      }
    end
    return core.getenv(name)
  end,

  ---Unix seconds of the world's clock, or of a table as in standard Lua.
  time = function(fields)
    if fields then return time(fields) end
    return core.observe("time", unix_seconds)
  end,

  date = function(format, at)
    return date(format or "%c", at or core.observe("time", unix_seconds))
  end,

  ---Seconds since the run began, in the world's time.
  clock = function()
    return core.observe("time", seconds_since_start)
  end,
}
package.loaded.os = os

-- load --------------------------------------------------------------------------

local load, mask = load, require "mask"

-- A chunk without a name is called by the beginning of its text, and any name is cut in errors: a secret there
-- would be cut, too, before the mask sees it. Compiled code is refused, whatever mode is asked for: Lua does not check
-- it, so that it could reach all memory, the vault's, too.
_G.load = function(chunk, name, _, ...)
  if type(name) == "string" then name = mask.text(name) end
  return load(chunk, name or "=(load)", "t", ...)
end

-- Globals -------------------------------------------------------------------------

local function known_names()
  local names = {}
  for name in pairs(_G) do
    if type(name) == "string" then names[#names + 1] = name end
  end
  return names
end

setmetatable(_G, {
  __index = function(_, name)
    if name == "arg" then error("unknown name 'arg': a script's arguments are `...`", 2) end
    local near = core.nearest(tostring(name), known_names())
    error(("unknown name '%s'%s"):format(tostring(name), near and (": did you mean '%s'?"):format(near) or ""), 2)
  end,
  __newindex = function(_, name)
    error(("assignment to the undeclared name '%s': write 'local %s'"):format(tostring(name), tostring(name)), 2)
  end,
})
