---Secrets: values that can be joined and sent where they belong, and never looked at.
local core = require "secret.core"

local secret = {
  bind = core.bind,
  dotenv = core.dotenv,
  env = core.env,
  is = core.is,
  names = core.names,
}

return secret
