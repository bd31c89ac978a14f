---Temporary folders of runs, .davit/tmp/RUN/…: a run whose process was killed cannot remove its own, so the next
---one that begins does.
local fs = require "fs.core"
local holder = require "run.holder"

local scratch = {}

local owner   -- the run that goes on in this Lua state

local function folder_of(root) return root .. "/.davit/tmp" end

---Where a run's temporary folders stand; those of nobody are swept with the next run.
---@param root string  the project's folder
---@return string
function scratch.folder(root)
  return owner and folder_of(root) .. "/" .. owner or folder_of(root)
end

-- Its own are of an earlier process: this one has the lease, and has made none yet.
local function is_left(store, id, name)
  return name == id or not holder.of(store, name)
end

-- A folder is made under its run's lease, so one whose lease is asked for after it was seen is not missed.
local function sweep(root, store, id)
  local folder = folder_of(root)
  if not fs.exists(folder) then return end
  for _, entry in ipairs(fs.list(folder)) do
    local name = entry:gsub("/$", "")
    if is_left(store, id, name) then fs.remove(folder .. "/" .. name) end
  end
end

---Begins a run that has its lease. What cannot be removed, a container's files for one, stops no run.
---@param root string|nil  the project's folder
---@param store userdata
---@param id string
function scratch.begin(root, store, id)
  owner = id
  if root then try(sweep, root, store, id) end
end

---Ends it.
---@param root string|nil
function scratch.finish(root)
  local mine = root and owner and scratch.folder(root)
  owner = nil
  if mine then try(function() if fs.exists(mine) then fs.remove(mine) end end) end
end

return scratch
