---@meta hmac

---Message authentication codes (RFC 2104): who has the key wrote the text.
local hmac = {}

---@class hmac.Options
---@field encoding? "hex"|"base64"|"base64url"|"bytes"  how the code is written ("hex")
---@field to? string[]   for a key or text that is a secret: where the code may be sent (where that secret may)
---@field name? string   of the secret that comes of it ("hmac.sha256")

---HMAC-SHA-256. The key and the text may be secrets; then the code is a secret as well, bound to `to`, or to
---where the key and the text may both go.
---
---Raises a misuse for `to` without a secret.
---@param key string|secret
---@param text string|secret
---@param options? hmac.Options
---@return string|secret code
function hmac.sha256(key, text, options) end

---The same with SHA-512.
---@param key string|secret
---@param text string|secret
---@param options? hmac.Options
---@return string|secret code
function hmac.sha512(key, text, options) end

---The same with SHA-1: for services that still ask for it.
---@param key string|secret
---@param text string|secret
---@param options? hmac.Options
---@return string|secret code
function hmac.sha1(key, text, options) end

---@class hmac.VerifyOptions
---@field hash? "sha1"|"sha256"|"sha512"                ("sha256")
---@field encoding? "hex"|"base64"|"base64url"|"bytes"  how the code is written ("hex")

---Whether the code is that of the text, as for the signature of a webhook. Takes as long for every
---wrong code of the right length; what is not written in the encoding is false.
---@param key string|secret
---@param text string|secret
---@param code string
---@param options? hmac.VerifyOptions
---@return boolean
function hmac.verify(key, text, code, options) end

return hmac
