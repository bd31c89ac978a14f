---What was sealed comes back as it was, and nothing that was changed does (tests/fuzz/sealed.c). Values are what
---somebody else sealed, who knows the public key as everybody does: they are opened or refused in one line, take
---no more memory than they have bytes, and what is opened can be sealed again.
local fuzz = require "fuzz"
local seal = require "seal.core"
local secret = require "secret.core"

local MAGIC <const> = "davit values 1\n"
local FOR <const> = "sealed:anyone"
local WHAT <const> = "the artifact 'db'"

-- In this world everybody has the private key of what is sealed: any secret stands for it.
local key = secret.new("DAVIT_ARTIFACT_KEY", "stands for the key", { "sealed:*" })
local public = seal.public_key(key)

local refusals = { ["artifact-damaged"] = true, ["artifact-sealed"] = true }

local function check_error(err)
  local line = tostring(err)
  assert(refusals[err.code] and not line:find "%c", ("%s: %q"):format(err.code, line))
end

-- The values, or nil when they were refused.
local function open(sealed, room)
  local before = fuzz.memory()
  local values, err = try(seal.open_values, sealed, key, WHAT)
  local more = fuzz.memory() - before
  assert(more <= room, ("%d bytes for %d"):format(more, #sealed))
  if err then check_error(err) end
  return values
end

-- A name stands in warnings and errors, which are lines.
local function check_shown(values)
  for name, value in pairs(values) do
    assert(not name:find "%c", "a name that is no line")
    assert(not secret.is(value) or tostring(value) == ("[secret %s]"):format(name), "a secret that is shown otherwise")
  end
end

local function is_same(a, b)
  return a == b or tostring(a) == tostring(b) and secret.fingerprint(a, key) == secret.fingerprint(b, key)
end

local function check_same(values, again)
  for name, value in pairs(values) do assert(is_same(value, again[name]), "a value comes back otherwise") end
  for name in pairs(again) do assert(values[name] ~= nil, "there is a value more") end
end

-- Whoever put them may not seal them again when they are bound elsewhere.
local function check_again(values, room)
  local sealed, err = try(seal.seal_values, values, { public }, { FOR })
  if sealed then
    check_same(values, open(sealed, room))
  else
    assert(err.code == "secret-refused" or err.code == "misuse", tostring(err))
  end
end

return function(text)
  fuzz.sealed(text)
  local room = 65536 + 64 * #text
  open(text, room)
  local plain = text:sub(1, #MAGIC) == MAGIC and text or MAGIC .. text
  local values = open(fuzz.seal(plain, public), room)
  if values then
    check_shown(values)
    check_again(values, room)
  end
  check_same({ A = text, B = "x" }, open(seal.seal_values({ A = text, B = "x" }, { public }, { FOR }), room))
end
