---Addresses in answers: of things, and of the other pages of a list.
local links = {}

---@param path string
---@return string
function links.api(path)
  return "https://api.github.com" .. path
end

local function escape(text)
  return (text:gsub("[^%w._~-]", function(char) return ("%%%02X"):format(char:byte()) end))
end

local function page_url(request, query, number)
  local pairs_of = {}
  for name, value in pairs(query) do
    if name ~= "page" then pairs_of[#pairs_of + 1] = escape(name) .. "=" .. escape(value) end
  end
  pairs_of[#pairs_of + 1] = "page=" .. number
  return links.api(request.path) .. "?" .. table.concat(pairs_of, "&")
end

---The Link header of a page; nil when there is only one.
---@param info table  of route.page
---@return string|nil
function links.header(request, query, info)
  local parts = {}
  local function add(rel, number)
    parts[#parts + 1] = ('<%s>; rel="%s"'):format(page_url(request, query, number), rel)
  end
  if info.page > 1 then add("prev", info.page - 1) end
  if info.page < info.total_pages then
    add("next", info.page + 1)
    add("last", info.total_pages)
  end
  if info.page > 1 then add("first", 1) end
  return #parts > 0 and table.concat(parts, ", ") or nil
end

return links
