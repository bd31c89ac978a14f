---Versions, deployments, the way back, and secrets of Workers, by the Cloudflare provider.
local cloudflare = require "cloudflare"
local core = require "core"
local json = require "json"
local resource = require "run.resource"
local provider_world = assert(core.load_file("tests/provider_world.lua"))()
local ensure, open = provider_world.ensure, provider_world.open

local NAME, MARK, OTHER = "codex-web-production", "codex/production/main", "codex/preview/7"

-- ---- what the tests share ----------------------------------------------------------------

local function client()
  return cloudflare.client { account = "acc", token = "workers-token" }
end

local function options_of(tag, more)
  local o = { worker = NAME, marker = MARK, main = "index.js", version_tag = tag,
    modules = { { name = "index.js", type = "application/javascript+module", body = "export default {} // " .. tag } } }
  for name, value in pairs(more or {}) do o[name] = value end
  return o
end

local function version_of(tag, more) return client().version(options_of(tag, more)) end

local function deployment_of(version, more)
  local o = { worker = NAME, marker = MARK, version = version.id }
  for name, value in pairs(more or {}) do o[name] = value end
  return client().deployment(o)
end

-- Versions v1, v2, … each of which served.
local function deploy(count)
  local versions = {}
  for i = 1, count do
    versions[i] = ensure(version_of("v" .. i, { message = "the " .. i .. ". one" }))
    ensure(deployment_of(versions[i]))
  end
  return versions
end

local function script(w) return w.state.cloudflare.scripts[NAME] end

local function refusal(status, code)
  return { status = status, headers = {}, body = json.encode { success = false, result = json.null,
    messages = json.array {}, errors = json.array { { code = code, message = "no" } } } }
end

-- ---- versions ----------------------------------------------------------------------------

test("the first version of a Worker makes it, with all traffic, and says so", function()
  local w <close> = open()
  local thing = ensure(version_of "v1")
  equal({ thing.tag, thing.deployed, thing.first, thing.number }, { "v1", true, true, 1 })
  equal({ script(w).versions[1].id, script(w).deployments[1].versions[1].version_id }, { thing.id, thing.id })
  equal({ w:count "^PUT", w:count "^POST" }, { 1, 0 })
end)

test("a later version gets no traffic, and is not uploaded twice", function()
  local w <close> = open()
  local first = ensure(version_of "v1")
  w:forget()
  local thing = ensure(version_of "v2")
  equal({ thing.deployed, thing.first, thing.number }, { false, false, 2 })
  equal({ w:count "^GET", w:count "^POST .*versions%?bindings_inherit=strict", w:count "^PUT" }, { 2, 1, 0 })
  equal(ensure(version_of "v2"), thing)
  equal({ w:count "^POST", client().serving(NAME).version }, { 1, first.id })
  equal(ensure(version_of "v1").deployed, true)
end)

