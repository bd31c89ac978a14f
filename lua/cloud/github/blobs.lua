---The blob store behind artifacts, as clients of Azure's block blobs use it: blocks, a list that makes a blob of
---them, reads with ranges, all by signed URLs that end.
---
---A blob keeps its blocks as they came, so that no content stands in memory twice. All blobs together have at most
---`settings.artifact_storage` bytes, blocks that wait for their list included.
local base64 = require "base64"
local clock = require "cloud.clock"
local hmac = require "hmac"
local ids = require "cloud.ids"
local links = require "cloud.github.links"
local route = require "cloud.route"

local blobs = {}

blobs.HOST = "productionresultssa0.blob.core.windows.net"
blobs.CONTAINER = "/actions-results/"   -- paths of all blobs begin with it

local VERSION = "2026-04-06"      -- of the protocol
local LARGEST_BLOCK = 100 << 20   -- bytes; assumed, the service takes larger ones
local MOST_BLOCKS = 50000
local LONGEST_ID = 64             -- bytes of a block's id, decoded

---@class github.Blob
---@field content? string[]  its blocks; nil until there is a list of them
---@field size? integer
---@field type? string
---@field etag? string
---@field modified? number
---@field staged { id: string, text: string }[]  blocks that wait for a list

-- ---- blobs as artifacts know them -----------------------------------------------------------

---@param state table
---@param extension string  such as ".zip"
---@return string name  of a blob that has no content yet
function blobs.new(state, extension)
  local name = ("%s/%s%s"):format(ids.uuid(state, "blob folder"), ids.hex(state, "blob", 40), extension)
  state.github.blobs[name] = { staged = {} }
  return name
end

---@param state table
---@param name string
function blobs.remove(state, name) state.github.blobs[name] = nil end

---@param state table
---@param name string
---@return integer|nil size  in bytes; nil without content
function blobs.size(state, name)
  local blob = state.github.blobs[name]
  return blob and blob.size
end

---@param state table
---@return integer  bytes of all blobs
function blobs.stored(state)
  local sum = 0
  for _, blob in pairs(state.github.blobs) do
    sum = sum + (blob.size or 0)
    for _, block in ipairs(blob.staged) do sum = sum + #block.text end
  end
  return sum
end

-- ---- signed URLs ----------------------------------------------------------------------------

-- What a signature covers, in this order.
local signed = { "sp", "se", "sr", "sv", "rscd", "rsct" }

