local json = require "json"
local jsonc = require "jsonc"

local function is(text, value) equal(jsonc.decode(text), value) end

test("JSON is read as json reads it", function()
  is('{"a": [1, 2.5, "x", true, null], "b": {}}', { a = { 1, 2.5, "x", true, json.null }, b = {} })
  equal(json.encode(jsonc.decode '{"a":[],"b":{}}'), '{"a":[],"b":{}}')
end)

test("comments of both kinds are space", function()
  is('// before\n{ "a": 1, // behind\n /* over\n lines */ "b": /**/ 2 }// last', { a = 1, b = 2 })
  is('{"a":/* // */1}', { a = 1 })
  is('{"a": 1} /* * / ** */', { a = 1 })
  is('[1 // one\r\n]', { 1 })
end)

test("what looks like a comment or a comma in a text is text", function()
  is('{"a": "http://x/*y*/", "b": "//", "c": "\\"//", "d": ",]", "e": "\\\\"}',
    { a = "http://x/*y*/", b = "//", c = '"//', d = ",]", e = "\\" })
end)

test("a comma may stand behind the last item", function()
  is('{"a": [1, 2, ], "b": {"c": 3,},}', { a = { 1, 2 }, b = { c = 3 } })
  is('[1, // why\n /* and */ ]', { 1 })
  is('[[1,],]', { { 1 } })
  is('["a,",]', { "a," })
end)

test("a comma without an item before it is refused", function()
  for _, text in ipairs { "[,]", "{,}", "[1,,]", '{"a":,}', "[,1]", ",", "[1],", '{"a":1},' } do
    local _, err = try(jsonc.decode, text)
    equal({ text, err and err.code }, { text, "json-invalid" })
  end
end)

test("what JSON has not, and is no comment, is refused", function()
  for _, text in ipairs { "", "/ 1", "{a: 1}", "{'a': 1}", '["a]', "# x\n1", "[1 /]", "[01]", "1 // x\n2", '{"a":1,"a":2}' } do
    local _, err = try(jsonc.decode, text)
    equal({ text, err and err.code }, { text, "json-invalid" })
  end
end)

test("an error has the file's own line and column", function()
  raises("jsonc.decode: w.jsonc, line 3 column 9: ", jsonc.decode, '{ // one\n/* two\n*/ "a": x }', { name = "w.jsonc" })
  raises("jsonc.decode: the text, line 2 column 2: the comment is not closed", jsonc.decode, '{"a": 1,\n /* }')
end)

test("other values than texts are misuse", function()
  raises("jsonc.decode: expected a text, not a number", jsonc.decode, 1)
  raises("jsonc.decode: unknown option 'names'", jsonc.decode, "1", { names = "x" })
end)

test("blanking a long text costs time in proportion to its length", function()
  local item = '"a", // b\n'
  equal(#jsonc.decode("[" .. item:rep(20000) .. "]"), 20000)
end)
