---Lists that come in pages, walked item by item; a page is asked for when the one before is used up. An end
---that cannot be trusted is an error: a list that silently lacks its rest is how things get lost.
local core = require "http.core"
local json = require "json"
local options = require "options"
local origin = require "http.origin"
local status = require "http.status"
local url = require "url"

local pages = {}

local MOST = 1000     -- pages
local LINKS = 16384   -- bytes of a Link header: a hostile one may not keep us busy

---@class http.Walk
---@field style "link"|"page"|"cursor"
---@field items? string      JSON pointer to the list of a page
---@field max_pages? integer
---@field per_page? integer  of style "page": items that are asked for
---@field more? "link"       of style "page": the Link header alone says whether there is another
---@field cursor? string     of style "cursor": JSON pointer to the next page's
---@field param? string      of style "cursor": its name in the query
---@field last? "empty"      of style "cursor": the last page has a cursor, too; the end is an empty page

---@class http.Page
---@field number integer
---@field items any[]
---@field reply any       the whole page, decoded
---@field answer table    of http.request
---@field asked table     the parameters that it was asked for with

local fields = { { "style", "string", true }, { "items", "string" }, { "max_pages", "integer" },
  { "per_page", "integer" }, { "more", "string" }, { "cursor", "string" }, { "param", "string" },
  { "last", "string" } }

-- ---- reading a page ----------------------------------------------------------------------

local function given(value)
  if value ~= json.null then return value end
  return nil
end

-- The value at the first pointer where there is one; null is none.
local function first_at(document, pointers)
  for _, pointer in ipairs(pointers) do
    local value = given(json.pointer(document, pointer))
    if value ~= nil then return value end
  end
end

local array = getmetatable(json.array {})

local function is_list(value)
  return type(value) == "table" and getmetatable(value) == array
end

local function broken(page, what, hint)
  local about = page.answer.url or "the list"
  failure { code = "http-paging", class = "fatal", about = about, hint = hint,
    message = ("page %d of %s: %s"):format(page.number, origin.shown(about), what) }
end

-- Where the caller does not say: the page itself, `result`, or `result.items`. null is an empty list.
local function items_of(o, page)
  for _, pointer in ipairs(o.items and { o.items } or { "", "/result", "/result/items" }) do
    local found = json.pointer(page.reply, pointer)
    if is_list(found) then return found end
    if found == json.null then return {} end
  end
  return broken(page, ("it holds no list%s"):format(o.items and " at '" .. o.items .. "'" or ""),
    "the option 'items' is a JSON pointer to the list")
end

-- ---- the styles --------------------------------------------------------------------------
-- Each says what the next page is asked for with, or nil at the end.

-- RFC 8288: `<https://…?page=2>; rel="next", <…>; rel="last"`; a relation may be one of several.
local function next_link(answer)
  local header = (status.header(answer, "link") or ""):sub(1, LINKS)
  for target, parameters in header:gmatch("<([^>]*)>([^<]*)") do
    local relations = parameters:match('[;%s][Rr][Ee][Ll]%s*=%s*"([^"]*)"')
      or parameters:match("[;%s][Rr][Ee][Ll]%s*=%s*([^%s;,]+)")
    for relation in (relations or ""):lower():gmatch("%S+") do
      if relation == "next" then return target end
    end
  end
end

local styles = {}

-- No answer sends the credential to another place.
function styles.link(_, page)
  local target = next_link(page.answer)
  if not target then return nil end
  local to = url.join(page.answer.url, target)
  if origin.of(to) ~= origin.of(page.answer.url) then
    broken(page, "the next page is said to be elsewhere: " .. origin.shown(to),
      "ask there yourself, if that is meant to be")
  end
  return { url = to }
end

local function pages_told(page)
  local info = first_at(page.reply, { "/result_info" })
  if type(info) ~= "table" then return nil, nil end
  local size, count = given(info.per_page), given(info.total_count)
  local total = given(info.total_pages)
  if not total and count and size and size > 0 then total = math.ceil(count / size) end
  return total, size
end

-- Where nothing is told, the page that has nothing new is behind the last: a short one may be short because
-- the service gives no longer ones.
local function is_last(o, page, before)
  if o.more == "link" then return next_link(page.answer) == nil end
  local total, size = pages_told(page)
  if total then return page.number >= total end
  if next_link(page.answer) then return false end
  return #page.items == 0 or size ~= nil and #page.items < size or before == page.answer.body
end

function styles.page(o, page, before)
  if is_last(o, page, before) then return nil end
  return { page = page.number + 1, per_page = o.per_page }
end

local cursors = { "/result_info/cursor", "/result_info/cursors/after", "/pagination/next", "/pagination/cursor" }

