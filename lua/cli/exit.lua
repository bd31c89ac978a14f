---Exit codes: a contract that scripts branch on (docs/recipes.md has the table).
local exit = {}

local by_code = {
  ["usage"] = 2, ["config"] = 2, ["yaml-invalid"] = 2,
  ["secret-missing"] = 2, ["secret-file-shared"] = 2, ["secret-file-invalid"] = 2,
  ["run-changed"] = 2, ["artifact-key"] = 2, ["cloudflare-scope"] = 2, ["cloudflare-token"] = 2,
  ["lease-held"] = 6, ["lease-lost"] = 6, ["cloud-running"] = 6, ["superseded"] = 6,
  ["denied"] = 7, ["manifest-refused"] = 7, ["plan-effect"] = 7, ["secret-refused"] = 7, ["approval-expired"] = 7,
  ["refused"] = 9, ["preview-to-production"] = 9,
  ["migration-drift"] = 5, ["migration-changed"] = 5, ["migration-order"] = 5,
  ["not-healthy"] = 4, ["left-behind"] = 3, ["interrupted"] = 10, ["approval-needed"] = 75,
}

local by_class = { transient = 8, throttled = 8, pending = 8, unknown = 8 }

-- Where a run stands decides whatever the error was: it can be resumed, or it waits for somebody.
local by_status = { interrupted = 10, cancelled = 10, undoing = 10, waiting = 75, superseded = 6 }

local cause

-- Branches that failed together have the code that all of them have.
local function common_cause(failures)
  local code
  for _, err in pairs(failures or {}) do   -- of an old record none are known
    local one = cause(err)
    if code and one ~= code then return 1 end
    code = one
  end
  return code or 1
end

function cause(err)
  if err.code == "parallel-failed" then return common_cause(err.failures) end
  return by_code[err.code] or by_class[err.class] or 1
end

---Of an error outside of a run.
---@param err table
---@return integer code
function exit.code(err)
  return cause(err)
end

local decided = { [3] = true, [6] = true, [10] = true, [75] = true }   -- by where a run stands, not by its cause

---The exit code of an error that is known to be the cause, unless where the run stands decides.
---@param code integer
---@param err table
---@return integer
function exit.unless_left(code, err)
  return decided[code] and code or cause(err)
end

---What is left decides first, then the cause.
---@param run table  of run.start, run.resume, run.undo
---@return integer code
function exit.of(run)
  if by_status[run.status] then return by_status[run.status] end
  if run.status == "lost" then return run.error.code == "lease-lost" and not run.unreachable and 6 or 10 end
  if #run.left > 0 and run.status ~= "done" then return 3 end
  return run.error and cause(run.error) or 0
end

return exit
