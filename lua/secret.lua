---Secrets: values that can be joined and sent where they belong, and never looked at.
local ending = require "process.ending"
local core = require "secret.core"
local options = require "options"
local process = require "process.core"
local hide_variable = require("core").hide_variable

local secret = {
  base64 = core.base64,
  basic = core.basic,
  bind = core.bind,
  derive = core.derive,
  dotenv = core.dotenv,
  fd = core.fd,
  file = core.file,
  fingerprint = core.fingerprint,
  is = core.is,
  names = core.names,
  password = core.password,
}

-- Read once as a secret, it is no plain variable any more.
function secret.env(variable, o)
  local value = core.env(variable, o)
  hide_variable(variable)
  return value
end

function secret.bearer(token)
  if not core.is(token) then options.misuse("secret.bearer: expected a secret, not a %s", type(token)) end
  return "Bearer " .. token
end

-- ---- what a program prints -----------------------------------------------------------------

local COMMAND_SECONDS, LONGEST = 60, 200

local command_fields = {
  { "to", "table", true }, { "name", "string", true }, { "env", "table" }, { "cwd", "string" }, { "timeout", "number" },
}

-- Of what it complained, the last line: what it printed is not looked at.
local function complaint(errors)
  local line = errors:gsub("%s+$", ""):match("[^\n]*$")
  if line == "" then return "" end
  return ": " .. (#line > LONGEST and line:sub(1, LONGEST) .. "…" or line)
end

local function command_failed(argv, why, hint)
  failure { code = "secret-command", about = argv[1], hint = hint,
    message = ("reading a secret of '%s': %s"):format(argv[1], why) }
end

local function check_argv(argv)
  if type(argv) ~= "table" then
    options.misuse("secret.command: expected a list, the program and its arguments, not a %s", type(argv))
  end
  return argv
end

function secret.command(argv, o)
  check_argv(argv)
  options.read("secret.command", o, command_fields)
  local instead = core.stand_in(o.name, o.to)
  if instead then return instead end
  local timeout = o.timeout or COMMAND_SECONDS
  local handle <close> = process.start_hidden { argv = argv, env = o.env, cwd = o.cwd }
  if not handle:wait(timeout) then
    command_failed(argv, ("it has not ended after %g s"):format(timeout), "it may be waiting for somebody to log in")
  end
  local result = handle:result()
  local code, what, hint = ending.of(result)
  if code then command_failed(argv, "it " .. what .. complaint(result.errors), hint) end
  return handle:secret(o.name, o.to) or command_failed(argv, "it printed nothing")
end

function secret.generate(name, bytes, o)
  if math.type(bytes) ~= "integer" or bytes < 16 or bytes > 1024 then
    failure { code = "misuse", class = "misuse", message = "secret.generate: bytes is an integer from 16 to 1024" }
  end
  options.read("secret.generate", o, { { "to", "table", true } })
  return core.generate(name, bytes, o.to)
end

return secret
