---What a project says of its rehearsals: which recipes, what must hold, and the manifest of what they used.
local fs = require "fs"
local process = require "process"
local toys = require("core").load_file("tests/rehearsal_toy.lua")()

local here = process.run { argv = { "pwd" } }.output:match "[^\n]+"
local DAVIT = here .. "/" .. (os.getenv "DAVIT" or "build/davit")

local TOY = [[
local http, json, secret = require "http", require "json", require "secret"
local function call(method, path, body)
  return http.expect { url = "https://api.github.com/repos/example/codex" .. path, method = method, json = body,
    headers = { authorization = "Bearer " .. secret.env("GITHUB_TOKEN", { to = { "api.github.com" } }) } }
end
local function find(pr, text)
  for _, c in ipairs(json.decode(call("GET", ("/issues/%d/comments"):format(pr)).body)) do
    if c.body == text then return c.id end
  end
end
return { summary = "Says hello", params = { pr = { type = "integer", required = true }, text = { type = "string" } },
  run = function(p, run)
    local text = p.text or "hello"
    run.ensure { "comment", find = function() return find(p.pr, text) end,
      create = function() call("POST", ("/issues/%d/comments"):format(p.pr), { body = text }) return find(p.pr, text) end,
      destroy = function() local id = find(p.pr, text) if id then call("DELETE", "/issues/comments/" .. id) end end }
    run.step("note", function() require("fs").write("notes/" .. p.pr .. ".txt", text) end)
  end }
]]

---@class tests.Toy
---@field path string
local Toy = {}
Toy.__index = Toy
Toy.__close = function(self) fs.remove(self.path) end

local function toy(yaml, files)
  local self = setmetatable({ path = process.run({ argv = { "mktemp", "-d" } }).output:match "[^\n]+" }, Toy)
  fs.write(self.path .. "/davit.yaml", toys.YAML .. (yaml or ""))
  fs.write(self.path .. "/recipes/toy.lua", TOY)
  for name, text in pairs(files or {}) do fs.write(self.path .. "/" .. name, text) end
  return self
end

function Toy:davit(...)
  return process.run { argv = { DAVIT, ... }, cwd = self.path, check = false }
end

local function has(result, part)
  local said = result.output .. result.errors
  equal({ said, said:find(part, 1, true) ~= nil }, { said, true })
end

local function has_not(result, part)
  equal((result.output .. result.errors):find(part, 1, true), nil)
end

-- ---- which are rehearsed ---------------------------------------------------------------------------

local TWO = [[
rehearse:
  - { recipe: toy, params: { pr: 42 } }
  - { recipe: toy, params: { pr: 7, text: again }, after: [toy] }
]]

test("rehearse without a recipe holds what davit.yaml lists, and adds up", function()
  local t <close> = toy(TWO)
  local result = t:davit("rehearse", "--no-faults", "--every", "9")
  equal(result.exit, 0)
  has(result, "== toy --pr 42\n")
  has(result, "== toy --pr 7 --text again --after toy\n")
  equal(result.output:match "\n(2 rehearsals, %d+ schedules) in [%d.]+ s: all hold\n$" ~= nil, true)
end)

test("a recipe with a parameter is rehearsed as the command line says", function()
  local t <close> = toy(TWO)
  local one = t:davit("rehearse", "toy", "--pr", "42", "--no-faults", "--every", "9")
  equal({ one.exit, one.output:find("rehearsals,", 1, true) }, { 0, nil })
  has(t:davit("rehearse", "toy", "--no-faults", "--every", "9"), "2 rehearsals, ")
end)

test("where one of them fails the exit code is 1, and the command that shows it again names its parameters", function()
  local t <close> = toy(TWO, { ["recipes/toy.invariants.lua"] = [[
    invariant("nobody says again", function(cloud, run) if run.code == 0 then
      for _, c in ipairs(cloud.comments) do if c.body == "again" then return false, "#" .. c.number end end end end)]] })
  local result = t:davit("rehearse", "--no-faults", "--every", "9")
  equal(result.exit, 1)
  has(result, "davit rehearse toy --pr 7 --text again --after toy --replay toy:")
  has(result, "invariant: nobody says again: #7")
end)

test("without any in davit.yaml a recipe has to be named, and one flag is about one recipe only", function()
  local t <close> = toy()
  has(t:davit "rehearse", "which recipe?")
  equal(t:davit("rehearse").exit, 2)
  has(t:davit("rehearse", "--manifest"), "--manifest is about one recipe")
end)