test("where a later version was taken back the same is made anew, so that secrets can be changed again", function()
  local w <close> = open()
  local first = deploy(2)[1]
  client().rollback { worker = NAME, marker = MARK, version = first.id }
  local change = { worker = NAME, marker = MARK, set = { KEY = "new" } }
  raises("isn't currently deployed", client().change_secrets, change)
  local again = ensure(version_of "v1")
  equal({ again.tag, again.deployed, again.number }, { "v1", false, 3 })
  ensure(deployment_of(again))
  equal({ ensure(version_of "v1").id, #script(w).versions }, { again.id, 3 })
  equal(client().change_secrets(change).set, { "KEY" })
end)

test("a version whose answer was lost is looked for by its tag", function()
  local w <close> = open()
  ensure(version_of "v1")
  w:fail("^POST .*/versions", { lost = "after" })
  equal(ensure(version_of "v2").number, 2)
  w:fail("^POST .*/versions", { lost = "before" })
  equal(ensure(version_of "v3").number, 3)
  equal(#script(w).versions, 3)
end)

test("no version is made of somebody else's Worker", function()
  local w <close> = open()
  ensure(version_of("v1", { marker = OTHER }))
  raises("belongs to codex/preview/7, not to codex/production/main", ensure, version_of "v2")
  raises("belongs to codex/preview/7", ensure, version_of "v1")
  equal(w:count "^POST", 0)
end)

test("a version without a tag, or without content, is a misuse", function()
  local w <close> = open()
  raises("option 'version_tag' is required", client().version, { worker = NAME, marker = MARK })
  raises("cloudflare.version: to upload 'codex%-web%-production' the options 'main' and 'modules'",
    client().version({ worker = NAME, marker = MARK, version_tag = "x" }).create)
  raises("bindings: the one at 1 must have a name and a type", client().version, options_of("x", { bindings = { {} } }))
  raises("migrations: the one at 1 must have a tag", client().version, options_of("x", { migrations = { {} } }))
  equal(#w.log, 0)
end)

test("a version that was never deployed is deleted, one that serves is not", function()
  local w <close> = open()
  ensure(version_of "v1")
  local second = version_of "v2"
  ensure(second)
  raises("has traffic; deploy another one first", resource.destroy, version_of "v1")
  equal({ resource.destroy(second), second.find(), #script(w).versions }, { true, nil, 1 })
end)

test("a Worker goes with the version that made it, while there is no other", function()
  local w <close> = open()
  ensure(version_of "v1")
  equal({ resource.destroy(version_of "v1"), script(w) }, { true, nil })
  deploy(2)
  raises("has traffic; deploy another one first", resource.destroy, version_of "v2")
  equal(#script(w).versions, 2)
end)

test("a version that has served stays as history when it is destroyed", function()
  local w <close> = open()
  deploy(2)
  equal({ resource.destroy(version_of "v1"), #script(w).versions }, { true, 2 })
  equal(client().serving(NAME).tag, "v2")
end)

-- ---- deployments -------------------------------------------------------------------------

test("a deployment gives one version all traffic, once", function()
  local w <close> = open()
  ensure(version_of "v1")
  local second = ensure(version_of "v2")
  w:forget()
  local thing = ensure(deployment_of(second, { message = "go" }))
  equal({ thing.version, w:count "^POST .*deployments", #w.log }, { second.id, 1, 3 })
  equal(ensure(deployment_of(second)).id, thing.id)
  equal(w:count "^POST", 1)
  local serving = client().serving(NAME)
  equal({ serving.version, serving.tag, serving.deployment }, { second.id, "v2", thing.id })
end)

test("a deployment whose answer was lost is looked for before it is made again", function()
  local w <close> = open()
  ensure(version_of "v1")
  local second = ensure(version_of "v2")
  w:fail("^POST .*deployments", { lost = "after" })
  ensure(deployment_of(second))
  equal(#script(w).deployments, 2)
end)

test("a deployment that is taken back lets what served before serve again", function()
  local w <close> = open()
  local versions = deploy(2)
  local back = deployment_of(versions[2])
  equal({ resource.destroy(back), client().serving(NAME).tag, back.find() }, { true, "v1", nil })
  equal(script(w).deployments[3].annotations["workers/message"], "back: from " .. versions[2].id)
  equal(resource.destroy(back), false)
end)

test("the only version there was cannot be taken back", function()
  local _ <close> = open()
  local versions = deploy(1)
  raises("no earlier version .* can be deployed; deploy another one, or destroy the Worker", resource.destroy,
    deployment_of(versions[1]))
end)

test("nothing is deployed on somebody else's Worker", function()
  local w <close> = open()
  local first = ensure(version_of("v1", { marker = OTHER }))
  ensure(version_of("v2", { marker = OTHER }))
  raises("belongs to codex/preview/7", ensure, deployment_of { id = "another" })
  raises("belongs to codex/preview/7", ensure, deployment_of(first))
  equal(#script(w).deployments, 1)
  raises("there is no Worker never%-made; deploy it first",
    client().deployment({ worker = "never-made", marker = MARK, version = "x" }).create)
end)

test("settings of the Worker itself come with the deployment", function()
  local w <close> = open()
  local versions = deploy(1)
  ensure(deployment_of(versions[1], { settings = { observability = { enabled = true }, logpush = true } }))
  equal({ script(w).observability, script(w).logpush, #script(w).deployments, script(w).tags },
    { { enabled = true }, true, 1, { "davit:" .. MARK } })
end)

-- ---- what serves -------------------------------------------------------------------------

test("what serves is nothing, one version, or several with their shares", function()
  local w <close> = open()
  equal({ client().serving(NAME), client().versions(NAME) }, { nil, json.array {} })
  local versions = deploy(2)
  script(w).deployments[2].versions = { { version_id = versions[1].id, percentage = 90 },
    { version_id = versions[2].id, percentage = 10 } }
  local serving = client().serving(NAME)
  equal({ serving.version, serving.split }, { nil, { { version = versions[1].id, percentage = 90 },
    { version = versions[2].id, percentage = 10 } } })
  raises("cloudflare.serving: expected the name of a Worker, not a nil", client().serving)
end)

test("of what serves it is known with which deployment it came, also after somebody went back to it", function()
  local _ <close> = open()
  local versions = deploy(1)
  local second = ensure(version_of "v2")
  ensure(client().deployment { worker = NAME, marker = MARK, version = second.id, message = "release 2" })
  local came = client().serving(NAME)
  equal({ came.message, came.came }, { "release 2", came.created })
  client().rollback { worker = NAME, version = versions[1].id, message = "it was bad" }
  client().rollback { worker = NAME, version = second.id, message = "it was not" }
  local again = client().serving(NAME)
  equal({ again.message, again.came, again.deployment ~= came.deployment }, { "release 2", came.came, true })
end)

test("versions are listed from the newest on, with what was said of them", function()
  local _ <close> = open()
  local versions = deploy(3)
  local list = client().versions(NAME)
  equal({ #list, list[1].id, list[1].tag, list[1].message, list[1].number }, { 3, versions[3].id, "v3", "the 3. one", 3 })
  equal({ list[3].tag, type(list[3].created) }, { "v1", "string" })
end)

test("the last good version is the one that had all traffic before", function()
  local w <close> = open()
  equal(client().last_good(NAME, MARK), nil)
  local versions = deploy(1)
  equal(client().last_good(NAME, MARK), nil)
  versions = { versions[1], ensure(version_of "v2") }
  ensure(deployment_of(versions[2]))
  ensure(deployment_of(ensure(version_of "v3")))
  equal({ client().last_good(NAME, MARK).version, client().last_good(NAME, MARK).tag }, { versions[2].id, "v2" })
  script(w).deployments[2].versions = { { version_id = versions[1].id, percentage = 50 },
    { version_id = versions[2].id, percentage = 50 } }
  equal(client().last_good(NAME, MARK).tag, "v1")
  raises("belongs to codex/production/main", client().last_good, NAME, OTHER)
end)

test("a version too old to be deployed is none to go back to", function()
  local w <close> = open()
  local versions = deploy(2)
  for i = 3, 101 do
    table.insert(script(w).versions, { id = "between-" .. i, script = NAME, number = i, bindings = {}, created = w.now,
      annotations = {}, modules = {} })
  end
  script(w).numbered = 101
  ensure(deployment_of(ensure(version_of "newest")))
  equal(client().last_good(NAME, MARK), nil)
  equal(versions[2].number, 2)
end)

-- ---- the way back ------------------------------------------------------------------------

test("a rollback deploys an earlier version, and says what it does not bring back", function()
  local w <close> = open()
  local versions = deploy(2)
  local done = client().rollback { worker = NAME, marker = MARK, version = versions[1].id, message = "v2 is broken" }
  equal({ done.version, done.from, done.changed }, { versions[1].id, versions[2].id, true })
  equal({ done.back[1], done.stays, script(w).deployments[3].annotations["workers/message"] },
    { "code", cloudflare.rollback_reach.stays, "back: v2 is broken" })
  local again = client().rollback { worker = NAME, version = versions[1].id }
  equal({ again.changed, #script(w).deployments }, { false, 3 })
end)

test("a rollback whose answer was lost is made once", function()
  local w <close> = open()
  local versions = deploy(2)
  w:fail("^POST .*deployments", { lost = "after" })
  client().rollback { worker = NAME, marker = MARK, version = versions[1].id }
  equal(#script(w).deployments, 3)
end)

test("a rollback across changed secrets is refused until somebody forces it", function()
  local _ <close> = open()
  local versions = { ensure(version_of("v1", { bindings = { { name = "KEY", type = "secret_text", text = "one" } } })) }
  versions[2] = ensure(version_of("v2", { bindings = { { name = "KEY", type = "secret_text", text = "two" } } }))
  ensure(deployment_of(versions[2]))
  local err = raises("10220.*secrets have changed: KEY; secrets were changed since that version", client().rollback,
    { worker = NAME, marker = MARK, version = versions[1].id })
  equal({ err.code, err.class, client().serving(NAME).tag }, { "cloudflare-10220", "fatal", "v2" })
  client().rollback { worker = NAME, marker = MARK, version = versions[1].id, force = true }
  equal(client().serving(NAME).tag, "v1")
end)

-- ---- secrets -----------------------------------------------------------------------------

local function with_secrets()
  return ensure(version_of("v1", { bindings = { { name = "OLD", type = "secret_text", text = "a" },
    { name = "KEY", type = "secret_text", text = "b" }, { name = "PLAIN", type = "plain_text", text = "c" } } }))
end

test("secrets are listed by name and kind, without values", function()
  local _ <close> = open()
  equal(client().secrets(NAME), {})
  with_secrets()
  equal(client().secrets(NAME), { { name = "OLD", type = "secret_text" }, { name = "KEY", type = "secret_text" } })
end)

test("all changes of secrets are one version and one deployment", function()
  local w <close> = open()
  with_secrets()
  w:forget()
  local done = client().change_secrets { worker = NAME, marker = MARK, set = { KEY = "new", MORE = "more" },
    delete = { "OLD", "never there" } }
  equal({ done.set, done.deleted }, { json.array { "KEY", "MORE" }, json.array { "OLD" } })
  equal({ #script(w).versions, #script(w).deployments, w:count "^PATCH .*secrets%-bulk" }, { 2, 2, 1 })
  equal(w:last("^PATCH").headers["content-type"], "application/merge-patch+json")
  local names = {}
  for _, one in ipairs(client().secrets(NAME)) do names[one.name] = one.type end
  equal(names, { KEY = "secret_text", MORE = "secret_text" })
end)

test("where nothing changes nothing is deployed", function()
  local w <close> = open()
  with_secrets()
  client().change_secrets { worker = NAME, marker = MARK, delete = { "never there" } }
  client().change_secrets { worker = NAME, marker = MARK }
  equal({ #script(w).versions, w:count "^PATCH" }, { 1, 0 })
end)

test("more changes than a request takes are sent in several", function()
  local w <close> = open()
  with_secrets()
  local set = {}
  for i = 1, 101 do set[("S%03d"):format(i)] = "x" end
  equal(#client().change_secrets({ worker = NAME, marker = MARK, set = set }).set, 101)
  equal({ w:count "^PATCH", #client().secrets(NAME) }, { 2, 103 })
end)

test("secrets of somebody else's Worker are not changed, nor of one with another version on its way", function()
  local w <close> = open()
  with_secrets()
  raises("belongs to codex/production/main", client().change_secrets, { worker = NAME, marker = OTHER, set = { A = "b" } })
  ensure(version_of "v2")
  raises("10215.*does not have all traffic: deploy it first", client().change_secrets,
    { worker = NAME, marker = MARK, set = { A = "b" } })
  equal(#script(w).versions, 2)
end)

test("a mistaken change of secrets is refused before anything is sent", function()
  local w <close> = open()
  raises("option 'value' must be a string or a secret, not a number", client().change_secrets,
    { worker = NAME, marker = MARK, set = { A = 1 } })
  raises("'A' is both set and deleted", client().change_secrets,
    { worker = NAME, marker = MARK, set = { A = "x" }, delete = { "A" } })
  raises("a secret's name must be a text", client().change_secrets, { worker = NAME, marker = MARK, delete = { 1 } })
  equal(#w.log, 0)
end)

-- ---- what a configuration of wrangler may say --------------------------------------------

test("placement, limits, logpush and tail consumers travel with the upload", function()
  local w <close> = open()
  ensure(client().worker { name = "tail", marker = MARK, main = "m", version_tag = "1",
    modules = { { name = "m", type = "application/javascript+module", body = "export default {}" } } })
  ensure(version_of("v1", { placement = { mode = "smart" }, limits = { cpu_ms = 50 }, logpush = true,
    tail_consumers = { { service = "tail" } }, streaming_tail_consumers = { { service = "tail" } },
    cache_options = { enabled = true }, compatibility_flags = { "nodejs_compat" }, compatibility_date = "2026-01-01" }))
  local made = json.decode(script(w).versions[1].extra)
  equal({ made.placement, made.limits, script(w).logpush }, { { mode = "smart" }, { cpu_ms = 50 }, true })
  equal({ made.cache_options, script(w).streaming_tail_consumers }, { { enabled = true }, { { service = "tail" } } })
  equal({ script(w).tail_consumers, script(w).versions[1].compatibility_flags }, { { { service = "tail" } }, { "nodejs_compat" } })
end)

test("only the migrations that a Worker does not have yet are sent", function()
  local w <close> = open()
  local migrations = { { tag = "v1", new_sqlite_classes = { "Room" } } }
  local function deploy_with(tag)
    return ensure(client().worker { name = NAME, marker = MARK, main = "index.js", version_tag = tag, migrations = migrations,
      modules = { { name = "index.js", type = "application/javascript+module", body = "export class Room {}" } },
      bindings = { { name = "ROOM", type = "durable_object_namespace", class_name = "Room" } } })
  end
  deploy_with "a"
  equal({ script(w).migration_tag, #script(w).namespaces }, { "v1", 1 })
  deploy_with "b"
  migrations[2] = { tag = "v2", renamed_classes = { { from = "Room", to = "Hall" } } }
  migrations[3] = { tag = "v3", new_classes = { "Door" } }
  deploy_with "c"
  local sent = json.decode(w:last("^PUT").parts[1].data).migrations
  equal({ sent.old_tag, sent.new_tag, #sent.steps }, { "v1", "v3", 2 })
  equal({ script(w).migration_tag, script(w).namespaces[1].class }, { "v3", "Hall" })
  migrations = { { tag = "other" } }
  raises("was migrated to 'v3', which is not among its migrations", deploy_with, "d")
end)

test("a version alone does not migrate Durable Objects", function()
  local _ <close> = open()
  ensure(version_of "v1")
  raises("10123.*need a deployment: cloudflare.worker uploads and deploys at once", ensure,
    version_of("v2", { migrations = { { tag = "m1", new_classes = { "Room" } } } }))
end)

test("bindings of every kind that a configuration knows are uploaded as they are", function()
  local w <close> = open()
  local bindings = {
    { name = "A", type = "kv_namespace", namespace_id = "1" }, { name = "B", type = "r2_bucket", bucket_name = "b" },
    { name = "C", type = "d1", id = "1" }, { name = "D", type = "queue", queue_name = "q" },
    { name = "E", type = "service", service = NAME }, { name = "F", type = "durable_object_namespace", class_name = "R" },
    { name = "G", type = "json", json = { a = 1 } }, { name = "H", type = "ai" }, { name = "I", type = "browser" },
    { name = "J", type = "analytics_engine", dataset = "d" }, { name = "K", type = "hyperdrive", id = "1" },
    { name = "L", type = "vectorize", index_name = "v" }, { name = "M", type = "send_email" },
    { name = "N", type = "mtls_certificate", certificate_id = "1" }, { name = "O", type = "version_metadata" },
    { name = "P", type = "workflow", workflow_name = "w", class_name = "W" }, { name = "Q", type = "images" },
    { name = "R", type = "ratelimit", namespace_id = "1", simple = { limit = 1, period = 10 } },
    { name = "S", type = "dispatch_namespace", namespace = "n" }, { name = "T", type = "pipelines", pipeline = "p" },
    { name = "U", type = "secrets_store_secret", store_id = "s", secret_name = "n" },
  }
  ensure(version_of("v1", { bindings = bindings }))
  equal(#script(w).versions[1].bindings, #bindings)
  ensure(version_of("v2", { bindings = bindings }))
  equal(#script(w).versions[2].bindings, #bindings)
end)

test("what the service refuses for a moment is waited out", function()
  local w <close> = open()
  local first = ensure(version_of "v1")
  local second = ensure(version_of "v2")
  w:fail("^POST .*deployments", refusal(409, 10035), 2)
  ensure(deployment_of(second))
  equal({ w:count "^POST .*deployments", client().serving(NAME).version ~= first.id }, { 3, true })
end)
