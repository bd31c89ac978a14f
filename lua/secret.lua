---Secrets: values that can be joined and sent where they belong, and never looked at.
local core = require "secret.core"
local options = require "options"

local secret = {
  base64 = core.base64,
  basic = core.basic,
  bind = core.bind,
  derive = core.derive,
  dotenv = core.dotenv,
  env = core.env,
  fingerprint = core.fingerprint,
  is = core.is,
  names = core.names,
  password = core.password,
}

function secret.bearer(token)
  if not core.is(token) then options.misuse("secret.bearer: expected a secret, not a %s", type(token)) end
  return "Bearer " .. token
end

function secret.generate(name, bytes, o)
  if math.type(bytes) ~= "integer" or bytes < 16 or bytes > 1024 then
    failure { code = "misuse", class = "misuse", message = "secret.generate: bytes is an integer from 16 to 1024" }
  end
  options.read("secret.generate", o, { { "to", "table", true } })
  return core.generate(name, bytes, o.to)
end

return secret
