---Paths as text, with "/" between names. Nothing is looked up: fs does that.
local options = require "options"

local path = {}

local function check(what, text)
  if type(text) ~= "string" then options.misuse("%s: a path is a string, not a %s", what, type(text)) end
  return text
end

function path.is_absolute(text)
  return check("path.is_absolute", text):sub(1, 1) == "/"
end

-- Names without "." and empty ones; ".." takes the name before it along where there is one.
local function names_of(text)
  local names, absolute = {}, text:sub(1, 1) == "/"
  for name in text:gmatch("[^/]+") do
    local above = names[#names]
    if name == ".." and above and above ~= ".." then
      names[#names] = nil
    elseif name ~= "." and not (name == ".." and absolute) then
      names[#names + 1] = name
    end
  end
  return names, absolute
end

local function written(names, absolute)
  local text = table.concat(names, "/")
  if absolute then return "/" .. text end
  return text == "" and "." or text
end

function path.normalise(text)
  return written(names_of(check("path.normalise", text)))
end

function path.join(...)
  local parts = {}
  for i = 1, select("#", ...) do
    local part = check("path.join", (select(i, ...)))
    if part ~= "" then parts[#parts + 1] = part end
  end
  return path.normalise(table.concat(parts, "/"))
end

-- "a/b//" -> "a/b"; of "//" one slash stays.
local function trimmed(text)
  return text:find("[^/]") and text:match("^(.*[^/])/*$") or text:sub(1, 1)
end

function path.dirname(text)
  local parent = trimmed(check("path.dirname", text)):match("^(.*)/[^/]*$")
  if not parent then return "." end
  return parent:find("[^/]") and trimmed(parent) or "/"
end

function path.basename(text, suffix)
  local name = trimmed(check("path.basename", text)):match("([^/]*)$")
  if suffix == nil then return name end
  check("path.basename", suffix)
  if suffix ~= "" and #suffix < #name and name:sub(-#suffix) == suffix then return name:sub(1, -#suffix - 1) end
  return name
end

function path.ext(text)
  local name = path.basename(check("path.ext", text))
  return name:match("^%.*[^.].*(%.[^.]*)$") or ""
end

function path.relative(from, to)
  local a, a_absolute = names_of(check("path.relative", from))
  local b, b_absolute = names_of(check("path.relative", to))
  if a_absolute ~= b_absolute then
    options.misuse("path.relative: '%s' and '%s' are not both absolute or both relative", from, to)
  end
  local same = 0
  while same < #a and a[same + 1] == b[same + 1] do same = same + 1 end
  local names = {}
  for i = same + 1, #a do
    if a[i] == ".." then options.misuse("path.relative: what is above '%s' cannot be told from its text", from) end
    names[#names + 1] = ".."
  end
  return written(table.move(b, same + 1, #b, #names + 1, names), false)
end

return path
