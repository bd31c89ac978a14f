local json = require "json"

local function refused(message, text)
  local err = raises("", json.decode, text)
  equal(err.code, "json-invalid")
  equal(err.class, "fatal")
  if not err.message:find(message, 1, true) then
    error(("%q: expected '%s' in '%s'"):format(text, message, err.message), 2)
  end
end

-- Decoding -------------------------------------------------------------------------

local good = {
  { "null", json.null }, { "true", true }, { " false\n", false }, { '""', "" }, { "0", 0 },
  { "-0", 0 }, { "-12", -12 }, { "1.0", 1.0 }, { "1e2", 100.0 }, { "1E+2", 100.0 },
  { "-1.5e-3", -0.0015 }, { "0.1", 0.1 }, { "0e1", 0.0 }, { "5e-324", 5e-324 },
  { "1.7976931348623157e308", 1.7976931348623157e308 },
  { "9007199254740992", 1 << 53 }, { "-9007199254740992", -(1 << 53) },
  { "[]", {} }, { "[ ]", {} }, { "{}", {} }, { "{ }", {} }, { "[[[]]]", { { {} } } },
  { "[1,\t2 ,\r\n3]", { 1, 2, 3 } }, { "[null]", { json.null } },
  { '{"a":1,"b":[true,{"c":null}]}', { a = 1, b = { true, { c = json.null } } } },
  { '{"":1}', { [""] = 1 } }, { '{"1":1}', { ["1"] = 1 } }, { '{"a\\u0062":1}', { ab = 1 } },
  { '"\\"\\\\\\/\\b\\f\\n\\r\\t"', '"\\/\b\f\n\r\t' }, { '"\\u0000"', "\0" },
  { '"\\u00e9\\u20AC"', "é€" }, { '"\\ud83d\\uDE00"', "😀" }, { '"é€😀"', "é€😀" },
  { '"\127"', "\127" }, { '"\u{10ffff}"', "\u{10ffff}" }, { '"a\\u0000b"', "a\0b" },
}

test("json.decode reads every kind of value", function()
  for _, case in ipairs(good) do equal(json.decode(case[1]), case[2]) end
end)

test("json.decode keeps integers integers and floats floats", function()
  equal(math.type(json.decode "7"), "integer")
  equal(math.type(json.decode "7.0"), "float")
end)

test("what is written is written the same when it was read, -0 too", function()
  for _, value in ipairs { -0.0, 0.0, 1e15, -1e300, 9007199254740994.0, 0.1 } do
    local written = json.encode(value)
    equal({ json.encode(json.decode(written)), 1 / json.decode(written) }, { written, 1 / value })
  end
end)

