---`davit cloud` as a tool: its flags, what it prints, faults and recordings over real sockets, and what is left when
---it ends in whatever way.
local fs = require "fs"
local json = require "json"
local places = assert(require("core").load_file("tests/davit_cloud.lua"))()
local process = require "process"

local PROJECT = "version: 1\nproject: mine\nzone: example.com\nenv_file: secrets.env\n"
local RECORDS = "/client/v4/zones/%s/dns_records"

local function has(text, part)
  if not text:find(part, 1, true) then error(("expected %q in %q"):format(part, text), 2) end
end

local function has_not(text, part)
  if text:find(part, 1, true) then error(("%q stands in %q"):format(part, text), 2) end
end

local function line_with(lines, part)
  for _, line in ipairs(lines) do
    if line:find(part, 1, true) then return line end
  end
  error("no line with " .. part, 2)
end

local function zone_of(cloud) return cloud:zones():json().result[1].id end

local function add_record(cloud, zone, name, comment)
  return cloud:ask("POST", RECORDS:format(zone), { token = "dns-token",
    json = { type = "A", name = name, content = "192.0.2.1", comment = comment } })
end

local function record_names(cloud)
  local list = cloud:ask("GET", RECORDS:format(zone_of(cloud)) .. "?per_page=1000", { token = "dns-token" }):json().result
  local names = {}
  for i, record in ipairs(list) do names[i] = record.name end
  table.sort(names)
  return names
end

test("an env file that is not there is none, and one that is there is read as runs read it", function()
  local place <close> = places.folder { ["davit.yaml"] = PROJECT }
  do
    local cloud <close> = place:cloud()
    equal(cloud:ask("GET", "/api/v2/projects", { token = "neon-token" }).status, 200)
  end
  fs.write(place.folder .. "/secrets.env", "NEON_API_KEY=made-up-key # of nobody\n", { outside = true, mode = "0600" })
  local cloud <close> = place:cloud()
  equal(cloud:ask("GET", "/api/v2/projects", { token = "made-up-key" }).status, 200)
end)

