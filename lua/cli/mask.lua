---`davit mask`: what passes through, without the secrets in it, for shell scripts. No project is needed.
local flags = require "cli.flags"
local options = require "options"
local pipe = require "mask.pipe"

local mask = {}

local usage = options.usage

local HELP = [[
Copies standard input to standard output, with *** in place of every secret.

Usage: COMMAND 2>&1 | davit mask [--secret-env NAME]… [--secrets-fd N]

  --secret-env NAME    the value of this environment variable is secret (may be repeated)
  --secrets-fd N       secrets are read from this descriptor, separated by NUL bytes
  --allow-empty        a variable may be empty or missing, and a descriptor hold nothing

  build 2>&1 | davit mask --secret-env API_KEY --secret-env DATABASE_URL
  build 2>&1 | davit mask --secrets-fd 3 3< <(printf '%s\0' "$KEY" "$PASSWORD")

A secret is found in the forms that tools write it in: as it is, in JSON, in URLs, in shell quotes, in
base64, in hexadecimal digits; so are the password inside a database URL and the lines of a key. Nothing is
held back but what may still become one, binary data passes unchanged, and no secret may be had from the
arguments. Secrets of fewer than 4 bytes are not masked: a warning says so.

An interrupt from the keyboard is left to COMMAND, whose last words are masked, too; the second one ends
the filter. A reader that goes away ends it quietly.

Exit code 0: all of it passed; 1: it could not be read or written; 2: usage, or a secret that is not
there; 10: ended by a signal.]]

local params = {
  ["secret-env"] = { type = "list", many = true }, ["secrets-fd"] = { type = "integer" },
  ["allow-empty"] = { type = "boolean" },
}

local complaint = {
  missing = "the environment variable %s is not set",
  empty = "the environment variable %s is empty",
  long = "%s is larger than 1 MiB: so much cannot be masked",
}

local function warn(what)
  io.stderr:write("davit mask: warning: ", what, " has fewer than 4 bytes beside white space: it is not masked\n")
end

-- What became of one secret: whatever would let text pass as if it were masked is an error.
local function judge(outcome, name, allow_empty)
  if outcome == "short" then
    warn(name)
  elseif complaint[outcome] and not (allow_empty and outcome ~= "long") then
    usage("davit mask: " .. complaint[outcome]:format(name),
      outcome ~= "long" and "nothing was read; --allow-empty lets such variables be" or nil)
  end
end

local function take_descriptor(fd, allow_empty)
  if fd < 0 or fd > 0x7fffffff then usage(("--secrets-fd expects a descriptor, not %d"):format(fd)) end
  if fd < 3 then
    usage(("--secrets-fd %d: that is a standard stream"):format(fd),
      "--secrets-fd 3 3< <(printf '%s\\0' \"$KEY\")")
  end
  local outcomes, why = pipe.descriptor(fd)
  if not outcomes then usage(("davit mask: the secrets of descriptor %d: %s"):format(fd, why)) end
  if #outcomes == 0 and not allow_empty then
    usage(("davit mask: descriptor %d holds no secret"):format(fd), "--allow-empty lets that be")
  end
  for i, outcome in ipairs(outcomes) do judge(outcome, ("secret %d of descriptor %d"):format(i, fd)) end
end

local function filter()
  local outcome, why = pipe.run()
  if outcome == "ended" or outcome == "reader gone" then return 0 end
  if outcome == "stopped" then
    failure { code = "interrupted", class = "cancelled", message = "davit mask: stopped by a signal" }
  end
  failure {
    code = "pipe-failed", class = "fatal",
    message = ("davit mask: cannot %s: %s"):format(outcome == "unreadable" and "read standard input"
      or "write to standard output", why),
  }
end

---@param arguments string[]
---@return integer exit code
function mask.run(arguments)
  if flags.asks_for_help(arguments) then
    print(HELP)
    return 0
  end
  local values, rest = flags.parse(arguments, params)
  if rest[1] then
    usage(("davit mask: unexpected argument '%s'"):format(rest[1]),
      "text comes from standard input: COMMAND | davit mask …")
  end
  if not values["secret-env"] and not values["secrets-fd"] then
    usage("davit mask: which secrets?", "davit mask --secret-env API_KEY")
  end
  for _, name in ipairs(values["secret-env"] or {}) do judge(pipe.env(name), name, values["allow-empty"]) end
  if values["secrets-fd"] then take_descriptor(values["secrets-fd"], values["allow-empty"]) end
  return filter()
end

return mask
