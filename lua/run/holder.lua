---Who carries a run out now, by the lease that is the run itself.
local holder = {}

-- Neither given back, nor expired, nor of a process of this machine that has ended.
local function is_held(lease)
  return lease.run ~= "" and lease.left > 0 and not (lease.here and not lease.alive)
end

-- Asked run by run: every run that is kept has its lease's row.
---@param store userdata
---@param id string
---@return table|nil lease
function holder.of(store, id)
  local lease = store:leases("run/" .. id)[1]
  return lease and is_held(lease) and lease or nil
end

return holder
