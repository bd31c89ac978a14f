---Asking again for what is known already: 304 says that the answer from before still holds. Services do not
---count such an answer (GitHub), or count it less.
local options = require "options"
local status = require "http.status"

local conditional = {}

-- What an answer says of the exchange that brought it, and not of what was asked for.
local of_exchange = { "timing", "address", "protocol", "reused", "cf_ray", "attempts" }

local function asked_for(known)
  local first = known.hops and known.hops[1]
  return first and first.url or known.url
end

local function check(known, request)
  if type(known) ~= "table" or type(known.headers) ~= "table" or not known.status then
    options.misuse("http.request: option 'unless' is an answer from before, not a %s", type(known))
  end
  if asked_for(known) ~= request.url then
    options.misuse("http.request: option 'unless' is an answer of %s, not of %s", asked_for(known), request.url)
  end
end

---Adds the conditions to the headers.
---@param request table  its own copy of the options
---@param known any      the answer from before
function conditional.ask(request, known)
  check(known, request)
  local headers = {}
  for name, value in pairs(request.headers or {}) do headers[name] = value end
  headers["if-none-match"] = known.etag
  headers["if-modified-since"] = not known.etag and status.header(known, "last-modified") or nil
  request.headers = headers
end

---@param known table   the answer from before
---@param answer table  what came now
---@return table        the one that holds, with `unchanged` when that is the one from before
function conditional.settle(known, answer)
  if answer.status ~= 304 then return answer end
  local same = {}
  for name, value in pairs(known) do same[name] = value end
  same.unchanged = true
  for _, name in ipairs(of_exchange) do same[name] = answer[name] end
  return same
end

return conditional
