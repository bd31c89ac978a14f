---For a resource that takes several requests to make: when the first of them has been carried out, a refusal of the
---next one does not say any more that nothing was made.
local begun = {}

---Carries out what comes after the first; an error of it is marked `begun`, which run.resource goes by.
---@param f fun(): any
---@return any
function begun.go_on(f)
  local result, err = try(f)
  if not err then return result end
  err.begun = true
  error(err, 0)
end

return begun
