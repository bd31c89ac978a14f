---What one job hands over to a later one: by reference where that is enough (the id of a branch), sealed where it is
---not, and loud when something is missing. Beside the values a canary goes along, `state=ready`: by it "was never
---handed over" and "was dropped on the way" are told apart. GitHub's runner empties a job output that looks like a
---secret, and leaves the job green.
local base64 = require "base64"
local core = require "core"
local keys = require "artifact.keys"
local options = require "options"
local seal = require "seal.core"
local secret = require "secret"
local workflow = require "workflow"

local READY <const> = "ready"
local SEALED <const> = ".sealed"     -- behind the name, of the artifact that holds the secrets
local MOST <const> = 512 * 1024      -- bytes that are sealed into an output; a job may have 1 MiB of them

local hand_over_fields = {
  { "name", "string", true }, { "run", "string" }, { "attempt", "integer" }, { "values", "table", true },
  { "sealed_to", "any" }, { "retention", "any" },
}
local take_over_fields = {
  { "name", "string", true }, { "run", "string" }, { "attempt", "integer" }, { "expect", "table" },
  { "given", "table" }, { "key", "text" },
}

-- Giving --------------------------------------------------------------------------------------------

-- What may be read by everybody, and what must not.
local function split(values)
  local open, sealed = { state = READY }, {}
  for name, value in pairs(values) do
    if name == "state" then options.misuse("artifact.hand_over: the value 'state' is its own") end
    if secret.is(value) then sealed[name] = value else open[name] = value end
  end
  return open, sealed
end

local function refuse_unsealed(o, sealed)
  local name = next(sealed)
  if not name or o.sealed_to then return end
  failure {
    code = "denied", about = name, secret = secret.names(sealed[name])[1],
    message = ("'%s' was not handed over: its value %s holds the secret %s"):format(o.name, name,
      secret.names(sealed[name])[1]),
    hint = "hand over what leads to it, such as the id of a branch, or seal it for who may have it (sealed_to)",
  }
end

-- For steps and jobs of the same workflow, as NAME_VALUE.
local function output(name, key, value)
  workflow.output((name .. "_" .. key):gsub("[^%w_-]", "_"), value)
end

-- What is sealed looks like nothing that the runner knows.
local function output_sealed(o, sealed)
  if (core.getenv "GITHUB_OUTPUT" or "") == "" then return end
  local public = keys.public("artifact.hand_over", o.sealed_to)
  local text = seal.seal_values(sealed, public.keys, public.names)
  if #text <= MOST then
    output(o.name, "sealed", base64.encode(text))
  else
    workflow.warning(("'%s' has %d sealed bytes, too many for an output: they are in the artifact only"):format(o.name,
      #text))
  end
end

-- A step that runs again hands over the same, or what is true by now.
local function put(artifact, o, name, values, sealed_to)
  return artifact.put {
    name = name, run = o.run, attempt = o.attempt, values = values, sealed_to = sealed_to, retention = o.retention,
    replace = true,
  }
end

-- Taking --------------------------------------------------------------------------------------------

local function nothing_came(o, how)
  failure {
    code = "handover-missing", about = o.name,
    message = ("nothing was handed over as '%s': %s"):format(o.name, how),
    hint = "did the job that hands it over succeed, and does this one need it (needs:)?",
  }
end

local function dropped(o, name, how)
  failure {
    code = "handover-empty", about = name,
    message = ("'%s' was handed over without its value %s: %s"):format(o.name, name, how),
    hint = "hand over what leads to it, such as the id of a branch, or seal it (sealed_to)",
  }
end

local function is_empty(value) return value == nil or value == "" end

local function misses(o, values)
  for _, name in ipairs(o.expect or {}) do
    if is_empty(values[name]) then return name end
  end
end

local function open_given(o, given)
  local text, values = try(base64.decode, given.sealed), {}
  if not text then
    failure {
      code = "handover-empty", about = "sealed", hint = "pass on the output as it is, without quotes or line breaks",
      message = ("'%s' was handed over with something else than what was sealed"):format(o.name),
    }
  end
  for name, value in pairs(given) do values[name] = name ~= "sealed" and value or nil end
  local key = keys.private(o.key, { name = o.name, sealed_to = { "a later job" } })
  for name, value in pairs(seal.open_values(text, key, ("the output '%s_sealed'"):format(o.name))) do
    values[name] = value
  end
  return values
end

-- What came through the outputs of a job.
local function take_given(o)
  local given = o.given
  if is_empty(given.state) then
    nothing_came(o, "the output with its state is empty; the job that writes it did not come to that, or the workflow "
      .. "does not pass it on")
  end
  if given.state ~= READY then nothing_came(o, ("its state is '%s', not '%s'"):format(given.state, READY)) end
  if misses(o, given) and not is_empty(given.sealed) then given = open_given(o, given) end
  local name = misses(o, given)
  if name then
    dropped(o, name, "its state came, but this is empty; GitHub empties an output that it takes for a secret")
  end
  return given
end

local function taken(artifact, o, name)
  return artifact.get({ name = name, run = o.run, attempt = o.attempt, key = name ~= o.name and o.key or nil }).values
end

local function check_taken(o, values)
  if not values or values.state ~= READY then nothing_came(o, "the artifact of that name holds no hand-over") end
  return values
end

local function add_sealed(artifact, o, values)
  if not artifact.find { name = o.name .. SEALED, run = o.run, attempt = o.attempt } then return end
  for name, value in pairs(check_taken(o, taken(artifact, o, o.name .. SEALED))) do values[name] = value end
end

-- The functions of `artifact` that are made here.
return function(artifact)
  function artifact.hand_over(o)
    options.read("artifact.hand_over", o, hand_over_fields)
    local open, sealed = split(o.values)
    refuse_unsealed(o, sealed)
    if next(sealed) then
      sealed.state = READY
      put(artifact, o, o.name .. SEALED, sealed, o.sealed_to)
      output_sealed(o, sealed)
    end
    put(artifact, o, o.name, open)
    for key, value in pairs(open) do output(o.name, key, value) end
  end

  function artifact.take_over(o)
    options.read("artifact.take_over", o, take_over_fields)
    if o.given then return take_given(o) end
    if not artifact.find { name = o.name, run = o.run, attempt = o.attempt } then
      nothing_came(o, "there is no such artifact, or it has expired")
    end
    local values = check_taken(o, taken(artifact, o, o.name))
    if misses(o, values) then add_sealed(artifact, o, values) end
    local name = misses(o, values)
    if name then dropped(o, name, "it was none of the values") end
    return values
  end
end
