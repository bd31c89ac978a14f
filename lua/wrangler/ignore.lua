---`.assetsignore`: which files of a folder of assets are none, in the form of .gitignore. Pure.
local glob = require "glob"

local ignore = {}

-- In .gitignore "!" and braces mean nothing inside of a pattern.
local function escaped(text) return (text:gsub("[{},!]", "\\%0")) end

-- A pattern without a slash but at its end matches in every folder; one that ends in a slash matches folders.
local function pattern_of(line)
  local text = line:gsub("\r$", ""):gsub("^%s+$", "")
  text = text:find "\\ $" and text or text:gsub("%s+$", "")
  if text == "" or text:find "^#" then return nil end
  local back, rest = text:match "^(!?)(.*)$"
  local body, folder = rest:match "^(.-)(/?)$"
  local anchored = body:find("/", 1, true)
  body = escaped((body:gsub("^/", ""):gsub("^\\([#!])", "%1")))
  return { back = back == "!", folder = folder == "/", glob = glob.compile(anchored and body or "**/" .. body) }
end

---@param text string  the file
---@return fun(path: string, is_folder: boolean): boolean  whether a path, without a slash before it, is left out; what
---is in a folder that is left out is not asked for
function ignore.matcher(text)
  local patterns = {}
  for line in (text .. "\n"):gmatch "([^\n]*)\n" do patterns[#patterns + 1] = pattern_of(line) end
  return function(path, is_folder)
    local out = false
    for _, one in ipairs(patterns) do
      if (is_folder or not one.folder) and one.glob:match(path) then out = not one.back end
    end
    return out
  end
end

return ignore
