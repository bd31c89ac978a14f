---Static assets of a Worker: a session says which files are missing, they are sent, and what
---comes back is the token that an upload of the Worker names to get all of them.
---
---An asset is a text, or a file that is read in pieces for its hash, and once more only when it is missing: as many
---are in memory at once as one request carries.
local api = require "cloudflare.api"
local base64 = require "base64"
local blake3 = require "blake3"
local fs = require "fs.fenced"
local options = require "options"
local url = require "url"

local assets = {}

local PIECE = 3 << 18   -- whole groups of base64: three bytes each
local LANES = 3         -- requests at once, as wrangler sends them
local LARGEST = 64 << 20   -- more than the service takes

local fields = { { "body", "string" }, { "from", "string" }, { "outside", "boolean" }, { "type", "string" } }

---Raises a misuse unless this is a table path = { body=, type= } or { from=, type= }.
---@param what string
---@param files table
function assets.check(what, files)
  for path, file in pairs(files) do
    if type(path) ~= "string" or path:sub(1, 1) ~= "/" then
      options.misuse("%s: assets: the path '%s' must begin with '/'", what, tostring(path))
    end
    options.read(("%s: assets: '%s'"):format(what, path), file, fields)
    if (file.body == nil) == (file.from == nil) then
      options.misuse("%s: assets: '%s' has either a body or the file that it is read from", what, path)
    end
  end
end

-- ---- hashes ------------------------------------------------------------------------------

-- The service keeps a content type with each hash, so equal bytes under two extensions must not share one. It takes
-- any 32 digits; these are wrangler's, so that what either has uploaded is not sent again by the other. As for node,
-- a name that begins with its only dot has no extension.
local function extension_of(path)
  return path:match("[^/]%.([^./]*)$") or ""
end

local function hash_of_text(path, body)
  return blake3.hash(base64.encode(body) .. extension_of(path)):sub(1, 32), #body
end

local function hash_of_file(path, file)
  local stream, size = blake3.stream(), 0
  repeat
    local piece = fs.piece(file.from, size, { max = PIECE, outside = file.outside })
    stream:add(base64.encode(piece))
    size = size + #piece
  until #piece < PIECE
  stream:add(extension_of(path))
  return stream:hash():sub(1, 32), size
end

---The hash by which the service knows an asset, and its size.
---@param path string
---@param file { body?: string, from?: string, outside?: boolean }
---@return string hash, integer size
function assets.hash(path, file)
  if file.body then return hash_of_text(path, file.body) end
  return hash_of_file(path, file)
end

local function manifest_of(files)
  local manifest, by_hash = {}, {}
  for path, file in pairs(files) do
    local hash, size = assets.hash(path, file)
    manifest[path] = { hash = hash, size = size }
    by_hash[hash] = { path = path, file = file }
  end
  return manifest, by_hash
end

-- ---- sending -----------------------------------------------------------------------------

-- The tokens of a session open the account's assets for an hour: they are kept as secrets.
local minted = { ["/result/jwt"] = { name = "asset upload token", to = { api.origin } } }

local function token_of(answer)
  return answer.secrets and answer.secrets["/result/jwt"]
end

local function body_of(hash, entry)
  local file = entry.file
  if file.body then return file.body end
  local body = fs.read(file.from, { max = LARGEST, outside = file.outside })
  if hash_of_text(entry.path, body) == hash then return body end
  failure { code = "asset-changed", about = file.from,
    message = ("the asset %s was changed while it was uploaded"):format(file.from), hint = "run it again" }
end

-- What is named by its hash may arrive twice.
local function send(account, name, token, hashes, by_hash)
  local parts = {}
  for i, hash in ipairs(hashes) do
    local entry = by_hash[hash]
    parts[i] = { name = hash, filename = hash, type = entry.file.type or "application/null",
      data = base64.encode(body_of(hash, entry)) }
  end
  local _, answer = account:workers("/assets/upload", { method = "POST", safe = true, token = token,
    query = { base64 = true }, multipart = parts, secrets = minted, changes = {},
    what = "upload assets of the Worker " .. name })
  return token_of(answer)
end

-- Only the answer to the last one to arrive has the token that all of them are for.
local function send_all(account, name, token, buckets, by_hash)
  local complete, next_one = nil, 1
  local function lane()
    while next_one <= #buckets do
      local hashes = buckets[next_one]
      next_one = next_one + 1
      complete = send(account, name, token, hashes, by_hash) or complete
    end
  end
  local lanes = {}
  for i = 1, math.min(LANES, #buckets) do lanes[i] = lane end
  if lanes[2] then parallel(lanes) else lane() end
  if complete then return complete end
  failure { code = "cloudflare-assets", class = "transient", about = name,
    message = ("Cloudflare: all assets of the Worker %s were sent, and it still waits for some"):format(name),
    hint = "run it again" }
end

---Sends what is missing.
---@param name string   the Worker's
---@param files table<string, { body: string|nil, from: string|nil, type: string|nil }>  by path, "/style.css"
---@return any jwt      for the upload of the Worker; a secret
function assets.upload(account, name, files)
  local manifest, by_hash = manifest_of(files)
  local result, answer = account:workers(
    ("/scripts/%s/assets-upload-session"):format(url.encode(name)), {
      method = "POST", safe = true, json = { manifest = manifest }, secrets = minted, changes = {},
      what = "open an asset upload of the Worker " .. name })
  local token, buckets = token_of(answer), result.buckets or {}
  return buckets[1] and send_all(account, name, token, buckets, by_hash) or token
end

return assets
