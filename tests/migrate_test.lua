---The recipe `migrate`: on the local cloud with real PostgreSQL, each command a process of its own, and in rehearsals.
local explore = require "rehearsal.explore"
local fs = require "fs"
local json = require "json"
local places = assert(require("core").load_file("tests/place.lua"))()
local project = require "project"

-- Rehearsals --------------------------------------------------------------------------------

local SPARSE = (os.getenv "DAVIT" or ""):find("san", 1, true) and 29 or 3   -- a forked process is slow there

local function rehearse(params)
  return explore.run(project.read "tests/projects/codex", { recipe = "migrate", params = params, seed = 1, jobs = 2,
    pull_requests = { 42 }, every = SPARSE, limit = 60 }, function() end)
end

test("migrations of production are applied whole or not at all, wherever the run is killed, and no copy is left", function()
  local result = rehearse { to = "production" }
  equal(result.failed, {})
  equal(result.reference.outcome.code, 0)
  equal(result.points.sql > 30, true)
  local records = 0
  for _, line in ipairs(result.reference.inventory) do
    equal({ line, line:find "migration%-test" }, { line })
    records = records + (line:find "row of drizzle.__drizzle_migrations" and 1 or 0)
  end
  equal(records, 3)
end)

test("migrations that are only tried leave nothing", function()
  local result = rehearse {}
  equal(result.failed, {})
  equal(#result.reference.inventory, 1)
end)

test("in a rehearsal a lock belongs to one session of a database until that lets go, or ends", function()
  local cloud_world = require "cloud.world"
  local ledger = require "cloud.ledger"
  local state = cloud_world.new {}
  local branch = state.neon.branches[1]
  local role, host = branch.roles[1], require("cloud.neon.hosts").name(branch.endpoints[1])
  local url = ("postgresql://%s:%s@%s/neondb"):format(role.name, role.password, host)
  local function open() return assert(ledger.connect(state, url, 1800000000).session) end
  local function ask(session, what)
    return ledger.query(state, session, ("select pg_%s(7) as locked"):format(what), {}, 1800000000).rows[1][1]
  end
  local one, two = open(), open()
  equal({ ask(one, "try_advisory_lock"), ask(two, "try_advisory_lock"), ask(one, "try_advisory_lock") }, { "t", "f", "t" })
  equal({ ask(two, "advisory_unlock"), ask(one, "advisory_unlock"), ask(two, "try_advisory_lock") }, { "f", "t", "t" })
  ledger.close(state, two)
  equal(ask(one, "try_advisory_lock"), "t")
end)

-- The local cloud -----------------------------------------------------------------------------

local cloud_test = places.tests(test, skip)
local place <close> = not places.missing() and places.new() or nil
if place then place:start() end

local FOLDER = "/packages/database/drizzle/"

-- Adds a migration to the project; its number is that of its entry.
local function add(name, text)
  local path = place.folder .. FOLDER .. "meta/_journal.json"
  local journal = json.decode(fs.read(path))
  local last = journal.entries[#journal.entries]
  table.insert(journal.entries, { idx = last.idx + 1, version = last.version, when = last.when + 1000, tag = name,
    breakpoints = true })
  fs.write(path, json.encode(journal))
  fs.write(place.folder .. FOLDER .. name .. ".sql", text)
end

local function migrate(code, ...)
  local result = place:davit("migrate", "--local", ...)
  if result.exit ~= code then error(("exit %s: %s"):format(result.exit or result.signal, result.errors), 2) end
  return result
end

-- What Neon has, by its own API.
local function branches()
  local answer = place:ask("https://console.neon.tech/api/v2/projects/wandering-moon-123456/branches", "fake-neon-api-key-0003")
  local names = {}
  for i, branch in ipairs(json.decode(answer).branches) do names[i] = branch.name end
  table.sort(names)
  return names
end

local function contains(text, piece)
  if not text:find(piece, 1, true) then error(("%q is not in:\n%s"):format(piece, text), 2) end
end

cloud_test("migrations are tried on a copy, applied, and are all there the second time", function()
  contains(migrate(0).output, "tried: 3 applied, 0 before, additive")
  contains(migrate(0, "--to", "production").output, "applied: 3 applied, 0 before, additive")
  contains(migrate(0, "--to", "production").output, "nothing: all of them are there")
  equal(branches(), { "production" })
end)

cloud_test("one that breaks is refused with file and line, and applied when somebody agrees", function()
  add("0003_drop", "-- not needed\nALTER TABLE products DROP COLUMN currency;")
  local refused = migrate(7, "--to", "production")
  contains(refused.errors, "packages/database/drizzle/0003_drop.sql:2 products: drops the column currency")
  equal(branches(), { "production" })
  local applied = migrate(0, "--to", "production", "--accept-breaking")
  contains(applied.output, "applied: 1 applied, 3 before, 1 statements break who uses the database")
end)

cloud_test("one that fails on the copy never reaches production, and the copy goes", function()
  add("0004_bad", "ALTER TABLE products ADD COLUMN fine int;\n--> statement-breakpoint\nSELECT nothing_of_this;")
  contains(migrate(1, "--to", "production").errors, "packages/database/drizzle/0004_bad.sql:3:")
  equal(branches(), { "production" })
  fs.write(place.folder .. FOLDER .. "0004_bad.sql", "ALTER TABLE products ADD COLUMN fine int;")
end)

cloud_test("a file that was changed after it was applied is drift", function()
  local path = place.folder .. FOLDER .. "0003_drop.sql"
  fs.write(path, fs.read(path) .. "\n")
  contains(migrate(5, "--to", "production").errors, "0003_drop.sql was changed after it was applied")
end)

cloud_test("what is asked for must make sense", function()
  contains(migrate(2, "--to", "staging").errors, "--to is production or preview")
  contains(migrate(2, "--to", "preview").errors, "go together")
  contains(migrate(2, "--database", "other").errors, "no database is called 'other'")
  contains(migrate(2, "--check").errors, "has no 'generate'")
end)
