local json = require "json"
local yaml = require "yaml"

local null = json.null

local function is(text, value)
  equal((yaml.decode(text)), value)
end

-- Values ------------------------------------------------------------------------------

test("yaml.decode reads the core schema of YAML 1.2", function()
  local scalars = {
    { "1", 1 }, { "-12", -12 }, { "+3", 3 }, { "0", 0 }, { "0o17", 15 }, { "0xfF", 255 },
    { "9007199254740992", 1 << 53 }, { "1.5", 1.5 }, { "1.", 1.0 }, { ".5", 0.5 }, { "-1e3", -1000.0 },
    { "0.0", 0.0 }, { "true", true }, { "True", true }, { "FALSE", false }, { "null", null },
    { "~", null }, { "NULL", null },
  }
  for _, case in ipairs(scalars) do is("a: " .. case[1], { a = case[2] }) end
end)

test("what only older YAML read otherwise is text", function()
  for _, word in ipairs { "no", "yes", "on", "off", "y", "tRUE", "nULL", "1_000", "12:30", "2024-01-01",
    "0b1", "0x", "0o8", "1e", "+", ".", "1.2.3", "0xg", "e3" } do
    is("a: " .. word, { a = word })
  end
end)

test("quotes and blocks make text", function()
  is([[a: "1"]], { a = "1" })
  is([[a: 'true']], { a = "true" })
  is([[a: ""]], { a = "" })
  is("a: \"\\u00e9\\0\"", { a = "é\0" })
  is("a: |\n  1\n  2\n", { a = "1\n2\n" })
  is("a: >-\n  1\n  2\n", { a = "1 2" })
end)

test("a value that is not written is null", function()
  is("a:\nb: 1", { a = null, b = 1 })
  is("- \n- 1", { null, 1 })
end)

test("a text without a document is null", function()
  is("", null)
  is("# only a comment\n", null)
end)

test("lists and mappings nest in both styles", function()
  is("a:\n  - 1\n  - b: 2\n    c: [3, {d: 4}]\n", { a = { 1, { b = 2, c = { 3, { d = 4 } } } } })
  is("- - 1\n  - 2\n- {}\n", { { 1, 2 }, {} })
  is("---\na: 1\n...\n", { a = 1 })
end)

test("an empty list stays a list, an empty mapping a mapping", function()
  equal(json.encode((yaml.decode "a: []\nb: {}")), '{"a":[],"b":{}}')
end)

test("a key is always text", function()
  is("1: a\ntrue: b\n~: c\n\"\": d\n", { ["1"] = "a", ["true"] = "b", ["~"] = "c", [""] = "d" })
end)

test("the tags of the core schema are read", function()
  is("a: !!str 1\nb: !!int \"2\"\nc: !!float 3\nd: !!bool true\ne: !!null ~\nf: ! 4\n",
    { a = "1", b = 2, c = 3.0, d = true, e = null, f = "4" })
  is("a: !!seq [1]\nb: !!map {c: 1}\n!!str d: 1", { a = { 1 }, b = { c = 1 }, d = 1 })
end)

-- Aliases ---------------------------------------------------------------------------------

test("an alias is a copy of what its anchor named", function()
  local value = yaml.decode "a: &x [1, {b: []}]\nc: *x\nd: &y text\ne: *y\n"
  equal(value, { a = { 1, { b = {} } }, c = { 1, { b = {} } }, d = "text", e = "text" })
  equal(rawequal(value.a, value.c), false)
  equal(json.encode(value.c), '[1,{"b":[]}]')
end)

test("an anchor may name a key, and be given again", function()
  is("&k a: *k\nb: &x 1\nc: &x 2\nd: *x\n", { a = "a", b = 1, c = 2, d = 2 })
end)

