---What recipes see of Lua: order, globals, os, errors.
local core = require "core"
local fs = require "fs"
local recipe = require "recipe"

local scratch = core.load_file("tests/scratch.lua")()

test("pairs goes numbers first, then strings, each sorted", function()
  local keys = {}
  for k in pairs { b = 1, a = 1, [2] = 1, [10] = 1, [1.5] = 1, [true] = 1, B = 1 } do keys[#keys + 1] = k end
  equal(keys, { 1.5, 2, 10, "B", "a", "b", true })
end)

test("pairs may clear and change fields while it goes", function()
  local t = { a = 1, b = 2, c = 3 }
  local seen = {}
  for k in pairs(t) do
    seen[#seen + 1] = k
    t.b = nil
    t[k] = nil
  end
  equal(seen, { "a", "c" })
end)

test("pairs asks __pairs, and two keys without an order are refused", function()
  local t = setmetatable({}, { __pairs = function() return function(_, k) return not k and 1 or nil end end })
  local n = 0
  for _ in pairs(t) do n = n + 1 end
  equal(n, 1)
  raises("keys of type table have no fixed order", pairs, { [{}] = 1, [{}] = 2 })
  raises("pairs: expected a table", pairs)
end)

test("next follows the same order", function()
  equal({ next { b = 1, a = 2 } }, { "a", 2 })
  equal({ next({ b = 1, a = 2 }, "a") }, { "b", 1 })
  equal(next {}, nil)
  equal(next({ a = 1 }, "a"), nil)
end)

test("a misspelt global names the nearest one, and assignments need local", function()
  raises("unknown name 'prallel': did you mean 'parallel'?", load("return prallel"))
  raises("assignment to the undeclared name 'x': write 'local x'", load("x = 1"))
  raises("unknown name 'arg': a script's arguments are `...`", load("return arg"))
end)

test("what could reach past the world is absent", function()
  for _, name in ipairs { "execute", "exit", "tmpname", "remove", "rename", "setlocale" } do equal(os[name], nil) end
  for _, name in ipairs { "open", "popen", "tmpfile", "output", "input" } do equal(io[name], nil) end
  for _, name in ipairs { "debug", "dofile", "loadfile", "collectgarbage" } do equal(rawget(_G, name), nil) end
  equal(package.loadlib, nil)
end)

test("compiled code is refused from a string, from pieces, from a file and from a recipe", function()
  local code = string.dump(function() return 1 end)
  local reason = "attempt to load a binary chunk %(mode is 't'%)"
  for _, mode in ipairs { "b", "bt" } do equal(select(2, load(code, "=c", mode)):find(reason) ~= nil, true) end
  local pieces = { code }
  equal(select(2, load(function() return table.remove(pieces) end)):find(reason) ~= nil, true)

  local folder <close> = scratch "compiled"
  local file = folder / "recipes/compiled.lua"
  fs.write(file, code)
  equal(select(2, core.load_file(file)):find(reason) ~= nil, true)
  raises(reason, recipe.load, folder.path, "compiled")
end)

test("load takes a text, and the globals that it shall see", function()
  equal(load("return x", "=c", "t", { x = 5 })(), 5)
  equal(load "return ipairs"(), ipairs)
  raises("attempt to index a nil value %(upvalue '_ENV'%)", load("return x", "=c", "t", nil))
end)

test("os.time and os.date ask the world's clock", function()
  equal(math.abs(os.time() - core.now()) <= 1, true)
  equal(os.date("!%Y-%m-%d", 0), "1970-01-01")
  equal(os.time { year = 2026, month = 1, day = 1, hour = 12 } > 1.7e9, true)
  equal(os.clock() >= 0, true)
end)

test("loading has no effects", function()
  raises("loading a file has none", core.without_effects, function() sleep(0) end)
  raises("loading a file has none", core.without_effects, function() print "x" end)
  raises("loading a file has none", core.without_effects, function() io.stderr:write "x" end)
  equal(core.without_effects(function() return 7 end), 7)
end)

test("try returns what the function returned, or nil and an error value", function()
  equal({ try(function(...) return ... end, 1, 2) }, { 1, 2 })
  local value, err = try(error, "plain text")
  equal(value, nil)
  equal(err.message, "plain text")
  equal(err.class, "fatal")
end)

test("an error value knows the line of whoever raised it and prints as one line", function()
  local _, err = try(function()
    failure { code = "no-bread", class = "transient", message = "the baker\nis closed", hint = "ask again", about = "bread" }
  end)
  equal(err.code, "no-bread")
  equal(err.where:match("^tests/sandbox_test.lua:%d+$") ~= nil, true)
  equal(tostring(err):match("^tests/sandbox_test.lua:%d+: the baker is closed; ask again$") ~= nil, true)
  equal(type(err.trace), "string")
end)

test("Lua's own errors become error values with their line apart", function()
  local _, err = try(function() local t = nil; return t.x end)
  equal(err.where:match("^tests/sandbox_test.lua:%d+$") ~= nil, true)
  equal(err.message, "attempt to index a nil value (local 't')")
end)

test("other values that were raised are kept", function()
  local _, err = try(error, { 42 })
  equal(err.value[1], 42)
end)

test("failure checks its fields", function()
  raises("'message' is required", failure, { code = "x" })
  raises("'code' must be a string, not a number", failure, { code = 1, message = "x" })
  raises("expected a table", failure, 5)
end)

test("nearest suggests only what is near", function()
  equal(core.nearest("pul", { "pull", "push" }), "pull")
  equal(core.nearest("zebra", { "pull", "push" }), nil)
  equal(core.nearest("arg", { "try" }), nil)
  equal(core.nearest("tyr", { "typ" }), "typ")
  equal(core.nearest(("x"):rep(300), { "pull", "push" }), nil)
end)

test("a variable that the project declares as a secret is not read as a plain text", function()
  core.hide_variable "DAVIT_TEST_TOKEN"
  local err = raises("os.getenv: DAVIT_TEST_TOKEN is a secret", os.getenv, "DAVIT_TEST_TOKEN")
  equal(err.hint:find("secret.env", 1, true) ~= nil, true)
  equal(type(os.getenv "PATH"), "string")
end)
