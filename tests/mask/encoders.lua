---Encoders written for the corpus, by what the tools' documents say and without a look at the masker's own.
---Each takes a secret and gives what a tool would print between its quotes.
local encoders = {}

local function each(text, pattern, f) return (text:gsub(pattern, f)) end

local function hexed(format) return function(c) return format:format(c:byte()) end end

local function with(letters, fallback)
  return function(c) return letters[c] or (type(fallback) == "function" and fallback(c) or fallback) end
end

-- JSON ------------------------------------------------------------------------------------------

local short = { ['"'] = '\\"', ["\\"] = "\\\\", ["\b"] = "\\b", ["\f"] = "\\f", ["\n"] = "\\n", ["\r"] = "\\r",
  ["\t"] = "\\t" }

local function units(format)
  return function(char)
    local code = utf8.codepoint(char)
    if code < 0x10000 then return format:format(code) end
    code = code - 0x10000
    return format:format(0xD800 + (code >> 10)) .. format:format(0xDC00 + (code & 0x3FF))
  end
end

local function json(text, format) return each(text, '[%z\1-\31"\\]', with(short, hexed(format or "\\u%04x"))) end
local function wide(text, format) return each(text, "[\xC2-\xF4][\x80-\xBF]+", units(format)) end

encoders.json = json
encoders.json_ascii_lower = function(s) return wide(json(s), "\\u%04x") end
encoders.json_ascii_upper = function(s) return wide(json(s, "\\u%04X"), "\\u%04X") end
encoders.json_slash = function(s) return each(json(s), "/", "\\/") end
encoders.json_php = function(s) return wide(each(json(s), "/", "\\/"), "\\u%04x") end
encoders.json_go = function(s) return each(json(s), "[<>&]", hexed("\\u%04x")) end
encoders.json_html_upper = function(s) return each(json(s), "[<>&]", hexed("\\u%04X")) end
encoders.json_rails_quotes = function(s) return each(json(s), "[<>&']", hexed("\\u%04x")) end
encoders.json_gson = function(s) return each(json(s), "[<>&'=]", hexed("\\u%04x")) end
encoders.json_dotnet = function(s)
  local text = each(s, '[%z\1-\31\\]', with(short, hexed("\\u%04X")))
  return wide(each(text, "[\"'&+<>`]", hexed("\\u%04X")), "\\u%04X")
end
encoders.json_numbers_lower = function(s) return each(s, '[%z\1-\31"\\]', hexed("\\u%04x")) end
encoders.json_numbers_upper = function(s) return each(s, '[%z\1-\31"\\]', hexed("\\u%04X")) end

-- URLs --------------------------------------------------------------------------------------------

local function percent(keep, blank, format)
  return function(s)
    return each(s, "[^%w" .. keep .. "]", with({ [" "] = blank }, hexed(format or "%%%02X")))
  end
end

encoders.percent = percent("%-._~")
encoders.percent_lower = percent("%-._~", nil, "%%%02x")
encoders.percent_component = percent("%-._~!'()*")
encoders.percent_component_lower = percent("%-._~!'()*", nil, "%%%02x")
encoders.form = percent("%-._~", "+")
encoders.form_lower = percent("%-._~", "+", "%%%02x")
encoders.form_browser = percent("*%-._", "+")
encoders.form_php = percent("%-._", "+")
encoders.javascript_escape = function(s)
  local text = wide(each(s, "[^%w@*_+%-./\x80-\xFF]", hexed("%%%02X")), "%%u%04X")
  return (text:gsub("%%u00(%x%x)", "%%%1"))
end
encoders.percent_path = percent("%-._~/")

-- HTML and XML ----------------------------------------------------------------------------------------

local function html(quote, apostrophe)
  return function(s)
    local names = { ["&"] = "&amp;", ["<"] = "&lt;", [">"] = "&gt;", ['"'] = quote or '"', ["'"] = apostrophe or "'" }
    return each(s, "[&<>\"']", names)
  end
end

encoders.html_text = html()
encoders.html_numbers = html("&#34;", "&#39;")
encoders.html_hex = html("&quot;", "&#x27;")
encoders.html_php = html("&quot;", "&#039;")
encoders.html_decimal = html("&quot;", "&#39;")
encoders.html_all_numbers = function(s) return each(s, "[&<>\"']", hexed("&#%d;")) end
encoders.html_all_hex = function(s) return each(s, "[&<>\"']", hexed("&#x%x;")) end
encoders.xml = html("&quot;", "&apos;")
encoders.xml_attribute = html("&quot;")
local function references(text, format)
  return each(text, "[\xC2-\xF4][\x80-\xBF]+", function(char) return format:format(utf8.codepoint(char)) end)
end
encoders.xml_decimal = function(s) return references(encoders.xml(s), "&#%d;") end
encoders.xml_hex_lower = function(s) return references(encoders.html_hex(s), "&#x%x;") end
encoders.xml_hex_upper = function(s) return references(encoders.html_numbers(s), "&#x%X;") end

