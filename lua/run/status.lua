---After which errors a run is left where it stands: nothing failed in the recipe, or nothing may be
---written any more. It is resumed, answered, or over.
local status = {}

local after = {
  interrupted = "interrupted", cancelled = "cancelled", superseded = "superseded", ["approval-needed"] = "waiting",
  ["run-changed"] = "interrupted", ["lease-lost"] = "lost",
}

---@param err table
---@return string|nil  the run's status; nil: the error is the recipe's
function status.after(err)
  if err.recorded then return nil end
  return after[err.code] or err.code:find("^journal%-") and "lost" or nil
end

---Whether the recipe may not go on, even when it catches the error. A branch that is cancelled because
---another failed says "cancelled", too; who cancels the run raises again by himself.
---@param err table
---@return boolean
function status.ends(err)
  return err.code ~= "cancelled" and status.after(err) ~= nil
end

return status
