---The second net of a plan: while it is made, whatever would change something is refused where the world begins, also
---where a recipe does it outside of any step, or a step says that it only reads and does not.
---
---HTTP requests other than GET, HEAD and OPTIONS are refused, programs outside of a step that only reads, and files
---that would be written; a database is asked in sessions that are read-only.
local task = require "task"

local reading = {}

local harmless = { GET = true, HEAD = true, OPTIONS = true }

local function refuse(what)
  failure { code = "plan-effect", class = "misuse",
    message = ("a plan changes nothing, and this would %s"):format(what),
    hint = "do it in a run.step: a plan names it and goes on" }
end

-- Has a module's function replaced until the returned function is called.
local function replace(module, name, other)
  local own = module[name]
  module[name] = other(own)
  return function() module[name] = own end
end

local function only_harmless(own)
  return function(o, ...)
    local method = type(o) == "table" and o.method or "GET"
    if not harmless[method] then refuse(("send a %s to %s"):format(method, tostring(o.url):match "^[^?]*")) end
    return own(o, ...)
  end
end

local function only_within_look(own)
  return function(o, ...)
    if not task.locals().looking then refuse(("run '%s'"):format(o.command or table.concat(o.argv or {}, " "))) end
    return own(o, ...)
  end
end

local function read_only(own)
  return function(...)
    local session = own(...)
    session:query "set default_transaction_read_only = on"
    return session
  end
end

local function never(what)
  return function()
    return function(path) refuse(("%s %s"):format(what, tostring(path))) end
  end
end

local file_effects = { write = "write", append = "write", make = "make", remove = "remove", chmod = "change",
  rename = "rename", copy_file = "copy" }

---Runs f with the net below it.
---@param f fun()
function reading.only(f)
  local back = {}
  local function over(module, name, other)
    if module[name] then back[#back + 1] = replace(module, name, other) end
  end
  for _, name in ipairs { "request", "stream" } do over(require "http.core", name, only_harmless) end
  for _, name in ipairs { "run", "start" } do over(require "process.core", name, only_within_look) end
  for _, module in ipairs { require "sql.core", require "sql" } do over(module, "connect", read_only) end
  for _, module in ipairs { require "fs.core", require "fs.fenced", require "fs" } do
    for name, what in pairs(file_effects) do over(module, name, never(what)) end
  end
  for _, name in ipairs { "pack", "unpack" } do over(require "archive.core", name, never(name)) end
  local _, err = try(f)
  for i = #back, 1, -1 do back[i]() end
  if err then error(err, 0) end
end

return reading
