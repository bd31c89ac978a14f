---The Neon provider in rehearsals: killed and disturbed at every point, it ends as if nothing had happened.
local explore = require "rehearsal.explore"
local fs = require "fs"
local process = require "process"
local project = require "project"

local EVERY = (os.getenv "DAVIT" or ""):find("san", 1, true) and 23 or 1

local YAML = [[
version: 1
project: toy
github: { repository: example/codex }
databases: { main: { neon: wandering-moon-123456, parent: production } }
secrets:
  NEON_API_KEY: { to: [console.neon.tech] }
]]

local HEAD = [[
local neon, secret, sql = require "neon", require "secret", require "sql"
local function client()
  return neon.client { project = "wandering-moon-123456", key = secret.env("NEON_API_KEY", { to = neon.places.key }) }
end
local function query(db, branch, text)
  local url = db.connection_uri { branch = branch, to = { "sql:*" }, consumer = "migration" }
  local session <close> = sql.connect { url = url }
  return session:query(text).rows
end
]]

-- What comes of a recipe with this body, at every point.
local function rehearse(body)
  local folder = process.run({ argv = { "mktemp", "-d" } }).output:match "[^\n]+"
  local _ <close> = setmetatable({}, { __close = function() fs.remove(folder) end })
  fs.write(folder .. "/davit.yaml", YAML)
  fs.write(folder .. "/recipes/toy.lua",
    ("%s\nreturn { summary = 'A toy', run = function(_, run)\nlocal db = client()\n%s\nend }\n"):format(HEAD, body))
  return explore.run(project.read(folder),
    { recipe = "toy", params = {}, seed = 1, jobs = 2, pull_requests = {}, every = EVERY, limit = 60 }, function() end)
end

test("a branch of a recorded point, with a schema and a replica beside it, converges or leaves nothing", function()
  local result = rehearse [[
    local production = run.step("production", function() return db.find_branch("production").id end)
    local point = run.step("point", function() return db.rollback_point { branch = production } end)
    local past = run.ensure(db.branch { name = neon.names.emergency_restore(1790000000), at = { lsn = point.lsn },
      marker = "toy/production/main" })
    run.ensure(db.branch { name = neon.names.migration_test(7), schema_only = true, marker = "toy/test/1" })
    db.ready(past)
    run.ensure(db.endpoint { branch = past.id, type = "read_only" })
  ]]
  equal(result.failed, {})
  equal({ result.reference.outcome.code, result.points.http > 10, result.points.sql > 0 }, { 0, true, true })
end)

-- A restore has no way back, so it is judged where runs are resumed. Statements that a step sends again stand twice in
-- the past that is preserved; that is the step's doing.
local function is_of_restore(problem) return not problem.line:find "^database before%-7: %d+ " end

test("a restore in a step is done once, wherever the run is killed", function()
  local result = rehearse [[
    local production = run.step("production", function() return db.find_branch("production").id end)
    run.step("write", function()
      query(db, production, "create table if not exists t (n int); delete from t; insert into t values (1)")
    end)
    local point = run.step("point", function() return db.rollback_point { branch = production } end)
    run.step("ruin", function() query(db, production, "delete from t; insert into t values (2)") end)
    local restored = run.step("restore", function()
      return db.restore { branch = production, to = { lsn = point.lsn }, preserve_as = "before-7",
        marker = "toy/production/main" }
    end)
    run.output("restored", restored.id == production and restored.preserved.name)
  ]]
  local resumed = {}
  for _, packet in ipairs(result.failed) do
    for _, problem in ipairs(packet.schedule:find ":resume$" and packet.problems or {}) do
      if is_of_restore(problem) then resumed[packet.schedule] = problem end
    end
  end
  equal(resumed, {})
  equal(result.reference.outcome.code, 0)
  local text = table.concat(result.reference.inventory, "\n")
  equal({ text:find("database branch before-7: of nothing", 1, true) ~= nil,
    text:find("database branch production: of before-7", 1, true) ~= nil }, { true, true })
end)
