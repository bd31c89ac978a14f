local json = require "json"
local toml = require "toml"

local function is(text, value)
  local read = toml.decode(text)
  equal(read, value)
end

local function refused(text, why)
  local _, err = try(toml.decode, text)
  equal({ text, err and err.code }, { text, "toml-invalid" })
  if why and not err.message:find(why, 1, true) then error(("%s\nnot: %s"):format(err.message, why), 2) end
end

local function all_refused(list)
  for _, text in ipairs(list) do refused(text) end
end

-- Keys ------------------------------------------------------------------------------------------

test("keys are bare, quoted or dotted, and always texts", function()
  is("key = 1\nbare_key = 2\nbare-key = 3\n1234 = 4", { key = 1, bare_key = 2, ["bare-key"] = 3, ["1234"] = 4 })
  is([["127.0.0.1" = 1
"character encoding" = 2
"ʎǝʞ" = 3
'key2' = 4
'quoted "value"' = 5
"" = 6]], { ["127.0.0.1"] = 1, ["character encoding"] = 2, ["ʎǝʞ"] = 3, key2 = 4, ['quoted "value"'] = 5, [""] = 6 })
  is('physical.color = "orange"\nphysical . shape = "round"\nsite."google.com" = true',
    { physical = { color = "orange", shape = "round" }, site = { ["google.com"] = true } })
  is("3.14159 = 'pi'", { ["3"] = { ["14159"] = "pi" } })
  is("true = 1\n2001-02-03 = 2\n-- = 3", { ["true"] = 1, ["2001-02-03"] = 2, ["--"] = 3 })
  is('"\\u0061" = 1', { a = 1 })
end)

test("dotted keys may come out of order, and add to what dotted keys made", function()
  is("apple.type = 'f'\norange.type = 'g'\napple.skin = 1\norange.skin = 2",
    { apple = { type = "f", skin = 1 }, orange = { type = "g", skin = 2 } })
  is("fruit.apple.smooth = true\nfruit.orange = 2", { fruit = { apple = { smooth = true }, orange = 2 } })
end)

test("what is no key or no pair is refused", function()
  all_refused { "= 1", "key =", "key = # nothing", "first = 1 last = 2", "a b = 1", "key", "a. = 1", ".a = 1", "a..b = 1",
    '"""a""" = 1', "'''a''' = 1", '"a\nb" = 1', "é = 1", "a\n= 1", "a =\n1", "a = 1 =", "\"a = 1", "[a]]", "[a\n]", "[]", "[ ]",
    "[a.]", "[.a]", "[a] b = 1", "[[a]", "[[a] ]", "[ [a]]", "a = [1]]", "{a = 1}", "a!b = 1", "a = 1, b = 2" }
end)

test("a key stands once", function()
  all_refused { "a = 1\na = 2", "spelling = 1\n\"spelling\" = 2", "fruit.apple = 1\nfruit.apple.smooth = true", "a = 1\n[a]",
    "[a]\nb = 1\n[a]", "[a]\nb = 1\n[a.b]\nc = 2", "a.b = 1\na.b = 2", "a.b = 1\n[a]", "[a]\nb.c = 1\n[a.b]", "a = []\n[[a]]",
    "[[a]]\n[a]", "[a]\n[[a]]", "[a.b]\n[[a]]", "a = {b = 1, b = 2}", "a = {b = 1, b.c = 2}", "a = {}\na.b = 1",
    "a = {}\n[a.b]", "[a]\nb = {}\n[a.b.c]", "a = [{}]\n[a.b]", "a = [{}]\n[[a.b]]", "[[a.b]]\n[a]\nb.c = 1",
    "[a.b.c]\nz = 9\n[a]\nb.c.t = 1", "[a.b.c.d]\nz = 9\n[a]\nb.c.d.k.t = 1", "a.b.c = 1\n[a.b]", "[[a]]\n[a.b]\n[a.b]",
    "a = {b.c = 1, b = 2}", "a = {b = {c = 1}, b.d = 2}", "[a]\nb.c = 1\n[a]\nb.d = 2" }
end)

