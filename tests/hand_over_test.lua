---What one job hands over to a later one: by reference, sealed, and loud when something is missing.
local artifact = require "artifact"
local explore = require "rehearsal.explore"
local fs = require "fs"
local plain = require "fs.core"
local process = require "process"
local project = require "project"
local seal = require "seal.core"
local secret = require "secret"
local places = assert(require("core").load_file("tests/place.lua"))()
local runner = assert(require("core").load_file("tests/runner.lua"))()

local function new_folder()
  return process.run({ argv = { "mktemp", "-d" } }).output:match "[^\n]+"
end

local function test_here(name, f)
  test(name, function()
    local folder = new_folder()
    plain.stay_in(folder)
    local _ <close> = setmetatable({}, { __close = function()
      plain.stay_in(nil)
      plain.remove(folder)
    end })
    local public = seal.new_key(folder .. "/key")
    f(public, secret.file("key", { to = { "sealed:*" } }))
  end)
end

local function url_for(key)
  return secret.generate("DATABASE_URL", 24, { to = { "sql:*", "sealed:" .. key } })
end

-- Values and secrets -------------------------------------------------------------------------------

test_here("what is no secret is handed over by itself, with a canary", function()
  artifact.hand_over { name = "database", values = { branch = "br-1" } }
  equal(artifact.take_over { name = "database", expect = { "branch" } }, { state = "ready", branch = "br-1" })
end)

test_here("a secret goes sealed, and is opened only by who expects it", function(public, key)
  artifact.hand_over { name = "database", values = { branch = "br-1", DATABASE_URL = url_for(public) }, sealed_to = public }
  equal(artifact.take_over { name = "database", expect = { "branch" } }, { state = "ready", branch = "br-1" })
  local handed = artifact.take_over { name = "database", expect = { "branch", "DATABASE_URL" }, key = key }
  equal({ handed.branch, tostring(handed.DATABASE_URL) }, { "br-1", "[secret DATABASE_URL]" })
  local err = raises("DAVIT_ARTIFACT_KEY is not set", artifact.take_over,
    { name = "database", expect = { "DATABASE_URL" } })
  equal(err.code, "secret-missing")
end)

test_here("a secret is not handed over in the clear", function(public)
  local err = raises("its value DATABASE_URL holds the secret DATABASE_URL", artifact.hand_over,
    { name = "database", values = { DATABASE_URL = url_for(public) } })
  equal({ err.code, err.hint:find "the id of a branch" ~= nil, artifact.list() }, { "denied", true, {} })
end)

