---A URL taken apart and put together by RFC 3986. Nothing is decoded: parts are as they were written.
local options = require "options"

local parts = {}

-- Short enough for an error, and without what may be a password.
local function shown(text)
  return options.beginning(text:gsub("^([^/?#]*//)[^/?#]*@", "%1***@"), 200)
end

---Raises "url-invalid".
function parts.invalid(text, what, hint)
  text = shown(text)
  failure { code = "url-invalid", about = text, message = ("'%s' is no URL: %s"):format(text, what), hint = hint }
end

-- What no URL holds as it is. Bytes of other scripts are let through: they are for the resolver.
local WRONG = '[%z\1-\32\127"<>\\^`{|}]'

local function check_bytes(text)
  local at = text:find(WRONG)
  if at then
    parts.invalid(text, ("byte %d may not stand there"):format(at), "url.encode writes it as %XX")
  end
  at = text:gsub("%%%x%x", "   "):find("%", 1, true)
  if at then parts.invalid(text, ("'%%' at byte %d begins no %%XX"):format(at), "'%25' means the character") end
end

local function read_port(text, port)
  if port == "" then return nil end
  local n = port:find("^%d+$") and #port <= 5 and math.tointeger(tonumber(port))
  if not n or n > 65535 then parts.invalid(text, ("'%s' is no port"):format(options.beginning(port, 60))) end
  return n
end

-- "user@[::1]:80" -> user, "::1", 80
local function read_authority(text, authority)
  local userinfo, rest = authority:match("^(.*)@([^@]*)$")
  if userinfo and userinfo:find("@", 1, true) then
    parts.invalid(text, "'@' stands twice before the host", "'%40' means the character")
  end
  rest = rest or authority
  local literal, port = rest:match("^%[([%x.]*:[%x:.]*)%](.*)$")
  if not literal then literal, port = rest:match("^%[(v%x+%.[%w%-._~!$&'()*+,;=:]+)%](.*)$") end
  if literal then
    if port ~= "" and port:sub(1, 1) ~= ":" then parts.invalid(text, "only a port may follow ']'") end
    return userinfo, literal, read_port(text, port:sub(2))
  end
  local host
  host, port = rest:match("^([^:]*):?(.*)$")
  if rest:find("[%[%]]") or port:find(":", 1, true) then
    parts.invalid(text, "the host cannot be read", "an IPv6 address stands in brackets: http://[::1]/")
  end
  return userinfo, host, read_port(text, port)
end

local function cut(text, mark)
  local at = text:find(mark, 1, true)
  if at then return text:sub(1, at - 1), text:sub(at + 1) end
  return text, nil
end

---@param text string
---@return table parts  scheme, userinfo, host, port, path, query, fragment; what is not there is nil
function parts.split(text)
  check_bytes(text)
  local p, rest = {}, text
  rest, p.fragment = cut(rest, "#")
  rest, p.query = cut(rest, "?")
  local before, after = rest:match("^([^/:]*):(.*)$")
  if before then
    if not before:find("^%a[%w+.-]*$") then
      parts.invalid(text, ("'%s' is no scheme"):format(options.beginning(before, 60)),
        "a relative path whose first name holds ':' begins with './'")
    end
    p.scheme, rest = before, after
  end
  local authority, path = rest:match("^//([^/]*)(.*)$")
  if authority then p.userinfo, p.host, p.port = read_authority(text, authority) end
  p.path = path or rest
  if (p.path .. (p.query or "") .. (p.fragment or "")):find("[%[%]]") then
    parts.invalid(text, "brackets stand around an IPv6 address only", "'%5B' and '%5D' mean the characters")
  end
  if (p.fragment or ""):find("#", 1, true) then parts.invalid(text, "'#' stands twice", "'%23' means the character") end
  return p
end

---Puts the parts together; any of them may be a template of secrets, so this is `..` and no table.concat.
---@return string
function parts.join(p)
  local text = p.scheme and p.scheme .. ":" or ""
  if p.host then
    text = text .. "//"
    if p.userinfo then text = text .. p.userinfo .. "@" end
    local literal = type(p.host) == "string" and p.host:find(":", 1, true)
    text = text .. (literal and "[" .. p.host .. "]" or p.host)
    if p.port then text = text .. ":" .. ("%d"):format(p.port) end
  end
  text = text .. p.path
  if p.query then text = text .. "?" .. p.query end
  if p.fragment then text = text .. "#" .. p.fragment end
  return text
end

---RFC 3986, 5.2.4, name by name: "a/./b/../c" -> "a/c". Nothing is above "/".
---@param path string
---@return string
function parts.without_dots(path)
  local names, n, directory = {}, 0, false
  local absolute = path:sub(1, 1) == "/"
  for name in (absolute and path:sub(2) or path):gmatch("[^/]*") do
    directory = name == "." or name == ".."
    if name == ".." then
      names[n], n = nil, math.max(n - 1, 0)
    elseif name ~= "." then
      n = n + 1
      names[n] = name
    end
  end
  local text = table.concat(names, "/", 1, n)
  if directory and n > 0 then text = text .. "/" end
  return (absolute and "/" or "") .. text
end

-- RFC 3986, 5.2.3
local function merge(base, path)
  if base.host and base.path == "" then return "/" .. path end
  return (base.path:match("^(.*/)[^/]*$") or "") .. path
end

-- A path that begins with "//" would be read as a host, and one with "a:" as a scheme.
local function guard(p)
  if not p.host and p.path:find("^//") then p.path = "/." .. p.path end
  if not (p.host or p.scheme) and p.path:find("^[^/]*:") then p.path = "./" .. p.path end
  return p
end
parts.guard = guard

---RFC 3986, 5.2.2, strictly: a reference with the base's scheme is absolute.
---@param base table
---@param r table     the reference
---@return table
function parts.resolve(base, r)
  local t = { scheme = r.scheme or base.scheme, fragment = r.fragment, query = r.query }
  local own = r.scheme or r.host
  local from = own and r or base
  t.userinfo, t.host, t.port = from.userinfo, from.host, from.port
  if own or r.path:sub(1, 1) == "/" then
    t.path = parts.without_dots(r.path)
  elseif r.path == "" then
    t.path, t.query = base.path, r.query or base.query
  else
    t.path = parts.without_dots(merge(base, r.path))
  end
  return guard(t)
end

return parts