test("few lines cannot stand for millions of values", function()
  local lines = { "a0: &a0 [x, x, x, x, x, x, x, x, x]" }
  for i = 1, 9 do
    local alias = ("*a%d"):format(i - 1)
    lines[#lines + 1] = ("a%d: &a%d [%s]"):format(i, i, (alias .. ", "):rep(9))
  end
  raises("aliases stand for more than 10000 values", yaml.decode, table.concat(lines, "\n"))
end)

test("aliases cannot nest deeper than the text may", function()
  local lines = { "a0: &a0 [x]" }
  for i = 1, 70 do lines[#lines + 1] = ("a%d: &a%d [*a%d]"):format(i, i, i - 1) end
  raises("nesting is deeper than 64", yaml.decode, table.concat(lines, "\n"))
end)

-- Lines -------------------------------------------------------------------------------------

test("the second value says on which line each path stands", function()
  local _, lines = yaml.decode [[
version: 1
workers:
  codex-web:
    entry: dist/_worker.js
    secrets: [A,
              B]
jobs:
  - run: x
  - - y
copy: &c { a: 1 }
again: *c
]]
  equal(lines, {
    version = 1, workers = 2, ["workers.codex-web"] = 3, ["workers.codex-web.entry"] = 4,
    ["workers.codex-web.secrets"] = 5, ["workers.codex-web.secrets[1]"] = 5,
    ["workers.codex-web.secrets[2]"] = 6, jobs = 7, ["jobs[1]"] = 8, ["jobs[1].run"] = 8,
    ["jobs[2]"] = 9, ["jobs[2][1]"] = 9, copy = 10, ["copy.a"] = 10, again = 11,
  })
end)

-- Refusals ------------------------------------------------------------------------------------

local bad = {
  { "2:1: found a tab where the indentation is read; indent with spaces", "a:\n\tb: 1" },
  { "3:1: found a tab", "a:\n  b: 1\n\tc: 2" },
  { "3:1: found a tab", "é: ü\na:\n\t- 1" },
  { "2:9: found a line separator, .*; leave it out, or write \\L", "a: é\n# a note\u{2028}b: 1" },
  { "1:6: found a next line", "a: 'x\u{85}y'" },
  { "1:3: found a paragraph separator", "- \u{2029}x" },
  { "1:7: .*; write the character itself, or \\U and its eight digits", [[a: "\ud83d\ude00"]] },
  { "1:4: .*; begin the list on a line of its own", "a: - b" },
  { "1:1: .*; leave %%YAML out", "%YAML 2.0\n---\na: b" },
  { "2:1: the key 'a' stands already on line 1", "a: 1\na: 2" },
  { "3:3: the key 'b' stands already on line 2", "a:\n  b: ~\n  'b': 2" },
  { "1:8: the key 'x' stands already on line 1", "{x: 1, x: 2}" },
  { "2:1: a second document starts here; one text holds one document; remove '%-%-%-'", "a: 1\n---\nb: 2" },
  { "1:5: mapping values are not allowed", "a: b: c" },
  { "1:4: found '@', which cannot start a text; quote", "a: @x" },
  { "1:4: found '`', which cannot start a text", "a: `x`" },
  { "1:4: found '%%', which cannot start a text", "a: %x" },
  { "1:4: the alias '%*x' has no anchor '&x' before it", "a: *x" },
  { "1:8: the alias '%*a' has no anchor", "a: &a [*a]" },
  { "1:4: a number with leading zeros is ambiguous: '0644'; write 0o644", "a: 0644" },
  { "1:4: the integer is beyond 2%^53.*quote it", "a: 9007199254740993" },
  { "1:4: the integer is beyond 2%^53", "a: 0xffffffffffffffffffff" },
  { "1:4: infinity and not%-a%-number are not read: '%.inf'", "a: .inf" },
  { "1:4: infinity and not%-a%-number", "a: -.INF" },
  { "1:4: infinity and not%-a%-number", "a: .NaN" },
  { "1:4: the number is out of range: '1e999'", "a: 1e999" },
  { "1:6: found unexpected end of stream.*close the quote", "a: 'x" },
  { "1:4: the tag '!foo' is not known here", "a: !foo 1" },
  { "1:4: the tag 'tag:yaml.org,2002:binary' is not known here", "a: !!binary aGk=" },
  { "1:4: the tag 'tag:yaml.org,2002:seq' is not known here", "a: !!seq x" },
  { "1:4: the tag 'tag:yaml.org,2002:set' is not known here", "a: !!set {x}" },
  { "1:1: the tag 'tag:yaml.org,2002:int' is not known here", "!!int 1: x" },
  { "1:4: 'x' is not what its tag !!int says", "a: !!int x" },
  { "1:4: '1' is not what its tag !!bool says", "a: !!bool 1" },
  { "1:2: invalid leading UTF%-8 octet; save the text as UTF%-8", "a\xff: 1" },
  { "2:5: invalid trailing UTF%-8 octet", "é: 1\nb: \xc3(" },
  { "1:4: control characters are not allowed", "a: \1" },
  { "1:1: merge keys are not part of YAML 1.2; write the members out", "<<: {a: 1}" },
  { "1:3: a key is a text, not a list", "? [a]\n: 1" },
  { "2:1: a key is a text, not a list, a mapping or an alias", "a: &a 1\n*a : 2" },
  { "a key is missing before ':'", "?\n: 1" },
  { "did not find expected key.*start in the same column", "a:\n  b: 1\n c: 2" },
  { "expected ',' or '%]'.*'%]' closes it", "[1, 2" },
  { "expected ',' or '}'.*'}' closes it", "{a: 1" },
  { "expected '%-' indicator", "- a\nb: 1" },
  { "could not find expected ':'", "a: 1\nb\nc: 2" },
  { "unknown escape character.*single quotes", [[a: "\q"]] },
}

test("yaml.decode refuses what is not YAML, or not what it looks like", function()
  for _, case in ipairs(bad) do
    local err = raises("davit.yaml:%d+:%d+: ", yaml.decode, case[2], { name = "davit.yaml" })
    equal({ err.code, err.class, err.about }, { "yaml-invalid", "fatal", "davit.yaml" })
    local said = err.message .. (err.hint and "; " .. err.hint or "")
    if not said:find("davit.yaml:" .. case[1]) and not said:find(case[1]) then
      error(("%q: expected '%s' in '%s'"):format(case[2], case[1], said))
    end
  end
end)

test("yaml.decode allows a nesting of 64 and no more", function()
  equal(type(yaml.decode(("["):rep(64) .. ("]"):rep(64))), "table")
  raises("1:65: nesting is deeper than 64", yaml.decode, ("["):rep(65) .. ("]"):rep(65))
end)

test("yaml.decode refuses a misuse", function()
  raises("yaml.decode: text is required, a string", yaml.decode)
  raises("yaml.decode: text must be a string, not a table", yaml.decode, {})
  raises("yaml.decode: expected a table of options", yaml.decode, "a", "b")
  raises("yaml.decode: unknown option 'file' %(expected name%)", yaml.decode, "a", { file = "x" })
  raises("yaml.decode: option 'name' must be a string", yaml.decode, "a", { name = false })
end)

test("yaml.decode reads every end of line, a byte order mark, and long texts", function()
  is("\xEF\xBB\xBFa: 1\r\nb:\r\n  - x\r\n", { a = 1, b = { "x" } })
  is("a: |\r\n  x\r\n  y\r\n", { a = "x\ny\n" })
  local long = ("x"):rep(1 << 20)
  is("a: " .. long, { a = long })
  is("? " .. long .. "\n: 1", { [long] = 1 })
end)

test("what is not UTF-8 is refused where it stands", function()
  raises("yaml:1:1: invalid leading UTF%-8 octet; save the text as UTF%-8", yaml.decode, "\xFF\xFEa\0:\0 \0" .. "1\0")
  raises("yaml:1:1: ", yaml.decode, "\xFE\xFF\0a\0:\0 \0" .. "1")
  raises("yaml:1:5: control characters", yaml.decode, "a: b\0c")
  raises("yaml:2:4: ", yaml.decode, "\xEF\xBB\xBFa: 1\nb: \xff")
end)

test("a long key does not make its items expensive", function()
  local key = ("k"):rep(200000)
  local value, lines = yaml.decode("? " .. key .. "\n: [" .. ("x,"):rep(20000) .. "]\n")
  equal(#value[key], 20000)
  equal(next(lines), nil)
  raises("the key 'a' stands there already", yaml.decode, "? " .. key .. "\n: {a: 1, a: 2}\n")
end)

-- Writing --------------------------------------------------------------------------------------------

test("yaml.encode writes blocks, with names in order", function()
  equal(yaml.encode { name = "ci", on = { push = { branches = { "main", "v1" } } }, jobs = { { run = "make", env = {} },
    { { 1, 2.5 }, json.array {} } }, none = null, ok = true, script = "a\n  b\n" }, [[
jobs:
  - env: {}
    run: make
  - - - 1
      - 2.5
    - []
name: ci
none: null
ok: true
"on":
  push:
    branches:
      - main
      - v1
script: |
  a
    b
]])
end)

local texts = {
  "", " ", "x", "x ", " x", "no", "Yes", "on", "y", "~", "null", "Null", "true", "1", "1.5", "0x1f", "0o7", ".5", "1e3",
  ".inf", "-", "--- a", "...", "a: b", "a:b", "a :", "a #b", "a#b", "#a", "&a", "*a", "!a", "%a", "@a", "`a", "|", ">",
  "'a'", '"a"', "[a", "{a", "a]", "a, b", "?", "? a", "<<", "=", "2024-01-01", "12:30:45", "https://example.com/?a=b#c",
  "a\nb", "a\nb\n", "a\n\nb\n", "a\n\n", "\na", " a\nb", "a \nb", "a\n b\n", "a\tb", "\ta", "a\r\nb", "a\0b", "\127", "é",
  "\u{85}", "\u{2028}x\u{2029}", "\u{FEFF}", "\u{FFFE}", "😀", "a\\b", ("long "):rep(300), "a\n# b\n", "a\n--- \n",
}

test("every text is read back as it was, as a value, an item and a key", function()
  for _, text in ipairs(texts) do
    is(yaml.encode(text), text)
    is(yaml.encode { text, { text } }, { text, { text } })
    is(yaml.encode { [text] = text, m = { [text] = { k = text } } }, { [text] = text, m = { [text] = { k = text } } })
  end
end)

test("values of every kind are read back", function()
  for _, value in ipairs { 0, -7, 1 << 53, 0.1, -1e300, 1e-7, true, false, null, json.array {}, {}, { {} }, { { { 1 } } },
    { a = { b = { c = json.array {} } } }, { [("k"):rep(2000)] = { a = { 1 } } } } do
    is(yaml.encode(value), value)
  end
end)

test("a float stays one, whole or not", function()
  for _, value in ipairs { 1.0, -0.0, 1e15, 1e20, 2.0 ^ 53, 0.1 } do
    local back = yaml.decode(yaml.encode(value))
    equal({ math.type(back), 1 / back }, { "float", 1 / value })
  end
end)

test("a secret in the value makes the text a template", function()
  local token = require "secret.core".new("TOKEN", "hunter2hunter2", { "program:cat" })
  local text = yaml.encode { auth = { token = token, user = "x" }, z = 1 }
  equal(tostring(text), "[secret template: TOKEN]")
  raises("a secret cannot be read", function() return require("url").parse(text) end)
  local seen = require("process").run { argv = { "cat" }, input = text, check = false }
  equal(seen.output:find("token: \"%*+\"\n  user: x\nz: 1") ~= nil, true)
end)

test("yaml.encode refuses what YAML does not say, with its path", function()
  raises("yaml.encode: expected a value", yaml.encode)
  raises("yaml.encode: %$%.a%[1%]: a function has no form in YAML", yaml.encode, { a = { print } })
  raises("%$%.a: the string is not UTF%-8", yaml.encode, { a = "\xff" })
  raises("%$: %-?nan has no form", yaml.encode, 0 / 0)
  raises("%$: the integer 9007199254740993 is beyond 2^53", yaml.encode, (1 << 53) + 1)
  raises("%$: the table has names and positions", yaml.encode, { 1, a = 2 })
  raises("%$: the positions are not 1 to n", yaml.encode, { [2] = 1 })
  raises("%$: a number is no key", yaml.encode, { [1.5] = 1 })
  local circle = {}
  circle.a = circle
  raises("%$%.a: the table contains itself", yaml.encode, circle)
  local deep = {}
  for _ = 1, 70 do deep = { deep } end
  raises("nesting is deeper than 64", yaml.encode, deep)
end)
