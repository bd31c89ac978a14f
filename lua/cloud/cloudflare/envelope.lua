---How the API wraps its answers, and the refusals that belong to no resource.
---
---A handler's options: `status` (200), `info` (the page's figures), `messages`, `headers`, and `raw`,
---a body and its type that go out as they are, without an envelope.
local json = require "json"
local route = require "cloud.route"

local envelope = {}

local function message_of(refusal)
  local chain = refusal.chain and json.array(refusal.chain)
  return { code = refusal.code, message = refusal.message, error_chain = chain, meta = refusal.meta,
    source = refusal.pointer and { pointer = refusal.pointer } or nil }
end

local function errors_of(refusal)
  local list = json.array { message_of(refusal) }
  for _, more in ipairs(refusal.more or {}) do list[#list + 1] = more end
  return list
end

local function add_headers(headers, more)
  for name, value in pairs(more or {}) do headers[name] = value end
end

---The answer to a request that was refused.
---@param refusal table  status, code, message; chain, more errors, headers
---@param headers table<string, string>  that every answer has
---@return table response
function envelope.refused(refusal, headers)
  add_headers(headers, refusal.headers)
  return route.response(refusal.status, { success = false, errors = errors_of(refusal),
    messages = json.array {}, result = json.null }, headers)
end

---The answer to a request that was done.
---@param value any
---@param options? table
---@param headers table<string, string>
---@return table response
function envelope.done(value, options, headers)
  options = options or {}
  add_headers(headers, options.headers)
  local status, raw = options.status or 200, options.raw
  if raw then
    headers["content-type"] = raw.type
    return { status = status, headers = headers, body = raw.body }
  end
  if status == 204 then return route.response(status, nil, headers) end
  if value == nil then value = json.null end
  return route.response(status, { success = true, errors = json.array {},
    messages = json.array(options.messages or {}), result = value, result_info = options.info }, headers)
end

---Refuses a path that leads nowhere, or an identifier that cannot be one.
---@param more? table[]  errors
---@param headers? table<string, string>
function envelope.no_such_path(context, more, headers)
  route.refuse { status = 404, code = 7003,
    message = ("Could not route to %s, perhaps your object identifier is invalid?")
      :format(context.request.path),
    more = { { code = 7000, message = "No route for that URI" }, table.unpack(more or {}) }, headers = headers }
end

---Refuses a path that no handler has. Below an account or a zone the service may have one there.
function envelope.no_handler(context)
  if not context.path:find "^/%a+/[^/]+/." then envelope.no_such_path(context) end
  envelope.no_such_path(context, { { code = 7000,
    message = "Davit's local cloud has nothing at this path; docs/local-cloud.md says what it models" } },
    { ["x-davit-stand-in"] = "not modelled" })
end

---Refuses a method that a path does not have.
function envelope.no_such_method(context)
  route.refuse { status = 405, code = 7001,
    message = ("Method %s not available for that URI."):format(context.request.method) }
end

---The body as a table; form data and scripts are left to their handler, which gets an empty one.
---@param context table
---@return table
function envelope.read_body(context)
  local type = context.request.headers["content-type"] or ""
  if type:find("^multipart/") or type:find("javascript", 1, true) then return {} end
  if type:find("^application/x%-www%-form%-urlencoded") and (context.request.body or "") ~= "" then
    route.refuse { status = 400, code = 9207, message = "Content-type must be application/json." }   -- code assumed
  end
  local body = route.json(context.request)
  if body then return body end
  route.refuse { status = 400, code = 6007, message = "Malformed JSON in request body" }
end

return envelope