local function signature(state, path, query)
  local lines = { path }
  for _, name in ipairs(signed) do lines[#lines + 1] = query[name] or "" end
  return hmac.sha256("blob store/" .. state.seed, table.concat(lines, "\n"), { encoding = "base64" })
end

---@class blobs.Grant
---@field blob string      its name
---@field may string       "r" to read, "cw" to create and write
---@field seconds number   how long
---@field type? string     Content-Type of what is read
---@field disposition? string

---@param context { state: table, now: number, request: table }  `request.base`: where the client came to
---@param grant blobs.Grant
---@return string url
function blobs.sign(context, grant)
  local origin = (context.request.base or ""):match "^%a+://[^/]+" or "https://" .. blobs.HOST
  local path = blobs.CONTAINER .. grant.blob
  local query = { sp = grant.may, se = clock.iso(context.now + grant.seconds), sr = "b", sv = VERSION,
    rscd = grant.disposition, rsct = grant.type }
  query.sig = signature(context.state, path, query)
  local parts = {}
  for name, value in pairs(query) do parts[#parts + 1] = name .. "=" .. links.escape(value) end
  return origin .. path .. "?" .. table.concat(parts, "&")
end

-- ---- refusals -------------------------------------------------------------------------------

local function refuse(status, code, message)
  route.refuse { status = status, code = code, message = message }
end

local function no_blob() refuse(404, "BlobNotFound", "The specified blob does not exist.") end

local function invalid_list() refuse(400, "InvalidBlockList", "The specified block list is invalid.") end

local function authorize(context, wanted)
  local query = context.query
  local expires = clock.parse(query.se or "")
  local valid = expires and query.sig == signature(context.state, context.request.path, query)
  if not valid or expires <= context.now then
    refuse(403, "AuthenticationFailed", "Server failed to authenticate the request. Make sure the value of "
      .. "Authorization header is formed correctly including the signature.")
  end
  if not (query.sp or ""):find(wanted, 1, true) then
    refuse(403, "AuthorizationPermissionMismatch", "This request is not authorized to perform this operation using "
      .. "this permission.")
  end
end

-- ---- writing --------------------------------------------------------------------------------

local function check_room(context, body, most)
  local left = context.state.settings.artifact_storage - blobs.stored(context.state)
  if #body > math.min(most, left) then
    refuse(413, "RequestBodyTooLarge", "The request body is too large and exceeds the maximum permissible limit.")
  end
end

local function check_id(blob, id)
  local ok, bytes = pcall(base64.decode, id or "")
  if not ok or not bytes or bytes == "" or #bytes > LONGEST_ID then
    refuse(400, "InvalidQueryParameterValue", "Value for one of the query parameters specified in the request URI "
      .. "is invalid.")
  end
  local other = blob.staged[1]
  if other and #other.id ~= #id then   -- all ids of a blob are of one length
    refuse(400, "InvalidBlobOrBlock", "The specified blob or block content is invalid.")
  end
end

local function stage(context, blob)
  local body, id = context.request.body or "", context.query.blockid
  check_id(blob, id)
  if body == "" then
    refuse(400, "InvalidHeaderValue", "The value for one of the HTTP headers is not in the correct format.")
  end
  check_room(context, body, LARGEST_BLOCK)
  for _, block in ipairs(blob.staged) do
    if block.id == id then
      block.text = body
      return { status = 201 }
    end
  end
  if #blob.staged >= MOST_BLOCKS then
    refuse(409, "BlockCountExceedsLimit", "The uncommitted block count cannot exceed the maximum limit.")
  end
  table.insert(blob.staged, { id = id, text = body })
  return { status = 201 }
end

local function put(context, blob, content)
  local headers = context.request.headers
  local size = 0
  for _, text in ipairs(content) do size = size + #text end
  blob.content, blob.size, blob.staged, blob.modified = content, size, {}, context.now
  blob.type = headers["x-ms-blob-content-type"] or "application/octet-stream"
  blob.etag = ('"0x%s"'):format(ids.hex(context.state, "blob version", 15):upper())
  return { status = 201, headers = { etag = blob.etag, ["last-modified"] = clock.http(blob.modified) } }
end

-- A list may only name blocks that wait; that a committed one is named again is assumed not to happen.
local function commit(context, blob)
  local list = (context.request.body or ""):match "<BlockList>(.-)</BlockList>"
  if not list and not (context.request.body or ""):find "<BlockList%s*/>" then invalid_list() end
  local staged, content = {}, {}
  for _, block in ipairs(blob.staged) do staged[block.id] = block.text end
  for kind, id in (list or ""):gmatch "<(%a+)>%s*([^<%s]+)%s*</%a+>" do
    if kind ~= "Latest" and kind ~= "Uncommitted" or not staged[id] then invalid_list() end
    content[#content + 1] = staged[id]
  end
  return put(context, blob, content)
end

local function write(context, blob)
  local what = context.query.comp
  if what == "block" then return stage(context, blob) end
  if what == "blocklist" then return commit(context, blob) end
  if what or context.request.headers["x-ms-blob-type"] ~= "BlockBlob" then
    refuse(400, "UnsupportedQueryParameter", "One of the query parameters specified in the request URI is not "
      .. "supported.")
  end
  local body = context.request.body or ""
  check_room(context, body, LARGEST_BLOCK)
  return put(context, blob, body ~= "" and { body } or {})
end

-- ---- reading --------------------------------------------------------------------------------

local function place(digits)
  return digits ~= "" and (math.tointeger(tonumber(digits)) or math.maxinteger) or nil
end

-- The first and the last byte that are wanted, from 0; nil when all are.
local function wanted_range(context, size)
  local header = context.request.headers["x-ms-range"] or context.request.headers.range
  local first, last = (header or ""):match "^bytes=(%d*)%-(%d*)$"
  if not first or first == "" and last == "" then return nil end
  first, last = place(first), place(last)
  if not first then first, last = math.max(0, size - last), nil end
  last = last or size - 1
  if first >= size or last < first then
    refuse(416, "InvalidRange", "The range specified is invalid for the current size of the resource.")
  end
  return first, math.min(last, size - 1)
end

-- The bytes from the first to the last one, of the blocks that have any of them.
local function slice(blob, first, last)
  local parts, at = {}, 0
  for _, text in ipairs(blob.content) do
    local from, to = math.max(first - at, 0), math.min(last - at, #text - 1)
    if from <= to then parts[#parts + 1] = text:sub(from + 1, to + 1) end
    at = at + #text
  end
  return table.concat(parts)
end

local function read(context, blob)
  if not blob.content then no_blob() end
  local headers = { etag = blob.etag, ["last-modified"] = clock.http(blob.modified), ["accept-ranges"] = "bytes",
    ["content-type"] = context.query.rsct or blob.type, ["content-disposition"] = context.query.rscd,
    ["x-ms-blob-type"] = "BlockBlob" }
  local first, last = wanted_range(context, blob.size)
  if not first then return { status = 200, headers = headers, body = table.concat(blob.content) } end
  headers["content-range"] = ("bytes %d-%d/%d"):format(first, last, blob.size)
  return { status = 206, headers = headers, body = slice(blob, first, last) }
end

-- ---- one request ----------------------------------------------------------------------------

local methods = { PUT = { write, "w" }, GET = { read, "r" }, HEAD = { read, "r" } }

local function find(context)
  local path = context.request.path
  local inside = path:sub(1, #blobs.CONTAINER) == blobs.CONTAINER
  return inside and context.state.github.blobs[path:sub(#blobs.CONTAINER + 1)] or nil
end

-- Whether there is such a blob is told only to whom may ask. Assumed: that one is not written any more whose artifact
-- was removed.
local function handle(context)
  local method = methods[context.request.method]
  if not method then
    refuse(405, "UnsupportedHttpVerb", "The resource doesn't support the specified HTTP verb.")
  end
  authorize(context, method[2])
  return method[1](context, find(context) or no_blob())
end

---@param code string
---@param message string
---@return string  XML, as the store answers what it refuses
function blobs.error(code, message)
  return ('<?xml version="1.0" encoding="utf-8"?><Error><Code>%s</Code><Message>%s</Message></Error>'):format(code,
    message)
end

local function failed(refusal)
  local headers = { ["content-type"] = "application/xml", ["x-ms-error-code"] = refusal.code }
  return { status = refusal.status, headers = headers, body = blobs.error(refusal.code, refusal.message) }
end

---@param request table
---@param state table   the world
---@param now number
---@return table response
function blobs.handle(request, state, now)
  local context = { request = request, state = state, now = now, query = route.query(request.query or "") }
  local ok, value = route.attempt(handle, context)
  local response = ok and value or failed(value)
  response.headers, response.body = response.headers or {}, response.body or ""
  response.headers["x-ms-version"] = VERSION
  response.headers["x-ms-request-id"] = ids.uuid(state, "blob request")
  if request.method == "HEAD" then response.body = "" end
  return response
end

return blobs
