---Which events a Worker handles, told from the text of its entry. Only running it would say for
---certain; what is found here is what clients show, and nothing is served by it.
local route = require "cloud.route"

local handlers = {}

-- Beside fetch, which is assumed of every module that exports anything.
local others = { "scheduled", "queue", "email", "tail", "trace" }

local known = { fetch = true, scheduled = true, queue = true, email = true, tail = true, trace = true,
  alarm = true, connect = true, test = true, error = true, unhandledrejection = true,
  rejectionhandled = true }

local function defines(body, name)
  return body:find("%f[%w_$]" .. name .. "%s*%b()%s*{")
    or body:find("%f[%w_$]" .. name .. "%s*:%s*async%f[%W]")
    or body:find("%f[%w_$]" .. name .. "%s*:%s*function%f[%W]")
    or body:find("%f[%w_$]" .. name .. "%s*:%s*%(")
end

local function of_module(body)
  if not body:find("export", 1, true) then
    route.refuse { status = 400, code = 10068,
      message = "The uploaded script has no registered event handlers." }
  end
  local found = { "fetch" }
  for _, name in ipairs(others) do
    if body:find(name, 1, true) and defines(body, name) then found[#found + 1] = name end
  end
  return found
end

local function of_script(body)
  local found, seen = {}, {}
  for name in body:gmatch("addEventListener%s*%(%s*[\"'`]([%w_]+)") do
    if not known[name] then
      route.refuse { status = 400, code = 10069, message =
        ("The uploaded script has unsupported event handlers: %s."):format(name) }
    end
    if not seen[name] then found[#found + 1] = name end
    seen[name] = true
  end
  if not body:find("addEventListener", 1, true) then
    route.refuse { status = 400, code = 10068,
      message = "The uploaded script has no registered event handlers." }
  end
  return found
end

---@param module table   the entry: type and body
---@param script boolean whether it is in service worker format
---@return string[]  refuses an entry that can handle nothing
function handlers.of(module, script)
  if script then return of_script(module.body) end
  if not (module.type or ""):find("javascript+module", 1, true) then return { "fetch" } end
  return of_module(module.body)
end

return handlers
