---Values of several lines, in the ways in which they are printed; and short ones, and binary ones.
local function whole(add, secrets, encoders, trimmed)
  local pem = trimmed(secrets.pem)
  local forms = {
    LF = pem, CRLF = pem:gsub("\n", "\r\n"), blanks = pem:gsub("\n", " "), none = pem:gsub("\n", ""),
    backslash_n = pem:gsub("\n", "\\n"), backslash_r_n = pem:gsub("\n", "\\r\\n"), twice = pem:gsub("\n", "\\\\n"),
    percent = pem:gsub("\n", "%%0A"), percent_lower = pem:gsub("\n", "%%0a"), percent_crlf = pem:gsub("\n", "%%0D%%0A"),
    terminal = pem:gsub("\n", "\r\r\n"), xml = pem:gsub("\n", "&#10;"), xml_hex = pem:gsub("\n", "&#xA;"),
    shell = pem:gsub("\n", "'$'\\n''"), ansi = "$'" .. pem:gsub("\n", "\\n") .. "'",
    json = encoders.common.json(pem), slash = encoders.common.json_slash(pem), encoded = encoders.common.percent(pem),
    form = encoders.common.form(pem), base64 = encoders.common.base64(pem), hex = encoders.common.hex_lower(pem),
    base64_file = encoders.common.base64(secrets.pem), base64_crlf = encoders.common.base64((pem:gsub("\n", "\r\n"))),
    json_crlf = encoders.common.json((pem:gsub("\n", "\r\n"))), url = encoders.common.base64url(pem),
    json_twice = encoders.rare.json_twice(pem), python = encoders.common.python_repr(pem),
  }
  for name, form in pairs(forms) do
    for place, text in pairs { alone = "%s", quoted = "key: \"%s\", next", lines = "first\n%s\nlast\n" } do
      local put = text:gsub("%%s", function() return form end)
      local exact = text:gsub("%%s", function() return name == "ansi" and "$'***'" or "***" end)
      add(name .. ", " .. place, { secrets = { secrets.pem }, text = put, exact = exact })
    end
  end
end

local function each_line(add, secrets, encoders)
  for line in secrets.pem:gmatch("[^\n]+") do
    local armour = line:find("^%-%-%-%-%-")
    for _, text in ipairs { "%s", "  %s", "| %s |", "log: %s\r\n", "> %s" } do
      local put = text:gsub("%%s", function() return line end)
      local exact = text:gsub("%%s", function() return armour and line or "***" end)
      add(text .. " of " .. line:sub(1, 20), { secrets = { secrets.pem }, text = put, exact = exact })
    end
    if not armour then
      for _, name in ipairs { "base64", "hex_lower", "percent", "json_slash", "base64url" } do
        local form = encoders.common[name](line)
        add(name .. " of " .. line:sub(1, 20), { secrets = { secrets.pem }, text = "x " .. form, exact = "x ***" })
      end
    end
  end
end

local function indented(add, secrets, _, trimmed)
  for _, before in ipairs { "  ", "    ", "\t", "| ", "> ", "+ ", "12: ", "2026-01-02T03:04:05Z " } do
    local text, exact = {}, {}
    for line in trimmed(secrets.pem):gmatch("[^\n]+") do
      text[#text + 1] = before .. line
      exact[#exact + 1] = before .. (line:find("^%-%-%-") and line or "***")
    end
    add(("%q before each line"):format(before),
      { secrets = { secrets.pem }, text = table.concat(text, "\n"), exact = table.concat(exact, "\n") })
  end
end

local function parts_that_stay(add)
  local value = "first long line here\nabc\nproduction\n{\n[\n==========\n-----END-----\nlast long line here"
  for _, text in ipairs { "abc", "{", "[", "]", "==========", "-----END-----", "first", "\n\n", "long line" } do
    add(text, { secrets = { value }, text = "x " .. text .. " y", exact = "x " .. text .. " y" })
  end
  for _, text in ipairs { "first long line here", "last long line here" } do
    add(text, { secrets = { value }, text = "x " .. text .. " y", exact = "x *** y" })
  end
end

local function short(add)
  for _, value in ipairs { "", "a", "ab", "abc", "   ", "\n\n\n\n", "a\n", " ab ", "\t\tx\t\t" } do
    for _, text in ipairs { "a ab abc abcd aaaa", "   \n\n\n\n\t\t", "aaa\na\nab\n" } do
      add(("%q in %q"):format(value, text), { secrets = { value }, text = text, exact = text })
    end
  end
  for _, value in ipairs { "abcd", "p@5s", "x1y2z", "secr3t", "a b c", "7777777" } do
    add(value .. " is masked", { secrets = { value }, text = "x " .. value .. " y", exact = "x *** y" })
    add(value .. " beside letters", { secrets = { value }, text = "x" .. value .. "y", exact = "x***y" })
    add(value .. " but one byte", { secrets = { value }, text = value:sub(1, -2), exact = value:sub(1, -2) })
  end
  add("base64 of a short one", { secrets = { "abcd" }, text = "YWJjZA== YWJjZA", exact = "*** ***" })
  add("no base64 inside for a short one", { secrets = { "abcd" }, text = "eGFiY2R5", exact = "eGFiY2R5" })
end

local function binary(add)
  local values = { "\0\1\2\3\4\5\6\7", "\255\254\253\252\251\250\249\248", "a\0b\0c\0d\0e\0f\0", "\0\0\0\0\0\0\0\1",
    "bin\0ary\255\10\13\27", ("\200\100"):rep(20), "\xC3\x28\xA0\xA1\xE2\x28\xA1" }
  for i, value in ipairs(values) do
    for _, around in ipairs { { "", "" }, { "a", "b" }, { "\0", "\255" }, { "\n", "\n" }, { "text ", " text" } } do
      local before, after = around[1], around[2]
      add(("%d between %q and %q"):format(i, before, after),
        { secrets = { value }, text = before .. value .. after .. "!", pattern = "%*%*%*.*!$", gone = { value } })
    end
    add(i .. " in hexadecimal digits",
      { secrets = { value }, text = "<" .. value:gsub(".", function(c) return ("%02x"):format(c:byte()) end) .. ">",
        exact = "<***>" })
  end
end

return function(class, o)
  local function with(f) return function(add) f(add, o.secrets, o.encoders, o.trimmed) end end
  class("several lines as a whole", with(whole))
  class("several lines, each alone", with(each_line))
  class("several lines, indented", with(indented))
  class("lines that stay", with(parts_that_stay))
  class("short values", with(short))
  class("binary values", with(binary))
end
