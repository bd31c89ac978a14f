---Names of database branches, and which of them may be swept.
local fs = require "fs"
local names = require("neon").names

local SHA = "A1B2C3D4e5f60718293a4b5c6d7e8f9012345678"

test("branches are called as the project's pages say", function()
  equal(names.pull(8), "pr-8")
  equal(names.pull_e2e(8), "pr-8-e2e")
  equal(names.push("feature/auth", SHA), "push-feature-auth-a1b2c3d4")
  equal(names.push("main", "a1b2c3d4"), "push-main-a1b2c3d4")
  equal(names.dev "anna", "dev-anna")
  equal({ names.migration_test(1234), names.migration_test "r-01" }, { "migration-test-1234", "migration-test-r-01" })
  equal(names.emergency_restore(1790000000), "emergency-restore-1790000000")
end)

test("a character that names do not have becomes one hyphen, however many bytes it has", function()
  equal(names.push("fix/ä ö@{1}", SHA), "push-fix------1--a1b2c3d4")
  equal(names.push("v1.2_x", SHA), "push-v1.2_x-a1b2c3d4")
  equal(names.push("bad\xFFbyte\xC3", SHA), "push-bad-byte--a1b2c3d4")
  equal(names.dev "Anna B", "dev-Anna-B")
end)

test("a long branch is cut, and two that begin alike do not meet", function()
  local long = "renovate/" .. ("very-long-"):rep(20)
  local a, b = names.push(long .. "a", SHA), names.push(long .. "b", SHA)
  equal({ #a, #b, a ~= b, a:sub(1, 40) == b:sub(1, 40) }, { 63, 63, true, true })
  equal({ a, names.read(a).kind }, { names.push(long .. "a", SHA), "push" })
  equal(a:sub(-9), "-a1b2c3d4")
  equal(#names.push(("x"):rep(49), SHA), 63)
  equal(names.push(("x"):rep(49), SHA), "push-" .. ("x"):rep(49) .. "-a1b2c3d4")
  equal(#names.push(("x"):rep(50), SHA), 63)
  equal(#names.dev(("y"):rep(300)), 63)
  equal(#names.migration_test(("z"):rep(300)), 63)
end)

test("what is made can be the name of a branch, and a part of its marker", function()
  local db = require("neon").client { project = "p", key = "k" }
  for _, name in ipairs { names.push("-/../x", SHA), names.dev "br-late-sun-1", names.push(("é"):rep(200), SHA) } do
    local marker = require("marker").new { project = "codex", environment = "test", key = name }
    equal(db.branch({ name = name, marker = marker })[1], "Database branch " .. name)
  end
end)

test("names are made of what they need, and of nothing else", function()
  raises("names.pull: expected a whole number above 0, not 4.5", names.pull, 4.5)
  raises("names.pull: expected a whole number above 0, not 8", names.pull, "8")
  raises("above 0, not 0", names.pull_e2e, 0)
  raises("names.push: expected a text, not an empty one", names.push, "", SHA)
  raises("a commit of at least 8 digits, not a1b2c3d", names.push, "main", "a1b2c3d")
  raises("a commit of at least 8 digits, not HEAD", names.push, "main", "HEAD")
  raises("names.dev: expected a text, not nil", names.dev)
  raises("names.migration_test: expected a text", names.migration_test, {})
  raises("names.emergency_restore: expected a whole number", names.emergency_restore, 1.5)
  raises("names.read: expected a text, not a nil", names.read)
end)

test("a name says what it is of, and how long that lives", function()
  equal(names.read "pr-42", { kind = "pull", lives = "pull", pull = 42 })
  equal(names.read "pr-42-e2e", { kind = "pull_e2e", lives = "run", pull = 42 })
  equal(names.read(names.push("pr-42", SHA)), { kind = "push", lives = "run" })
  equal(names.read "dev-anna", { kind = "dev", lives = "kept" })
  equal(names.read "migration-test-7", { kind = "migration_test", lives = "run" })
  equal(names.read "emergency-restore-1790000000", { kind = "emergency_restore", lives = "kept" })
end)

test("what is kept, and what is not understood, is never swept", function()
  for _, name in ipairs { "pr-1", "pr-1-e2e", "push-main-a1b2c3d4", "migration-test-1" } do
    equal({ name, names.is_swept(name) }, { name, true })
  end
  for _, name in ipairs { "dev-anna", "dev-pr-1", "emergency-restore-1", "production", "main", "preview/pr-1", "pr-", "pr-08",
    "pr-0", "pr--1", "pr-1-e2e-old", "pr-1.0", "pr-99999999999999999999", "push-main", "push-main-A1B2C3D4", "push--a1b2c3d4",
    "migration-test", "migration-test-", "emergency-restore-x", "emergency-restore-", "xpr-1", "" } do
    equal({ name, names.is_swept(name) }, { name, false })
  end
end)

test("docs/api/neon.lua documents every function of neon.names and no other", function()
  local found, there = {}, {}
  for name in fs.read("docs/api/neon.lua"):gmatch "\nfunction names%.([%w_]+)%(" do found[name] = true end
  for name in pairs(names) do there[name] = true end
  equal(found, there)
end)
