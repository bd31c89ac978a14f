---Text that names files: path and glob; and uuid and dotenv.
local dotenv = require "dotenv"
local glob = require "glob"
local path = require "path"
local uuid = require "uuid"

-- path -----------------------------------------------------------------------------------------------

test("path.join and path.normalise leave one way to write a path", function()
  equal(path.join("a", "b", "c"), "a/b/c")
  equal(path.join("a/", "", "../b", "/c/"), "b/c")
  equal(path.join(), ".")
  equal(path.join("/", "..", "x"), "/x")
  local cases = { { "", "." }, { ".", "." }, { "/", "/" }, { "//a//b/", "/a/b" }, { "./a/./b/..", "a" }, { "a/..", "." },
    { "../a", "../a" }, { "a/../../b", "../b" }, { "/../../a", "/a" }, { "../../..", "../../.." } }
  for _, case in ipairs(cases) do equal({ case[1], path.normalise(case[1]) }, { case[1], case[2] }) end
end)

test("dirname, basename and ext take the last name", function()
  -- path, dirname, basename, ext
  local cases = { { "/a/b.txt", "/a", "b.txt", ".txt" }, { "a", ".", "a", "" }, { "a/", ".", "a", "" }, { "/", "/", "", "" },
    { "/a", "/", "a", "" }, { "//a", "/", "a", "" }, { "a/b//", "a", "b", "" }, { "", ".", "", "" }, { ".profile", ".", ".profile", "" },
    { "x/.a.b", "x", ".a.b", ".b" }, { "a.tar.gz", ".", "a.tar.gz", ".gz" }, { "a.", ".", "a.", "." }, { "..", ".", "..", "" },
    { "a.d/b", "a.d", "b", "" } }
  for _, case in ipairs(cases) do
    equal({ case[1], path.dirname(case[1]), path.basename(case[1]), path.ext(case[1]) }, case)
  end
  equal(path.basename("a/b.lua", ".lua"), "b")
  equal(path.basename("a/.lua", ".lua"), ".lua")
  equal(path.basename("a/b.lua", ".txt"), "b.lua")
end)

test("path.relative and path.is_absolute", function()
  local cases = { { "a/b", "a/c", "../c" }, { "a", "a", "." }, { "a", "a/b/c", "b/c" }, { "/a/b/c", "/", "../../.." }, { ".", "x", "x" },
    { "..", "../x", "x" }, { "a", "../b", "../../b" } }
  for _, case in ipairs(cases) do
    equal({ case[1], case[2], path.relative(case[1], case[2]) }, case)
    equal(path.join(case[1], case[3]), path.normalise(case[2]))
  end
  equal({ path.is_absolute "/a", path.is_absolute "a" }, { true, false })
  raises("not both absolute or both relative", path.relative, "/a", "b")
  raises("what is above '../a' cannot be told", path.relative, "../a", "b")
  raises("path.join: a path is a string, not a nil", path.join, "a", nil)
end)

-- glob -------------------------------------------------------------------------------------------------