local function by_number(names, marks, format)
  return function(s)
    return each(s, "[&<>\"'" .. marks .. "]", function(c) return names[c] or format:format(c:byte()) end)
  end
end
local named = { ["&"] = "&amp;", ["<"] = "&lt;", [">"] = "&gt;", ['"'] = "&quot;" }
encoders.html_go = by_number({ ["&"] = "&amp;", ["<"] = "&lt;", [">"] = "&gt;" }, "+", "&#%d;")
encoders.html_owasp = by_number(named, "/", "&#x%X;")
encoders.html_underscore = by_number(named, "`", "&#x%X;")
encoders.html_handlebars = by_number(named, "`=", "&#x%X;")
encoders.html_mustache = function(s)
  return each(html("&quot;", "&#39;")(s), "[/`=]", hexed("&#x%X;"))
end
encoders.html_dotnet = by_number(named, "+", "&#x%X;")
encoders.html_esapi = by_number(named, "!#$%%()*+/:;=?@%[\\%]^`{|}~", "&#x%x;")
encoders.html_laminas = by_number(named, " !#$%%()*+/:;=?@%[\\%]^`{|}~", "&#x%X;")
encoders.html_marks_decimal = by_number({}, "%p ", "&#%d;")
encoders.html_no_words = by_number({ ["_"] = "_" }, "%p ", "&#%d;")
encoders.html_no_words_hex = by_number({ ["_"] = "_" }, "%p ", "&#x%x;")
encoders.html_marks_hex_lower = by_number({}, "%p ", "&#x%x;")
encoders.html_marks_hex_upper = by_number({ ["_"] = "_" }, "%p ", "&#x%X;")

-- Shells ----------------------------------------------------------------------------------------------

encoders.sh_single = function(s) return each(s, "'", "'\\''") end
encoders.sh_double_single = function(s) return each(s, "'", "'\"'\"'") end
encoders.bash_q = function(s)
  if s:find("[%c\127]") then return nil end
  return each(s, "[ !\"$&'()*,;<>?%[\\%]^`{|}]", "\\%0")  -- beside a backslash before a # or ~ that begins it
end
local ansi = { ["\a"] = "\\a", ["\b"] = "\\b", ["\27"] = "\\E", ["\f"] = "\\f", ["\n"] = "\\n", ["\r"] = "\\r",
  ["\t"] = "\\t", ["\v"] = "\\v", ["\\"] = "\\\\", ["'"] = "\\'" }
encoders.bash_ansi = function(s) return each(s, "[%c\127\\']", with(ansi, hexed("\\%03o"))) end
encoders.sh_double = function(s) return each(s, '["$`\\]', "\\%0") end
encoders.sh_double_history = function(s) return each(s, '["$`\\!]', "\\%0") end
encoders.doubled_apostrophe = function(s) return each(s, "'", "''") end
encoders.doubled_quote = function(s) return each(s, '"', '""') end
encoders.doubled_dollar = function(s) return each(s, "%$", "$$") end
encoders.doubled_percent = function(s) return each(s, "%%", "%%%%") end
encoders.cmd = function(s) return each(s, "[&<>|^]", "^%0") end
encoders.cmd_quotes = function(s) return each(s, '[&<>|^()"%%!]', "^%0") end
encoders.powershell = function(s) return each(s, '["`$]', "`%0") end

encoders.sh_single_twice = function(s) return encoders.sh_single(encoders.sh_single(s)) end
encoders.sh_double_single_twice = function(s) return encoders.sh_double_single(encoders.sh_double_single(s)) end

-- Languages ---------------------------------------------------------------------------------------------

local python = { ["\n"] = "\\n", ["\r"] = "\\r", ["\t"] = "\\t", ["\\"] = "\\\\" }
encoders.python_repr = function(s)
  local quote = s:find("'") and not s:find('"') and '"' or "'"
  local text = each(s, "[%c\127\\]", with(python, hexed("\\x%02x")))
  return quote == "'" and each(text, "'", "\\'") or text
end
local go = { ["\a"] = "\\a", ["\b"] = "\\b", ["\f"] = "\\f", ["\n"] = "\\n", ["\r"] = "\\r", ["\t"] = "\\t",
  ["\v"] = "\\v", ["\\"] = "\\\\", ['"'] = '\\"' }
encoders.go_q = function(s) return each(s, '[%c\127"\\]', with(go, hexed("\\x%02x"))) end
encoders.go_q_ascii = function(s) return wide(encoders.go_q(s), "\\u%04x") end
encoders.lua_q = function(s) return ("%q"):format(s):sub(2, -2) end
encoders.js_template = function(s) return each(s, "[`$\\]", "\\%0") end
encoders.sql = function(s) return each(s, "['\"\\]", "\\%0") end
encoders.git_quoted = function(s) return each(s, '[%c\127-\255"\\]', with(go, hexed("\\%03o"))) end
local c_letters = { ["\a"] = "\\a", ["\b"] = "\\b", ["\t"] = "\\t", ["\n"] = "\\n", ["\v"] = "\\v", ["\f"] = "\\f",
  ["\r"] = "\\r", ["\27"] = "\\e", ['"'] = '\\"', ["\\"] = "\\\\", ["$"] = "\\$", ["@"] = "\\@" }
