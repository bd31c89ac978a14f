---HTTP for recipes. Every status is an answer; `expect` turns one into an error.
---The primitive makes one exchange; what is policy stands here and in lua/http/: redirects, retries, rate
---budgets, paging, and the words for a status that nobody wanted.
local again = require "http.again"
local budget = require "http.budget"
local conditional = require "http.conditional"
local copy = require "core".copy
local core = require "http.core"
local json = require "json"
local options = require "options"
local origin = require "http.origin"
local pages = require "http.pages"
local redirect = require "http.redirect"
local secret_url = require "http.secret_url"
local status = require "http.status"
local stream = require "http.stream"
local url = require "url"

local http = {}

local Answer = {}
Answer.__index = Answer

-- An answer that was cut off says nothing of what was done.
local function unread_class(answer)
  return answer.idempotent == false and answer.status < 300 and "unknown" or nil
end

---The body as JSON; raises "json-invalid" with the URL.
---@return any
function Answer:json()
  local value, err = try(json.decode, self.body)
  if err then
    failure {
      code = "json-invalid", about = self.url, class = unread_class(self),
      message = ("%s answered status %d with no valid JSON: %s"):format(origin.shown(self.url), self.status,
        err.message),
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

local function form_of(o)
  if type(o.form) ~= "table" then
    options.misuse("http.request: option 'form' must be a table, not a %s", type(o.form))
  end
  return url.query(o.form)
end

---Copies the options; `json` and `form` become a body with its content type.
local function prepare(o)
  local request = copy(o)
  secret_url.take(request)
  local body, content_type
  if o.json ~= nil then
    body, content_type = json.encode(o.json), "application/json"
  elseif o.form ~= nil then
    body, content_type = form_of(o), "application/x-www-form-urlencoded"
  end
  request.json, request.form = nil, nil
  if o.headers ~= nil and type(o.headers) ~= "table" then return request end   -- refused by its type
  if content_type then
    if o.body or o.json ~= nil and o.form ~= nil then
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

local function check_idempotent(idempotent)
  if idempotent ~= nil and type(idempotent) ~= "boolean" then
    options.misuse("http.request: option 'idempotent' must be a boolean, not a %s", type(idempotent))
  end
end

-- Takes out of the request what is not for the primitive. `exchange` makes one exchange of the primitive's
-- options; the policy makes more of it.
local function perform(request, exchange)
  local most, policy, account = redirect.read(request.redirects), request.retry, budget.read(request.budget)
  local idempotent = request.idempotent
  check_idempotent(idempotent)
  local plain = not policy and again.may_arrive_twice(request)
  request.redirects, request.retry, request.idempotent, request.budget = nil, nil, nil, nil
  if account then exchange = budget.within(account, exchange) end
  if plain then return redirect.follow(request, most, exchange) end
  local o = { idempotent = idempotent, method = request.method }
  local function follow() return redirect.follow(request, most, exchange) end
  local function send() return again.once(o, follow) end
  return policy and again.send(o, policy, send) or send()
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
  if known ~= nil then answer = conditional.settle(known, answer) end
  answer.idempotent = again.may_arrive_twice(o)
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
  return status.raise(o, answer, again.in_doubt(o, answer))
end

function http.pages(o)
  return pages.of(o, http.expect)
end

return http
