---The secrets that davit.yaml declares, for what must not hold one: those that can be learnt by looking. A variable is
---known since the project was read. No program is run for it, which may ask somebody to log in, and no descriptor
---read, which can be done once.
local fs = require "fs.core"
local secret = require "secret"

local declared = {}

---The mask knows them from here on.
---@param p table  of project.read
function declared.learn(p)
  if p.env_file then require("flow.secrets").env_file(p) end
  for name, one in pairs(p.secrets) do
    if one.file and fs.exists(fs.place(one.file)) then
      secret.file(one.file, { to = { "sealed:*" }, name = name, shared = one.shared })
    end
  end
end

---Those that a program or a descriptor would have to be asked for.
---@param p table  of project.read
---@return string[] names
function declared.unasked(p)
  local list = {}
  for name, one in pairs(p.secrets) do
    if one.command or one.fd then list[#list + 1] = name end
  end
  return list
end

return declared
