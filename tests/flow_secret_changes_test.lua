---The secrets of Workers, listed and changed, end to end on the local cloud: every name of the sample project has a
---source.
local json = require "json"
local productions = assert(require("core").load_file("tests/place_production.lua"))()

local secrets_test, exits, has = productions.tests(test, skip), productions.exits, productions.has

local place <close> = not productions.missing() and productions.new() or nil

local function secrets(...) return place:davit("secrets", "--local", ...) end

-- What --list says of a Worker.
local function listed(worker, ...)
  return json.decode(exits(0, secrets("--list", ...)).output:match("%f[^\n\0]" .. worker:gsub("%-", "%%-") .. ": ([^\n]+)"))
end

-- The value of a secret in the version of a Worker that serves.
local function value_of(script, name)
  for _ = 1, 200 do   -- the state is written now and then
    local world = require("cloud.store").new(place.folder .. "/.davit/local"):load().world
    local of = world.cloudflare.scripts[script]
    local id = of and of.deployments[#of.deployments].versions[1].version_id
    for _, version in ipairs(of and of.versions or {}) do
      for _, binding in ipairs(version.id == id and version.bindings or {}) do
        if binding.name == name then return binding.text end
      end
    end
    sleep(0.02)
  end
end

-- Until a value is what it should be, as the state is written now and then.
local function becomes(wanted, script, name)
  for _ = 1, 200 do
    if value_of(script, name) == wanted then return end
    sleep(0.02)
  end
  error(("%s of %s is another one"):format(name, script), 2)
end

local function at_github(name)
  return json.decode(place:desk("GET", "/github/secrets").body).secrets[name]
end

secrets_test("production's Workers have all secrets of the guide, each from production's own source", function()
  place:push "one"
  exits(0, place:davit("production", "--local", "--yes"))
  local list = listed "ecom-api"
  equal({ #list.has, list.missing, list.unknown }, { 8, {}, {} })
  becomes("sk_live_fake_codex_0006", "ecom-api-production", "STRIPE_SECRET_KEY")
  becomes("whsec_fake_codex_0013", "ecom-api-production", "STRIPE_WEBHOOK_SECRET_PAYMENT")
  becomes("fake-session-production-0019", "codex-web-production", "SESSION_SECRET")
  becomes("fake-better-auth-production-0020", "auth-worker-production", "BETTER_AUTH_SECRET")
end)

secrets_test("a preview's have the test ones, and made ones", function()
  exits(0, place:davit("preview", "--pr", "42", "--untested", "--local"))
  equal(#listed("auth-worker", "--pr", "42").has, 3)
  becomes("whsec_fake_codex_0007", "ecom-api-preview-42", "STRIPE_WEBHOOK_SECRET_PAYMENT")
  equal(value_of("auth-worker-preview-42", "BETTER_AUTH_SECRET"):match "^%x+$" ~= nil, true)
end)

local function set_in_env_file(name, value)
  exits(0, place:sh(("sed -i 's/^%s=.*/%s=%s/' secrets.env"):format(name, name, value)))   -- which keeps its mode
end

secrets_test("--set and --sync take new values from their sources, one version a Worker", function()
  local before = place:state()
  set_in_env_file("STRIPE_PRODUCTION_KEY", "sk_live_fake_codex_1006")
  set_in_env_file("STRIPE_PRODUCTION_PAYMENT_WEBHOOK_SECRET", "whsec_fake_codex_1013")
  exits(0, secrets("--set", "STRIPE_SECRET_KEY,STRIPE_WEBHOOK_SECRET_PAYMENT"))
  becomes("sk_live_fake_codex_1006", "ecom-api-production", "STRIPE_SECRET_KEY")
  becomes("whsec_fake_codex_1013", "ecom-api-production", "STRIPE_WEBHOOK_SECRET_PAYMENT")
  local after = place:state()
  equal({ after.workers["ecom-api-production"].versions, after.workers["auth-worker-production"] },
    { before.workers["ecom-api-production"].versions + 1, before.workers["auth-worker-production"] })
  set_in_env_file("BETTER_AUTH_SECRET_PRODUCTION", "fake-better-auth-production-1020")
  exits(0, secrets "--sync")
  becomes("fake-better-auth-production-1020", "auth-worker-production", "BETTER_AUTH_SECRET")
  equal(place:state().workers["auth-worker-production"].versions, before.workers["auth-worker-production"].versions + 1)
end)

-- A workflow's own token may never touch secrets: somebody else's does.
local function as_owner(f)
  has(exits(1, secrets("--set", "STRIPE_SECRET_KEY", "--github")).errors, "GITHUB_TOKEN never has it")
  place.env.GITHUB_TOKEN = "github-owner-token"
  f()
  place.env.GITHUB_TOKEN = nil
end

secrets_test("--github stores what is set at GitHub, under the name that deploys take it from", function()
  as_owner(function() exits(0, secrets("--set", "STRIPE_SECRET_KEY", "--github")) end)
  equal(at_github "STRIPE_PRODUCTION_KEY", "sk_live_fake_codex_1006")
  equal(at_github "STRIPE_SECRET_KEY", nil)
end)

secrets_test("--rotate makes a value for the Workers and for GitHub in one command", function()
  local result
  as_owner(function() result = exits(0, secrets("--rotate", "SESSION_SECRET")) end)
  local value = at_github "SESSION_SECRET_PRODUCTION"
  equal(#value, 64)
  becomes(value, "auth-worker-production", "SESSION_SECRET")
  becomes(value, "codex-web-production", "SESSION_SECRET")
  equal((result.output .. result.errors):find(value, 1, true), nil)
  as_owner(function() exits(0, secrets("--rotate", "SESSION_SECRET")) end)
  equal(at_github "SESSION_SECRET_PRODUCTION" ~= value, true)
end)

secrets_test("a preview's made secret is rotated in its Workers alone", function()
  local before = value_of("auth-worker-preview-42", "SESSION_SECRET")
  exits(0, secrets("--rotate", "SESSION_SECRET", "--pr", "42"))
  for _ = 1, 200 do
    if value_of("codex-web-preview-42", "SESSION_SECRET") ~= before then break end
    sleep(0.02)
  end
  equal({ value_of("codex-web-preview-42", "SESSION_SECRET") ~= before, at_github "SESSION_SECRET" }, { true })
  exits(0, place:davit("preview", "--pr", "42", "--untested", "--local"))   -- which keeps it
  equal(value_of("codex-web-preview-42", "SESSION_SECRET"), value_of("auth-worker-preview-42", "SESSION_SECRET"))
end)

secrets_test("--delete takes one away and --list says what is missing; what is not there is fine", function()
  has(exits(0, secrets("--delete", "STRIPE_SECRET_KEY", "--worker", "ecom-api")).errors, "the next deploy brings it back")
  equal(listed("ecom-api").missing, { "STRIPE_SECRET_KEY" })
  exits(0, secrets("--delete", "STRIPE_SECRET_KEY", "--worker", "ecom-api"))
  place:push "two"
  exits(0, place:davit("production", "--local", "--yes"))
  equal(listed("ecom-api").missing, {})
end)

secrets_test("what one Worker refuses is taken back in those before it, and davit undo takes a change back", function()
  local before = value_of("auth-worker-production", "SESSION_SECRET")
  place:faults("cloudflare PATCH /accounts/{}/workers/scripts/codex-web-production/secrets-bulk 400")
  exits(1, secrets("--delete", "SESSION_SECRET"))
  place:faults()
  becomes(before, "auth-worker-production", "SESSION_SECRET")
  place:push "three"
  exits(0, place:davit("production", "--local", "--yes"))
  local made = value_of("auth-worker-production", "BETTER_AUTH_SECRET")
  exits(0, secrets("--delete", "BETTER_AUTH_SECRET"))
  local run = json.decode(place:davit("runs", "--json").output:match "[^\n]+").run
  becomes(nil, "auth-worker-production", "BETTER_AUTH_SECRET")
  exits(0, place:davit("undo", run))
  becomes(made, "auth-worker-production", "BETTER_AUTH_SECRET")
  place:push "four"
  exits(0, place:davit("production", "--local", "--yes"))
end)

secrets_test("what cannot be is refused before anything is changed", function()
  local before = place:state()
  for _, case in ipairs {
    { "one of --list, --sync, or --set" }, { "one of --list, --sync, or --set", "--list", "--sync" },
    { "did you mean 'STRIPE_SECRET_KEY'", "--set", "STRIPE_SECRET_KEYS" },
    { "comes with every deploy", "--set", "DATABASE_URL" },
    { "is the database's", "--rotate", "DATABASE_URL" },
    { "has no source to set it from", "--set", "SESSION_SECRET", "--pr", "42" },
    { "no Worker that is meant wants the secret 'SESSION_SECRET'", "--set", "SESSION_SECRET", "--worker", "ecom-api" },
    { "--github goes with", "--list", "--github" },
    { "STRIPE_SECRET_KEY is named by --set and by --delete", "--set", "STRIPE_SECRET_KEY", "--delete", "STRIPE_SECRET_KEY" },
  } do
    has(exits(2, secrets(table.unpack(case, 2))).errors, case[1])
  end
  equal(place:state(), before)
end)

secrets_test("after a deploy that was taken back Cloudflare refuses, and the hint says what to do", function()
  place:change("sick", "workers/ecom-api")
  place:push "sick"
  place:faults("cloudflare GET /accounts/{}/workers/scripts/{}/schedules 403 times=1")
  exits(1, place:davit("production", "--local", "--yes"))
  place:faults()
  has(exits(1, secrets("--set", "STRIPE_SECRET_KEY")).errors, "deploy, which brings all secrets")
end)
