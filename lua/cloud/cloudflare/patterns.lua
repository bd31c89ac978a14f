---Patterns of Workers routes: which are well formed, which requests they match, and which of two is
---the more specific one. Pure.
---
---A pattern is [http[s]://]HOST[/PATH]. A star may begin the host and end the path; without one
---both are literal, and the path is the one before the query too.
local patterns = {}

---@class patterns.Pattern
---@field scheme? string    http or https; both without one
---@field host string       without its star, lower case
---@field star? string      "*": the host and all below it, "*.": only those below it
---@field path string       without its star
---@field open boolean      the path ends with a star

local function parse(text)
  local scheme, rest = text:match("^(https?)://(.+)$")
  rest = rest or text
  local host, path = rest:match("^([^/]*)(.*)$")
  local star, name = host:match("^(%*%.?)(.*)$")
  name = (name or host):lower()
  if name == "" and star ~= "*" then return nil, "it has no host" end
  if name:find("*", 1, true) then return nil, "a star may only begin the host" end
  if name:find("[^%w.-]") then return nil, "its host is not a name" end
  if path == "" then path = "/" end
  local prefix, open = path:match("^(.-)(%*?)$")
  if prefix:find("*", 1, true) then return nil, "a star may only end the path" end
  if prefix:find("?", 1, true) then return nil, "it has a query" end
  return { scheme = scheme, host = name, star = star, path = prefix, open = open == "*" }
end

-- Every request at the edge asks for all patterns of its zone: they are read once.
local known = setmetatable({}, { __mode = "v" })

---@param text string
---@return patterns.Pattern|nil pattern, string|nil reason
function patterns.parse(text)
  local pattern, reason = known[text], nil
  if not pattern then
    pattern, reason = parse(text)
    known[text] = pattern
  end
  return pattern, reason
end

local function below(host, name)
  return #host > #name + 1 and host:sub(-#name - 1) == "." .. name
end

local function host_matches(pattern, host)
  if not pattern.star then return host == pattern.host end
  if pattern.host == "" or below(host, pattern.host) then return true end
  return pattern.star == "*" and host:sub(-#pattern.host) == pattern.host
end

---@param pattern patterns.Pattern
---@param where { host: string, path: string, scheme?: string }  host in lower case, path with the query
---@return boolean
function patterns.matches(pattern, where)
  if pattern.scheme and where.scheme and pattern.scheme ~= where.scheme then return false end
  if not host_matches(pattern, where.host) then return false end
  if not pattern.open then return where.path == pattern.path end
  return where.path:sub(1, #pattern.path) == pattern.path
end

-- Assumed where Cloudflare's words say no more than "the most specific one": a literal host before
-- one with a star, then the longer host, a literal path before one with a star, the longer path,
-- a pattern with a scheme.
local function rank(pattern)
  return { pattern.star and 0 or 1, #pattern.host, pattern.star == "*." and 1 or 0,
    pattern.open and 0 or 1, #pattern.path, pattern.scheme and 1 or 0 }
end

---@param a patterns.Pattern
---@param b patterns.Pattern
---@return boolean  whether a wins where both match
function patterns.more_specific(a, b)
  local one, other = rank(a), rank(b)
  for i, value in ipairs(one) do
    if value ~= other[i] then return value > other[i] end
  end
  return false
end

return patterns