function styles.cursor(o, page, _, seen)
  local cursor = first_at(page.reply, o.cursor and { o.cursor } or cursors)
  if cursor == nil or cursor == "" then return nil end
  if type(cursor) ~= "string" and math.type(cursor) ~= "integer" then
    broken(page, "its cursor is no text", "the option 'cursor' is a JSON pointer to it")
  end
  local ends = o.last == "empty"
  if ends and (#page.items == 0 or cursor == page.asked[o.param]) then return nil end
  if seen[cursor] then
    broken(page, "its cursor was there before, so the list would never end",
      not ends and "where the last page has a cursor, too, say last = \"empty\"" or nil)
  end
  seen[cursor] = true
  return { [o.param] = cursor }
end

-- ---- walking -----------------------------------------------------------------------------

local function read(o)
  options.read("http.pages", o, fields)
  if not styles[o.style] then
    options.misuse("http.pages: 'style' is \"link\", \"page\" or \"cursor\", not '%s'", o.style)
  elseif o.more and o.more ~= "link" then
    options.misuse("http.pages: 'more' is \"link\", not '%s'", o.more)
  elseif o.last and o.last ~= "empty" then
    options.misuse("http.pages: 'last' is \"empty\", not '%s'", o.last)
  end
  local full = { max_pages = MOST, per_page = 100, param = "cursor" }
  for name, value in pairs(o) do full[name] = value end
  if full.max_pages < 1 or full.per_page < 1 then
    options.misuse("http.pages: 'max_pages' and 'per_page' are at least 1")
  end
  return full
end

local function is_repeated(o, page, before)
  return o.style == "page" and page.number > 1 and before ~= nil and before == page.answer.body
end

-- Asks for the next page.
local function turn(o, state, send)
  local page = { number = state.number + 1, asked = state.wanted }
  page.reply, page.answer = send(page.asked)
  page.items = items_of(o, page)
  if is_repeated(o, page, state.body) then page.items = {} end   -- a service that knows no pages
  state.wanted = styles[o.style](o, page, state.body, state.seen)
  state.number, state.body = page.number, page.answer.body
  return page
end

---Walks a list: `for item, reply in pages.walk(…)`.
---@param given_options http.Walk
---@param send fun(parameters: table): any, table  asks for a page with these in its query, or at their `url`;
---returns it decoded, and the answer
---@return fun(): any, any
function pages.walk(given_options, send)
  local o = read(given_options)
  local state = { number = 0, seen = {}, wanted = o.style == "page" and { page = 1, per_page = o.per_page } or {} }
  local page, i = nil, 0
  return function()
    while not page or i >= #page.items do
      if not state.wanted then return nil end
      if state.number >= o.max_pages then
        broken(page, ("there are more, and 'max_pages' is %d"):format(o.max_pages), "raise it, or ask for less")
      end
      page, i = turn(o, state, send), 0
    end
    i = i + 1
    return page.items[i], page.reply
  end
end

---The whole list.
---@param given_options http.Walk
---@param send fun(parameters: table): any, table
---@return any[]
function pages.all(given_options, send)
  local list = {}
  for item in pages.walk(given_options, send) do list[#list + 1] = item end
  return list
end

-- ---- for recipes -------------------------------------------------------------------------

-- The address with these in its query, instead of what it says of the same names.
local function with_query(address, parameters)
  if next(parameters) == nil then return address end
  local base, query = address:gsub("#.*", ""):match("^([^?]*)[?]?(.*)$")
  local kept = {}
  for pair in query:gmatch("[^&]+") do
    if parameters[pair:match("^[^=]*")] == nil then kept[#kept + 1] = pair end
  end
  kept[#kept + 1] = url.query(parameters)
  return base .. "?" .. table.concat(kept, "&")
end

local own, all = {}, {}
for i, field in ipairs(fields) do own[field[1]], all[i] = true, field end
for _, name in ipairs(core.options) do all[#all + 1] = { name, "any" } end   -- looked at by http.request

---@param o table                     options of http.request and of http.Walk
---@param expect fun(o: table): table  http.expect
---@return fun(): any, any
function pages.of(o, expect)
  options.read("http.pages", o, all)
  local walk, request = {}, {}
  for name, value in pairs(o) do
    if own[name] then walk[name] = value else request[name] = value end
  end
  if type(request.url) ~= "string" then options.misuse("http.pages: option 'url' must be a string") end
  local first = request.url
  return pages.walk(walk, function(parameters)
    request.url = parameters.url or with_query(first, parameters)
    local answer = expect(request)
    return answer:json(), answer
  end)
end

return pages