test("the project's zone may be removed by a client, and the next start goes on without it", function()
  local place <close> = places.folder { ["davit.yaml"] = PROJECT, ["seed.yaml"] = "cloudflare: { zones: [example.com], "
    .. "tokens: [{ name: wide, value: wide-token, permissions: [Zone Read, Zone Write] }] }\n" }
  for start = 1, 2 do
    local cloud <close> = place:cloud("--seed", "seed.yaml")
    if start == 1 then
      local gone = cloud:ask("DELETE", "/client/v4/zones/" .. zone_of(cloud), { token = "wide-token" })
      equal(gone.status, 200)
    end
    local shown = cloud:ask("GET", "/_davit/", {})
    equal({ start, #cloud:zones():json().result, shown.status, shown:json().zone }, { start, 0, 200, "example.com" })
    equal(cloud:stop().exit, 0)
  end
end)

-- ---- without a project ------------------------------------------------------------------------

test("a cloud needs no project: it has a world of its own", function()
  local place <close> = places.folder()
  local cloud <close> = place:cloud()
  equal(cloud:zones():json().result[1].name, "revelations.studio")
  equal(cloud:ask("GET", "/api/v2/projects/wandering-moon-123456", { token = "neon-token" }).status, 200)
  equal(cloud:ask("GET", "/api/v3/repos/example/codex/pulls/42", { token = "github-token" }):json().number, 42)
  equal(cloud:stop().exit, 0)
  equal(fs.exists(place.folder .. "/.davit/local/state.json"), true)
end)

test("what it prints can be pasted into a shell, and says where everything is", function()
  local place <close> = places.folder()
  local cloud <close> = place:cloud()
  local script = { 'set -eu' }
  for _, line in ipairs(cloud.lines) do
    if line:find "^export " or line:find "^#" then script[#script + 1] = line end
  end
  script[#script + 1] = [[printf '%s\n' "$CLOUDFLARE_API_BASE_URL" "$CLOUDFLARE_API_TOKEN" "$CLOUDFLARE_ACCOUNT_ID" \
    "$WRANGLER_SEND_METRICS" "$NEON_API_HOST" "$GITHUB_API_URL" "$GITHUB_REPOSITORY"; test -f "$NODE_EXTRA_CA_CERTS"]]
  local seen = place:sh(table.concat(script, "\n"))
  equal({ seen.exit, seen.errors }, { 0, "" })
  local base = "http://127.0.0.1:" .. cloud.port
  local account = cloud:zones():json().result[1].account.id
  equal(seen.output, table.concat({ base .. "/client/v4", "workers-token", account, "false", base .. "/api/v2",
    base .. "/api/v3", "example/codex", "" }, "\n"))
end)

test("the lines of a running cloud can be had again; without one it says so", function()
  local place <close> = places.folder()
  local none = place:davit("cloud", "--print-env")
  equal(none.exit, 2)
  has(none.errors, "no local cloud is running on ./.davit/local; start it with 'davit cloud'")
  local cloud <close> = place:cloud("--state", "elsewhere")
  local told = place:davit("cloud", "--print-env", "--state", "elsewhere")
  equal(told.exit, 0)
  for line in told.output:gmatch "[^\n]+" do line_with(cloud.lines, line) end
  has(told.output, "export NEON_API_HOST=")
  equal(cloud:stop().exit, 0)
  equal(place:davit("cloud", "--print-env", "--state", "elsewhere").exit, 2)
end)

-- ---- credentials ------------------------------------------------------------------------------

test("a project's own credential is accepted and never shown", function()
  local place <close> = places.folder { ["davit.yaml"] = PROJECT, ["secrets.env"] = "NEON_API_KEY=real-neon-key-123\n" }
  process.run { argv = { "chmod", "600", place.folder .. "/secrets.env" } }
  place.env = { CLOUDFLARE_API_TOKEN = "real-cloudflare-token-123" }
  local cloud <close> = place:cloud("--record", "record.jsonl", "--verbose")
  equal(line_with(cloud.lines, "CLOUDFLARE_API_TOKEN"):match "^export CLOUDFLARE_API_TOKEN   #" ~= nil, true)
  equal(line_with(cloud.lines, "NEON_API_KEY"):match "^export NEON_API_KEY   #" ~= nil, true)
  equal(line_with(cloud.lines, "GITHUB_TOKEN"), "export GITHUB_TOKEN=github-token")
  equal(cloud:ask("GET", "/client/v4/zones", { token = "real-cloudflare-token-123" }).status, 200)
  equal(cloud:ask("GET", "/client/v4/zones?x=real-cloudflare-token-123", { token = "other" }).status, 403)
  equal(cloud:ask("GET", "/api/v2/projects/wandering-moon-123456", { token = "real-neon-key-123" }).status, 200)
  local local_folder = ".davit/local/"
  local shown = table.concat(cloud.lines, "\n") .. place:davit("cloud", "--print-env").output
    .. place:read(local_folder .. "cloud.json")
  local ended = cloud:stop()
  shown = shown .. ended.errors .. place:read "record.jsonl" .. place:read(local_folder .. "state.json")
  has_not(shown, "real-")
end)

test("an exported credential that the cloud made up stays shown at the next start", function()
  local place <close> = places.folder()
  place.env = { CLOUDFLARE_API_TOKEN = "workers-token" }
  local cloud <close> = place:cloud()
  equal(line_with(cloud.lines, "CLOUDFLARE_API_TOKEN"), "export CLOUDFLARE_API_TOKEN=workers-token")
end)

-- ---- seeds ------------------------------------------------------------------------------------

local function example_of(guide, heading)
  local _, at = guide:find(heading, 1, true)
  return guide:match("\n```yaml\n(.-\n)```", at)
end

test("a number is one issue or pull request, whoever gives it", function()
  local list = "/api/v3/repos/example/codex/issues?state=all"
  local function numbers(text)
    local place <close> = places.folder { ["seed.yaml"] = text }
    local cloud <close> = place:cloud("--seed", "seed.yaml")
    local found = {}
    for i, item in ipairs(cloud:ask("GET", list, { token = "github-token" }):json()) do
      found[i] = ("%d%s"):format(item.number, item.pull_request and " pull" or "")
    end
    table.sort(found)
    return found
  end
  equal(numbers "github: { issues: [{ number: 42 }] }\n", { "42", "43 pull" })
  equal(numbers "github: { issues: [{ number: 42 }], pull_requests: [] }\n", { "42" })
  local twice = "github: { repositories: [{ name: example/codex, pull_requests: [{ number: 7 }] }]%s }\n"
  equal(numbers(twice:format ""), { "7 pull" })
  local place <close> = places.folder { ["seed.yaml"] = twice:format ", issues: [{ number: 7 }]" }
  local refused = place:davit("cloud", "--seed", "seed.yaml", "--no-data-plane")
  equal(refused.exit, 2)
  has(refused.errors, "seed.yaml:1: github.repositories.1.pull_requests.1.number: another issue or pull request has this number")
end)

test("a reviewer of the seed can review", function()
  local place <close> = places.folder { ["seed.yaml"] = "github: { environments: [{ name: live, reviewers: [rita] }], "
    .. "tokens: [{ value: of-rita, login: rita }] }\n" }
  local cloud <close> = place:cloud("--seed", "seed.yaml")
  local run = cloud:ask("POST", "/_davit/github/runs", { json = { jobs = { { name = "ship", environment = "live" } } } }):json()
  local path = ("/api/v3/repos/example/codex/actions/runs/%d/pending_deployments"):format(run.id)
  local pending = cloud:ask("GET", path, { token = "of-rita" }):json()[1]
  equal({ pending.current_user_can_approve, pending.reviewers[1].reviewer.login }, { true, "rita" })
  equal(cloud:ask("POST", path, { token = "of-rita", json = { environment_ids = { pending.environment.id }, state = "approved",
    comment = "" } }).status, 200)
end)

test("the seed in the guide is a world", function()
  local guide = fs.read "docs/local-cloud.md"
  local place <close> = places.folder { ["seed.yaml"] = example_of(guide, "## A world of your own"),
    ["shop.js"] = "export default { fetch() { return new Response('shop') }, scheduled() {} }", ["public/a.txt"] = "a" }
  local cloud <close> = place:cloud("--seed", "seed.yaml")
  local zones = cloud:zones():json().result
  equal({ zones[1].name, zones[1].account.name, #zones }, { "example.com", "Example", 2 })
  equal(record_names(cloud), { "example.com", "shop.example.com", "www.example.com" })
  local path = RECORDS:format(zones[1].id)
  equal(cloud:ask("GET", path, { token = "reader-token" }).status, 200)
  equal(cloud:ask("POST", path, { token = "reader-token", json = { type = "A" } }).status, 403)
  equal(cloud:ask("GET", "/api/v3/repos/example/app/pulls/7", { token = "github-token" }):json().title, "Try the new page")
  equal(cloud:ask("GET", "/api/v2/projects/quiet-lake-123456", { token = "neon-token" }).status, 200)
  local scripts = ("/client/v4/accounts/%s/workers/scripts"):format(zones[1].account.id)
  equal(cloud:ask("GET", scripts, { token = "workers-token" }):json().result[1].id, "shop")
  equal(cloud:stop().exit, 0)
  local again <close> = place:cloud("--seed", "seed.yaml")   -- goes on, and is not seeded twice
  equal(#again:ask("GET", scripts .. "/shop/versions", { token = "workers-token" }):json().result.items, 1)
  equal(record_names(again), { "example.com", "shop.example.com", "www.example.com" })
end)

test("what is wrong with a seed is named with file and line", function()
  local place <close> = places.folder()
  for text, parts in pairs {
    ["cloudflare:\n  zone: [x]\n"] = { "seed.yaml:2: cloudflare.zone: unknown key, did you mean 'zones'?" },
    ["cloudflare: [\n"] = { "seed.yaml:" },
    ["github:\n  tokens:\n    - { value: a }\n    - { value: a }\n"] = { "seed.yaml:4: github.tokens.2.value", "before it" },
    ["github: { tokens: [{ value: '' }] }\n"] = { "seed.yaml:1: github.tokens.1.value: is empty" },
    ["github: { repositories: [{ name: a/b, fork_of: c/d }] }\n"] = { "seed.yaml:1: github.repositories.1.fork_of", "no c/d" },
    ["github: { workflows: [{ file: a.yml, jobs: [{ name: x, need: [y] }] }] }\n"] = { "unknown key 'need'" },
    ["settings: { dns_delay: soon }\n"] = { "seed.yaml:1: settings.dns_delay: must be a duration" },
    [""] = { "seed.yaml:1: the file is empty" },
    ["cloudflare:\n  tokens:\n    - { name: a, value: b, permissions: [DNS Wright] }\n"] =
      { "seed.yaml:3", "unknown permission 'DNS Wright'" },
    ["cloudflare:\n  tokens:\n    - { name: dns, value: b, permissions: [] }\n"] = { "seed.yaml:3", "two tokens" },
    ["cloudflare:\n  zones: [example.com]\n  records:\n    - { type: A, name: www.example.com, content: x }\n"] =
      { "seed.yaml:4: cloudflare.records.1: Cloudflare would refuse it" },
    ["cloudflare:\n  records:\n    - { zone: a.com, type: A, name: a, content: 192.0.2.1 }\n"] =
      { "seed.yaml:3", "there is no zone a.com" },
    ["github: { pull_requests: [{ number: 0 }] }\n"] = { "is a number from 1" },
    ["github: { repository: codex }\n"] = { "is OWNER/NAME" },
    ["github:\n  environments:\n    - live\n    - { name: \"a;b\" }\n"] = { "seed.yaml:4", "Invalid environment name" },
    ["github: { environments: [{ name: live, secrets: { GITHUB_X: y } }] }\n"] = { "must not start with GITHUB_" },
    ["github: { workflows: [{ name: Deploy }] }\n"] = { "github.workflows.1: file is missing" },
  } do
    fs.write(place.folder .. "/seed.yaml", text)
    local result = place:davit("cloud", "--no-data-plane", "--seed", "seed.yaml", "--state", "s")
    equal({ text, result.exit }, { text, 2 })
    for _, part in ipairs(parts) do has(result.errors, part) end
  end
  has(place:davit("cloud", "--seed", "nothing.yaml").errors, "--seed: reading nothing.yaml: No such file")
end)

-- ---- faults -----------------------------------------------------------------------------------

local function lost(cloud, path, o)
  local answer, err = try(cloud.ask, cloud, o and o.method or "GET", path, o)
  if answer then error(("answered %d"):format(answer.status), 2) end
  return err.code
end

test("faults of flags and of the file in the guide happen on the wire", function()
  local guide = fs.read "docs/local-cloud.md"
  local place <close> = places.folder { ["faults.yaml"] = example_of(guide, "## Faults on demand") }
  local cloud <close> = place:cloud("--faults", "faults.yaml", "--fault", "cloudflare GET /zones 500 times=2",
    "--fault", "github GET,HEAD /repos/*/*/pulls limit retry-after=2s times=1")
  equal({ cloud:zones().status, cloud:zones().status, cloud:zones().status }, { 500, 500, 200 })
  local limited = cloud:ask("GET", "/api/v3/repos/example/codex/pulls", { token = "github-token" })
  equal({ limited.status, limited.headers["retry-after"] }, { 403, "2" })
  equal(#cloud:ask("GET", "/_davit/faults"):json().rules >= 3, true)
end)

test("a connection may be dropped before or after, or in the middle of an answer", function()
  local place <close> = places.folder()
  local cloud <close> = place:cloud("--fault", "cloudflare POST /zones/*/dns_records drop times=1",
    "--fault", "cloudflare POST /zones/*/dns_records drop applied times=1", "--fault", "neon cut",
    "--fault", "github truncated", "--fault", "cloudflare GET /accounts html")
  local zone = zone_of(cloud)
  for i, name in ipairs { "before", "after" } do
    local code = lost(cloud, RECORDS:format(zone), { method = "POST", token = "dns-token",
      json = { type = "A", name = name, content = "192.0.2.1" } })
    equal({ i, code }, { i, "http-lost" })
  end
  equal(record_names(cloud), { "after.revelations.studio" })
  equal(lost(cloud, "/api/v2/projects/wandering-moon-123456", { token = "neon-token" }), "http-lost")
  local half = cloud:ask("GET", "/api/v3/repos/example/codex", { token = "github-token" })
  raises("", json.decode, half.body)
  equal(half.status, 200)
  local page = cloud:ask("GET", "/client/v4/accounts", { token = "workers-token" })
  equal({ page.status, page.headers["content-type"] }, { 502, "text/html; charset=utf-8" })
end)

test("rules come and go while the cloud runs", function()
  local place <close> = places.folder()
  local cloud <close> = place:cloud()
  local made = cloud:ask("POST", "/_davit/faults", { json = { faults = {
    "cloudflare GET /zones 503", { service = "neon", fault = "locked", times = 1 } } } })
  equal({ made.status, made:json().rules[2].rule }, { 201, "neon locked times=1" })
  equal(cloud:zones().status, 503)
  local told = cloud:ask("GET", "/_davit/faults"):json()
  equal({ told.rules[1].injected, told.injected[1].path, told.injected[1].fault },
    { 1, "/zones", "cloudflare GET /zones 503" })
  equal(cloud:ask("DELETE", "/_davit/faults/1").status, 200)
  equal(cloud:ask("DELETE", "/_davit/faults/1").status, 404)
  equal(cloud:zones().status, 200)
  equal(cloud:ask("DELETE", "/_davit/faults").status, 200)
  equal(#cloud:ask("GET", "/_davit/faults"):json().rules, 0)
end)

test("an order for faults that is not understood changes nothing", function()
  local place <close> = places.folder()
  local cloud <close> = place:cloud()
  local function refused(status, o)
    local answer = cloud:ask(o.method or "POST", "/_davit/faults", o)
    equal(answer.status, status)
    return answer:json()
  end
  equal(refused(400, { json = "cloudfare 500" }).hint, "did you mean 'cloudflare'?")
  refused(400, { json = { faults = { "any 500", "any 9" } } })
  refused(400, { json = { faults = {}, sed = 1 } })
  refused(400, { json = json.array {} })
  refused(400, { json = 7 })
  refused(400, { body = "{", headers = { ["content-type"] = "application/json" } })
  refused(400, { body = '"any 500"', headers = { ["content-type"] = "text/plain" } })
  refused(405, { method = "PUT", json = "any 500" })
  equal(#cloud:ask("GET", "/_davit/faults"):json().rules, 0)
end)

test("every answer of an API may take its time", function()
  local place <close> = places.folder()
  local cloud <close> = place:cloud("--latency", "150ms", "--fault", "cloudflare GET /zones delay=250ms times=1")
  equal(cloud:zones().timing.total >= 0.4, true)
  equal(cloud:zones().timing.total >= 0.15, true)
end)

test("what is wrong with faults is named, with file and line where there are some", function()
  local place <close> = places.folder { ["a.yaml"] = "faults:\n  - any 500\n  - any 9000\n", ["b.yaml"] = "fault: []\n",
    ["c.yaml"] = "seed: 1\n" }
  for message, arguments in pairs {
    ["--fault 'any drob': unknown fault 'drob'; did you mean 'drop'?"] = { "--fault", "any drob" },
    ["a.yaml:3: faults.2: the status must be a status from 200 to 599"] = { "--faults", "a.yaml" },
    ["b.yaml:1: fault: unknown key, did you mean 'faults'?"] = { "--faults", "b.yaml" },
    ["the key 'faults' is required"] = { "--faults", "c.yaml" },
    ["--latency must be a time such as 50ms or 2s, not 'fast'"] = { "--latency", "fast" },
    ["--listen expects an address, not 'localhost'"] = { "--listen", "localhost" },
    ["--https-port expects a number from 0 to 65535"] = { "--https-port", "70000" },
    ["--port and --https-port are both 4000"] = { "--port", "4000", "--https-port", "4000" },
    ["--state expects a value"] = { "--state", "" },
    ["unknown flag --fualt; did you mean --fault"] = { "--fualt", "x" },
    ["unexpected argument 'up'"] = { "up" },
  } do
    local result = place:davit("cloud", table.unpack(arguments))
    equal({ message, result.exit }, { message, 2 })
    has(result.errors, message)
  end
end)

-- ---- recordings -------------------------------------------------------------------------------

local function recorded(place)
  local list = {}
  for line in place:read("record.jsonl"):gmatch "[^\n]+" do list[#list + 1] = json.decode(line) end
  return list
end

local function upload(cloud, account, secret)
  return cloud:ask("PUT", ("/client/v4/accounts/%s/workers/scripts/web"):format(account), { token = "workers-token",
    multipart = {
      { name = "metadata", data = json.encode { main_module = "i.js", compatibility_date = "2026-01-01",
        bindings = { { name = "KEY", type = "secret_text", text = secret } } } },
      { name = "i.js", filename = "i.js", type = "application/javascript+module", data = "export default {}" },
    } })
end

test("a recording holds every exchange with the services, and no secret", function()
  local place <close> = places.folder()
  local cloud <close> = place:cloud("--record", "record.jsonl", "--fault", "neon GET /projects/*/operations 503")
  local account = cloud:zones():json().result[1].account.id
  local secret = "sk_live_not_for_anybody"
  equal(upload(cloud, account, secret).status, 200)
  cloud:ask("GET", "/client/v4/zones?name=" .. secret, { token = "workers-token" })
  local neon = "/api/v2/projects/wandering-moon-123456"
  local uri = cloud:ask("GET", neon .. "/connection_uri?database_name=neondb&role_name=neondb_owner",
    { token = "neon-token" }):json().uri
  cloud:ask("GET", neon .. "/operations", { token = "neon-token" })
  cloud:ask("GET", "/_davit/", {})   -- its own pages are no exchange with a service
  cloud:ask("GET", ("/client/v4/accounts/%s/workers/scripts/web/content/v2"):format(account), { token = "workers-token" })
  local list = recorded(place)
  equal(#list, 6)
  local put = list[2]
  equal({ put.method, put.host, put.status, put.headers.authorization }, { "PUT", "api.cloudflare.com", 200, "Bearer ***" })
  equal(json.decode(put.parts[1].body).bindings[1], { name = "KEY", type = "secret_text", text = "***" })
  equal({ put.parts[2].filename, put.parts[2].body, put.resp.success }, { "i.js", "export default {}", true })
  equal({ list[6].parts, list[6].respBody, list[6].respParts[1].name, list[6].respParts[1].body },
    { nil, nil, "i.js", "export default {}" })
  equal(list[3].query, { name = "***" })
  equal(list[4].resp.uri, (uri:gsub("(://[^:]+:)[^@]+@", "%1***@")))
  equal({ list[5].injected, list[5].status }, { "neon GET /projects/*/operations 503", 503 })
  local text = place:read "record.jsonl"
  for _, hidden in ipairs { secret, "workers-token", "neon-token", uri:match ":([^:@]+)@" } do has_not(text, hidden) end
end)

test("a recording of one long word, a connection string behind it, takes no longer than of others", function()
  local recording = require "cloud.recording"
  local learnt = {}
  local masker = { learn = function(value) learnt[#learnt + 1] = value end, mask = function(text) return text end }
  local body = ("x"):rep(1 << 20) .. " postgres://app:the-password@example.com/app"
  local line = recording.line({ method = "POST", host = "api.github.com", path = "/", headers = {}, body = body }, { close = true },
    nil, 0, masker)
  equal({ json.decode(line).bodyCut, learnt }, { true, { "the-password" } })
end)

test("a recording goes on behind what the file holds", function()
  local place <close> = places.folder { ["record.jsonl"] = '{"first":true}\n' }
  local cloud <close> = place:cloud("--record", "record.jsonl")
  cloud:zones()
  cloud:stop()
  local list = recorded(place)
  equal({ #list, list[1].first, list[2].path }, { 2, true, "/client/v4/zones" })
end)

test("a recording that cannot be written keeps the cloud from starting", function()
  local place <close> = places.folder { file = "" }
  local result = place:davit("cloud", "--no-data-plane", "--record", "file/record.jsonl")
  equal(result.exit, 2)
  has(result.errors, "--record: ")
  has(result.errors, "name a file that can be written")
end)

test("a full disk under the recording is said, and the cloud goes on", function()
  local place <close> = places.folder()
  local cloud <close> = place:cloud_after("ulimit -f 16", "--record", "record.jsonl")
  for _ = 1, 20 do equal(cloud:zones().status, 200) end
  local ended = cloud:stop()
  equal(ended.exit, 0)
  has(ended.errors, "record.jsonl")
  has(ended.errors, "it is tried again with every request, the cloud goes on")
  equal(select(2, ended.errors:gsub("tried again", "")), 1)   -- once, not for every request
end)

-- ---- one at a time ----------------------------------------------------------------------------

test("a second cloud on a folder or a port is refused, and says what to do", function()
  local place <close> = places.folder()
  local cloud <close> = place:cloud()
  local second = place:davit("cloud", "--no-data-plane")
  equal(second.exit, 6)
  has(second.errors, "a local cloud runs on ")
  has(second.errors, "use that one")
  local taken = place:davit("cloud", "--no-data-plane", "--state", "other", "--port", tostring(cloud.port))
  equal(taken.exit, 1)
  has(taken.errors, ("listening on 127.0.0.1 port %d: Address already in use"):format(cloud.port))
  has(taken.errors, "choose another port")
  for address, reason in pairs { ["999.1.1.1"] = "that is no address", ["192.0.2.1"] = "no such address on this machine" } do
    local nowhere = place:davit("cloud", "--no-data-plane", "--state", "other", "--listen", address)
    equal({ nowhere.exit, nowhere.errors:find("WARNING", 1, true) }, { 1 })
    has(nowhere.errors, reason)
  end
  equal(cloud:zones().status, 200)
end)

test("two clouds in two folders do not know of each other", function()
  local place <close> = places.folder()
  local one <close> = place:cloud("--state", "one")
  local two <close> = place:cloud("--state", "two")
  equal(add_record(one, zone_of(one), "only-in-one").status, 200)
  equal({ #record_names(one), #record_names(two) }, { 1, 0 })
end)

-- ---- other machines ---------------------------------------------------------------------------

test("it listens on loopback alone unless told, and then it says so loudly", function()
  local place <close> = places.folder()
  local quiet <close> = place:cloud()
  equal(quiet:ask("GET", "/client/v4/zones", { headers = { host = "build-box:80" }, token = "workers-token" }).status, 421)
  has_not(quiet:stop().errors, "WARNING")
  local open <close> = place:cloud("--listen", "0.0.0.0")
  equal(open:ask("GET", "/client/v4/zones", { headers = { host = "build-box:80" }, token = "workers-token" }).status, 200)
  has(open:stop().errors, "WARNING: listening on 0.0.0.0: whoever reaches this machine")
end)

test("on another address it is on 127.0.0.1 as well, without a warning for loopback", function()
  local place <close> = places.folder()
  local cloud <close> = place:cloud("--listen", "127.0.0.2")
  equal(cloud:zones().status, 200)
  local there = process.run { argv = { "sh", "-c", "exec 3<>/dev/null" } }
  equal(there.exit, 0)
  has_not(cloud:stop().errors, "WARNING")
end)

-- ---- the end ----------------------------------------------------------------------------------

test("Ctrl-C saves what was done and leaves no trace of running", function()
  local place <close> = places.folder()
  local cloud <close> = place:cloud()
  add_record(cloud, zone_of(cloud), "kept")
  equal(cloud:stop("INT").exit, 0)
  equal(fs.exists(place.folder .. "/.davit/local/cloud.json"), false)
  local again <close> = place:cloud()
  equal(record_names(again), { "kept.revelations.studio" })
end)

test("an interrupt that comes twice ends it, too, and the state can be read", function()
  local place <close> = places.folder()
  local cloud <close> = place:cloud()
  local zone = zone_of(cloud)
  for i = 1, 20 do add_record(cloud, zone, "r" .. i) end
  cloud.child:kill "INT"
  cloud.child:kill "INT"
  cloud.child:wait()
  local again <close> = place:cloud()
  equal(again:zones().status, 200)
end)

-- What was saved when an answer had come and a later save was seen is there after kill -9.
test("killed in the middle of its work it goes on from the last whole state", function()
  local place <close> = places.folder()
  for round = 1, 3 do
    local cloud <close> = place:cloud()
    local zone = zone_of(cloud)
    local before = #record_names(cloud)
    for i = 1, 15 do add_record(cloud, zone, ("r%d-%d"):format(round, i)) end
    cloud:stop "KILL"
    local again <close> = place:cloud()
    local after = #record_names(again)
    equal({ after >= before, after <= before + 15 }, { true, true })
    again:stop()
  end
end)

test("a full disk under the state is said, and what was saved stays whole", function()
  local place <close> = places.folder()
  local cloud <close> = place:cloud_after "ulimit -f 24"
  local zone = zone_of(cloud)
  for i = 1, 60 do equal(add_record(cloud, zone, "r" .. i, ("x"):rep(90)).status, 200) end
  sleep(0.3)   -- saves come 50 ms after a change
  local ended = cloud:stop()
  has(ended.errors, "the state is not saved, it is tried again")
  has(ended.errors, "what was changed since the last save is lost")
  equal(ended.exit ~= 0, true)
  local again <close> = place:cloud()
  equal(#record_names(again) < 60, true)
end)

test("a folder that cannot be made or written is an error of one line", function()
  local place <close> = places.folder { file = "" }
  local result = place:davit("cloud", "--no-data-plane", "--state", "file/below")
  equal(result.exit ~= 0, true)
  has(result.errors, "making the folder file: ")
  has(result.errors, "name a folder that can be written with --state")
  equal(select(2, result.errors:gsub("\n", "")), 1)
end)

test("a state that is broken is named and left alone", function()
  local place <close> = places.folder()
  for _, text in ipairs { "{", '{ "format": 1, "value": { "world": { "cloudflare": 5 } } }' } do
    fs.write(place.folder .. "/.davit/local/state.json", text)
    local result = place:davit("cloud", "--no-data-plane")
    equal({ text, result.exit }, { text, 1 })
    has(result.errors, "state.json cannot be used")
    has(result.errors, "the same command with --reset removes it")
    equal(place:read ".davit/local/state.json", text)
  end
  local cloud <close> = place:cloud("--reset")
  equal(cloud:zones().status, 200)
end)