test("glob.match knows stars, question marks, sets and braces", function()
  local cases = {
    { "*.lua", { "a.lua", ".lua" }, { "a/b.lua", "a.luac", "a" } },
    { "**/*.lua", { "a.lua", "x/y/a.lua" }, { "a.txt" } },
    { "**", { "a", "a/b", ".x/y" }, { "" } },
    { "a/**", { "a/b", "a/b/c" }, { "a", "b/a/c" } },
    { "a/**/b", { "a/b", "a/x/b", "a/x/y/b" }, { "axb", "a/xb", "a/b/c" } },
    { "a**b", { "ab", "axb" }, { "a/b" } },
    { "**a", { "xa" }, { "x/a" } },
    { "a?c", { "abc", "aéc", "a😀c" }, { "ac", "a/c", "abbc" } },
    { "[a-cx]", { "a", "c", "x" }, { "d", "", "ab" } },
    { "[!a-c]", { "d", "é" }, { "a", "/" } },
    { "[^a]", { "b" }, { "a" } },
    { "[]a]", { "]", "a" }, { "b" } },
    { "[a-]", { "a", "-" }, { "b" } },
    { "[\\]]", { "]" }, { "\\" } },
    { "[à-ü]", { "é" }, { "a" } },
    { "{a,b}.{js,ts}", { "a.js", "b.ts" }, { "c.js", "a.css" } },
    { "a{,b}", { "a", "ab" }, { "abb" } },
    { "{a,b{c,d{e,f}}}", { "a", "bc", "bdf" }, { "b", "bd" } },
    { "{**/x,y}/z", { "x/z", "a/b/x/z", "y/z" }, { "a/y/z" } },
    { "\\*\\{", { "*{" }, { "a{" } },
    { "a,b}", { "a,b}" }, { "a" } },
    { "", { "" }, { "a" } },
    { "é*", { "éa" }, { "ea" } },
  }
  for _, case in ipairs(cases) do
    for _, text in ipairs(case[2]) do equal({ case[1], text, glob.match(case[1], text) }, { case[1], text, true }) end
    for _, text in ipairs(case[3]) do equal({ case[1], text, glob.match(case[1], text) }, { case[1], text, false }) end
  end
end)

test("in a list the last pattern that matches decides", function()
  local list = { "**/*.lua", "!tests/**", "tests/run.lua" }
  equal(glob.match(list, "lua/a.lua"), true)
  equal(glob.match(list, "tests/a.lua"), false)
  equal(glob.match(list, "tests/run.lua"), true)
  equal(glob.match({}, "a"), false)
  equal(glob.match({ "\\!a" }, "!a"), true)
end)

test("patterns that others take for ever on are quick", function()
  equal(glob.match(("a*"):rep(40) .. "b", ("a"):rep(2000)), false)
  equal(glob.match(("**/"):rep(40) .. "b", ("a/"):rep(500)), false)
  equal(glob.match(("{a,aa}"):rep(60) .. "b", ("a"):rep(90)), false)
end)

test("a text that is escaped matches itself and nothing else", function()
  for _, text in ipairs { "*", "a[b]", "{a,b}", "?", "\\", "!a", "a" } do
    equal(glob.match(glob.escape(text), text), true)
    equal(glob.match({ glob.escape(text) }, text), true)
    equal(glob.match(glob.escape(text), "x"), false)
  end
end)

test("a compiled pattern says whether something below a folder may match", function()
  local p = glob.compile "src/**/*.{c,h}"
  equal({ p:match "src/a.c", p:match "src/x/a.h", p:match "lua/a.c" }, { true, true, false })
  equal({ p:below "src", p:below "src/x", p:below "lua" }, { true, true, false })
end)

test("a pattern that is none is an error", function()
  local bad = { { "'%]' is missing after '%[' at 2", "a[b" }, { "'}' is missing after '{' at 1", "{a,b" },
    { "nothing follows", "a\\" }, { "range z%-a is empty", "[z-a]" }, { "']' is missing", "[a-" } }
  for _, case in ipairs(bad) do equal(raises(case[1], glob.match, case[2], "x").code, "glob-invalid") end
  equal(raises("at most 4096 bytes", glob.match, ("a"):rep(5000), "x").code, "glob-invalid")
  raises("glob.match: the pattern must be a string, not a nil", glob.match, nil, "x")
  raises("glob.match: the path must be a string, not a nil", glob.match, "x")
end)

-- uuid ---------------------------------------------------------------------------------------------------

test("uuid.v4 and uuid.v7 have version and variant, and none comes twice", function()
  local seen = {}
  for _ = 1, 200 do
    for version, make in pairs { [4] = uuid.v4, [7] = uuid.v7 } do
      local text = make()
      equal({ uuid.is(text), uuid.parse(text).version, text == text:lower(), seen[text] }, { true, version, true })
      seen[text] = true
    end
  end
end)

test("those of version 7 sort as they were made, and tell when", function()
  local last = ""
  for _ = 1, 6000 do
    local text = uuid.v7()
    equal(last < text, true)
    last = text
  end
  equal(math.abs(uuid.parse(last).time - os.time()) < 60, true)
end)