-- Texts -----------------------------------------------------------------------------------------

test("a basic text has escapes", function()
  is([[a = "I'm a string. \"You can quote me\". Name\tJos\u00E9\nLocation\tSF."]],
    { a = "I'm a string. \"You can quote me\". Name\tJosé\nLocation\tSF." })
  is([[a = "\b\t\n\f\r\"\\ \U0001F600"]], { a = "\b\t\n\f\r\"\\ 😀" })
  is('a = ""', { a = "" })
  is('a = "tab\there # no comment"', { a = "tab\there # no comment" })
  is([[a = "\u0000"]], { a = "\0" })
end)

test("a text of several lines loses its first line's end, and what a backslash takes away", function()
  is('a = """\nRoses are red\nViolets are blue"""', { a = "Roses are red\nViolets are blue" })
  is('a = """\\\n  The quick \\\n\n\n  brown \\  \n  fox.\\\n  """', { a = "The quick brown fox." })
  is('a = """Here are two quotation marks: "". Simple enough."""', { a = 'Here are two quotation marks: "". Simple enough.' })
  is('a = """Here are three: ""\\"."""', { a = 'Here are three: """.' })
  is('a = """"This," she said, "is just a pointless statement.""""', { a = '"This," she said, "is just a pointless statement."' })
  is('a = """"""', { a = "" })
  is('a = """a"""""', { a = 'a""' })
  is('a = """\r\nx\\\r\n  y"""', { a = "xy" })
end)

test("a literal text is as it stands", function()
  is([[a = 'C:\Users\nodejs\templates']], { a = [[C:\Users\nodejs\templates]] })
  is([[a = '<\i\c*\s*>']], { a = [[<\i\c*\s*>]] })
  is("a = '''\nThe first newline is\ntrimmed.\n   \\ ok'''", { a = "The first newline is\ntrimmed.\n   \\ ok" })
  is("a = '''Here are two: ''.'''", { a = "Here are two: ''." })
  is("a = ''''That,' she said.''''", { a = "'That,' she said.'" })
  is("a = ''''''", { a = "" })
end)