local function by_size(char)
  local code = utf8.codepoint(char)
  return (code < 0x100 and "\\x%02X" or code < 0x10000 and "\\u%04X" or "\\U%08X"):format(code)
end
encoders.yaml = function(s)
  return each(each(s, '[%c"\\]', with(c_letters, hexed("\\x%02X"))), "[\xC2-\xF4][\x80-\xBF]+", by_size)
end
encoders.perl_double = function(s) return each(s, '[%c"\\$@]', with(c_letters, hexed("\\%03o"))) end
encoders.git_trace = function(s) return each(s, "['!]", function(c) return "'\\" .. c .. "'" end) end
encoders.userinfo = function(s) return each(s, "[^%w%-%._~!$%%&'()*+,]", hexed("%%%02X")) end
encoders.tsv = function(s)
  return each(s, "[\t\n\r\\]", { ["\t"] = "\\t", ["\n"] = "\\n", ["\r"] = "\\r", ["\\"] = "\\\\" })
end
encoders.nginx = function(s) return each(s, '[%c"\\]', hexed("\\x%02X")) end

-- Bytes -----------------------------------------------------------------------------------------------

encoders.hex_lower = function(s) return each(s, ".", hexed("%02x")) end
encoders.hex_upper = function(s) return each(s, ".", hexed("%02X")) end

local alphabet = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/"

---@return string padded
function encoders.base64(s)
  local out = {}
  for i = 1, #s, 3 do
    local a, b, c = s:byte(i, i + 2)
    local bits = a << 16 | (b or 0) << 8 | (c or 0)
    for k = 0, 3 do
      local at = (bits >> (18 - 6 * k) & 63) + 1
      out[#out + 1] = (k == 2 and not b or k == 3 and not c) and "=" or alphabet:sub(at, at)
    end
  end
  return table.concat(out)
end
encoders.base64url = function(s) return (encoders.base64(s):gsub("%+", "-"):gsub("/", "_"):gsub("=", "")) end

-- What few tools do; each is a class of its own.
local rare = {}
rare.base64_twice = function(s) return encoders.base64(encoders.base64(s)) end
rare.percent_twice = function(s) return encoders.percent(encoders.percent(s)) end
rare.json_twice = function(s) return json(json(s)) end
rare.json_thrice = function(s) return json(json(json(s))) end
rare.json_in_single_quotes = function(s) return encoders.sh_single(json(s)) end
rare.json_in_shlex = function(s) return encoders.sh_double_single(json(s)) end
rare.json_in_double_quotes = function(s) return encoders.sh_double(json(s)) end
rare.json_bash_q = function(s) return encoders.bash_q(json(s)) end
rare.json_in_component = function(s) return encoders.percent_component(json(s)) end
rare.json_in_form = function(s) return encoders.form(json(s)) end
rare.json_in_url = function(s) return encoders.percent(json(s)) end
rare.base64_in_url = function(s) return encoders.percent(encoders.base64(s)) end
rare.base64_of_json = function(s) return encoders.base64(json(s)) end
rare.base64_of_percent = function(s) return encoders.base64(encoders.percent(s)) end
rare.hex_escapes = function(s) return each(s, ".", hexed("\\x%02x")) end
rare.octal_escapes = function(s) return each(s, ".", hexed("\\%03o")) end
rare.colon_hex = function(s) return each(s, ".", hexed("%02x:")):sub(1, -2) end
rare.colon_hex_upper = function(s) return each(s, ".", hexed("%02X:")):sub(1, -2) end
rare.html_twice = function(s) return encoders.html_decimal(encoders.html_decimal(s)) end
rare.html_of_json = function(s) return encoders.html_decimal(json(s)) end
rare.html_of_json_numbers = function(s) return encoders.html_numbers(json(s)) end
rare.json_of_sh = function(s) return s:find('["\\]') and s or json(encoders.sh_single(s)) end
rare.base64_utf16 = function(s)
  local out = {}
  for _, code in utf8.codes(s) do
    if code < 0x10000 then
      out[#out + 1] = ("<I2"):pack(code)
    else
      code = code - 0x10000
      out[#out + 1] = ("<I2I2"):pack(0xD800 + (code >> 10), 0xDC00 + (code & 0x3FF))
    end
  end
  return encoders.base64(table.concat(out))
end
rare.base32 = function(s)
  local bits = each(s, ".", function(c)
    local byte, text = c:byte(), ""
    for i = 7, 0, -1 do text = text .. (byte >> i & 1) end
    return text
  end)
  bits = bits .. ("0"):rep(-#bits % 5)
  local letters = "ABCDEFGHIJKLMNOPQRSTUVWXYZ234567"
  local text = bits:gsub("%d%d%d%d%d", function(five)
    local at = tonumber(five, 2) + 1
    return letters:sub(at, at)
  end)
  return text .. ("="):rep(-#text % 8)
end

return { common = encoders, rare = rare }
