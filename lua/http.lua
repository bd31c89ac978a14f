---HTTP for recipes. Every status is an answer; `expect` turns one into an error.
---The primitive makes one exchange; what is policy stands here and in lua/http/: redirects, retries, rate
---budgets, paging, and the words for a status that nobody wanted.
local again = require "http.again"
local budget = require "http.budget"
local conditional = require "http.conditional"
local core = require "http.core"
local json = require "json"
local options = require "options"
local pages = require "http.pages"
local redirect = require "http.redirect"
local status = require "http.status"
local stream = require "http.stream"
local url = require "url"

local http = {}

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

-- Takes out of a request what is not for the primitive.
local function take_policy(request)
  local policy = { most = redirect.read(request.redirects), retry = request.retry,
    idempotent = request.idempotent, method = request.method, budget = budget.read(request.budget) }
  if policy.idempotent ~= nil and type(policy.idempotent) ~= "boolean" then
    options.misuse("http.request: option 'idempotent' must be a boolean, not a %s", type(policy.idempotent))
  end
  request.redirects, request.retry, request.idempotent, request.budget = nil, nil, nil, nil
  return policy
end

-- `exchange` makes one exchange of the primitive's options; the policy makes more of it.
local function perform(request, exchange)
  local policy = take_policy(request)
  if policy.budget then exchange = budget.within(policy.budget, exchange) end
  local function send() return redirect.follow(request, policy.most, exchange) end
  return policy.retry and again.send(policy, policy.retry, send) or send()
end

-- What is large may take its time, as long as bytes go on coming; said here, as redirects share it.
local LARGE = { idle = 60, total = 3600 }

local function has_files(request)
  if request.from or request.to then return true end
  for _, part in ipairs(type(request.multipart) == "table" and request.multipart or {}) do
    if type(part) == "table" and part.from then return true end
  end
  return false
end

function http.request(o)
  if type(o) ~= "table" then return core.request(o) end   -- refused
  local request, known = prepare(o), o.unless
  request.unless = nil
  if request.timeout == nil and has_files(request) then request.timeout = LARGE end
  if known ~= nil then conditional.ask(request, known) end
  local answer = perform(request, core.request)
  answer.etag = status.header(answer, "etag")
  if known ~= nil then answer = conditional.settle(known, answer) end
  return setmetatable(answer, Answer)
end

function http.stream(o)
  if type(o) ~= "table" then return core.stream(o) end   -- refused
  stream.check(o)
  local handle
  local request = prepare(o)
  if request.timeout == nil then request.timeout = LARGE end
  local answer = perform(request, function(exchange)
    local reply
    reply, handle = core.stream(exchange)
    return reply
  end)
  if not handle then return status.raise(o, answer) end
  return stream.new(answer, handle)
end

http.presign = core.presign
http.budget = budget.new

function http.expect(o, ...)
  local wanted = select("#", ...) > 0 and { ... } or { 200, 201, 202, 204 }
  for _, code in ipairs(wanted) do
    if math.type(code) ~= "integer" then
      options.misuse("http.expect: a status is an integer, not '%s'", tostring(code))
    end
  end
  local answer = http.request(o)
  for _, code in ipairs(wanted) do
    if answer.status == code then return answer end
  end
  return status.raise(o, answer)
end

function http.pages(o)
  return pages.of(o, http.expect)
end

return http
