---Plans of the shipped flows on the local cloud: none of them changes anything there, and what is carried out afterwards
---is what was said.
local fs = require "fs"
local json = require "json"
local productions = assert(require("core").load_file("tests/place_production.lua"))()

local flow_test = productions.tests(test, skip)

local function events_of(result)
  local list = {}
  for line in result.output:gmatch "[^\n]+" do list[#list + 1] = json.decode(line) end
  return list
end

local place <close> = not productions.missing() and productions.new { record = "../requests" } or nil

-- Every request that the models answered until now.
local function requests()
  local list = {}
  for line in fs.read(place.parent .. "/requests"):gmatch "[^\n]+" do list[#list + 1] = json.decode(line) end
  return list
end

local harmless = { GET = true, HEAD = true, OPTIONS = true }

local function carried_out(arguments, ...)
  return events_of(productions.exits(0, place:davit(
    table.unpack(table.move({ ... }, 1, select("#", ...), #arguments + 1, arguments)))))
end

-- What Davit keeps of the project, but for the folder of temporary ones, which is empty.
local function own_files()
  local list = {}
  for _, name in ipairs(fs.list(place.folder .. "/.davit")) do
    if name ~= "tmp/" then list[#list + 1] = name end
  end
  if fs.exists(place.folder .. "/.davit/tmp") then equal(fs.list(place.folder .. "/.davit/tmp"), {}) end
  return list
end

-- What was planned: names by action. No request of it may change anything, no journal is begun, and what lives stays.
local function plan_events(exit, ...)
  local state, files, before = place:state(), own_files(), #requests()
  local result = place:davit(...)
  if result.exit ~= exit then error(("exit %s: %s"):format(result.exit or result.signal, result.errors), 3) end
  for i, request in ipairs(requests()) do
    if i > before then equal({ request.path, harmless[request.method] }, { request.path, true }) end
  end
  equal(place:state(), state)
  equal(own_files(), files)
  return events_of(result), result
end

local function told_of(events)
  local told = {}
  for _, event in ipairs(events) do
    if event.event == "planned" then
      told[event.data.action] = told[event.data.action] or {}
      told[event.data.action][event.data.name] = event.data.why or true
    end
  end
  return told
end

local function plan(...)
  local arguments = table.pack(...)
  table.move({ "--local", "--json", "--plan" }, 1, 3, arguments.n + 1, arguments)
  local events, result = plan_events(0, table.unpack(arguments))
  equal({ events[#events].event, events[#events].data.error }, { "plan" })
  return told_of(events), result
end

-- What a run did, in the same words.
local function done(...)
  local created, told = {}, { create = {}, found = {}, destroy = {}, step = {} }
  for _, event in ipairs(carried_out({ ... }, "--local", "--json", "--yes")) do
    local name, result = event.path, type(event.data) == "table" and event.data.result
    if event.event == "create-started" then created[name] = true end
    if event.event == "ensure-finished" then told[created[name] and "create" or "found"][name] = true end
    if event.event == "destroy-finished" and result then told.destroy[name] = true end
    if event.event == "step-finished" then told.step[name] = true end
  end
  return told
end

-- Whatever the first has is in one of the others.
local function within(names, ...)
  for name in pairs(names or {}) do
    local found = false
    for _, others in pairs { ... } do found = found or others[name] ~= nil end
    equal({ name, found }, { name, true })
  end
end

-- Names as they are before a build says more: "version (known after …) of x" is "version … of x".
local function without_versions(names)
  local list = {}
  for name, why in pairs(names or {}) do
    list[name:gsub("^version .+ of ", "version of "):gsub("%(known after [^)]+%)", "…")] = why
  end
  return list
end

-- What was said is what came, and nothing else came.
local function agree(said, came)
  local create = without_versions(said.create)
  within(create, without_versions(came.create), without_versions(came.found), came.step)
  for name, why in pairs(create) do
    local made = without_versions(came.create)[name] or came.step[name]
    if why == true then equal({ name, made }, { name, true }) end
  end
  within(without_versions(came.create), create)
  within(said.keep, came.found, came.step)
  within(said.change, came.found, came.step)
  within(without_versions(came.found), without_versions(said.keep), said.change or {}, create)
  within(came.destroy, said.destroy or {})
  within(said.run, came.step)
  within(said.read, came.step)
end

local SAME <const> = "version %x+%-%x+ after %x+%-%x+: "

flow_test("a preview does what its plan said: all of it is made, and the second time all of it is there", function()
  place:event()
  place:push "first"
  place:event()
  local said = plan("preview", "--untested", "--pr", "42")
  equal({ said.create["database/Database branch pr-42"], said.create["Worker codex-web-preview-42"], said.keep, said.change },
    { true, true })
  agree(said, done("preview", "--untested", "--pr", "42"))
  said = plan("preview", "--untested", "--pr", "42")
  equal({ said.keep["database/Database branch pr-42"], said.create, said.change, said.skip["database/migrate"] },
    { true, nil, nil, "nothing is pending" })
  for _, worker in ipairs { "ecom-api", "auth-worker", "codex-web" } do
    equal(said.keep["Worker " .. worker .. "-preview-42"], true)
  end
  agree(said, done("preview", "--untested", "--pr", "42"))
end)

flow_test("a preview's plan says what would change: the code of one Worker, the settings of another", function()
  place:change "another word"
  place:edit("davit.yaml", function(text)
    return (text:gsub("    assets: dist/client\n", "%0    vars: { SHOWN: plan }\n"))
  end)
  local said = plan("preview", "--untested", "--pr", "42")
  equal({ said.create, said.keep["Worker auth-worker-preview-42"] }, { nil, true })
  local function says(worker, what)
    local why = said.change[("Worker %s-preview-42"):format(worker)]
    if not why:find("^" .. SAME .. what .. "$") then error(why, 2) end
  end
  says("ecom-api", "another bundle")
  says("codex-web", "other settings, secrets or database")
  agree(said, done("preview", "--untested", "--pr", "42"))
  equal(plan("preview", "--untested", "--pr", "42").change, nil)
end)

flow_test("a test's plan names its branches, what goes again, and each check, run or left out with the reason", function()
  local said = plan("test", "--pr", "42")
  equal({ said.keep["database/Database branch pr-42"], said.create["e2e/Database branch pr-42-e2e"],
    said.destroy["e2e/Database branch pr-42-e2e"] }, { true, true, "which this run has made" })
  equal({ said.run["types/check"], said.skip["coverage/check"], said.skip["browser/check"] },
    { "node scripts/types.mjs", "it runs by the clock", "it belongs to another recipe" })
  equal(said.skip["tell GitHub"], "files differ from the commit that is checked out")
  said = plan("test", "--pr", "42", "--only", "e2e", "--bundles")
  equal(said.skip["tell GitHub"], "these were some checks only")
  agree(said, done("test", "--pr", "42", "--only", "e2e", "--bundles"))
end)

flow_test("bundles that a test has stored are looked at without being put anywhere", function()
  place:git("stash", "-q")
  local built = fs.stat(place.folder .. "/apps/web/dist/_worker.js").mtime
  place:push "second"
  local said = plan("test", "--pr", "42", "--only", "types", "--bundles")
  equal(said.run["codex-web/store"], true)
  agree(said, done("test", "--pr", "42", "--only", "types", "--bundles"))
  fs.write(place.folder .. "/apps/web/dist/_worker.js", "left by somebody")
  said = plan("preview", "--pr", "42")
  equal({ said.run["bundles/codex-web/tested bundle"], built ~= nil }, { "it is what is deployed", true })
  equal(fs.read(place.folder .. "/apps/web/dist/_worker.js"), "left by somebody")
  agree(said, done("preview", "--pr", "42"))
end)

flow_test("cleanup removes what its plan said, and the next plan has nothing to remove", function()
  local said = plan("cleanup", "--pr", "42")
  equal({ said.destroy["database/Database branch pr-42"], said.destroy["codex-web/Worker codex-web-preview-42"] }, { true, true })
  local came = done("cleanup", "--pr", "42")
  agree(said, came)
  said = plan("cleanup", "--pr", "42")
  equal({ said.destroy, said.create }, {})
end)

flow_test("production does what its plan said, and the next plan keeps what is there", function()
  place:push "third"
  local said = plan "production"
  equal({ said.create["DNS record codex.revelations.studio"], said.ask["Deploy to production?"] }, { true, true })
  agree(said, done "production")
  said = plan "production"
  equal({ said.keep["DNS record codex.revelations.studio"], said.keep["crons of codex-web-production"] }, { true, true })
  equal({ said.keep["deploy codex-web"], said.create, said.change, said.skip.migrate },
    { "it serves", nil, nil, "nothing is pending" })
  agree(said, done "production")
end)

local FIRST <const>, BREAKING <const> = 'ALTER TABLE "users" ADD COLUMN "nick" text;', 'ALTER TABLE "users" DROP COLUMN "name";'

flow_test("a production with new code and migrations says what is another, and what the statements are", function()
  place:change "of production"
  place:migration("nick", FIRST)
  place:push "fourth"
  local said = plan "production"
  local why = said.change["deploy ecom-api"]
  equal({ why:find("^" .. SAME .. "another bundle$") ~= nil, said.keep["deploy auth-worker"], said.run.migrate },
    { true, "it serves", "1 file" })
  local statement, class = next(said.apply)
  equal({ statement:match ":%d+ .*", class, next(said.apply, statement) }, { ":1 " .. FIRST:sub(1, -2), "additive" })
  agree(said, done "production")
end)

flow_test("migrate's plan has every pending statement with its class, and makes no copy", function()
  place:migration("away", 'ALTER TABLE "users" ADD COLUMN "motto" text;\n--> statement-breakpoint\n' .. BREAKING)
  local events, result = plan_events(7, "migrate", "--to", "production", "--local", "--json", "--plan")
  local said = told_of(events)
  local classes = {}
  for name, class in pairs(said.apply) do classes[#classes + 1] = name:match "%u+ %u+ .*" .. " is " .. class:match "%a+" end
  equal(classes, { 'ALTER TABLE "users" ADD COLUMN "motto" text is additive', BREAKING:sub(1, -2) .. " is breaking" })
  equal({ said.create, events[#events].data.error.code, result.errors:find("1 statements break", 1, true) ~= nil },
    { nil, "denied", true })
  said = plan("migrate", "--to", "production", "--accept-breaking")
  equal({ said.create["Database branch migration-test-RUN"], said.destroy["Database branch migration-test-RUN"],
    said.run.try, said.run.apply }, { true, "which this run has made", "on the copy", "1 file" })
  said = plan "migrate"
  equal({ said.create["Database branch migration-test-RUN"], said.run.try, said.run.apply }, { true, "on the copy" })
  place:drop_migration()
  said = plan("migrate", "--to", "production")
  equal({ said.run, said.create, said.read.plan }, { nil, nil, true })
end)

flow_test("secrets' plan names what would be set, rotated and deleted, in which Worker, and no value", function()
  local said = plan("secrets", "--sync")
  equal(said.change["change codex-web"], "a new version of codex-web-production: set SESSION_SECRET")
  place.env.GITHUB_TOKEN = "github-owner-token"
  said = plan("secrets", "--rotate", "SESSION_SECRET", "--delete", "OLD,BETTER_AUTH_SECRET")
  equal({ said.change["change auth-worker"], said.keep["change ecom-api"] }, {
    "a new version of auth-worker-production: rotate SESSION_SECRET; delete BETTER_AUTH_SECRET",
    "it wants and has none of them" })
  equal(said.create["Secret SESSION_SECRET_PRODUCTION of example/codex"], true)
  place.env.GITHUB_TOKEN = nil
  equal(plan("secrets", "--list").read["secrets of codex-web"], true)
  place:edit("davit.yaml", function(text)   -- a program that says a secret only reads
    return (text:gsub("\nsecrets:\n", "%0  STRIPE_PRODUCTION_KEY: { command: [printf, said-by-a-program] }\n"))
  end)
  equal(plan("secrets", "--set", "STRIPE_SECRET_KEY").change["change ecom-api"],
    "a new version of ecom-api-production: set STRIPE_SECRET_KEY")
  place:git("checkout", "-q", "davit.yaml")
  said = plan("secrets", "--delete", "BETTER_AUTH_SECRET", "--worker", "auth-worker")
  agree(said, done("secrets", "--delete", "BETTER_AUTH_SECRET", "--worker", "auth-worker"))
  said = plan("secrets", "--set", "BETTER_AUTH_SECRET")
  equal(said.change["change auth-worker"], "a new version of auth-worker-production: add BETTER_AUTH_SECRET")
  agree(said, done("secrets", "--set", "BETTER_AUTH_SECRET"))
end)

flow_test("rollback's plan says which version each Worker goes to, and what does not come back", function()
  place:event()
  local said = plan("rollback", "--worker", "ecom-api")
  local why = said.change["roll back ecom-api"]
  equal(why:find "^ecom%-api%-production: version %x[%x-]+ %(%x+%-%x+%), after %x[%x-]+ %(%x+%-%x+%); its secrets" ~= nil, true)
  equal({ said.stays["the database: its schema and its data are what they are now"], said.ask["Go back?"] }, { true, true })
  agree(said, done("rollback", "--worker", "ecom-api"))
end)

flow_test("a rollback of the database says which branch would be made, and what is lost", function()
  local time = os.date "!%Y-%m-%dT%H:%M:%SZ"
  local said = plan("rollback", "--why", "data", "--time", time)
  local branch = next(said.create)
  equal(branch:find "^Database branch emergency%-restore%-%d+$" ~= nil, true)
  equal({ said.run.ready, said.stays["cron triggers"] }, { true, true })
  equal(said.change["deploy codex-web"]:match "^a new version after %x+%-%x+, with its secrets: (.*)$",
    "DATABASE_URL, SESSION_SECRET")
  local lost
  for text in pairs(said.stays) do lost = lost or text:find("written after " .. time, 1, true) end
  equal(lost ~= nil, true)
end)

flow_test("what would stop a flow stops its plan, with the same exit code", function()
  place:event()
  local result = place:davit("production", "--local", "--plan")
  equal({ result.exit, result.errors:find("the run would stop here: .*it was started by hand") ~= nil }, { 7, true })
  result = place:davit("rollback", "--worker", "ecom-ap", "--local", "--plan")
  equal({ result.exit, result.errors:find("did you mean 'ecom-api'", 1, true) ~= nil }, { 2, true })
  result = place:davit("secrets", "--set", "NOBODYS", "--local", "--plan")
  equal(result.exit, 2)
end)

-- A recipe of the project's own that slips, in a database of production.
local OWN <const> = [[
local flow = require "flow"
local sql = require "sql"
return { summary = "x", plans = true, params = { slip = { type = "boolean", default = false } }, run = function(p, run)
  local env = flow.environment "production"
  local session <close> = sql.connect { url = env:database_url(env:lasting_branch()) }
  print(session:query("select 1 as one").rows[1].one)
  if p.slip then session:query "begin; insert into users (email) values ('a@example.com'); commit" end
end }]]

flow_test("a recipe's own slip in a database is refused by the server: transactions are read-only", function()
  place:write("recipes/own.lua", OWN)
  local result = place:davit("own", "--local", "--plan")
  equal({ result.exit, result.output:sub(1, 2) }, { 0, "1\n" })
  result = place:davit("own", "--slip", "--local", "--plan")
  equal({ result.exit, result.errors:find("cannot execute INSERT in a read-only transaction", 1, true) ~= nil,
    result.errors:find "recipes/own.lua:7: " ~= nil }, { 7, true, true })
end)

flow_test("a plan as text has a line for each thing, and a summary", function()
  local result = place:davit("secrets", "--list", "--local", "--plan")
  equal(result.exit, 0)
  equal(result.output, "  . read     credentials\n  . read     secrets of ecom-api\n  . read     secrets of auth-worker\n"
    .. "  . read     secrets of codex-web\nplan: 0 to create, 0 to change, 0 kept, 0 to destroy, 0 to run, 0 to ask, 4 read only\n")
end)
