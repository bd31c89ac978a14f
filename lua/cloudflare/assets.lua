---Static assets of a Worker: a session says which files are missing, they are sent, and what
---comes back is the token that an upload of the Worker names to get all of them.
local api = require "cloudflare.api"
local base64 = require "base64"
local options = require "options"
local sha256 = require "sha256"
local url = require "url"

local assets = {}

local fields = { { "body", "string", true }, { "type", "string" } }

---Raises a misuse unless this is a table path = { body=, type= }.
---@param files table
function assets.check(files)
  for path, file in pairs(files) do
    if type(path) ~= "string" or path:sub(1, 1) ~= "/" then
      options.misuse("cloudflare.worker: assets: the path '%s' must begin with '/'", tostring(path))
    end
    options.read(("cloudflare.worker: assets: '%s'"):format(path), file, fields)
  end
end

-- The service keeps a content type with each hash, so equal bytes under two extensions must not
-- share one. It takes any 32 digits; wrangler's are of BLAKE3, which no library here computes, and
-- to share uploads with wrangler is not worth another one.
local function hash_of(path, encoded)
  local extension = path:match("%.([^./]+)$") or ""
  return sha256(encoded .. extension):sub(1, 32)
end

local function manifest_of(files)
  local manifest, by_hash = {}, {}
  for path, file in pairs(files) do
    local encoded = base64.encode(file.body)
    local hash = hash_of(path, encoded)
    manifest[path] = { hash = hash, size = #file.body }
    by_hash[hash] = { name = hash, filename = hash, type = file.type or "application/null",
      data = encoded }
  end
  return manifest, by_hash
end

-- The tokens of a session open the account's assets for an hour: they are kept as secrets.
local minted = { ["/result/jwt"] = { name = "asset upload token", to = { api.origin } } }

local function token_of(answer)
  return answer.secrets and answer.secrets["/result/jwt"]
end

-- What is named by its hash may arrive twice.
local function send(account, name, token, hashes, by_hash)
  local parts = {}
  for i, hash in ipairs(hashes) do parts[i] = by_hash[hash] end
  local _, answer = account:workers("/assets/upload", { method = "POST", safe = true, token = token,
    query = { base64 = true }, multipart = parts, secrets = minted,
    what = "upload assets of the Worker " .. name })
  return token_of(answer)
end

---Sends what is missing.
---@param name string   the Worker's
---@param files table<string, { body: string, type: string|nil }>  by path, "/style.css"
---@return any jwt      for the upload of the Worker; a secret
function assets.upload(account, name, files)
  local manifest, by_hash = manifest_of(files)
  local result, answer = account:workers(
    ("/scripts/%s/assets-upload-session"):format(url.encode(name)), {
      method = "POST", safe = true, json = { manifest = manifest }, secrets = minted,
      what = "open an asset upload of the Worker " .. name })
  local token, complete = token_of(answer), token_of(answer)
  for _, hashes in ipairs(result.buckets or {}) do
    complete = send(account, name, token, hashes, by_hash) or complete
  end
  return complete
end

return assets
