---Who carries a run out now, by the lease that is the run itself.
local holder = {}

---Asked run by run: every run that is kept has its lease's row.
---@param store userdata
---@param id string
---@return table|nil lease  neither given back, nor expired, nor of a process of this machine that has ended
function holder.of(store, id)
  local lease = store:leases("run/" .. id)[1]
  local held = lease and lease.run ~= "" and lease.left > 0 and not (lease.here and not lease.alive)
  return held and lease or nil
end

return holder
