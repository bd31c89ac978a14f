---Addresses in answers: of things, and of the other pages of a list.
---
---A client that came by a base address of its own (`request.base`, as GitHub's servers of companies have one) is led
---back there, every other one to the real origins.
local route = require "cloud.route"

local links = {}

---@param context github.Context
---@param path string
---@return string  of the API
function links.api(context, path)
  return (context.request.base or "https://api.github.com") .. path
end

---@param path string
---@return string  of the page for people
function links.html(path)
  return "https://github.com" .. path
end

---@param text string
---@return string  as it stands in a path or a query
function links.escape(text)
  return (text:gsub("[^%w._~-]", function(char) return ("%%%02X"):format(char:byte()) end))
end

local function page_url(context, number)
  local pairs_of = {}
  for name, value in pairs(context.query) do
    if name ~= "page" then pairs_of[#pairs_of + 1] = links.escape(name) .. "=" .. links.escape(value) end
  end
  pairs_of[#pairs_of + 1] = ("page=%d"):format(number)
  return links.api(context, context.request.path) .. "?" .. table.concat(pairs_of, "&")
end

-- The Link header of a page; nil when there is only one.
local function header(context, info)
  local parts = {}
  local function add(rel, number)
    parts[#parts + 1] = ('<%s>; rel="%s"'):format(page_url(context, number), rel)
  end
  if info.page > 1 then add("prev", info.page - 1) end
  if info.page < info.total_pages then
    add("next", info.page + 1)
    add("last", info.total_pages)
  end
  if info.page > 1 then add("first", 1) end
  return #parts > 0 and table.concat(parts, ", ") or nil
end

-- What is no number from 1 counts as not given.
local function sizes(query)
  local given = math.tointeger(tonumber(query.per_page))
  return { per_page = given and given >= 1 and query.per_page or nil, page = query.page }
end

---The page of a list that was asked for.
---@param context github.Context
---@param list any[]
---@param default? integer  items of a page (30)
---@param most? integer     (100)
---@return any[] slice, table options  of the handler, with the Link header
function links.page(context, list, default, most)
  local slice, info = route.page(sizes(context.query), list, default or 30, most or 100)
  return slice, { link = header(context, info) }
end

return links
