---HTTP for recipes. Every status is an answer; `expect` turns one into an error.
local core = require "http.core"
local json = require "json"
local options = require "options"
local url = require "url"

local http = {}

---What a status means for whoever may try again (see failure classes in docs/recipes.md).
local classes = {
  [408] = "transient", [409] = "converge", [423] = "transient", [425] = "transient",
  [429] = "throttled", [500] = "transient", [502] = "transient", [503] = "transient",
  [504] = "transient",
}

local Answer = {}
Answer.__index = Answer

---The body as JSON; raises "json-invalid" with the URL.
---@return any
function Answer:json()
  local value, err = try(json.decode, self.body)
  if err then
    failure {
      code = "json-invalid", about = self.url,
      message = ("%s answered status %d with no valid JSON: %s"):format(self.url, self.status, err.message),
    }
  end
  return value
end

local function has_header(headers, wanted)
  for name in pairs(headers) do
    if name:lower() == wanted then return true end
  end
  return false
end

---Copies the options; `json` and `form` become a body with its content type.
local function prepare(o)
  local request = {}
  for name, value in pairs(o) do request[name] = value end
  local body, content_type
  if o.json ~= nil then
    body, content_type = json.encode(o.json), "application/json"
  elseif o.form then
    body, content_type = url.query(o.form), "application/x-www-form-urlencoded"
  end
  request.json, request.form = nil, nil
  if o.headers ~= nil and type(o.headers) ~= "table" then return request end   -- refused by its type
  if content_type then
    if o.body or o.json ~= nil and o.form then
      failure { code = "misuse", class = "misuse", message = "http.request: json, form and body exclude each other" }
    end
    request.body, request.headers = body, {}
    for name, value in pairs(o.headers or {}) do request.headers[name] = value end
    if not has_header(request.headers, "content-type") then
      request.headers["content-type"] = content_type
    end
  end
  return request
end

function http.request(o)
  return setmetatable(core.request(type(o) == "table" and prepare(o) or o), Answer)
end

---What the body says, short enough for a one-line error.
local function excerpt(body)
  local text = body:gsub("%s+", " ")
  return #text > 200 and text:sub(1, 200) .. "…" or text
end

function http.expect(o, ...)
  local wanted = select("#", ...) > 0 and { ... } or { 200, 201, 202, 204 }
  for _, status in ipairs(wanted) do
    if math.type(status) ~= "integer" then
      options.misuse("http.expect: a status is an integer, not '%s'", tostring(status))
    end
  end
  local answer = http.request(o)
  for _, status in ipairs(wanted) do
    if answer.status == status then return answer end
  end
  failure {
    code = "http-status", class = classes[answer.status] or "fatal", about = o.url,
    message = ("%s %s answered status %d: %s"):format(o.method or "GET", o.url, answer.status, excerpt(answer.body)),
  }
end

return http