test("what is no text is refused", function()
  all_refused { 'a = "', 'a = "x', 'a = "x\ny"', "a = 'x\ny'", "a = '", 'a = """x', 'a = """x""', "a = '''x''", 'a = """x""""""',
    "a = '''''''''", [[a = "\x41"]], [[a = "\e"]], [[a = "\u12"]], [[a = "\uD800"]], [[a = "\U00110000"]], [[a = "\ "]],
    'a = "\1"', 'a = "\127"', "a = '\0'", 'a = """\8"""', 'a = "x" "y"', 'a = """x\\ y"""', "a = '''\1'''", 'a = """\rx"""',
    [[a = "\]], 'a = "x\\', "a = \"\xff\"", "a = 'x'y'" }
end)

-- Numbers, booleans, times ---------------------------------------------------------------------

test("integers are decimal, hexadecimal, octal or binary, of 64 bits", function()
  for text, value in pairs { ["+99"] = 99, ["42"] = 42, ["0"] = 0, ["-17"] = -17, ["+0"] = 0, ["-0"] = 0, ["1_000"] = 1000,
    ["5_349_221"] = 5349221, ["53_49_221"] = 5349221, ["1_2_3_4_5"] = 12345, ["0xDEADBEEF"] = 0xDEADBEEF,
    ["0xdead_beef"] = 0xdeadbeef, ["0o01234567"] = 342391, ["0o755"] = 493, ["0b11010110"] = 214, ["0b1101_0110"] = 214,
    ["9223372036854775807"] = math.maxinteger, ["-9223372036854775808"] = math.mininteger,
    ["0x7fffffffffffffff"] = math.maxinteger, ["0o777777777777777777777"] = math.maxinteger, ["0x00000000000000000001"] = 1,
    ["0b" .. ("1"):rep(63)] = math.maxinteger } do
    local read = toml.decode("a = " .. text).a
    equal({ text, read, math.type(read) }, { text, value, "integer" })
  end
end)

test("floats have a fraction, an exponent, or a name", function()
  for text, value in pairs { ["+1.0"] = 1, ["3.1415"] = 3.1415, ["-0.01"] = -0.01, ["5e+22"] = 5e22, ["1e06"] = 1e6,
    ["-2E-2"] = -2e-2, ["6.626e-34"] = 6.626e-34, ["224_617.445_991_228"] = 224617.445991228, ["1_0e1_0"] = 1e11,
    inf = math.huge, ["+inf"] = math.huge, ["-inf"] = -math.huge, ["0e0"] = 0.0, ["-0.0"] = 0.0 } do
    local read = toml.decode("a = " .. text).a
    equal({ text, read == value, math.type(read) }, { text, true, "float" })
  end
  for _, text in ipairs { "nan", "+nan", "-nan" } do
    local read = toml.decode("a = " .. text).a
    equal(read ~= read, true)
  end
end)

test("booleans are two words", function()
  is("a = true\nb = false", { a = true, b = false })
end)

test("dates and times are texts in one form", function()
  for text, value in pairs { ["1979-05-27T07:32:00Z"] = "1979-05-27T07:32:00Z",
    ["1979-05-27T00:32:00-07:00"] = "1979-05-27T00:32:00-07:00",
    ["1979-05-27t00:32:00.999999z"] = "1979-05-27T00:32:00.999999Z", ["1979-05-27 07:32:00Z"] = "1979-05-27T07:32:00Z",
    ["1979-05-27T07:32:00"] = "1979-05-27T07:32:00", ["1979-05-27"] = "1979-05-27", ["07:32:00"] = "07:32:00",
    ["00:32:00.999999"] = "00:32:00.999999", ["2000-02-29"] = "2000-02-29", ["1979-05-27 # a"] = "1979-05-27",
    ["1979-05-27 00:32:00.5+01:30"] = "1979-05-27T00:32:00.5+01:30", ["2016-12-31T23:59:60Z"] = "2016-12-31T23:59:60Z" } do
    equal({ text, toml.decode("a = " .. text).a }, { text, value })
  end
  is("a = [1979-05-27, 07:32:00]", { a = { "1979-05-27", "07:32:00" } })
end)

test("what is no value is refused", function()
  all_refused { "a = 01", "a = -01", "a = 1__0", "a = _1", "a = 1_", "a = 0x", "a = 0xg", "a = +0x1", "a = -0b1", "a = 0X1", "a = 0b2",
    "a = 0o8", "a = 0x_1", "a = 0x1_", "a = 9223372036854775808", "a = -9223372036854775809", "a = 0x8000000000000000",
    "a = 0xfffffffffffffffff", "a = .7", "a = 7.", "a = 3.e+20", "a = 1.2.3", "a = 1e", "a = 1e1.0", "a = 1_e5", "a = 1._5",
    "a = 1.5_", "a = 03.14", "a = e5", "a = --1", "a = +-1", "a = Inf", "a = NaN", "a = infinity", "a = True", "a = FALSE",
    "a = truer", "a = yes", "a = null", "a = hello", "a = +", "a = 1979-5-27", "a = 1979-13-01", "a = 1979-00-01",
    "a = 1979-02-30", "a = 1900-02-29", "a = 1979-05-27T", "a = 1979-05-27T7:32:00", "a = 1979-05-27T07:32", "a = 24:00:00",
    "a = 12:60:00", "a = 12:00:61", "a = 07:32", "a = 07:32:00.", "a = 07:32:00Z", "a = 1979-05-27T07:32:00+24:00",
    "a = 1979-05-27T07:32:00+0100", "a = 1979-05-27Z", "a = 1979-05-27  07:32:00", "a = 199-01-01", "a = 1 2", "a = 1+2",
    "a = 0o_7", "a = 0b0_", "a = 1e_5", "a = 1.e5", "a = +inff" }
end)

-- Arrays and tables -----------------------------------------------------------------------------

test("arrays hold anything, over lines, with comments and a last comma", function()
  is("a = [ 1, 2, 3 ]\nb = [ [ 1, 2 ], ['a', \"b\", '''c'''] ]\nc = [ 0.1, { x = 1 }, 'y' ]",
    { a = { 1, 2, 3 }, b = { { 1, 2 }, { "a", "b", "c" } }, c = { 0.1, { x = 1 }, "y" } })
  is("a = [ # one\n 1, # two\n\n 2\n, # last\n]", { a = { 1, 2 } })
  equal(json.encode((toml.decode "a = []\nb = [ [], {} ]\nc = {}\n[d]\n")), '{"a":[],"b":[[],{}],"c":{},"d":{}}')
  all_refused { "a = [", "a = [1", "a = [1,,2]", "a = [,]", "a = [1 2]", "a = [1;2]", "a = [1,\n# x", "a = [b = 1]", "a = ]" }
end)

test("inline tables are whole, on one line", function()
  is("a = { first = 'Tom', 'last' = \"P\" }\nb = {x=1,y=2}\nc = { type.name = 'pug', type.age = 1 }\nd = {}",
    { a = { first = "Tom", last = "P" }, b = { x = 1, y = 2 }, c = { type = { name = "pug", age = 1 } }, d = {} })
  is("a = { b = [\n1,\n2 ], c = { d = '''\nx''' } }", { a = { b = { 1, 2 }, c = { d = "x" } } })
  all_refused { "a = {", "a = {b = 1", "a = {b = 1,}", "a = {,}", "a = {b = 1\n}", "a = {\nb = 1}", "a = {b}", "a = {b = 1 c = 2}",
    "a = {b = 1 # x\n}", "a = { b = 1 },", "a = {a.b = 1, a = {c = 1}}" }
end)

test("tables have headers, in any order", function()
  is("[table-1]\nkey1 = 's'\n\n[table-2]\nkey2 = 2\n[ d . e.  f ]\n[ j . \"ʞ\" . 'l' ]",
    { ["table-1"] = { key1 = "s" }, ["table-2"] = { key2 = 2 }, d = { e = { f = {} } }, j = { ["ʞ"] = { l = {} } } })
  is("[x.y.z.w]\na = 1\n[x]\nb = 2", { x = { b = 2, y = { z = { w = { a = 1 } } } } })
  is("[fruit.apple]\n[animal]\n[fruit.orange]", { fruit = { apple = {}, orange = {} }, animal = {} })
  is("a = 1\n[b] # c\nc = 2", { a = 1, b = { c = 2 } })
  is("[fruit]\napple.color = 'red'\napple.taste.sweet = true\n[fruit.apple.texture]\nsmooth = true",
    { fruit = { apple = { color = "red", taste = { sweet = true }, texture = { smooth = true } } } })
  is("[a.b.c]\nz = 9\n[a]\nb.x = 1", { a = { b = { c = { z = 9 }, x = 1 } } })
end)

test("arrays of tables grow by their headers, and what follows is the last one's", function()
  is([=[
[[product]]
name = "Hammer"
sku = 738594937

[[product]]  # empty table within the array

[[product]]
name = "Nail"

color = "gray"]=], { product = { { name = "Hammer", sku = 738594937 }, {}, { name = "Nail", color = "gray" } } })
  is([=[
[[fruits]]
name = "apple"
[fruits.physical]
color = "red"
[[fruits.varieties]]
name = "red delicious"
[[fruits.varieties]]
name = "granny smith"
[[fruits]]
name = "banana"
[[fruits.varieties]]
name = "plantain"]=], { fruits = {
    { name = "apple", physical = { color = "red" }, varieties = { { name = "red delicious" }, { name = "granny smith" } } },
    { name = "banana", varieties = { { name = "plantain" } } } } })
  is("[[a]]\nb.c = 1\n[[a]]\nb.c = 2\n[a.d]\ne = 3", { a = { { b = { c = 1 } }, { b = { c = 2 }, d = { e = 3 } } } })
  all_refused { "[fruit.physical]\ncolor = 'red'\n[[fruit]]", "fruits = []\n[[fruits]]",
    "[[fruits]]\n[[fruits.varieties]]\n[fruits.varieties]", "[[fruits]]\n[fruits.physical]\n[[fruits.physical]]" }
end)

-- Lines, errors, limits ----------------------------------------------------------------------------

test("comments, empty lines, both line ends and a byte order mark are no content", function()
  is("# a\n\n  # b\r\na = 1 # c\r\n\t\r\nb = '# no'\r\n", { a = 1, b = "# no" })
  is("\xEF\xBB\xBFa = 1", { a = 1 })
  is("", {})
  is("# only", {})
  is("a = 1#", { a = 1 })
  all_refused { "# \1", "# \127", "a = 1\r", "a = 1\rb = 2", "# a\rb", "a = 1 # b\r" }
end)

test("an error says name, line and column", function()
  refused("a = 1\n  b = hello\n", "toml:2:7: 'hello' is no value")
  raises("w.toml:1:5: the text is not closed", toml.decode, "a = \"x\nb = 1", { name = "w.toml" })
  refused("a = 1\na = 2", "toml:2:1: 'a' is there already")
  refused("[a]\n[b]\n[a]", "toml:3:2: 'a' is there already")
  refused("a = [\n1,\n2", "toml:1:5: the array is not closed")
  refused("a = 1\nb = '\xff'", "toml:2:6: the text is not UTF-8")
  refused("a = '''\n\n'''\nb = ", "toml:4:5: expected a value, found the end of the text")
end)

test("an error does not tell what stands in a text", function()
  local _, err = try(toml.decode, 'token = "hunter2" hunter3')
  equal(err.message:find "hunter2", nil)
end)

test("each key and item has its line", function()
  local _, lines = toml.decode "a = 1\n[b]\nc.d = [\n 1,\n { e = 2 },\n]\n[[f]]\ng = 1\n[[f]]\ng = 2\n"
  equal(lines, { a = 1, b = 2, ["b.c"] = 3, ["b.c.d"] = 3, ["b.c.d[1]"] = 4, ["b.c.d[2]"] = 5, ["b.c.d[2].e"] = 5, f = 7,
    ["f[1]"] = 7, ["f[1].g"] = 8, ["f[2]"] = 9, ["f[2].g"] = 10 })
end)

test("nesting and size have limits", function()
  equal(type(toml.decode("a = " .. ("["):rep(60) .. ("]"):rep(60)).a), "table")
  refused("a = " .. ("["):rep(100000), "nesting is deeper than 64")
  refused("a = " .. ("{a="):rep(100), "nesting is deeper than 64")
  refused(("a."):rep(100) .. "a = 1", "nesting is deeper than 64")
  refused("[" .. ("a."):rep(60) .. "a]\n" .. ("b."):rep(10) .. "b = [1]", "nesting is deeper than 64")
  refused(("#"):rep((8 << 20) + 1), "bytes")
end)

test("a long text costs time in proportion to its length", function()
  local lines = {}
  for i = 1, 20000 do lines[i] = ("key%d = \"\"\"x\ny\"\"\" # z"):format(i) end
  equal(toml.decode(table.concat(lines, "\n")).key20000, "x\ny")
end)

test("other values than texts are misuse", function()
  raises("toml.decode: expected a text, not a table", toml.decode, {})
  raises("toml.decode: unknown option 'nme'", toml.decode, "", { nme = "x" })
end)