test_here("a step that is repeated hands over again", function(public)
  for _ = 1, 2 do
    artifact.hand_over { name = "database", values = { branch = "br-1", U = url_for(public) }, sealed_to = public }
  end
  equal(#artifact.list(), 2)
end)

-- Loud when empty ----------------------------------------------------------------------------------------

test_here("nothing, and something without what is expected, are two errors", function()
  local err = raises("nothing was handed over as 'database': there is no such artifact", artifact.take_over,
    { name = "database" })
  equal(err.code, "handover-missing")
  artifact.hand_over { name = "database", values = { branch = "br-1" } }
  err = raises("'database' was handed over without its value DATABASE_URL", artifact.take_over,
    { name = "database", expect = { "branch", "DATABASE_URL" } })
  equal({ err.code, err.about }, { "handover-empty", "DATABASE_URL" })
  artifact.put { name = "other", values = { a = "b" } }
  equal(raises("holds no hand%-over", artifact.take_over, { name = "other" }).code, "handover-missing")
  raises("the value branch is empty", artifact.hand_over, { name = "database", values = { branch = "" } })
  raises("'state' is its own", artifact.hand_over, { name = "database", values = { state = "x" } })
end)

test_here("of outputs that came empty it says whether they were dropped or never written", function()
  local function take(given) return artifact.take_over { name = "database", given = given, expect = { "branch" } } end
  equal(take { state = "ready", branch = "br-1" }.branch, "br-1")
  equal(raises("the output with its state is empty", take, { state = "", branch = "" }).code, "handover-missing")
  equal(raises("the output with its state is empty", take, {}).code, "handover-missing")
  equal(raises("its state is 'failed'", take, { state = "failed" }).code, "handover-missing")
  local err = raises("its state came, but this is empty; GitHub empties an output that it takes for a secret", take,
    { state = "ready", branch = "" })
  equal(err.code, "handover-empty")
end)

test_here("what was sealed and came through an output is opened, or told to be none", function(public, key)
  local sealed = seal.seal_values({ state = "ready", DATABASE_URL = url_for(public) }, { public }, { public })
  local function take(text)
    return artifact.take_over { name = "database", key = key, expect = { "DATABASE_URL" },
      given = { state = "ready", branch = "br-1", sealed = text } }
  end
  local handed = take(require("base64").encode(sealed))
  equal({ tostring(handed.DATABASE_URL), handed.branch }, { "[secret DATABASE_URL]", "br-1" })
  equal(raises("'database' was handed over without its value DATABASE_URL", take, "").code, "handover-empty")
  equal(raises("something else than what was sealed", take, "***").code, "handover-empty")
  equal(raises("it is nothing that was sealed", take, "YWJj").code, "artifact-damaged")
end)

test("under GitHub the values are outputs of the step, the secret is none", function()
  local folder <close> = places.bare {}
  fs.write(folder.folder .. "/hand.lua", [[
    local artifact, secret, seal = require "artifact", require "secret", require "seal.core"
    local public = seal.new_key "key"
    artifact.hand_over { name = "database", sealed_to = public, values = { branch = "br-1",
      DATABASE_URL = secret.env("URL", { to = { "sealed:" .. public } }) } }
  ]])
  folder.env = { DAVIT_ARTIFACTS = folder.folder .. "/shared" }
  local env = { DAVIT_ARTIFACTS = folder.folder .. "/shared", URL = "postgresql://u:p4ss-word-1@db/x" }
  local job = runner.job()
  local step = job:run { argv = { places.program, "hand.lua" }, cwd = folder.folder, env = env }
  equal({ step.failed, step.outputs.database_branch, step.outputs.database_state }, { false, "br-1", "ready" })
  for _, value in pairs(step.outputs) do equal(value:find("p4ss", 1, true), nil) end
  local sealed = step.outputs.database_sealed
  fs.write(folder.folder .. "/take.lua", [[
    local artifact, secret = require "artifact", require "secret"
    local handed = artifact.take_over { name = "database", given = { state = "ready", sealed = ... },
      expect = { "DATABASE_URL" }, key = secret.file("key", { to = { "sealed:*" } }) }
    print(handed.DATABASE_URL)
  ]])
  equal(folder:davit("take.lua", sealed).output, "[secret DATABASE_URL]\n")
end)

-- In a flow ------------------------------------------------------------------------------------------------

local CODEX = "tests/projects/codex"
local EVERY = (os.getenv "DAVIT" or "build/davit"):find("san", 1, true) and 11 or 1

-- Rehearses a recipe with this body on the sample project, at every point.
local function rehearse(body)
  local folder = new_folder()
  local _ <close> = setmetatable({}, { __close = function() fs.remove(folder) end })
  process.run { argv = { "cp", "-R", CODEX .. "/.", folder } }
  local yaml = fs.read(folder .. "/davit.yaml")
  fs.write(folder .. "/davit.yaml", ("%s\nartifacts: { keys: { e2e: %s } }\n"):format(yaml, seal.new_key(folder .. "/key")))
  fs.write(folder .. "/recipes/toy.lua", ([[
    local artifact, flow, sql = require "artifact", require "flow", require "sql"
    return { summary = "A toy", run = function(_, run)
      local env = flow.environment("preview", { pr = 42 })
      local branch = run.ensure(env:branch())
      run.step("ready", { branch = branch.id }, function() env:migrate(branch) end)
      %s
    end }]]):format(body))
  return explore.run(project.read(folder), { recipe = "toy", params = {}, seed = 1, jobs = 2, pull_requests = { 42 },
    every = EVERY, limit = 60 }, function() end)
end

test("the database is handed over by its branch, wherever the run is killed", function()
  local result = rehearse [[
    run.step("hand over", function() env:hand_over(branch) end)
    run.step("take over", function()
      local taken, url = env:take_over()
      if taken.id ~= branch.id then failure { code = "wrong", message = taken.id } end
      local session <close> = sql.connect { url = url }
      session:query "select 1"
    end)
  ]]
  equal(result.failed, {})
  equal(result.reference.outcome.code, 0)
end)

test("and sealed, for a job that holds no key of Neon", function()
  local result = rehearse [[
    run.step("hand over", function() env:hand_over(branch, { sealed_to = "e2e" }) end)
    run.step("take over", function()
      local handed = artifact.take_over { name = "database", expect = { "branch", "DATABASE_URL" } }
      local session <close> = sql.connect { url = handed.DATABASE_URL }
      session:query "select 1"
    end)
  ]]
  equal(result.failed, {})
  equal(result.reference.outcome.code, 0)
end)

test("two jobs on a real database: one by the branch's id, one that holds nothing but its private key", function()
  local why_not = places.missing()
  if why_not then skip(why_not) end
  local place <close> = places.new()
  local public = seal.new_key(place.parent .. "/key")
  fs.append(place.folder .. "/davit.yaml", ("\nartifacts: { keys: { e2e: %s } }\n"):format(public))
  fs.write(place.folder .. "/recipes/give.lua", [[
    return { summary = "s", run = function(_, run)
      local env = require("flow").environment("preview", { pr = 42 })
      local branch = run.ensure(env:branch())
      run.step("migrate", function() return env:migrate(branch) end)
      run.step("hand over", function() env:hand_over(branch, { sealed_to = "e2e" }) end)
    end }]])
  fs.write(place.folder .. "/recipes/ask.lua", [[
    return { summary = "s", run = function(_, run)
      local env = require("flow").environment("preview", { pr = 42 })
      local branch, url = env:take_over()
      local session <close> = require("sql").connect { url = url }
      run.output("products", session:query("select count(*)::int as n from products").rows[1].n)
    end }]])
  local other = place:sibling "later job"
  fs.write(other.folder .. "/davit.yaml", "version: 1\nproject: codex\n")
  fs.remove(other.folder .. "/secrets.env")
  fs.write(other.folder .. "/recipes/use.lua", [[
    return { summary = "s", run = function(_, run)
      local handed = require("artifact").take_over { name = "database", expect = { "DATABASE_URL" } }
      print(handed.DATABASE_URL)
      local session <close> = require("sql").connect { url = handed.DATABASE_URL }
      run.output("products", session:query("select count(*)::int as n from products").rows[1].n)
    end }]])
  place:start()
  place.env = { DAVIT_ARTIFACTS = place.parent .. "/shared" }
  local function run(folder, recipe)
    local result = folder:davit("run", recipe, "--local")
    if result.exit ~= 0 then error(result.errors, 2) end
    return result.output
  end
  run(place, "give")
  equal(run(place, "ask"), "products: 4\n")
  other.env = { DAVIT_ARTIFACTS = place.parent .. "/shared",
    DAVIT_ARTIFACT_KEY = fs.read(place.parent .. "/key"):match "%S+" }
  equal(run(other, "use"), "[secret DATABASE_URL]\nproducts: 4\n")
end)

-- Through the recipe `test` --------------------------------------------------------------------------------

local DAY <const> = 86400

-- The sample project as a repository of git, with one check that needs a database; its cloud runs.
local function tested_place()
  local place = places.new { dns_delay = 0, tls_delay = 0, propagation_delay = 0, operation_seconds = 0 }
  local public = seal.new_key(place.parent .. "/key")
  local yaml = fs.read(place.folder .. "/davit.yaml")
  yaml = yaml:gsub("\nchecks:\n.-\nsecrets:\n", function()
    return "\nchecks: { unit: { run: 'test -n \"$DATABASE_URL\"', needs: database } }\nsecrets:\n"
  end)
  fs.write(place.folder .. "/davit.yaml", ("%s\nartifacts: { keys: { e2e: %s } }\n"):format(yaml, public))
  fs.write(place.folder .. "/.gitignore", "node_modules\ndist\n.davit\n")
  place:start()
  place:sh [[git init -q -b main && git add . && git -c user.name=a -c user.email=a@localhost commit -qm one]]
  place.env = { DAVIT_ARTIFACTS = place.parent .. "/shared" }
  return place
end

local function test_places(name, f)
  test(name, function()
    local why_not = places.missing()
    if why_not then skip(why_not) end
    local place <close> = tested_place()
    f(place)
  end)
end

-- What is in the store, and for how many days.
local function kept(folder)
  local days = {}
  for line in folder:davit("artifact", "list", "--json").output:gmatch "[^\n]+" do
    local entry = require("json").decode(line)
    days[entry.name] = math.tointeger((entry.expires - entry.created) / DAY)
  end
  return days
end

test_places("a test seals the connection string for a later job, which has nothing but a key", function(place)
  local result = place:davit("test", "--pr", "42", "--local", "--sealed-to", "e2e")
  if result.exit ~= 0 then error(result.errors, 0) end
  equal(kept(place), { database = 7, ["database.sealed"] = 7 })
  local clear = process.run { command = "grep -rlE 'postgres|npg_' " .. place.parent .. "/shared", check = false }
  equal(clear.output, "")

  local later = place:sibling "later job"
  fs.write(later.folder .. "/davit.yaml", "version: 1\nproject: codex\n")
  fs.remove(later.folder .. "/secrets.env")
  later.env = place.env
  local use = { "artifact", "get", "database.sealed", "--", "/bin/sh", "-c",
    'case "$DATABASE_URL" in postgresql://*:*@*) echo "opened: $DATABASE_URL" ;; esac' }
  local refused = later:davit(table.unpack(use))
  equal({ refused.exit, refused.errors:find("DAVIT_ARTIFACT_KEY is not set", 1, true) ~= nil }, { 2, true })
  later.env.DAVIT_ARTIFACT_KEY = fs.read(place.parent .. "/key"):match "%S+"
  local opened = later:davit(table.unpack(use))
  equal({ opened.exit, opened.errors }, { 0, "opened: ***\n" })
end)

test_places("a key that davit.yaml has not stops the test before anything is made; a push hands nothing on", function(place)
  local before = place:ask("https://console.neon.tech/api/v2/projects/wandering-moon-123456/branches",
    "fake-neon-api-key-0003")
  local refused = place:davit("test", "--pr", "42", "--local", "--sealed-to", "e3e")
  equal({ refused.exit, refused.errors:find("no key is called 'e3e'", 1, true) ~= nil }, { 2, true })
  local after = place:ask("https://console.neon.tech/api/v2/projects/wandering-moon-123456/branches",
    "fake-neon-api-key-0003")
  equal({ after == before, kept(place) }, { true, {} })
  local pushed = place:davit("test", "--branch", "x", "--only", "unit", "--local", "--sealed-to",
    "e2e")
  equal({ pushed.exit, pushed.errors:find("no database is handed over: push-x-", 1, true) ~= nil, kept(place) },
    { 0, true, {} })
end)

test_places("what a recipe hands over of a push's branch is kept for a day", function(place)
  fs.write(place.folder .. "/recipes/give.lua", [[
    return { summary = "s", run = function(_, run)
      local env = require("flow").environment("test", { branch = "x", sha = ("a"):rep(40) })
      local branch = run.ensure(env:branch())
      run.step("hand over", function() env:hand_over(branch, { sealed_to = { "e2e" } }) end)
    end }]])
  local result = place:davit("give", "--local")
  if result.exit ~= 0 then error(result.errors, 0) end
  equal(kept(place), { database = 1, ["database.sealed"] = 1 })
end)
