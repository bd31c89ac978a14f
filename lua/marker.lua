---The ownership marker: "codex/preview/42" says which project, environment and pull request (or
---other key) a thing elsewhere belongs to. Each service keeps it where its API can search:
---a DNS record in its comment, a Worker in a tag, a database branch in its annotation, a comment
---on GitHub inside an HTML comment. What carries no marker is somebody else's.
local options = require "options"

local marker = {}

local LONGEST = 80   -- with its prefix it fits the shortest of these places, a DNS comment

local fields = {
  { "project", "string", true }, { "environment", "string", true }, { "key", "label", true },
}

---@class marker.Parts
---@field project string
---@field environment string
---@field key string

---@param text any
---@return marker.Parts|nil  nil when the text is no marker
function marker.parse(text)
  if type(text) ~= "string" or #text > LONGEST then return nil end
  local parts = {}
  for part in (text .. "/"):gmatch("([^/]*)/") do
    if not part:find("^%w[%w._-]*$") then return nil end
    parts[#parts + 1] = part
  end
  if #parts ~= 3 then return nil end
  return { project = parts[1], environment = parts[2], key = parts[3] }
end

---@param o { project: string, environment: string, key: string|integer }
---@return string  such as "codex/preview/42"
function marker.new(o)
  options.read("marker.new", o, fields)
  local text = table.concat({ o.project, o.environment, o.key }, "/")
  if marker.parse(text) then return text end
  options.misuse("marker.new: '%s' has other characters than letters, digits, '.', '_', '-', "
    .. "or more than %d of them", text, LONGEST)
end

---Raises a misuse unless the text is a marker.
---@param what string  the function's name, for the error
---@param text any
function marker.check(what, text)
  if not marker.parse(text) then
    options.misuse("%s: option 'marker' must be like \"project/environment/key\", not '%s'", what,
      tostring(text))
  end
end

---Whether a marker lies below a prefix. Only whole parts count: "codex/preview/4" is no prefix of
---"codex/preview/42".
---@param text string
---@param prefix string
---@return boolean
function marker.under(text, prefix)
  if type(text) ~= "string" or type(prefix) ~= "string" then
    options.misuse("marker.under: expected a marker and the beginning of one")
  end
  local whole = prefix:gsub("/+$", "")
  return whole == "" or text == whole or text:sub(1, #whole + 1) == whole .. "/"
end

---Whether a thing is ours, and if not, whose it is.
---@param found? string   the thing's marker
---@param wanted? string  nil fits nothing
---@param thing string    what it is called, for the reason
---@return boolean ours, string|nil reason
function marker.same(found, wanted, thing)
  if type(thing) ~= "string" then options.misuse("marker.same: expected what the thing is called") end
  if wanted and found == wanted then return true end
  if not found then return false, thing .. " carries no marker of Davit: it was made elsewhere" end
  return false, ("%s belongs to %s, not to %s"):format(thing, found, wanted or "us")
end

local function checked(what, text)
  if marker.parse(text) then return text end
  options.misuse("%s: expected a marker, not '%s'", what, tostring(text))
end

-- ---- DNS comments ------------------------------------------------------------------------

---The beginning of a marker is fine: it is what the comments of several begin with.
function marker.to_comment(text)
  if type(text) ~= "string" then options.misuse("marker.to_comment: expected a text, not a %s", type(text)) end
  return "davit " .. text
end

function marker.of_comment(comment)
  local text = type(comment) == "string" and comment:match("^davit (%S+)$")
  return marker.parse(text) and text or nil
end

-- ---- tags of Workers ---------------------------------------------------------------------

function marker.to_tag(text) return "davit:" .. checked("marker.to_tag", text) end

function marker.of_tags(tags)
  for _, tag in ipairs(type(tags) == "table" and tags or {}) do
    local text = type(tag) == "string" and tag:match("^davit:(.+)$")
    if marker.parse(text) then return text end
  end
end

-- ---- annotations of database branches ----------------------------------------------------

function marker.to_annotation(text) return { davit = checked("marker.to_annotation", text) } end

function marker.of_annotation(value)
  local text = type(value) == "table" and value.davit
  return marker.parse(text) and text or nil
end

-- ---- HTML comments; anybody can write one, so its author must be looked at too -----------

function marker.to_html(text) return ("<!-- davit:%s -->"):format(checked("marker.to_html", text)) end

function marker.of_html(body)
  local text = type(body) == "string" and body:match("<!%-%- davit:(%S+) %-%->")
  return marker.parse(text) and text or nil
end

return marker
