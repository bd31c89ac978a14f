---Static assets of Workers: an upload session, the missing files, and the token that redeems them.
---
---A session answers with a token and the hashes it still wants. Once all have arrived there is a
---completion token, which an upload of the script names to get the whole manifest. Content is
---kept by hash for the account, so a file is sent only once.
local base64 = require "base64"
local data = require "cloud.data"
local ids = require "cloud.ids"
local json = require "json"
local limits = require "cloud.cloudflare.limits"
local multipart = require "cloud.multipart"
local route = require "cloud.route"

local assets = {}

local LIFETIME = 3600   -- of both tokens
local BUCKET = 50       -- hashes of one request; assumed, the service fills them by size

local function url64(text)
  return (base64.encode(text):gsub("%+", "-"):gsub("/", "_"):gsub("=", ""))
end

-- Clients read the claims of these tokens, so they look like JWTs; here the text alone is the key.
local function new_token(context, session, kind)
  local claims = { exp = math.floor(context.now) + LIFETIME, [kind] = true }
  local text = table.concat({ url64 '{"alg":"HS256","typ":"JWT"}', url64(json.encode(claims)),
    url64(ids.hex(context.state, "asset token", 32)) }, ".")
  context.cloudflare.sessions[text] =
    { kind = kind, manifest = session.manifest, expires = context.now + LIFETIME }
  return text
end

local function redeem(context, text, kind)
  local session = context.cloudflare.sessions[text]
  if session and session.kind == kind and context.now < session.expires then return session end
  route.refuse { status = 401, code = 10000, message = "Authentication error" }   -- code assumed
end

-- Distinct hashes of a manifest, sorted, that the account does not have yet.
local function missing(cloudflare, manifest)
  local seen, list = {}, {}
  for _, file in pairs(manifest) do
    if not seen[file.hash] and not cloudflare.assets[file.hash] then list[#list + 1] = file.hash end
    seen[file.hash] = true
  end
  table.sort(list)
  return list
end

local function buckets_of(hashes)
  local buckets = {}
  for i = 1, #hashes, BUCKET do
    local last = math.min(i + BUCKET - 1, #hashes)
    buckets[#buckets + 1] = data.array(table.move(hashes, i, last, 1, {}))
  end
  return data.array(buckets)
end

local function invalid(message)   -- code assumed
  route.refuse { status = 400, code = 10021, message = message }
end

local function check_file(path, file)
  if type(path) ~= "string" or path:sub(1, 1) ~= "/" then invalid("asset paths begin with /") end
  local hash = type(file) == "table" and file.hash
  if type(hash) ~= "string" or #hash ~= 32 or hash:find("%X") then
    invalid("asset hashes are 32 hexadecimal digits")
  end
  if math.type(file.size) ~= "integer" or file.size < 0 then invalid("asset sizes are integers") end
  if file.size > limits.asset then
    invalid(("asset %s is larger than %d MiB"):format(path, limits.asset >> 20))
  end
end

local function check_manifest(context, manifest)
  if type(manifest) ~= "table" then invalid("manifest is required") end
  local count, most = 0, limits.of(context).assets
  for path, file in pairs(manifest) do
    check_file(path, file)
    count = count + 1
  end
  if count > most then invalid(("a Worker has at most %d assets"):format(most)) end
end

local function forget_expired(context)
  local sessions = context.cloudflare.sessions
  for token, session in pairs(sessions) do
    if session.expires <= context.now then sessions[token] = nil end
  end
end

-- The script need not exist: its first upload needs the completion token already.
local function open(context)
  local manifest = data.plain(context.body).manifest
  check_manifest(context, manifest)
  forget_expired(context)
  local hashes = missing(context.cloudflare, manifest)
  local kind = #hashes == 0 and "completion" or "upload"
  return { jwt = new_token(context, { manifest = manifest }, kind), buckets = buckets_of(hashes) }
end

local function decoded(text)
  local ok, body = pcall(base64.decode, text)
  if not (ok and body) then invalid("a file that is not base64") end
  return body
end

local function check_body(expected, file)
  if not expected[file.name] then invalid("a file that the manifest does not name") end
  if #file.body > limits.asset then invalid(("a file larger than %d MiB"):format(limits.asset >> 20)) end
end

local function hashes_of(session)
  local expected = {}
  for _, file in pairs(session.manifest) do expected[file.hash] = true end
  return expected
end

-- All files of a request are kept, or none.
local function store(context, session, files)
  local expected = hashes_of(session)
  for _, file in ipairs(files) do check_body(expected, file) end
  for _, file in ipairs(files) do
    local kind = file.type ~= "application/null" and file.type or nil
    context.cloudflare.assets[file.name] = { body = file.body, type = kind }
  end
  if #missing(context.cloudflare, session.manifest) > 0 then return {}, { status = 202 } end
  return { jwt = new_token(context, session, "completion") }, { status = 201 }
end

local function upload(context)
  local request = context.request
  local session = redeem(context, context.bearer, "upload")
  local parts, reason = multipart.parse(request.headers["content-type"] or "", request.body)
  if not parts then invalid(reason) end
  local files = {}
  for i, part in ipairs(parts) do
    files[i] = { name = part.name, type = part.type, body = decoded(part.body) }
  end
  return store(context, session, files)
end

-- One file as it is, to the address of its hash. No token asks for this; whoever sends so is answered.
local function upload_one(context)
  local request = context.request
  local session = redeem(context, context.bearer, "upload")
  local file = { name = context.params.hash, type = request.headers["content-type"], body = request.body or "" }
  return store(context, session, { file })
end

---The manifest that a completion token stands for; refuses any other token.
---@return table<string, table>
function assets.manifest(context, token)
  return redeem(context, token, "completion").manifest
end

assets.routes = {
  { "POST", "/accounts/{account}/workers/scripts/{script}/assets-upload-session", open,
    scope = "workers" },
  { "POST", "/accounts/{account}/workers/assets/upload", upload, scope = "session" },
  { "POST", "/accounts/{account}/workers/assets/upload/{hash}", upload_one, scope = "session", raw = true },
}

return assets