for why, entry in pairs {
  ["no recipe is called 'tory'"] = "{ recipe: tory }", ["needs the parameter 'pr'"] = "{ recipe: toy }",
  ["has no such parameter, did you mean 'text'?"] = "{ recipe: toy, params: { pr: 1, tex: a } }",
  ["rehearse.1.params.pr: must be of type integer, not 'one'"] = "{ recipe: toy, params: { pr: one } }",
  ["rehearse.1.params.pr: must be at least 1, not 0"] = "{ recipe: preview, params: { pr: 0 } }",
  ["rehearse.1.after.1: no recipe is called 'tory'"] = "{ recipe: toy, params: { pr: 1 }, after: [tory] }",
  ["rehearse.1.after.1: unknown flag --tex; did you mean --text?"] = "{ recipe: toy, params: { pr: 1 }, after: [toy --tex a] }",
  ["the key 'recipe' is required"] = "{ params: { pr: 1 } }", ["unknown key"] = "{ recipe: toy, param: { pr: 1 } }",
} do
  test(("a rehearsal that is wrong is refused: %s"):format(why), function()
    local t <close> = toy("rehearse: [" .. entry .. "]\n")
    for _, verb in ipairs { "check", "rehearse" } do
      local result = t:davit(verb)
      equal(result.exit, 2)
      has(result, why)
    end
  end)
end

-- ---- check -----------------------------------------------------------------------------------------

test("check warns of a recipe that no rehearsal covers, and of no other", function()
  local t <close> = toy("rehearse: [{ recipe: toy, params: { pr: 1 } }]\n", { ["recipes/other.lua"] = TOY })
  local result = t:davit "check"
  equal(result.exit, 0)
  has(result, "no rehearsal covers the recipe 'other'")
  has_not(result, "'toy'")
  has_not(result, "'production'")
  equal(result.output:match "^davit.yaml and %d+ recipes are well formed; 1 rehearsals are declared\n$" ~= nil, true)
end)

test("of the shipped recipes check knows those that davit.yaml gives something to do", function()
  local t <close> = toy "checks: { types: node types.mjs }\n"
  local result = t:davit "check"
  has(result, "no rehearsal covers the recipe 'test'")
  has_not(result, "'production'")
end)

test("or those that a workflow calls", function()
  local t <close> = toy("checks: { types: node types.mjs }\n",
    { [".github/workflows/ci.yml"] = "jobs: { a: { steps: [{ run: davit run cleanup --pr 1 }, { run: davit secrets } ] } }" })
  local result = t:davit "check"
  has(result, "'cleanup'")
  has(result, "'secrets'")
  has_not(result, "'test'")
end)

test("check of a recipe that does not load ends with exit code 2 and runs nothing", function()
  local t <close> = toy(nil, { ["recipes/bad.lua"] = "return {", ["recipes/worse.lua"] = "os.remove 'davit.yaml'" })
  local result = t:davit "check"
  equal(result.exit, 2)
  has(result, "bad.lua")
  has(result, "worse.lua")
  equal(t:davit("check", "toy").exit, 0)
end)

test("check says which invariants do not load, and which are for no recipe", function()
  local t <close> = toy(nil, { ["recipes/gone.invariants.lua"] = "invariant(function() end)" })
  has(t:davit "check", "recipes/gone.invariants.lua is for no recipe that there is")
  fs.write(t.path .. "/recipes/toy.invariants.lua", "invariant(42)")
  local result = t:davit "check"
  equal(result.exit, 2)
  has(result, "recipes/toy.invariants.lua:1: invariant expects a function")
end)

-- ---- invariants ------------------------------------------------------------------------------------

local function rehearsed(invariants)
  local t <close> = toy(nil, { ["recipes/toy.invariants.lua"] = invariants })
  return t:davit("rehearse", "toy", "--pr", "42", "--no-faults", "--every", "9")
end