test("uuid.parse reads the examples of RFC 9562", function()
  local v1 = uuid.parse "C232AB00-9414-11EC-B3C8-9F6BDECED846"
  equal({ v1.version, v1.text, v1.time }, { 1, "c232ab00-9414-11ec-b3c8-9f6bdeced846", 1645557742.0 })
  equal(uuid.parse("1EC9414C-232A-6B00-B3C8-9F6BDECED846").time, 1645557742.0)
  equal(uuid.parse("017F22E2-79B0-7CC3-98C4-DC0C0C07398F").time, 1645557742.0)
  equal(uuid.parse("919108f7-52d1-4320-9bac-f847db4148a8").version, 4)
  equal(#uuid.parse(uuid.null).bytes, 16)
  equal(uuid.parse(uuid.null).version, 0)
end)

test("what is no UUID is refused", function()
  for _, text in ipairs { "", "017F22E2-79B0-7CC3-98C4-DC0C0C07398", "017F22E279B07CC398C4DC0C0C07398F", "{" .. uuid.null .. "}",
    "g17F22E2-79B0-7CC3-98C4-DC0C0C07398F", uuid.null .. "\n" } do
    equal(uuid.is(text), false)
    equal(raises("is no UUID", uuid.parse, text).code, "uuid-invalid")
  end
  equal(uuid.is(nil), false)
  raises("uuid.parse: expected a string", uuid.parse)
end)

-- dotenv ----------------------------------------------------------------------------------------------------

test("dotenv.decode reads quotes, export, comments and values of several lines, and expands nothing", function()
  equal(dotenv.decode [[
# a comment
A=1
export B = two words # behind
C="x\ny\"\$\\ # no comment" # one
D='$A \n'
E="line 1
line 2"
F=
G=a#b
H=https://x/?a=b
A=last
]], { A = "last", B = "two words", C = "x\ny\"$\\ # no comment", D = "$A \\n", E = "line 1\nline 2", F = "", G = "a#b",
    H = "https://x/?a=b" })
  equal(dotenv.decode "A=1\r\nB='2'\r\n", { A = "1", B = "2" })
  equal(dotenv.decode "\u{feff}A=1", { A = "1" })   -- some editors write a byte order mark
  equal(dotenv.decode "", {})
end)

test("dotenv.decode says in which line what is wrong", function()
  for _, case in ipairs { { ":1: expected NAME=value", "A" }, { ":2: expected NAME=value", "A=1\n=x" },
    { ":2: the closing quote is missing", "A=1\nB='x\n" }, { ":1: the closing quote is missing, or", "A='x' y" } } do
    local err = raises("my.env" .. case[1], dotenv.decode, case[2], { name = "my.env" })
    equal({ err.code, err.class, err.about }, { "dotenv-invalid", "fatal", "my.env" })
  end
end)

test("dotenv.encode writes what dotenv.decode reads", function()
  equal(dotenv.encode { B = 2, A = "x", C = true, D = "two words" }, "A=x\nB=2\nC=true\nD='two words'\n")
  for _, text in ipairs { "", " ", "a b", "'", '"', "'\"", "$A", "\\n", "a\nb", "it's\n$x \\ \"q\"\t\r", "# x", "a #b",
    "é", "\0", "x=y" } do
    equal(dotenv.decode(dotenv.encode { A = text, B = "x" }), { A = text, B = "x" })
  end
end)

test("dotenv refuses names that are none, and secrets", function()
  raises("'A B' is no name", dotenv.encode, { ["A B"] = "" })
  raises("'1' is no name", dotenv.encode, { "x" })
  raises("A must be a text, a number or a boolean, not a table", dotenv.encode, { A = {} })
  raises("dotenv.encode: A cannot hold a secret", dotenv.encode,
    { A = require "secret.core".new("T", "hunter2hunter2", { "program:cat" }) })
  raises("dotenv.decode: text is required", dotenv.decode)
end)
