---URLs: taken apart, put together, resolved, compared, by RFC 3986; and their queries. What holds a
---secret gives a template of secrets.
local core = require "secret.core"
local options = require "options"
local parts = require "url.parts"

local url = {}

local plain = { string = true, number = true, boolean = true }

local function check(what, text)
  if core.is(text) then options.misuse("%s: a secret cannot be read", what) end
  if type(text) ~= "string" then options.misuse("%s: expected a text, not a %s", what, type(text)) end
  return text
end

-- Percent-encoding ----------------------------------------------------------------------------------

local function escape(c) return ("%%%02X"):format(c:byte()) end

function url.encode(text)
  if core.is(text) then return core.percent(text) end
  return (check("url.encode", text):gsub("[^%w%-._~]", escape))
end

function url.decode(text)
  check("url.decode", text)
  local at = text:gsub("%%%x%x", "   "):find("%", 1, true)
  if at then
    failure { code = "url-invalid", message = ("url.decode: '%%' at byte %d begins no %%XX"):format(at) }
  end
  return (text:gsub("%%(%x%x)", function(digits) return string.char(tonumber(digits, 16)) end))
end

-- Queries ---------------------------------------------------------------------------------------------

local function field(name, value)
  if type(name) ~= "string" or not (plain[type(value)] or core.is(value)) then
    options.misuse("url.query: '%s' must be a text, a number or a boolean, not a %s", tostring(name), type(value))
  end
  return url.encode(name) .. "=" .. url.encode(core.is(value) and value or tostring(value))
end

function url.query(fields)
  if type(fields) ~= "table" then options.misuse("url.query: expected a table, not a %s", type(fields)) end
  local text
  local function add(name, value)
    text = text and text .. "&" .. field(name, value) or field(name, value)
  end
  for name, value in pairs(fields) do
    if type(value) == "table" then
      for _, item in ipairs(value) do add(name, item) end
    else
      add(name, value)
    end
  end
  return text or ""
end

local function form_decoded(text) return url.decode((text:gsub("+", " "))) end

local function each_field(query)
  local list = {}
  for pair in query:gmatch("[^&]+") do
    local name, value = pair:match("^([^=]*)=?(.*)$")
    list[#list + 1] = { form_decoded(name), form_decoded(value) }
  end
  return list
end

function url.fields(query, o)
  o = options.read("url.fields", o or {}, { { "lists", "boolean" } })
  local found = {}
  for _, pair in ipairs(each_field(check("url.fields", query))) do
    local name, value = pair[1], pair[2]
    if o.lists then
      found[name] = found[name] or {}
      table.insert(found[name], value)
    elseif found[name] then
      failure { code = "url-invalid", message = ("url.fields: '%s' stands twice"):format(name),
        hint = "{ lists = true } gives a list of values for each name" }
    else
      found[name] = value
    end
  end
  return found
end

-- URLs ---------------------------------------------------------------------------------------------------

function url.parse(text)
  return parts.split(check("url.parse", text))
end

local build_fields = {
  { "scheme", "string" }, { "userinfo", "text" }, { "host", "text" }, { "port", "integer" }, { "path", "text" },
  { "segments", "table" }, { "query", "any" }, { "fragment", "text" },
}

-- Writes what may not stand in the part as %XX; what is encoded already stays.
local function written(text, allowed)
  if core.is(text) then return text end
  local encoded = text:gsub("[^%w%-._~!$&'()*+,;=:@%%\x80-\xFF" .. allowed .. "]", escape)
  return (encoded:gsub("%%(%x?%x?)", function(digits) return #digits < 2 and "%25" .. digits or nil end))
end

-- A name that leads elsewhere cannot be written: "%2E%2E" is ".." for who reads URLs as browsers do.
local function segments_text(segments)
  local text = ""
  for _, segment in ipairs(segments) do
    if segment == "." or segment == ".." then
      failure { code = "url-invalid", message = ("url.build: the segment '%s' is no name"):format(segment),
        hint = "it would lead to another path; check where the name comes from" }
    end
    text = text .. "/" .. url.encode(math.type(segment) == "integer" and tostring(segment) or segment)
  end
  return text
end

local function check_built(o)
  if o.scheme and not o.scheme:find("^%a[%w+.-]*$") then options.misuse("url.build: '%s' is no scheme", o.scheme) end
  if type(o.host) == "string" and (o.host:find '[/?#@%[%]%z\1-\32\127"<>\\^`{|}]' or o.host:find(":", 1, true)
      and not (o.host:find "^[%x:.]+$" or o.host:find "^v%x+%.")) then
    options.misuse("url.build: '%s' is no host", o.host)
  end
  if o.port and (o.port < 0 or o.port > 65535) then options.misuse("url.build: %d is no port", o.port) end
  if o.path and o.segments then options.misuse("url.build: path and segments exclude each other") end
  if (o.port or o.userinfo) and not o.host then options.misuse("url.build: a port and a user need a host") end
end

function url.build(o)
  options.read("url.build", o, build_fields)
  check_built(o)
  local p = { scheme = o.scheme, host = o.host, port = o.port }
  p.userinfo = o.userinfo and (core.is(o.userinfo) and o.userinfo or (written(o.userinfo, ""):gsub("@", "%%40")))
  p.path = o.segments and segments_text(o.segments) or written(o.path or "", "/")
  if type(p.path) == "string" then
    if p.host and p.path ~= "" and p.path:sub(1, 1) ~= "/" then p.path = "/" .. p.path end
    parts.guard(p)
  end
  p.query = type(o.query) == "table" and url.query(o.query) or o.query and written(o.query, "/?")
  p.fragment = o.fragment and written(o.fragment, "/?")
  return parts.join(p)
end

function url.join(base, reference)
  local b = parts.split(check("url.join", base))
  if not b.scheme then
    parts.invalid(base, "it has no scheme, so nothing can be relative to it", "begin it with https://")
  end
  return parts.join(parts.resolve(b, parts.split(check("url.join", reference))))
end

-- The same URL always in the same way ----------------------------------------------------------------------

local default_ports = { http = 80, https = 443, ws = 80, wss = 443, ftp = 21, postgresql = 5432, postgres = 5432 }

local function normal_escape(digits)
  local c = string.char(tonumber(digits, 16))
  return c:find("[%w%-._~]") and c or "%" .. digits:upper()
end

local function normal(text)
  return text and (text:gsub("%%(%x%x)", normal_escape))
end

function url.normalise(text)
  local p = parts.split(check("url.normalise", text))
  p.scheme = p.scheme and p.scheme:lower()
  p.host = p.host and normal(p.host):lower():gsub("%%%x%x", string.upper) or nil
  if p.port and p.port == default_ports[p.scheme] then p.port = nil end
  p.userinfo, p.query, p.fragment = normal(p.userinfo), normal(p.query), normal(p.fragment)
  p.path = normal(p.path)
  if p.scheme or p.path:sub(1, 1) == "/" then p.path = parts.without_dots(p.path) end
  if p.host and p.path == "" and default_ports[p.scheme] then p.path = "/" end
  return parts.join(parts.guard(p))
end

return url
