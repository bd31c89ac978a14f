---The official SDK of Neon for node: tests/clients/neon_sdk.mjs goes through its calls, each a test here.
local about = ...

about.checks("sdk", "the SDK of Neon", function(p)
  return { program = "neon_sdk.mjs", argv = { ("http://127.0.0.1:%d"):format(p.cloud.port), p.id }, env = p:environment {
    NEON_TOKEN = about.neon.token, OWN_KEY = about.neon.own_key } }
end)
