---What answers for a Worker where workerd, the Workers runtime, is missing: enough for a deploy and
---its health check to be tried, and never to be taken for the Worker itself. Pure.
local json = require "json"

local stand_in = {}

-- Variables that a Worker may show in its health answer, and the names they have there.
local shown = { SERVICE = "service", VERSION = "version", ENVIRONMENT = "environment" }

local function health(version)
  local answer = { status = "ok", service = version.script }
  for _, binding in ipairs(version.bindings or {}) do
    local name = shown[binding.name]
    if name and binding.type == "plain_text" then answer[name] = binding.text end
  end
  return { status = 200, headers = { ["content-type"] = "application/json; charset=utf-8" },
    body = json.encode(answer) }
end

local PAGE = [[
<!DOCTYPE html>
<meta charset="utf-8">
<title>%s</title>
<h1>%s</h1>
<p>Version %s of this Worker is deployed, but its code does not run here: the local cloud has found
no workerd. This page stands in for it.</p>
]]

---@param version table  of a Worker, as the model keeps it
---@param request table
---@return table response
function stand_in.answer(version, request)
  local response = request.path == "/health" and health(version) or {
    status = 200, headers = { ["content-type"] = "text/html; charset=utf-8" },
    body = PAGE:format(version.script, version.script, version.id),
  }
  response.headers["x-davit-stand-in"] = "no workerd"
  return response
end

return stand_in
