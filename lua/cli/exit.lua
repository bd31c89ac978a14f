---Exit codes: a contract that scripts branch on (docs/recipes.md has the table).
local exit = {}

local by_code = {
  ["usage"] = 2, ["config"] = 2, ["yaml-invalid"] = 2,
  ["secret-missing"] = 2, ["secret-file-shared"] = 2, ["secret-file-invalid"] = 2,
  ["lease-held"] = 6, ["cloud-running"] = 6, ["superseded"] = 6, ["denied"] = 7, ["refused"] = 9,
  ["preview-to-production"] = 9, ["not-healthy"] = 4, ["left-behind"] = 3,
}

local by_class = { transient = 8, throttled = 8, pending = 8, unknown = 8 }

-- What decides whatever else happened: an interrupted run can be resumed, a parked one approved.
local parked = { interrupted = 10, ["approval-needed"] = 75 }

local cause

-- Branches that failed together have the code that all of them have.
local function common_cause(failures)
  local code
  for _, err in pairs(failures) do
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

---What is left decides first, then the cause.
---@param err table|nil  the failure of the run, or nil
---@param left boolean   something that this run made is still there
---@return integer code
function exit.code(err, left)
  if not err then return 0 end
  if parked[err.code] then return parked[err.code] end
  if left then return 3 end
  return cause(err)
end

return exit