local bad = {
  { "expected a value, found the end of the text", "" },
  { "expected a value, found the end of the text", "  \n" },
  { "expected a value, found 'NaN'", "NaN" }, { "expected a value", "Infinity" },
  { "expected a value", "nan" }, { "has a digit after '-'", "-Infinity" },
  { "has a digit after '-'", "-" }, { "has a digit after '-'", "-a" }, { "expected a value", "+1" },
  { "expected a value", ".5" }, { "has a digit after '.'", "1." }, { "has a digit after '.'", "1.e1" },
  { "has a digit after its exponent's 'e'", "1e" }, { "has a digit after its", "1e+" },
  { "no leading zeros", "01" }, { "no leading zeros", "-01" }, { "no leading zeros", "00" },
  { "not hexadecimal", "0x1" }, { "not hexadecimal", "[-0XA]" },
  { "beyond 2^53", "9007199254740993" }, { "beyond 2^53", "-9007199254740993" },
  { "beyond 2^53", "99999999999999999999999999999999" }, { "out of range", "1e999" },
  { "out of range", "[-1e400]" }, { "expected a value", "True" }, { "expected a value", "nul" },
  { "expected the end of the text, found 'x'", "[] x" }, { "expected the end of the text", "1 2" },
  { "expected the end of the text", "truefalse" }, { "expected the end of the text", "[]\0" },
  { "expected a value, found '\\x00'", "\0" }, { "expected a value", "\xEF\xBB\xBF{}" },
  { "expected a value, found ']'", "[1,]" }, { "expected a value, found ',1]'", "[,1]" },
  { "expected ',' or ']', found '}'", "[1}" }, { "expected ',' or ']'", "[1 2]" },
  { "expected ',' or ']', found the end of the text", "[1" }, { "found the end of the text", "[" },
  { "expected a name in double quotes, found '}'", '{"a":1,}' }, { "expected a name", "{a:1}" },
  { "expected a name in double quotes, found ''a'", "{'a'" }, { "expected a name", "{1:1}" },
  { "expected ':', found '}'", '{"a"}' }, { "expected ':', found a string", '{"a" "b"}' },
  { "expected ',' or '}', found a string", '{"a":1 "b":2}' }, { "found the end", '{"a":1' },
  { 'the name "a" stands twice', '{"a":1,"a":1}' }, { "stands twice", '{"a":null,"\\u0061":null}' },
  { "the string is not closed", '"a' }, { "the string is not closed", '"' },
  { "unknown escape", '"\\' }, { "unknown escape", '"\\x41"' }, { "unknown escape", '"\\\0"' },
  { "four hexadecimal digits", '"\\u12"' }, { "four hexadecimal digits", '"\\u12g4"' },
  { "four hexadecimal digits", '"\\u\17\18\19\20"' },
  { "half of a character", '"\\ud83d"' }, { "half of a character", '"\\ud83d\\n"' },
  { "half of a character", '"\\ud83d\\u0041"' }, { "half of a character", '"\\ude00\\ud83d"' },
  { "written as \\u000a", '"a\nb"' }, { "written as \\u0009", '"\t"' }, { "written as \\u0000", '"\0"' },
  { "not UTF-8", '"\xff"' }, { "not UTF-8", '"\xc0\xaf"' }, { "not UTF-8", '"\xe2\x82"' },
  { "not UTF-8", '"\xed\xa0\x80"' }, { "not UTF-8", '"\xf4\x90\x80\x80"' }, { "not UTF-8", '"\xe0\x80\x80"' },
  { "not UTF-8", '"\xf0\x80\x80\x80"' }, { "not UTF-8", '"\x80"' }, { "not UTF-8", '{"\xff":1}' },
  { "expected a value", "// comment" }, { "expected a value", "[1,/**/2]" },
}

test("json.decode refuses what is not JSON, or not the same to every reader", function()
  for _, case in ipairs(bad) do refused(case[1], case[2]) end
end)

test("json.decode allows a nesting of 128 and no more", function()
  local value = json.decode(("["):rep(128) .. ("]"):rep(128))
  equal(json.encode(value), ("["):rep(128) .. ("]"):rep(128))
  refused("nesting is deeper than 128", ("["):rep(129) .. ("]"):rep(129))
  refused("nesting is deeper than 128", ('{"a":'):rep(200000))
end)

test("json.decode counts lines, and columns in characters", function()
  refused("line 3 column 5:", '{\n"a": 1,\n"é" 2}')
end)

test("json.decode names the text when it is told its name", function()
  local err = raises("package.json, line 1 column 2", json.decode, "[", { name = "package.json" })
  equal(err.about, "package.json")
end)

test("json.decode never shows the inside of a string", function()
  for _, text in ipairs { '{"a" "hunter2"}', '["hunter2', '["hunter2\\x"]', '[hunter"hunter2"]' } do
    local err = raises("", json.decode, text)
    equal(err.message:find("hunter2"), nil)
  end
end)

test("json.decode refuses a misuse", function()
  raises("json.decode: text is required, a string", json.decode)
  raises("json.decode: text must be a string, not a number", json.decode, 1)
  raises("json.decode: expected a table of options", json.decode, "1", 1)
  raises("json.decode: unknown option 'nane' %(expected name%)", json.decode, "1", { nane = "x" })
  raises("json.decode: option 'name' must be a string", json.decode, "1", { name = 1 })
end)

-- Encoding ----------------------------------------------------------------------------

