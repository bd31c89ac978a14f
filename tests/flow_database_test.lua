---How a flow waits for a branch that Neon has just made: by connecting to it; what takes long, Neon is asked about.
local core = require "core"
local database = require "flow.database"
local shared = assert(core.load_file("tests/neon_provider_world.lua"))()

-- An environment of nothing but a database without migrations, and its branch.
local function made(w)
  local db = shared.preview()
  local env = setmetatable({ neon = db, kind = "preview", urls = {}, database = { kind = "sql", database = "neondb",
    role = "neondb_owner" } }, { __index = database })
  local branch = shared.ensure(db.branch(shared.branch_of()))
  w:forget()
  return env, branch
end

local function asked(w) return { w:count "operations%?", w:count "operations/" } end

test("a branch that Neon is soon done with is reached without a question about its operations", function()
  local w <close> = shared.open { settings = { operation_seconds = 3 } }
  local _ <close> = shared.with_sql(w)
  local env, branch = made(w)
  equal(env:migrate(branch).verified, true)
  equal(asked(w), { 0, 0 })
  equal({ w.now - w.began >= 3, w.now - w.began < 5 }, { true, true })
end)

test("one that takes long is waited for as its operations say", function()
  local w <close> = shared.open { settings = { operation_seconds = 20 } }
  local _ <close> = shared.with_sql(w)
  local env, branch = made(w)
  equal(env:migrate(branch).verified, true)
  equal({ w:count "operations/" > 0, w.now - w.began >= 20 }, { true, true })
end)

test("one that Neon cannot make is told by the operation that failed", function()
  local w <close> = shared.open()
  local _ <close> = shared.with_sql(w)
  w:fail("^POST .*branches", { trouble = { failures = 1, ends = "error" } })
  local env, branch = made(w)
  raises("the operation %a+_%a+ of the branch pr%-42 is error", env.migrate, env, branch)
end)

test("a password that never becomes valid is told as the database says it, in its time", function()
  local w <close> = shared.open { settings = { operation_seconds = 0 } }
  local _ <close> = shared.with_sql(w)
  local env, branch = made(w)
  local url = env:database_url(branch):gsub("neondb_owner:", "nobody:")
  env.database_url = function() return url end
  local before = w.now
  equal(raises("password authentication failed", env.migrate, env, branch).class, "pending")
  equal({ w.now - before > 60, w.now - before < 80 }, { true, true })
end)
