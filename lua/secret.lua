---Secrets: values that can be joined and sent where they belong, and never looked at.
local base64 = require "base64"
local core = require "secret.core"
local options = require "options"
local random = require("core").random

local secret = {
  bind = core.bind,
  derive = core.derive,
  dotenv = core.dotenv,
  env = core.env,
  fingerprint = core.fingerprint,
  is = core.is,
  names = core.names,
}

function secret.generate(name, bytes, o)
  if math.type(bytes) ~= "integer" or bytes < 16 or bytes > 1024 then
    failure { code = "misuse", class = "misuse", message = "secret.generate: bytes is an integer from 16 to 1024" }
  end
  options.read("secret.generate", o, { { "to", "table", true } })
  return core.new(name, base64.encode(random(bytes), { url = true }), o.to)
end

return secret