test("an invariant that holds changes nothing, and sees the cloud and what the run said", function()
  local result = rehearsed [[
    invariant("all is there", function(cloud, run)
      for _, list in ipairs { "records", "domains", "routes", "workers", "branches", "comments", "issues", "pulls",
        "deployments", "statuses" } do assert(type(cloud[list]) == "table", list) end
      assert(run.recipe == "toy" and run.params.pr == 42 and math.type(run.code) == "integer" and #run.schedule > 0)
      assert(run.how == "start" or run.how == "resume" or run.how == "undo")
      cloud.comments = nil
      return true
    end)
    invariant(function(cloud) assert(#cloud.comments <= 1) end)]]
  equal({ result.exit, result.output:find("FAILED", 1, true) }, { 0, nil })
end)

test("an invariant finds what only the project knows to be wrong", function()
  local result = rehearsed [[
    invariant("comments are polite", function(cloud)
      for _, c in ipairs(cloud.comments) do if not c.body:find "please" then return false, "not: " .. c.body end end
    end)]]
  equal(result.exit, 1)
  has(result, "FAILED  undisturbed")
  has(result, "broke   invariant: comments are polite: not: hello")
end)

test("one that raises, or returns false alone, is broken", function()
  has(rehearsed "invariant('a', function() error 'oh' end)", "invariant: a: recipes/toy.invariants.lua:1: oh")
  has(rehearsed "invariant(function() return false end)", "recipes/toy.invariants.lua, the invariant 1: it does not hold")
end)

test("one that never ends is ended, and says where it was", function()
  has(rehearsed "invariant('b', function()\nwhile true do end end)", "invariant: b: recipes/toy.invariants.lua:2: it does not end")
end)

test("one that asks for ever more memory is refused it, and the schedules go on", function()
  local result = rehearsed "invariant('b', function() local t = {} while true do t[#t + 1] = ('x'):rep(1 << 20) .. #t end end)"
  has(result, "invariant: b: it wants more than 64 MB of memory")
  has(result, "FAILED  toy:")
end)

for what, body in pairs { require = "require 'http'", io = "io.write 'x'", os = "os.getenv 'HOME'", load = "load 'x'",
  failure = "failure {}", debug = "debug.sethook()" } do
  test(("one that tries an effect by '%s' is told that it cannot"):format(what), function()
    has(rehearsed(("invariant('c', function() %s end)"):format(body)), ("an invariant has no '%s'"):format(what))
  end)
end

test("a file that never ends, or has a mistake, is refused before anything is held", function()
  for why, text in pairs { ["toy.invariants.lua:1: it does not end"] = "while true do end", ["unexpected symbol near"] = "invariant(",
    ["assignment to the undeclared name 'x'"] = "x = 1" } do
    local result = rehearsed(text)
    equal(result.exit, 2)
    has(result, why)
  end
end)

test("all.invariants.lua holds for every recipe", function()
  local t <close> = toy(nil, { ["recipes/all.invariants.lua"] = "invariant('d', function() return false end)" })
  has(t:davit("rehearse", "toy", "--pr", "42", "--no-faults", "--every", "99"), "invariant: d: it does not hold")
end)

-- ---- the manifest ----------------------------------------------------------------------------------

local function manifest_of(t, ...)
  local result = t:davit("rehearse", "toy", "--manifest", ...)
  equal({ result.exit, result.errors:find("all hold", 1, true) ~= nil }, { 0, true })
  return result.output
end

test("a manifest has what undoing needs, too, and is the same for another pull request and another seed", function()
  local t <close> = toy()
  local one = manifest_of(t, "--pr", "42", "--no-faults")
  equal(one, manifest_of(t, "--pr", "7", "--seed", "5", "--no-faults"))
  equal(one:match "\nlookups.*", [[

lookups: []
reads: []
requests:
  - DELETE https://api.github.com/repos/example/codex/issues/comments/*
  - GET https://api.github.com/repos/example/codex/issues/*/comments
  - POST https://api.github.com/repos/example/codex/issues/*/comments
secrets:
  - GITHUB_TOKEN
writes:
  - notes/*.txt
]])
end)

test("a manifest is of all rehearsals that are listed for the recipe", function()
  local t <close> = toy(TWO:gsub("text: again", "text: again, away: true"),
    { ["recipes/toy.lua"] = TOY:gsub('text = { type = "string" }', '%0, away = { type = "boolean" }')
      :gsub("local text = p.text", 'if p.away then call("GET", "/pulls") end %0') })
  local one = manifest_of(t, "--pr", "42", "--no-faults", "--every", "20")
  local both = manifest_of(t, "--no-faults", "--every", "20")
  local line = "GET https://api.github.com/repos/example/codex/pulls\n"
  equal({ one:find(line, 1, true), both:find(line, 1, true) ~= nil }, { nil, true })
end)

test("the command of a secret is in the manifest where the secret is", function()
  local t <close> = toy()
  fs.write(t.path .. "/davit.yaml", (toys.YAML:gsub("{ to: %[api", "{ command: [op, read, 'a b'], to: [api")))
  local text = manifest_of(t, "--pr", "42", "--no-faults", "--every", "99")
  equal(text:match "commands:\n(.-)\n", "  - op read 'a b' in .")
end)
