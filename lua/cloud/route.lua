---Requests to handlers: paths, queries, JSON bodies, pages, and refusals.
---
---A handler takes a context and returns a value, and options of the service's own (a status, say).
---Whatever it refuses it raises with route.refuse, before it has changed anything.
local json = require "json"

local route = {}

local LARGEST_PAGE = 1 << 31   -- that JSON and arithmetic can do with
local DEEPEST = 100            -- levels of a body: the state and the answers that hold it are JSON, too, which has 128

---@class route.Route
---@field [1] string    method
---@field [2] string    pattern, such as /zones/{zone}/dns_records or /git/ref/{ref...}
---@field [3] function  handler
---@field scope? string what a token must be allowed to do

local function split(path)
  local parts = {}
  for part in path:gmatch("[^/]+") do parts[#parts + 1] = part end
  return parts
end

---@param text string
---@return string
function route.decode(text)
  return (text:gsub("%%(%x%x)", function(hex) return string.char(tonumber(hex, 16)) end))
end

---A raw query to a table; the first of several equal names counts.
---@param text string
---@return table<string, string>
function route.query(text)
  local query = {}
  for pair in text:gmatch("[^&]+") do
    local name, value = pair:match("^([^=]*)=?(.*)$")
    name = route.decode((name:gsub("%+", " ")))
    query[name] = query[name] or route.decode((value:gsub("%+", " ")))
  end
  return query
end

-- The parameters of a pattern, by the place of the part that each stands for.
local function names_of(parts)
  local names = {}
  for i, part in ipairs(parts) do names[i] = part:match("^{([%w_]+)}$") end
  return names
end

-- Where a pattern has the parameter that may hold several parts of a path, such as {ref...}.
local function wide_of(parts)
  for i, part in ipairs(parts) do
    local name = part:match("^{([%w_]+)%.%.%.}$")
    if name then return { at = i, name = name } end
  end
end

-- What is written out comes before parameters, part by part; of equals what was declared first.
local function in_order(list)
  for i, candidate in ipairs(list) do
    local kinds = {}
    for j, part in ipairs(candidate.parts) do kinds[j] = part:find "^{" and "2" or "1" end
    candidate.rank, candidate.place = table.concat(kinds), i
  end
  table.sort(list, function(a, b)
    if #a.parts ~= #b.parts then return #a.parts > #b.parts end
    if a.rank ~= b.rank then return a.rank < b.rank end
    return a.place < b.place
  end)
end

---The table that route.find searches.
---@param ... route.Route[]  lists of routes
---@return table
function route.table(...)
  local made = { wide = {} }
  for _, routes in ipairs { ... } do
    for _, entry in ipairs(routes) do
      local parts = split(entry[2])
      local wide = wide_of(parts)
      local list = wide and made.wide or made[#parts] or {}
      if not wide then made[#parts] = list end
      list[#list + 1] = { method = entry[1], parts = parts, names = names_of(parts), wide = wide, route = entry }
    end
  end
  for _, list in pairs(made) do in_order(list) end
  return made
end

local function match(candidate, parts)
  for i, part in ipairs(candidate.parts) do
    if not candidate.names[i] and part ~= parts[i] then return nil end
  end
  local params = {}
  for i, name in pairs(candidate.names) do params[name] = route.decode(parts[i]) end
  return params
end

-- The parts that the wide parameter stands for are joined to one, which only that place is compared with.
local function match_wide(candidate, parts)
  local wide, more = candidate.wide, #parts - #candidate.parts
  if more < 0 then return nil end
  local joined = table.move(parts, 1, wide.at - 1, 1, {})
  joined[wide.at] = candidate.parts[wide.at]
  table.move(parts, wide.at + more + 1, #parts, wide.at + 1, joined)
  local params = match(candidate, joined)
  if params then params[wide.name] = route.decode(table.concat(parts, "/", wide.at, wide.at + more)) end
  return params
end

---The path is split before it is decoded: a parameter may hold an encoded slash. A pattern whose parameter may
---hold several parts is looked at when no other one fits.
---@return route.Route|nil found, table|string params  or why not: "path" or "method"
function route.find(routes, method, path)
  local parts, reason = split(path), "path"
  local function search(candidates, fits)
    for _, candidate in ipairs(candidates) do
      local params = fits(candidate, parts)
      if params and candidate.method == method then return candidate.route, params end
      if params then reason = "method" end
    end
  end
  local found, params = search(routes[#parts] or {}, match)
  if not found then found, params = search(routes.wide, match_wide) end
  return found, params or reason
end

---Whether a value that a client sent is flat enough to be kept.
---@param value any
---@param left? integer  levels that it may have
---@return boolean
function route.fits(value, left)
  left = left or DEEPEST
  if type(value) ~= "table" then return true end
  if left == 0 then return false end
  for _, item in pairs(value) do
    if not route.fits(item, left - 1) then return false end
  end
  return true
end

---Reads JSON that a client sent. What is nested too deeply to be kept counts as text that is none.
---@param text string
---@return boolean ok, any value
function route.parse(text)
  local ok, value = pcall(json.decode, text)
  if ok and route.fits(value) then return true, value end
  return false
end

---@return table|nil body, boolean|nil whole  empty when there is none; nil when it is no object and no list, and
---whether it is JSON at all
function route.json(request)
  local body = request.body or ""
  if body == "" then return {} end
  local ok, value = route.parse(body)
  if ok and type(value) == "table" then return value end
  return nil, ok
end

---One page of a list, asked for by page and per_page.
---@return any[] slice, table info  page, per_page, count, total_count, total_pages
function route.page(query, list, default, max)
  local size = math.tointeger(tonumber(query.per_page)) or default
  local page = math.min(math.max(math.tointeger(tonumber(query.page)) or 1, 1), LARGEST_PAGE)
  size = math.min(math.max(size, 1), max)
  local pages = (#list + size - 1) // size
  local before = math.min(page - 1, pages) * size
  local slice = table.move(list, before + 1, math.min(before + size, #list), 1, {})
  return slice, { page = page, per_page = size, count = #slice, total_count = #list,
    total_pages = pages }
end

local Refusal = { __tostring = function(r) return ("%s %s"):format(r.status, r.message) end }

---Ends a handler with an error answer.
---@param refusal table  status, message and what else the service's envelope wants
function route.refuse(refusal)
  error(setmetatable(refusal, Refusal), 0)
end

---Runs a handler; a refusal comes back as second value, a fault of the model is raised on.
---@return boolean ok, any value, any options
function route.attempt(handler, ...)
  local ok, value, options = pcall(handler, ...)
  if not ok and getmetatable(value) ~= Refusal then error(value, 0) end
  return ok, value, options
end

-- A copy where bytes that are not UTF-8 are the sign for that.
local function readable(value)
  if type(value) == "string" then return utf8.len(value) and value or (value:gsub("[\128-\255]", "\u{FFFD}")) end
  if type(value) ~= "table" then return value end
  local copy = setmetatable({}, getmetatable(value))
  for key, item in pairs(value) do copy[readable(key)] = readable(item) end
  return copy
end

-- Requests are quoted in answers, and may hold any bytes.
local function encoded(value)
  local ok, text = pcall(json.encode, value)
  return ok and text or json.encode(readable(value))
end

---@return table response
function route.response(status, value, headers)
  headers["content-type"] = value and "application/json; charset=utf-8"
  return { status = status, headers = headers, body = value and encoded(value) or "" }
end

return route
