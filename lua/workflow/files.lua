---What a step hands to the steps and jobs after it, and its summary: the files that GitHub's runner names in
---GITHUB_OUTPUT, GITHUB_ENV, GITHUB_STATE and GITHUB_STEP_SUMMARY. Where they are not named nothing is written.
local core = require "core"
local event = require "event.core"
local fs = require "fs.core"
local hex = require "hex"
local mask = require "mask"
local options = require "options"

local files = {}

local SUMMARY_MOST <const> = 1024 * 1024   -- bytes a step; of a larger one the runner uploads nothing

local instead = "hand over what leads to it, such as the id of a branch, or a sealed artifact"

-- Names and values --------------------------------------------------------------------------

local function check_name(what, name)
  if type(name) ~= "string" or not name:find "^[%a_][%w_-]*$" then
    options.misuse("%s: a name has letters, digits, _ and -, unlike '%s'", what, tostring(name))
  end
end

local function text_of(what, name, value)
  local kind = type(value)
  if kind == "number" or kind == "boolean" then return tostring(value) end
  options.no_secret(value, ("%s: '%s'"):format(what, name), instead)
  if kind ~= "string" then options.misuse("%s: '%s' is a text, a number or a boolean, not a %s", what, name, kind) end
  if value:find "\0" then options.misuse("%s: '%s' holds a zero byte", what, name) end
  return value
end

-- The runner empties such an output without failing the job, and shows such a variable to every later step. A
-- name is in the same file.
local function refuse_secret(what, name, text)
  local found = event.secret_in(text) or event.secret_in(name)
  if not found then return end
  failure {
    code = "denied", about = name, hint = instead,
    message = ("%s: '%s' holds the secret %s"):format(what, name, found),
  }
end

-- Of what the service looks for in outputs only the kinds are public.
local suspicious = {
  { "%a://[^/%s@:]+:[^/%s@]+@", "a connection string" }, { "%f[%w]eyJ[%w_-]+%.eyJ[%w_-]+%.", "a JSON web token" },
  { "[Bb]earer%s+[%w._~+/-]+", "an authorization" }, { "%f[%w]gh[pousr]_%w%w%w%w", "a token of GitHub" },
}

local function warn_of_looks(what, name, text)
  for _, entry in ipairs(suspicious) do
    if text:find(entry[1]) then
      io.stderr:write(("davit: %s: '%s' looks like %s: the runner may empty it; %s\n"):format(what, name, entry[2],
        instead))
      return
    end
  end
end

-- Writing -------------------------------------------------------------------------------------

-- A marker that nobody can know ends the value, so that no value can add names of its own.
local function entry(name, text)
  local marker = "ghadelimiter_" .. hex.encode(core.random(16))
  return ("%s<<%s\n%s\n%s\n"):format(name, marker, text, marker)
end

local function hand_on(variable, what)
  return function(name, value)
    check_name(what, name)
    local text = text_of(what, name, value)
    refuse_secret(what, name, text)
    local file = core.getenv(variable)
    if not file or file == "" then return end
    warn_of_looks(what, name, text)
    fs.append(file, entry(name, text))
  end
end

files.output = hand_on("GITHUB_OUTPUT", "workflow.output")
files.state = hand_on("GITHUB_STATE", "workflow.state")

local export = hand_on("GITHUB_ENV", "workflow.env")

-- By these another program would be run than the next step names.
local dangerous = { PATH = true, NODE_OPTIONS = true, BASH_ENV = true, ENV = true, IFS = true }

function files.env(name, value)
  local text = tostring(name)
  if dangerous[text] or text:find "^LD_" or text:find "^GITHUB_" or text:find "^RUNNER_" then
    options.misuse("workflow.env: %s decides what later steps run and is not set", text)
  end
  export(name, value)
end

-- As many whole lines as there is room for.
local function fitting(text, room)
  if #text <= room then return text end
  local note = "\n(cut: a summary has at most 1 MiB)\n"
  local head = text:sub(1, math.max(0, room - #note)):match "^(.*\n)" or ""
  return head == "" and "" or head .. note:sub(2)
end

function files.summary(text)
  options.no_secret(text, "workflow.summary", instead)
  if type(text) ~= "string" then options.misuse("workflow.summary: expected a text, not a %s", type(text)) end
  local file = core.getenv "GITHUB_STEP_SUMMARY"
  if not file or file == "" then return end
  local written = fs.exists(file) and fs.stat(file).size or 0
  text = mask.text(text)
  if text:sub(-1) ~= "\n" then text = text .. "\n" end
  fs.append(file, fitting(text, SUMMARY_MOST - written))
end

return files
