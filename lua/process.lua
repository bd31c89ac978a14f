---Child processes: run one to its end, or keep one beside the recipe.
---A child that must end gets the signal that stops the run, or SIGTERM, some seconds of grace, then SIGKILL
---with all it started.
local core = require "process.core"
local ending = require "process.ending"
local options = require "options"
local task = require "task"

local process = { alive = core.alive }

local GRACE = 5        -- seconds between the signal and SIGKILL
-- GitHub gives a cancelled job 7.5 s before its second signal, which ends Davit at once: what is left has to
-- do for a look-up whose reply was lost and for giving back the lease.
local CI_GRACE = 2
local LAST_LINES = 5   -- of the output, in the error of a failed program

-- Ending one ------------------------------------------------------------------------

-- A program may tell them apart, so it hears of the signal that Davit got.
local function signal()
  local why = task.stopping()
  return why and why.signal or "SIGTERM"
end

local function default_grace()
  return task.stopping() and (os.getenv "CI" or "") ~= "" and CI_GRACE or GRACE
end

local function stop(handle, grace)
  grace = grace or default_grace()
  handle:kill(signal())
  if not handle:wait(grace) then
    handle:kill "KILL"
    handle:wait(GRACE)
  end
end

local Child = {}
Child.__index = Child

---Runs on errors and cancellation too, so that it must not raise a second error itself.
function Child:__close()
  local handle <close> = self.handle
  if handle:running() then try(task.shield, stop, handle, self.grace) end
end

local function adopt(handle, o)
  return setmetatable({ handle = handle, grace = o.grace }, Child)
end

-- How it ended ------------------------------------------------------------------------

local function quote(argument)
  if argument:find("^[%w%-%+%./_=:,@%%]+$") then return argument end
  return "'" .. argument .. "'"
end

local function show(o)
  if o.command then return o.command end
  local words = {}
  for i, argument in ipairs(o.argv) do words[i] = quote(argument) end
  return table.concat(words, " ")
end

-- Colours, titles and the like say nothing in an error.
local function plain(text)
  return (text:gsub("\27%[[0-?]*[ -/]*[@-~]", ""):gsub("\27%][^\7\27]*\7?", ""):gsub("[\0-\8\11\12\14-\31\127]", ""))
end

local function last_lines(result)
  local text = result.errors:find("%S") and result.errors or result.output
  local lines = {}
  for line in plain(text:sub(-4096)):gmatch("[^\r\n]+") do
    if line:find("%S") then lines[#lines + 1] = line end
  end
  return table.concat(lines, "\n", math.max(1, #lines - LAST_LINES + 1))
end

local function raise(code, o, what, result, hint)
  local command, lines = show(o), last_lines(result)
  command = options.beginning(command, 200)
  failure {
    code = code, about = command, exit = result.exit, signal = result.signal, hint = hint,
    message = ("'%s' %s%s"):format(command, what, lines == "" and "" or ": " .. lines),
  }
end

local function check(o, result)
  local code, what, hint = ending.of(result, o.memory)
  if code then raise(code, o, what, result, hint) end
end

-- The two ways to have one ---------------------------------------------------------------

function process.run(o)
  local handle = core.run(o)
  local child <close> = adopt(handle, o)
  if not handle:wait(o.timeout) then
    task.shield(stop, handle, child.grace)
    raise("process-timeout", o, ("did not end within %g s"):format(o.timeout), handle:result())
  end
  local result = handle:result()
  if o.check ~= false then check(o, result) end
  return result
end

function process.start(o)
  return adopt(core.start(o), o)
end

local function method(name)
  return function(self, ...)
    if getmetatable(self) ~= Child then
      failure {
        code = "misuse", class = "misuse",
        message = ("child.%s: call it with a colon, child:%s()"):format(name, name),
      }
    end
    return self.handle[name](self.handle, ...)
  end
end

Child.kill = method "kill"
Child.line = method "line"
Child.pid = method "pid"
Child.write = method "write"
Child.close_input = method "close_input"

local wait = method "wait"

function Child:wait()
  wait(self)
  return self.handle:result()
end

return process
