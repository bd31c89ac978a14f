---The files that a step hands on by, as GitHub's runner reads them when it has ended (FileCommandManager in
---actions/runner).
local load_file = require("core").load_file

local text = assert(load_file "tests/runner/text.lua")()

local files = {}

-- The line at a place, without its end; where the next one begins; whether it had an end. Only "\n" ends one here.
local function line_at(s, at)
  if at > #s then return nil end
  local ending = s:find("\n", at, true)
  return s:sub(at, (ending or #s + 1) - 1), (ending or #s) + 1, ending ~= nil
end

-- The lines up to the delimiter, without the last one's end.
local function value_until(s, at, delimiter)
  local first, last = at, at - 1
  while true do
    local line, next_at, ended = line_at(s, at)
    if line == delimiter then return s:sub(first, last), next_at end
    if not line then return nil, ("Invalid value. Matching delimiter not found '%s'"):format(delimiter) end
    if not ended then return nil, "Invalid value. EOF marker missing new line." end
    last, at = next_at - 2, next_at
  end
end

-- Whichever of "=" and "<<" comes first says which form it is.
local function entry_at(s, line, at)
  local equals, arrows = line:find("=", 1, true), line:find("<<", 1, true)
  if equals and (not arrows or equals < arrows) then return line:sub(1, equals - 1), line:sub(equals + 1), at end
  if not arrows then return nil, ("Invalid format '%s'"):format(line) end
  local name, delimiter = line:sub(1, arrows - 1), line:sub(arrows + 2)
  if name == "" or delimiter == "" then
    return nil, ("Invalid format '%s'. Name must not be empty and delimiter must not be empty"):format(line)
  end
  local value, after = value_until(s, at, delimiter)
  if not value then return nil, after end
  return name, value, after
end

---The names and values of GITHUB_OUTPUT, GITHUB_ENV or GITHUB_STATE, in order. What comes before a mistake counts.
---@param bytes string
---@return { [1]: string, [2]: string }[] pairs
---@return string|nil reason  of what cannot be read
function files.pairs(bytes)
  local s, list, at = text.decode(bytes), {}, 1
  while true do
    local line, next_at = line_at(s, at)
    if not line then return list end
    if line ~= "" then
      local name, value, after = entry_at(s, line, next_at)
      if not name then return list, value end
      list[#list + 1] = { name, value }
      next_at = after
    end
    at = next_at
  end
end

---The folders of GITHUB_PATH.
---@return string[]
function files.folders(bytes)
  local list = {}
  for _, line in ipairs(text.lines(text.decode(bytes))) do
    if line ~= "" then list[#list + 1] = line end
  end
  return list
end

return files
