---Message authentication codes (RFC 2104): who has the key wrote the text.
local base64 = require "base64"
local core = require "hmac.core"
local hex = require "hex"
local options = require "options"
local secret = require "secret"

local hmac = {}

local encodings = { hex = true, base64 = true, base64url = true, bytes = true }
local hashes = { sha1 = true, sha256 = true, sha512 = true }

local fields = { { "encoding", "string" }, { "name", "string" }, { "to", "table" } }

local function known(what, option, value, list)
  if list[value] then return value end
  local names = {}
  for name in pairs(list) do names[#names + 1] = name end
  options.misuse("%s: option '%s' is one of %s, not '%s'", what, option, table.concat(names, ", "), value)
end

local function code(hash, key, text, o)
  local what = "hmac." .. hash
  o = options.read(what, o or {}, fields)
  local encoding = known(what, "encoding", o.encoding or "hex", encodings)
  if not (secret.is(key) or secret.is(text)) then
    if o.to then options.misuse("%s: 'to' is for a key that is a secret", what) end
    return core.code(hash, key, text, encoding)
  end
  if o.to and #o.to == 0 then options.misuse("%s: 'to' is empty: where may the code go?", what) end
  return core.secret(hash, key, text, encoding, o.name or what, o.to)
end

function hmac.sha1(key, text, o) return code("sha1", key, text, o) end

function hmac.sha256(key, text, o) return code("sha256", key, text, o) end

function hmac.sha512(key, text, o) return code("sha512", key, text, o) end

local decoders = {
  hex = hex.decode,
  base64 = base64.decode,
  base64url = function(text) return base64.decode(text, { url = true }) end,
  bytes = function(bytes) return bytes end,
}

local verify_fields = { { "encoding", "string" }, { "hash", "string" } }

function hmac.verify(key, text, given, o)
  o = options.read("hmac.verify", o or {}, verify_fields)
  local hash = known("hmac.verify", "hash", o.hash or "sha256", hashes)
  local encoding = known("hmac.verify", "encoding", o.encoding or "hex", encodings)
  if type(given) ~= "string" then options.misuse("hmac.verify: the code must be a string, not a %s", type(given)) end
  local bytes = try(decoders[encoding], given)
  return bytes ~= nil and core.verify(hash, key, text, bytes)
end

return hmac