local written = {
  { json.null, "null" }, { true, "true" }, { false, "false" }, { 0, "0" }, { -5, "-5" },
  { 1 << 53, "9007199254740992" }, { -(1 << 53), "-9007199254740992" },
  { 30.0, "30" }, { 0.1, "0.1" }, { 1 / 3, "0.3333333333333333" }, { 0.1 + 0.2, "0.30000000000000004" },
  { 1e20, "1e+20" }, { 2.0 ^ 54, "18014398509481984.0" }, { 1.5e-7, "1.5e-07" },
  { "", '""' }, { "a/b", '"a/b"' }, { 'a"b\\c/d', '"a\\"b\\\\c/d"' }, { "\n\0\31é", '"\\n\\u0000\\u001fé"' },
  { "\\/", '"\\\\/"' }, { "/\n/", '"/\\n/"' },
  { {}, "{}" }, { json.array {}, "[]" }, { { 1, { 2 } }, "[1,[2]]" }, { json.array { 1 }, "[1]" },
  { { b = 1, a = { c = {} } }, '{"a":{"c":{}},"b":1}' }, { { ["1"] = 1, [""] = 2 }, '{"":2,"1":1}' },
  { { a = json.array {}, b = json.null }, '{"a":[],"b":null}' }, { { ['"'] = 1 }, '{"\\"":1}' },
}

test("json.encode writes every kind of value", function()
  for _, case in ipairs(written) do equal(json.encode(case[1]), case[2]) end
end)

test("json.encode indents when it is asked to", function()
  equal(json.encode({ b = { 1, 2 }, a = {}, c = json.array {} }, { indent = 2 }),
    '{\n  "a": {},\n  "b": [\n    1,\n    2\n  ],\n  "c": []\n}')
end)

