---What the end of a child means: an exit, a signal, or want of memory, and how that is known.
local ending = {}

local KILLED = 128 + 9   -- what a shell says of a program that SIGKILL ended

-- How programs end that were refused memory; shells report a signal as 128 and its number.
local ABORTS = { SIGABRT = true, SIGSEGV = true, SIGBUS = true, SIGTRAP = true, SIGILL = true, SIGKILL = true,
                 [134] = true, [139] = true, [135] = true, [133] = true, [132] = true, [KILLED] = true }

local WORDS = { "out of memory", "cannot allocate memory", "bad_alloc", "memory exhausted", "memoryerror",
                "allocation failed", "enomem", "not enough memory" }

local function mebibytes(bytes) return ("%.0f MiB"):format(bytes / (1 << 20)) end

-- The words by which it complained of memory, as it wrote them.
local function complaint(result)
  for _, text in ipairs { result.errors, result.output } do
    text = text:sub(-16384)
    for _, word in ipairs(WORDS) do
      local from, to = text:lower():find(word, 1, true)
      if from then return text:sub(from, to) end
    end
  end
end

local function how(result)
  if result.signal then return "was ended by " .. result.signal .. (result.core and " (core dumped)" or "") end
  return "exited with code " .. result.exit
end

local function reasons(result, limit, said)
  local list = {}
  if limit then list[1] = ("its limit was %s, it had %s"):format(mebibytes(limit), mebibytes(result.peak)) end
  if said then list[#list + 1] = ("it said '%s'"):format(said) end
  return table.concat(list, ", ")
end

---@param result process.Result
---@param limit? integer  bytes that each of its processes might have
---@return string? code   nil: it ended well
---@return string? what   what happened to it
---@return string? hint
function ending.of(result, limit)
  if result.exit == 0 then return end
  local killed = result.signal == "SIGKILL" or result.exit == KILLED
  if result.oom and killed then
    return "process-memory", ("was killed for want of memory (%s)"):format(result.oom),
      "give the machine or its container more memory, run fewer at once, or let the program use less"
  end
  local said, aborted = complaint(result), ABORTS[result.signal or result.exit]
  if (limit and (aborted or said)) or (aborted and said) then
    return "process-memory", ("%s, likely for want of memory: %s"):format(how(result), reasons(result, limit, said)),
      limit and "raise `memory`, or let the program use less"
        or "let the program use less, or more (node: NODE_OPTIONS=--max-old-space-size)"
  end
  return "process-exit", how(result), result.oom and result.oom
    or killed and "Davit did not kill it, nor did the kernel for want of memory as far as it counts here" or nil
end

return ending
