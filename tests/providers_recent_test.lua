---What clients do not ask twice (`recent`), and when they do: after a change of ours, after a lost reply, after a while.
local cloudflare = require "cloudflare"
local core = require "core"
local doubt = require "run.doubt"
local environment = require "environment"
local json = require "json"
local neon = require "neon"
local recent = require "service.recent"
local provider_world = assert(core.load_file("tests/provider_world.lua"))()
local ensure, open = provider_world.ensure, provider_world.open

local HOST, NAME = "codex-preview-42.revelations.studio", "codex-web-preview-42"
local MARK, OTHER = "codex/preview/42", "codex/preview/7"

local function client(seconds)
  return cloudflare.client { account = "acc", zone = "revelations.studio", token = "workers-token",
    dns_token = "dns-token", recent = seconds }
end

local function worker(version, mark, name)
  return { name = name or NAME, marker = mark or MARK, main = "index.js", version_tag = version or "v1",
    compatibility_date = "2026-01-01",
    modules = { { name = "index.js", type = "application/javascript+module", body = "export default {}" } } }
end

-- What the tests count: everything that was asked.
local function asked(w) return w:count "^GET" end

-- ---- answers -----------------------------------------------------------------------------

test("an answer counts for its seconds, and none that was changed while it was asked", function()
  local w <close> = open()
  local answers, n = recent.new(60), 0
  local function ask() return answers:ask("key", function() n = n + 1 return n end) end
  equal({ ask(), ask() }, { 1, 1 })
  answers:forget { "other" }
  equal(ask(), 1)
  answers:forget { "key" }
  equal({ ask(), answers:was_told "key" }, { 2, true })
  w.now = w.now + 60
  equal(ask(), 3)
  answers:forget()
  equal(answers:was_told "key", false)
  equal(answers:ask("key", function() answers:forget { "other" } return "old" end), "old")
  equal({ answers:find "key" }, { false })
end)

test("no answer counts while something is taken back", function()
  local w <close> = open()
  local answers, n = recent.new(60), 0
  local function ask() return answers:ask("key", function() n = n + 1 return n end) end
  ask()
  do
    local _ <close> = doubt.begin()
    equal({ ask(), ask() }, { 2, 3 })
  end
  equal({ ask(), w.now }, { 3, w.now })
end)

test("nothing that is seen while a change is under way counts, nor after it has failed", function()
  local _ <close> = open()
  local answers = recent.new(60)
  answers:keep("key", "before")
  try(function()
    local _ <close> = answers:changing { "key" }
    answers:keep("key", "meanwhile")
    failure { code = "lost", message = "lost" }
  end)
  equal({ answers:find "key" }, { false })
end)

test("without seconds every question is asked", function()
  local _ <close> = open()
  local answers, n = recent.new(0), 0
  for _ = 1, 3 do answers:ask("key", function() n = n + 1 end) end
  equal(n, 3)
end)

-- ---- Cloudflare --------------------------------------------------------------------------

test("after a verification a Worker is made, and attached to its host, without being asked for", function()
  local w <close> = open()
  local cf = client(60)
  cf.verify()
  local before = asked(w)
  ensure(cf.dns_record { host = HOST, marker = MARK })
  ensure(cf.worker(worker()))
  ensure(cf.domain { host = HOST, worker = NAME, marker = MARK })
  equal(asked(w) - before, 3)   -- the record, the domains before, the domains after
  equal(w:count "^GET .*/settings", 0)
end)

test("a client that is told no seconds asks as before", function()
  local w <close> = open()
  local cf = client()
  cf.verify()
  ensure(cf.worker(worker()))
  equal(w:count "^GET .*/settings", 1)
end)

test("a Worker of somebody else that was seen in the list is not touched", function()
  local w <close> = open()
  ensure(client().worker(worker("v1", OTHER)))
  local cf, puts = client(60), w:count "^PUT"
  cf.verify()
  raises("exists and is not ours", ensure, cf.worker(worker("v2")))
  equal(w:count "^PUT", puts)
end)

test("what was not there in the list is looked for after a while", function()
  local w <close> = open()
  local cf = client(60)
  cf.verify()
  ensure(client().worker(worker("v1", OTHER)))
  w.now = w.now + 60
  local puts = w:count "^PUT"
  raises("exists and is not ours", ensure, cf.worker(worker("v2")))
  equal(w:count "^PUT", puts)
end)

test("an upload whose reply was lost is looked for, and not sent twice", function()
  local w <close> = open()
  local cf = client(60)
  cf.verify()
  w:fail("^PUT .*scripts", { lost = "after" })
  equal(ensure(cf.worker(worker())).version_tag, "v1")
  equal({ w:count "^PUT", #client().versions(NAME) }, { 1, 1 })
end)

test("a Worker that was destroyed is looked for before that is believed", function()
  local w <close> = open()
  local cf = client(60)
  cf.verify()
  local one = cf.worker(worker())
  ensure(one)
  local before = w:count "^GET .*/settings"
  one.destroy()
  equal({ one.find(), w:count "^GET .*/settings" - before }, { nil, 1 })
end)

test("a domain is listed anew after every change of one", function()
  local w <close> = open()
  local cf = client(60)
  ensure(cf.worker(worker()))
  local one = cf.domain { host = HOST, worker = NAME, marker = MARK }
  ensure(one)
  one.destroy()
  equal({ one.find(), #w.state.cloudflare.domains }, { nil, 0 })
end)

test("the domains that a Worker has stay when another one is attached", function()
  local w <close> = open()
  local cf = client(60)
  ensure(cf.worker(worker()))
  ensure(cf.domain { host = "other.revelations.studio", worker = NAME, marker = MARK })
  ensure(cf.domain { host = HOST, worker = NAME, marker = MARK })
  local origins = json.decode(w:last("^PUT .*domains/records").body).origins
  equal({ #origins, #w.state.cloudflare.domains }, { 2, 2 })
end)

test("an inventory is always asked for", function()
  local w <close> = open()
  local cf = client(60)
  cf.verify()
  ensure(client().worker(worker()))
  ensure(client().domain { host = HOST, worker = NAME, marker = MARK })
  equal(#cf.inventory "codex/preview/42", 2)
  equal(w:count "^GET .*/workers/scripts%?$" >= 2, true)
end)

-- ---- Neon --------------------------------------------------------------------------------

test("how a branch is reached is asked without reading the branch that was just made", function()
  local w <close> = open()
  local preview = environment.new { project = "codex", kind = "preview", key = 42 }
  local cloud = neon.client { project = "wandering-moon-123456", key = "neon-token", environment = preview, recent = 60 }
  local branch = ensure(cloud.branch { name = "pr-42", marker = MARK })
  local uri = { branch = branch.id, database = "neondb", role = "neondb_owner", to = { "sql:*" } }
  cloud.connection_uri(uri)
  equal(w:count("^GET .*/branches/" .. branch.id:gsub("%-", "%%-") .. "%?"), 0)
  w.now = w.now + 60
  cloud.connection_uri(uri)
  equal(w:count("^GET .*/branches/" .. branch.id:gsub("%-", "%%-") .. "%?"), 1)
end)
