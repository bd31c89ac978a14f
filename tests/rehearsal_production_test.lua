---Production through the crash rehearsal: it ends as undisturbed, or as if it had never run, wherever it is killed, also
---where it fails by itself.
local flows = assert(require("core").load_file("tests/rehearsal_flows.lua"))()

local TEST, PUSH, production, rehearse, ended = flows.TEST, flows.PUSH, flows.production, flows.rehearse, flows.ended

-- What the issue about a deploy says, if there is one.
local function issue_of(result) return flows.lines(result.reference.inventory, "issue ")[1] or "" end

local function has(text, part)
  if not text:find(part, 1, true) then error(("'%s' is not in: %s"):format(part, text), 2) end
end

test("the first deploy to production holds", function()
  local result = rehearse(production(), { TEST }, { every = 8 })
  equal(ended(result), { {}, 0 })
  equal({ #flows.lines(result.reference.inventory, "deployment of "), #flows.lines(result.before, "Worker ") }, { 1, 0 })
end)

test("a commit that comes after another is deployed, or the one before serves again", function()
  local result = rehearse(production(), { TEST, production(), PUSH, TEST }, { every = 4 })
  equal(ended(result), { {}, 0 })
  local serves = "Worker ecom-api-production: module"
  equal(flows.lines(result.before, serves)[1] ~= flows.lines(result.reference.inventory, serves)[1], true)
  equal(#flows.lines(result.reference.inventory, "deployment of "), 2)
end)

test("production is refused for a commit whose tests have not passed", function()
  equal(ended(rehearse(production(), { TEST, PUSH })), { {}, 7 })
end)

test("where a Worker does not become healthy, those before it serve what they served, and one issue says so", function()
  local result = rehearse(production(), { TEST, production(), PUSH, TEST }, { every = 9, unhealthy = "auth-worker-production" })
  equal(ended(result), { {}, 4 })
  has(issue_of(result), "`codex-web-production` serves")
  equal(#flows.lines(result.reference.inventory, "issue "), 1)
end)

test("where the first deploy fails, no Worker is left, and what was migrated stays", function()
  local result = rehearse(production(), { TEST }, { every = 12, unhealthy = "codex-web-production" })
  equal(ended(result), { {}, 4 })
  equal(flows.lines(result.reference.inventory, "Worker "), {})
  has(issue_of(result), "the migration `0002_sample_data.sql` is applied and stays")
end)

test("migrations that nobody has agreed to are refused, and nothing is deployed", function()
  flows.writable(function(root)
    local after = { TEST, production(), flows.migration 'ALTER TABLE "products" DROP COLUMN "slug";', PUSH, TEST }
    equal(ended(rehearse(production(), after, { root = root, every = 4 })), { {}, 7 })
  end)
end)

test("after migrations that break what served the Workers keep what they got, and an undo says so", function()
  flows.writable(function(root)
    local after = { TEST, production(), flows.migration 'ALTER TABLE "products" DROP COLUMN "slug";', PUSH, TEST }
    local accepted = production { accept_breaking = true }
    equal(ended(rehearse(accepted, after, { root = root, every = 9 })), { {}, 0 })
    local failed = rehearse(accepted, after, { root = root, every = 9, unhealthy = "auth-worker-production" })
    equal(ended(failed), { {}, 3 })
    has(issue_of(failed), "davit rollback --why migration --breaking --time TIME")
  end)
end)

test("what others have is taken over by consent, and given back wherever that breaks off", function()
  flows.writable(function(root)
    local after = { TEST, flows.OTHERS }
    equal(ended(rehearse(production(), after, { root = root, every = 4000 })), { {}, 1 })
    local result = rehearse(production { take_over = true }, after, { root = root, every = 24 })
    equal(ended(result), { {}, 0 })
    local domain = "custom domain codex.revelations.studio: of Worker "
    equal({ flows.lines(result.before, domain), flows.lines(result.reference.inventory, domain) },
      { { domain .. "old-shop" }, { domain .. "codex-web-production" } })
    local failed = rehearse(production { take_over = true }, after,
      { root = root, every = 60, unhealthy = "auth-worker-production" })
    equal({ ended(failed), flows.lines(failed.reference.inventory, domain) }, { { {}, 4 }, { domain .. "old-shop" } })
  end)
end)