test("what json.encode wrote, json.decode reads as it was", function()
  for _, case in ipairs(good) do equal(json.encode(json.decode(json.encode(case[2]))), json.encode(case[2])) end
  for _, x in ipairs { 0.1, 1 / 3, 2.0 ^ 60, 1e15 + 0.5, 5e-324, 1.7976931348623157e308, -1e-7 } do
    equal(json.decode(json.encode(x)), x)
  end
  local text = {}
  for byte = 0, 127 do text[#text + 1] = string.char(byte) end
  text = table.concat(text) .. "é\u{ffff}\u{10ffff}"
  equal(json.decode(json.encode(text)), text)
end)

test("an empty array stays one through both directions, and after its last item went", function()
  equal(json.encode(json.decode '{"a":[],"b":{}}'), '{"a":[],"b":{}}')
  local list = json.decode "[1]"
  list[1] = nil
  equal(json.encode(list), "[]")
end)

test("json.encode writes the same table twice side by side", function()
  local shared = { 1 }
  equal(json.encode { shared, shared }, "[[1],[1]]")
end)

test("json.encode refuses what JSON cannot say, with its path", function()
  local loop = { a = {} }
  loop.a[1] = loop
  local deep = {}
  for _ = 1, 128 do deep = { deep } end
  local cases = {
    { "%$: a nil has no form", nil }, { "%$: a function has no form", print },
    { "%$%.a%[3%]: a function has no form", { a = { 1, 2, print } } },
    { '%$%["a b"%]%[1%]: NaN has no form', { ["a b"] = { 0 / 0 } } },
    { '%$%["1"%]: infinity has no form', { ["1"] = -1 / 0 } },
    { "%$%.n: the integer 9007199254740993 is beyond 2%^53", { n = (1 << 53) + 1 } },
    { "%$: the integer %-9223372036854775808 is beyond", math.mininteger },
    { "%$: the keys must be", { 1, nil, 3 } }, { "%$: the keys must be", { [2] = 1 } },
    { "%$: the keys must be", { [0] = 1 } }, { "%$: the keys must be", { [1.5] = 1 } },
    { "%$: the keys must be", { [true] = 1 } }, { "%$: the keys must be", { a = 1, [true] = 1 } },
    { "%$%.x: the table has names and positions", { x = { 1, a = 2 } } },
    { "%$: the table has names and positions", json.array { a = 1 } },
    { "%$: the string is not UTF%-8", "\xff" }, { "not UTF%-8", { ["\xff"] = 1 } },
    { "%$%.a%[1%]: the table contains itself", loop }, { "nesting is deeper than 128", deep },
    { "%$: a thread has no form", coroutine.create(print) },
  }
  for i = 1, #cases do
    local err = raises("^.-json.encode: .*" .. cases[i][1], json.encode, cases[i][2])
    equal(err.class, "misuse")
  end
end)

test("json.encode refuses a misuse of its options", function()
  raises("json.encode: expected a value", json.encode)
  raises("json.encode: unknown option 'ident' %(expected indent%)", json.encode, 1, { ident = 2 })
  raises("json.encode: option 'indent' is required", json.encode, 1, {})
  raises("json.encode: option 'indent' must be an integer", json.encode, 1, { indent = "2" })
  raises("json.encode: option 'indent' must be 1 to 8", json.encode, 1, { indent = 0 })
  raises("json.encode: expected a table of options", json.encode, 1, true)
end)

-- Arrays and pointers ---------------------------------------------------------------------

test("json.array marks and returns the table it is given", function()
  local t = {}
  equal(rawequal(json.array(t), t), true)
  equal(rawequal(json.array(t), t), true)
end)

test("json.array refuses a misuse", function()
  raises("json.array: expected a table, not a nil", json.array, nil)
  raises("json.array: expected a table, not a string", json.array, "x")
  raises("json.array: the table has a metatable of its own", json.array, setmetatable({}, {}))
end)

test("json.pointer finds what RFC 6901 says", function()
  local value = json.decode [[{"foo":["bar","baz"],"":0,"a/b":1,"c%d":2," ":7,"m~n":8,
    "n":null,"o":{"0":"zero"},"~1":9}]]
  local found = {
    { "/foo/0", "bar" }, { "/foo/1", "baz" }, { "/", 0 }, { "/a~1b", 1 }, { "/c%d", 2 }, { "/ ", 7 },
    { "/m~0n", 8 }, { "/n", json.null }, { "/o/0", "zero" }, { "/~01", 9 }, { "/foo", { "bar", "baz" } },
  }
  for _, case in ipairs(found) do equal(json.pointer(value, case[1]), case[2]) end
  equal(rawequal(json.pointer(value, ""), value), true)
end)

test("json.pointer returns nil for what is not there", function()
  local value = json.decode '{"a":[1,2],"n":null,"s":"text"}'
  for _, p in ipairs { "/b", "/a/2", "/a/-", "/a/01", "/a/x", "/a/-1", "/n/x", "/s/0", "/b/c/d", "/a/" } do
    equal(json.pointer(value, p), nil)
  end
  equal(json.pointer(nil, "/a"), nil)
end)

test("json.pointer refuses a misuse", function()
  raises("json.pointer: expected a value", json.pointer)
  raises("json.pointer: pointer is required, a string", json.pointer, {})
  raises("json.pointer: the pointer must be empty or start with '/'", json.pointer, {}, "a")
  raises("json.pointer: '~' is followed by 0", json.pointer, {}, "/a~2")
  raises("json.pointer: '~' is followed by 0", json.pointer, {}, "/a~")
end)

-- Secrets -----------------------------------------------------------------------------------

test("json.encode of something that holds a secret is a template, and names no value", function()
  local secret = require "secret.core"
  local token = secret.new("TOKEN", "hunter2hunter2", { "program:cat" })
  for _, value in ipairs { token, { token }, { a = { b = "Bearer " .. token, c = 1 } } } do
    local text = json.encode(value, { indent = 2 })
    equal(secret.is(text), true)
    equal(tostring(text):find("hunter2"), nil)
  end
  equal(rawequal(json.pointer({ a = token }, "/a"), token), true)
end)

test("json refuses a secret where it would have to look inside", function()
  local secret = require "secret.core"
  local token = secret.new("TOKEN", "hunter2hunter2", { "program:cat" })
  raises("json.decode: text cannot be a secret", json.decode, token)
  raises("json.encode: %$: the keys must be names", json.encode, { [token] = 1 })
end)
