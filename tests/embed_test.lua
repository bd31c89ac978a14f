---Lua in the binary: what the build makes of its files, and that a reader of errors sees no difference.
local core = require "core"
local fs = require "fs"
local process = require "process"

local scratch = core.load_file("tests/scratch.lua")()
local here = process.run { argv = { "pwd" } }.output:match "[^\n]+"
local embed = here .. "/" .. (os.getenv "DAVIT" or "build/davit"):gsub("[^/]+$", "embed")

local function run(folder, ...)
  return process.run { argv = { embed, ... }, cwd = folder.path, check = false, output = "capture" }
end

-- The names, chunks and bytes of the entries that were printed. Their literals are Lua's, too, but for \ooo.
local function entries(output)
  local list = {}
  local joined = output:gsub('"\n"', "")
  for name, chunk, literal, size in joined:gmatch '{"([^"]*)", "([^"]*)", "([^"]*)", (%d+)},\n' do
    local bytes = literal:gsub("\\(%d%d%d)", function(octal) return string.char(tonumber(octal, 8)) end)
    equal(#bytes, tonumber(size))
    list[#list + 1] = { name, chunk, bytes }
  end
  return list
end

test("a text comes out byte by byte, with what C would read otherwise", function()
  local folder <close> = scratch "embed"
  local text = "return [[" .. ("a?" .. "?=\"\\\t\1\0007\255é"):rep(40) .. "]]\n"
  fs.write(folder / "t/a.lua", text)
  fs.write(folder / "t/b/empty.lua", "")
  local r = run(folder, "text", "t", "t/a.lua", "t/b/empty.lua")
  equal(r.exit, 0)
  equal(entries(r.output), { { "a", "@t/a.lua", text }, { "b.empty", "@t/b/empty.lua", "" } })
  equal(r.output:find("??", 1, true), nil)
end)

test("code is compiled, the same each time, and keeps the names of files and variables", function()
  local folder <close> = scratch "embed"
  fs.write(folder / "t/a.lua", "local depth\nreturn function() return depth.x end\n")
  local r = run(folder, "code", "t", "t/a.lua")
  local code = entries(r.output)[1][3]
  equal(code:sub(1, 4), "\27Lua")
  for _, name in ipairs { "@t/a.lua", "depth" } do equal(code:find(name, 1, true) ~= nil, true) end
  equal(run(folder, "code", "t", "t/a.lua").output, r.output)
end)

test("files that are no Lua fail the build, each by its line, as do those that cannot be read", function()
  local folder <close> = scratch "embed"
  fs.write(folder / "t/fine.lua", "return 1")
  fs.write(folder / "t/open.lua", "local a\nif a then\n")
  fs.write(folder / "t/odd.lua", "local a\n\na = = 1\n")
  fs.write(folder / "t/compiled.lua", string.dump(function() end))
  for _, form in ipairs { "code", "text" } do
    local r = run(folder, form, "t", "t/fine.lua", "t/open.lua", "t/odd.lua", "t/compiled.lua", "t/none.lua")
    equal(r.exit, 1)
    equal(r.errors, "t/open.lua:3: 'end' expected (to close 'if' at line 2) near <eof>\n" ..
      "t/odd.lua:3: unexpected symbol near '='\n" ..
      "t/compiled.lua: attempt to load a binary chunk (mode is 't')\n" ..
      "t/none.lua: No such file or directory\n")
  end
end)

test("an output that cannot be written fails the build", function()
  local folder <close> = scratch "embed"
  fs.write(folder / "t/a.lua", "return 1")
  local r = process.run { argv = { "sh", "-c", '"$0" code t t/a.lua >/dev/full', embed }, cwd = folder.path,
    check = false, output = "capture" }
  equal(r.exit, 1)
  equal(r.errors, "embed: standard output: No space left on device\n")
end)

test("a wrong use is told", function()
  local folder <close> = scratch "embed"
  for _, words in ipairs { {}, { "code" }, { "luac", "t" } } do
    local r = run(folder, table.unpack(words))
    equal(r.exit, 1)
    equal(r.errors, "usage: embed code|text FOLDER FILE…\n")
  end
end)

test("an error in a module has the line and the names of its file", function()
  local _, err = try(require "semver.version".compare, 1, { major = 1 })
  equal(err.message, "attempt to index a number value (local 'a')")
  local file, wanted = err.where:match "^(lua/semver/version%.lua):(%d+)$"
  local n = 0
  for line in fs.read(file):gmatch "([^\n]*)\n" do
    n = n + 1
    if n == tonumber(wanted) then equal(line:find("a[field]", 1, true) ~= nil, true) end
  end
  equal(n >= tonumber(wanted), true)
  equal(err.trace:find(err.where .. ": in function 'semver.version.compare'", 1, true) ~= nil, true)
end)

test("a traceback names the calls of modules, and leaves out the middle of many", function()
  local function deep(n)
    if n == 0 then error "at the bottom" end
    return deep(n - 1) or n
  end
  local _, err = try(deep, 40)
  local lines = {}
  for line in err.trace:gsub("\n%s*%(%.%.%.tail calls%.%.%.%)", ""):gmatch "[^\n]+" do lines[#lines + 1] = line end
  equal({ #lines, lines[1] }, { 23, "stack traceback:" })
  equal(lines[12]:match "skipping (%d+) levels" ~= nil, true)
  equal(lines[11]:find("upvalue 'deep'", 1, true) ~= nil, true)
end)
