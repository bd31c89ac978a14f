---SQL text as the ledger understands it: where a statement ends, and what kind it is of. What is
---not understood is kept as text. Pure.
local statement = {}

-- ---- pieces ------------------------------------------------------------------------------

-- The end of the quoted text, comment or dollar-quoted text that begins at `from`, or nil.
local function skip(text, from, c)
  if c == "'" or c == '"' then return text:find(c, from + 1, true) or #text end
  if c == "-" then return text:find("^%-%-", from) and (text:find("\n", from, true) or #text) end
  if c == "/" then return text:find("^/%*", from) and (select(2, text:find("*/", from + 2, true)) or #text) end
  local tag = c == "$" and text:match("^%$[%a_]?[%w_]*%$", from)
  return tag and (select(2, text:find(tag, from + #tag, true)) or #text)
end

local is_comment = { ["-"] = true, ["/"] = true }

-- Cuts at a separator outside of quotes and brackets, and leaves comments out.
local function split(text, separator)
  local pieces, piece, depth, at = {}, {}, 0, 1
  local stops = "['\"%-/$()" .. separator .. "]"
  local function keep(to)
    if to >= at then piece[#piece + 1] = text:sub(at, to) end
  end
  local found = text:find(stops)
  while found do
    local c = text:sub(found, found)
    local stop = skip(text, found, c)
    if stop then
      keep(is_comment[c] and found - 1 or stop)
      if is_comment[c] then piece[#piece + 1] = " " end
      at, found = stop + 1, stop
    elseif c == separator and depth == 0 then
      keep(found - 1)
      pieces[#pieces + 1] = table.concat(piece)
      piece, at = {}, found + 1
    else
      depth = depth + (c == "(" and 1 or c == ")" and -1 or 0)
    end
    found = text:find(stops, found + 1)
  end
  keep(#text)
  pieces[#pieces + 1] = table.concat(piece)
  return pieces
end

local function trim(text) return text:match("^%s*(.-)%s*$") end

-- A name with or without its schema, quoted or not -> "schema.name", and what follows.
local function name_of(text)
  local parts, rest = {}, text
  for _ = 1, 2 do
    local quoted, after = rest:match('^%s*"([^"]*)"(.*)$')
    local plain, after_plain = rest:match("^%s*([%a_][%w_]*)(.*)$")
    if not quoted and not plain then return nil end
    parts[#parts + 1] = quoted or plain:lower()
    rest = after or after_plain
    if not rest:find("^%s*%.") then break end
    rest = rest:gsub("^%s*%.", "")
  end
  return #parts == 2 and table.concat(parts, ".") or "public." .. parts[1], rest
end

local function plain_name(text)
  return text:match('^%s*"([^"]*)"%s*$') or (text:match("^%s*([%a_][%w_]*)%s*$") or ""):lower()
end

-- ---- kinds -------------------------------------------------------------------------------

local integer_types = { bigint = true, int8 = true, integer = true, int4 = true, int = true, smallint = true,
  serial = true, bigserial = true }

local function columns_of(rest)
  local body = rest:match("^%s*(%b())")
  if not body then return nil end
  local names, integers, types = {}, {}, {}
  for _, column in ipairs(split(body:sub(2, -2), ",")) do
    local quoted, plain = column:match('^%s*"([^"]*)"%s+([%a_][%w_]*)')
    if not quoted then quoted, plain = column:match("^%s*([%a_][%w_]*)%s+([%a_][%w_]*)") end
    if quoted then
      names[#names + 1] = quoted
      integers[quoted], types[quoted] = integer_types[plain:lower()], plain:lower()
    end
  end
  return names, integers, types
end

local kinds = { table = true, index = true, view = true, sequence = true, schema = true, type = true,
  extension = true, ["function"] = true }

-- "create unique index if not exists …", "drop table …"
local function create_or_drop(verb, text, words)
  local rest = words:gsub("^%a+%s+", "")
  local lenient = rest:find("^or%s+replace%s") ~= nil
  rest = rest:gsub("^or%s+replace%s+", ""):gsub("^unique%s+", ""):gsub("^temp%a*%s+", "")
  local kind = rest:match("^(%a+)")
  if not kinds[kind] then return nil end
  local original = text:sub(#text - #rest + 1):gsub("^%a+%s+", ""):gsub("^[Cc][Oo][Nn]%a+%s+", "")
  local guarded = original:lower():match("^if%s+not%s+exists%s+") or original:lower():match("^if%s+exists%s+")
  local name, after = name_of(original:sub(#(guarded or "") + 1))
  if not name then return nil end
  local made = { verb = verb, kind = kind, name = name, lenient = lenient or guarded ~= nil, text = text }
  if kind == "table" and verb == "create" then made.columns, made.integers, made.types = columns_of(after) end
  return made
end

local function values_of(rest)
  local list = {}
  for _, row in ipairs(split(rest, ",")) do
    local body = trim(row):match("^(%b())$")
    if not body then return nil end
    local values = {}
    for i, value in ipairs(split(body:sub(2, -2), ",")) do values[i] = trim(value) end
    list[#list + 1] = values
  end
  return list
end

local function insert(text)
  local name, rest = name_of((text:gsub("^%a+%s+%a+%s+", "")))
  if not name then return nil end
  local columns = rest:match("^%s*(%b())")
  if columns then rest = rest:sub(select(2, rest:find("^%s*%b()")) + 1) end
  local values = rest:match("^%s*[Vv][Aa][Ll][Uu][Ee][Ss]%s*(.*)$")
  local rows = values and values_of(values)
  if not rows then return nil end
  local names
  for i, column in ipairs(columns and split(columns:sub(2, -2), ",") or {}) do
    names = names or {}
    names[i] = plain_name(column)
  end
  return { verb = "insert", name = name, columns = names, values = rows, text = text }
end

local facts = { pg_current_wal_lsn = "function", now = "function", current_database = "function",
  current_user = "word", current_timestamp = "word" }
local same_as = { current_timestamp = "now" }
local of_number = { pg_try_advisory_lock = true, pg_advisory_unlock = true }

-- A column that needs no table: a constant, or what a server knows of itself.
local function fact(text)
  local what, as = text:match("^%s*(.-)%s+[Aa][Ss]%s+(.-)%s*$")
  local body, cast = trim(what or text):match "^(.-)::(%a+)$"
  body = body or trim(what or text)
  as = as and plain_name(as)
  local value = body:match "^('[^']*')$" or body:match "^(%-?%d+%.?%d*)$"
  if value then
    local integer = math.tointeger(tonumber(value))
    return { value = value:match "^'(.*)'$" or value, as = as or "?column?", oid = integer and 23, cast = cast }
  end
  local asked, number = body:lower():match "^([%a_]+)%s*%(%s*(%-?%d+)%s*%)$"
  if of_number[asked] then return { fact = asked, as = as or asked, number = number, cast = cast } end
  local name = body:lower():gsub("%s*%(%s*%)$", "")
  local called = body:find "%)$" ~= nil
  if facts[name] ~= (called and "function" or "word") then return nil end
  return { fact = same_as[name] or name, as = as or name, cast = cast }
end

local function facts_of(text)
  local list = text:match "^%a+%s+(.*)$"
  local columns = {}
  for i, column in ipairs(list and split(list, ",") or {}) do
    columns[i] = fact(column)
    if not columns[i] then return nil end
  end
  return columns[1] and { verb = "facts", columns = columns }
end

local function question(text)
  local known = text:find "^[Ss][Ee][Ll]" and facts_of(text)
  if known then return known end
  local list, from = text:match("^%a+%s+(.-)%s+[Ff][Rr][Oo][Mm]%s+(.*)$")
  local name, rest = name_of(from or "")
  if not name or trim(rest) ~= "" then return { verb = "question" } end
  local columns = {}
  for i, column in ipairs(split(list, ",")) do
    local what, as = column:match("^%s*(.-)%s+[Aa][Ss]%s+(.-)%s*$")
    local wanted = plain_name(what or column)
    if wanted == "" then return { verb = "question" } end
    columns[i] = { name = wanted, as = as and plain_name(as) or wanted }
  end
  return { verb = "select", name = name, columns = columns }
end

local verbs = {
  begin = "begin", start = "begin", commit = "commit", ["end"] = "commit", rollback = "rollback", abort = "rollback",
}
local asks = { select = question, show = question, values = question, explain = question, table = question,
  with = question }
local quiet = { set = true, reset = true, lock = true, discard = true, deallocate = true, savepoint = true,
  release = true }

local clears = { delete = true, truncate = true }

-- "delete from t", "truncate t": all rows of one table.
local function clear(text)
  local rest = text:match "^%a+%s+(.*)$" or ""
  rest = rest:gsub("^[Ff][Rr][Oo][Mm]%s+", ""):gsub("^[Tt][Aa][Bb][Ll][Ee]%s+", "")
  local name, after = name_of(rest)
  if name and trim(after) == "" then return { verb = "clear", name = name, text = text } end
end

local function classify(text)
  local words = text:lower()
  local first = words:match("^(%a+)")
  if verbs[first] and not words:find("^rollback%s+to%s") then return { verb = verbs[first] } end
  if asks[first] then return asks[first](text) end
  if quiet[first] or first == "rollback" then return { verb = "question" } end
  local made = (first == "create" or first == "drop") and create_or_drop(first, text, words)
    or first == "insert" and insert(text) or clears[first] and clear(text)
  return made or { verb = "other", text = text }
end

---@param text string
---@return table[] statements  each with its verb: begin, commit, rollback, create, drop, insert, clear, select,
---                            facts, question (answered with no rows) or other (kept as text)
function statement.read(text)
  local list = {}
  for _, piece in ipairs(split(text, ";")) do
    local trimmed = trim(piece)
    if trimmed ~= "" then list[#list + 1] = classify((trimmed:gsub("%s+", " "))) end
  end
  return list
end

---What a value of an insert comes to; other expressions than constants are kept as they are written.
---@param written string
---@param params string[]
---@return string|nil
function statement.value(written, params)
  local number = written:match("^%$(%d+)")
  if number then return params[tonumber(number)] end
  local text = written:match("^'(.*)'$")
  if text then return (text:gsub("''", "'")) end
  if written:lower() ~= "null" then return written end
end

return statement
