---What may go wrong on Davit's own machine: names, programs, files, the journal.
local machine = {}

local NEVER = 3600
local FLOOD <const> = 4 * 1024 * 1024   -- bytes

local function failed(code, class, message, delay)
  return { fault = { code, class, message }, delay = delay or 0.01 }
end

-- ---- names ------------------------------------------------------------------------------------

function machine.of_dns() return { "missing", "failed", "timeout" }, 0 end

---@param name string|nil     what goes wrong
---@param question string     the name that is looked up
---@param apply fun(): table
---@return table answer
function machine.dns(name, question, apply)
  if name == "missing" then
    local answer = failed("dns-not-found", "pending", ("no such name: %s (NXDOMAIN)"):format(question))
    answer.ttl = 60
    return answer
  elseif name == "failed" then
    return failed("dns-failed", "transient", ("%s: the name servers failed"):format(question))
  elseif name == "timeout" then
    return failed("dns-timeout", "transient", ("%s: no answer from the name servers"):format(question), 5)
  end
  return apply()
end

-- ---- programs ---------------------------------------------------------------------------------

-- What git prints is read word by word, and is never that much.
function machine.of_process(about)
  if about:find "^git " then return { "fails", "killed", "hangs", "missing" }, 0 end
  return { "fails", "killed", "hangs", "floods", "missing" }, 0
end

local programs = {
  fails = function() return { exit = 1, output = "", errors = "it failed, as it was told to\n", delay = 1 } end,
  killed = function() return { exit = 137, output = "", errors = "", delay = 1 } end,
  missing = function() return failed("process-not-found", "fatal", "cannot start the program: not found") end,
}

---@param name string|nil
---@param apply fun(): table
---@return table answer
function machine.process(name, apply)
  if programs[name] then return programs[name]() end
  local answer = apply()
  if name == "hangs" then answer.delay = NEVER end
  if name == "floods" then answer.output = (answer.output or "") .. ("flood\n"):rep(FLOOD // 6) end
  return answer
end

-- ---- files ------------------------------------------------------------------------------------

local reading = { read = true, list = true, stat = true, look = true, piece = true, digest = true }

---@param about string  "write PATH"
function machine.of_file(about)
  local action = about:match "^%S+"
  if reading[action] then return { "denied", "failed" }, 0 end
  return { "denied", "full" }, 0
end

local files = {
  denied = { "file-denied", "Permission denied" }, full = { "file-full", "No space left on device" },
  failed = { "file-failed", "Input/output error" },
}

---@param name string|nil
---@param what string    "write PATH"
---@param apply fun(): table
---@return table answer
function machine.file(name, what, apply)
  local code = files[name]
  if code then return failed(code[1], "fatal", ("%s: %s"):format(what, code[2])) end
  return apply()
end

-- ---- the journal ------------------------------------------------------------------------------

-- Carried out by host/rehearsal_disturb.c: they befall Davit, not an effect.
local befalls = { "full", "lease-lost", "second", "closed" }

-- Where a question is about to be asked: somebody says no, or nobody is there; then somebody approves or denies it
-- later, it expires, or the run is taken back while it waits.
local unheard = { "denied", "unanswered approve", "unanswered deny", "unanswered expire", "unanswered undo" }

---@param about string  "approval-asked PATH"
function machine.of_journal(about)
  if not about:find "^approval%-asked " then return befalls, 0 end
  return table.move(unheard, 1, #unheard, #befalls + 1, { table.unpack(befalls) }), 0
end

return machine
