---Going back in production, and changing its secrets, through the crash rehearsal: after deploys, wherever it is killed.
local flows = assert(require("core").load_file("tests/rehearsal_flows.lua"))()

local TEST, PUSH, production, rehearse, ended = flows.TEST, flows.PUSH, flows.production, flows.rehearse, flows.ended
local rollback, secrets = flows.rollback, flows.secrets

-- ---- back --------------------------------------------------------------------------------

local TWICE = { TEST, production(), PUSH, TEST, production() }
local BETWEEN = "2027-01-15T08:01:00Z"   -- after the first of the two deploys, before the second

test("a rollback leads to what served before, or to what served when it began", function()
  local result = rehearse(rollback(), TWICE)
  equal(ended(result), { {}, 0 })
  local serves = "Worker codex-web-production: module"
  equal(flows.lines(result.before, serves)[1] ~= flows.lines(result.reference.inventory, serves)[1], true)
end)

test("of one Worker alone it does, too, and after a migration", function()
  local result = rehearse(rollback { worker = "auth-worker" }, TWICE)
  equal(ended(result), { {}, 0 })
  local serves = "Worker codex-web-production: module"
  equal(flows.lines(result.before, serves), flows.lines(result.reference.inventory, serves))
  flows.writable(function(root)
    local after = { TEST, production(), flows.migration 'ALTER TABLE "products" ADD COLUMN "note" text;', PUSH, TEST,
      production() }
    equal(ended(rehearse(rollback { why = "migration" }, after, { root = root, every = 2 })), { {}, 0 })
  end)
end)

test("a rollback to what is not healthy either is taken back", function()
  local result = rehearse(rollback(), TWICE, { unhealthy = "auth-worker-production" })
  equal(ended(result), { {}, 4 })
  equal(result.reference.inventory, result.before)
end)

test("without an earlier version nothing is changed", function()
  equal(ended(rehearse(rollback(), { TEST, production() })), { {}, 1 })
end)

-- The columns that a branch has got after the first deploy.
local function later_of(result, branch)
  return #flows.lines(result.reference.inventory, ("database %s: 016 ALTER TABLE"):format(branch))
end

test("the database goes back to a moment as a branch of its own, and the Workers with it", function()
  flows.writable(function(root)
    local after = { TEST, production(), flows.migration 'ALTER TABLE "products" DROP COLUMN "slug";', PUSH, TEST,
      production { accept_breaking = true } }
    local result = rehearse(rollback { why = "migration", breaking = true, time = BETWEEN }, after,
      { root = root, every = 4 })
    equal(ended(result), { {}, 0 })
    equal({ later_of(result, "production"), later_of(result, "emergency-restore-TIME") }, { 1, 0 })
  end)
end)

test("where data is damaged and the Workers do not become healthy on what it was, all is as it was", function()
  local result = rehearse(rollback { why = "data", time = BETWEEN }, TWICE, { every = 4, unhealthy = "codex-web-production" })
  equal(ended(result), { {}, 4 })
  equal(result.reference.inventory, result.before)
end)

test("the branch of that moment goes also where it is not shown yet when it is taken back", function()
  local result = rehearse(rollback { why = "data", time = BETWEEN }, TWICE, { plan = "unseen:http:15" })
  equal({ result.failed, result.schedules }, { {}, 1 })
end)

-- ---- secrets -----------------------------------------------------------------------------

local ONCE = { TEST, production() }

local function secret_lines(list, worker, name)
  return flows.lines(list, ("Worker %s-production: %s = "):format(worker, name))
end

test("secrets are listed and set again, and nothing is another than it was", function()
  for _, what in ipairs { { list = true }, { sync = true }, { set = { "STRIPE_SECRET_KEY", "SESSION_SECRET" } } } do
    local result = rehearse(secrets(what), ONCE)
    equal(ended(result), { {}, 0 })
    equal(result.reference.inventory, result.before)
  end
end)

test("a secret that is deleted is in no Worker, or in all that had it", function()
  local result = rehearse(secrets { delete = { "SESSION_SECRET" } }, ONCE)
  equal(ended(result), { {}, 0 })
  equal(#secret_lines(result.before, "codex-web", "SESSION_SECRET"), 1)
  equal(#secret_lines(result.reference.inventory, "codex-web", "SESSION_SECRET"), 0)
end)

test("secrets that are rotated are new in the Workers and at GitHub, or the Workers have those of before", function()
  local result = rehearse(secrets { rotate = { "SESSION_SECRET", "STRIPE_SECRET_KEY" } }, ONCE, { owner = true })
  equal(ended(result), { {}, 0 })
  for _, worker in ipairs { "auth-worker", "codex-web" } do
    equal(secret_lines(result.reference.inventory, worker, "SESSION_SECRET"),
      { ("Worker %s-production: SESSION_SECRET = a new secret"):format(worker) })
  end
  equal(flows.lines(result.reference.inventory, "secret "), { "secret SESSION_SECRET_PRODUCTION of example/codex: sealed",
    "secret STRIPE_PRODUCTION_KEY of example/codex: sealed" })
end)

test("a workflow's token may not set secrets at GitHub: then no Worker has another one", function()
  local result = rehearse(secrets { rotate = { "SESSION_SECRET" } }, ONCE)
  equal(ended(result), { {}, 1 })
  equal(result.reference.inventory, result.before)
end)

test("where a Worker is not there no other is changed", function()
  local result = rehearse(secrets { sync = true }, {})
  equal(ended(result), { {}, 1 })
  equal(result.reference.outcome.error:find("nothing was changed; deploy it first", 1, true) ~= nil, true)
end)
