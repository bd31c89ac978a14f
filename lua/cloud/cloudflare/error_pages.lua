---Cloudflare's own error pages: plain text for programs, a page for browsers. The numbers and titles
---are the service's; the page's look is not.
local sha256 = require "sha256"

local error_pages = {}

-- The status and title of each code; the status of 1000 to 1042 is assumed where it is not 530.
local known = {
  [522] = { 522, "Connection timed out", "The origin of this host does not answer." },
  [523] = { 523, "Origin is unreachable", "The origin of this host cannot be reached." },
  [1001] = { 409, "DNS resolution error", "The zone of this host is not active." },
  [1014] = { 403, "CNAME Cross-User Banned", "The host is a CNAME to a host that is served for others." },
  [1016] = { 530, "Origin DNS error", "The origin of this host has no address." },
  [1019] = { 500, "Compute server error", "The Worker asks itself, in a circle." },   -- status assumed
  [1042] = { 404, "Worker not found", "No Worker answers at this host of workers.dev." },
  [1101] = { 500, "Worker threw exception", "The Worker threw an exception that it did not catch." },
  [1102] = { 503, "Worker exceeded resource limits", "The Worker used more time or memory than it may." },
}

local PAGE = [[
<!DOCTYPE html>
<html lang="en-US">
<head><meta charset="utf-8"><title>%s | %s</title></head>
<body>
<h1>Error %d</h1>
<h2>%s</h2>
<p>%s</p>
<p>Ray ID: <strong>%s</strong> &bull; %s</p>
</body>
</html>
]]

local function escape(text)
  return (text:gsub("[&<>\"]", { ["&"] = "&amp;", ["<"] = "&lt;", [">"] = "&gt;", ['"'] = "&quot;" }))
end

local function for_browser(headers)
  return ((headers or {}).accept or ""):find("text/html", 1, true) ~= nil
end

---What the edge answers where something has failed.
---@param code integer      such as 1016, or 522
---@param where edge.Where
---@param now number
---@return table answer  kind "error", status, code, headers, body
function error_pages.answer(code, where, now)
  local status, title, text = table.unpack(known[code])
  local ray = sha256(("%s %s %d"):format(where.host, now, code)):sub(1, 16)
  local headers = { server = "cloudflare", ["cf-ray"] = ray .. "-LHR",
    ["cache-control"] = "private, max-age=0, no-store", ["x-davit-stand-in"] = "error " .. code }
  local answer = { kind = "error", status = status, code = code, headers = headers }
  if for_browser(where.headers) then
    local host = escape(where.host)
    headers["content-type"] = "text/html; charset=UTF-8"
    answer.body = PAGE:format(title, host, code, title, text, ray, host)
  else
    headers["content-type"] = "text/plain; charset=UTF-8"
    answer.body = ("error code: %d"):format(code)
  end
  return answer
end

return error_pages
