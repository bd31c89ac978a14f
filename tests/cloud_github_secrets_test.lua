---The model of GitHub: secrets, which are really opened, and variables.
local base64 = require "base64"
local core = require "core"
local fs = require "fs"
local http = require "http"
local json = require "json"
local sealed_box = require "sealed_box.core"
local secrets = require "cloud.github.secrets"
local github_world = assert(core.load_file "tests/github_world.lua")()
local local_cloud = assert(core.load_file "tests/local_cloud.lua")()

local OF_REPOSITORY, OF_ENVIRONMENT = "/actions/secrets", "/environments/preview%2Fpr-42/secrets"

local function new()
  local w = github_world.new()
  w:get("admin", "PUT", "/environments/preview%2Fpr-42")
  return w
end

-- A value as a client sends it.
local function sealed(w, place, value)
  local key = w:get("admin", "GET", place .. "/public-key")
  return { key_id = key.key_id, encrypted_value = base64.encode(sealed_box.seal(base64.decode(key.key), value)) }
end

local function put(w, place, name, value, who)
  return (w:ask(who or "admin", "PUT", ("%s/%s"):format(place, name), sealed(w, place, value)))
end

local function told(w) return (w:desk("GET", "/_davit/github/secrets")) end

-- ---- secrets ------------------------------------------------------------------------------------

test("a secret that was sealed is opened, and shown to nobody", function()
  local w = new()
  equal(put(w, OF_REPOSITORY, "DATABASE_URL", "postgres://u:p@h/db"), 201)
  equal(put(w, OF_REPOSITORY, "DATABASE_URL", "another"), 204)
  equal(told(w).secrets, { DATABASE_URL = "another" })
  local list = w:get("admin", "GET", OF_REPOSITORY)
  equal(list, { total_count = 1, secrets = { { name = "DATABASE_URL", created_at = "2027-01-15T08:00:00Z",
    updated_at = "2027-01-15T08:00:00Z" } } })
  equal(w:get("admin", "GET", OF_REPOSITORY .. "/database_url"), list.secrets[1])
  equal(json.encode { list }:find("another", 1, true), nil)
end)

test("an environment has secrets and a key of its own", function()
  local w = new()
  local one, other = w:get("admin", "GET", OF_REPOSITORY .. "/public-key"),
    w:get("admin", "GET", OF_ENVIRONMENT .. "/public-key")
  equal({ one.key == other.key, one.key_id == other.key_id, #base64.decode(one.key) }, { false, false, 32 })
  equal({ put(w, OF_REPOSITORY, "TOKEN", "of all"), put(w, OF_ENVIRONMENT, "TOKEN", "of one") }, { 201, 201 })
  equal(told(w), { repository = "example/codex", secrets = { TOKEN = "of all" },
    environments = { ["preview/pr-42"] = { TOKEN = "of one" } } })
  equal({ w:get("admin", "GET", OF_ENVIRONMENT .. "/token").name, (w:ask("admin", "DELETE", OF_ENVIRONMENT .. "/TOKEN")),
    (w:ask("admin", "GET", OF_ENVIRONMENT .. "/TOKEN")), (w:ask("admin", "GET", OF_REPOSITORY .. "/TOKEN")) },
    { "TOKEN", 204, 404, 200 })
  equal((w:ask("admin", "GET", "/environments/none/secrets/public-key")), 404)
end)

test("what was sealed for another key is refused, whatever key it names", function()
  local w = new()
  local own, foreign = sealed(w, OF_REPOSITORY, "value"), sealed(w, OF_ENVIRONMENT, "value")
  local function refused(body) return w:refused("admin", "PUT", OF_REPOSITORY .. "/TOKEN", body) end
  local BAD = { 422, "Bad request - validation failed due to an improperly encrypted secret" }
  equal(refused(foreign), BAD)
  equal(refused { key_id = own.key_id, encrypted_value = foreign.encrypted_value }, BAD)
  equal(refused { key_id = foreign.key_id, encrypted_value = own.encrypted_value }, BAD)
  equal(refused { key_id = own.key_id, encrypted_value = base64.encode "value" }, BAD)   -- not sealed at all
  equal(refused { key_id = own.key_id, encrypted_value = "value" }, BAD)
  equal(refused { key_id = own.key_id }, { 422, 'Invalid request.\n\n"encrypted_value" wasn\'t supplied.' })
  equal(refused { key_id = json.null, encrypted_value = own.encrypted_value },
    { 422, "Invalid request.\n\nFor 'properties/key_id', nil is not a string." })
  equal(told(w).secrets, {})
end)

test("any bytes can be a secret, up to 48 KB", function()
  local w = new()
  local all = {}
  for i = 0, 255 do all[#all + 1] = string.char(i) end
  local bytes = table.concat(all)
  equal({ put(w, OF_REPOSITORY, "EMPTY", ""), put(w, OF_REPOSITORY, "LARGE", ("x"):rep(48 << 10)),
    put(w, OF_REPOSITORY, "LARGER", ("x"):rep((48 << 10) + 1)), put(w, OF_REPOSITORY, "BYTES", bytes) },
    { 201, 201, 422, 201 })
  equal({ w.repository.secrets.BYTES.value == bytes, w.repository.secrets.EMPTY.value }, { true, "" })
end)

test("names have rules, and are found in any case", function()
  local w = new()
  equal({ put(w, OF_REPOSITORY, "GITHUB_TOKEN", "v"), put(w, OF_REPOSITORY, "github_x", "v"),
    put(w, OF_REPOSITORY, "1ST", "v"), put(w, OF_REPOSITORY, "A-B", "v"), put(w, OF_REPOSITORY, "A%20B", "v") },
    { 422, 422, 422, 422, 422 })
  equal({ put(w, OF_REPOSITORY, "lower_case", "v"), put(w, OF_REPOSITORY, "LOWER_CASE", "w"),
    put(w, OF_REPOSITORY, "_1", "v") }, { 201, 204, 201 })
  equal({ w:get("admin", "GET", OF_REPOSITORY).total_count, (w:ask("admin", "DELETE", OF_REPOSITORY .. "/Lower_Case")),
    (w:ask("admin", "DELETE", OF_REPOSITORY .. "/LOWER_CASE")) }, { 2, 204, 404 })
end)

test("a place has a hundred secrets at most, and another one its own hundred", function()
  local w = new()
  for i = 1, 100 do w.repository.secrets["S" .. i] = { name = "S" .. i, value = "v", created = w.now, updated = w.now } end
  equal({ put(w, OF_REPOSITORY, "ONE_MORE", "v"), put(w, OF_REPOSITORY, "S7", "new"),
    put(w, OF_ENVIRONMENT, "ONE_MORE", "v") }, { 422, 204, 201 })
  local page = w:get("admin", "GET", OF_REPOSITORY .. "?per_page=2&page=2")
  equal({ page.total_count, page.secrets[1].name, page.secrets[2].name }, { 100, "S100", "S11" })
end)

test("no token of a workflow reads or writes secrets; an app with the permission does", function()
  local w = new()
  for _, who in ipairs { "workflow", "fork", "reader" } do
    equal({ who, (w:ask(who, "GET", OF_REPOSITORY)) }, { who, 403 })
    equal({ who, (w:ask(who, "GET", OF_ENVIRONMENT .. "/public-key")) }, { who, 403 })
  end
  equal(put(w, OF_REPOSITORY, "TOKEN", "v", "workflow"), 403)
  equal({ put(w, OF_REPOSITORY, "TOKEN", "v", "app"), put(w, OF_ENVIRONMENT, "TOKEN", "v", "app") }, { 201, 201 })
end)

test("a world that begins alike has the same keys, another one has others", function()
  local function key(seed)
    return github_world.new { seed = seed }:get("admin", "GET", OF_REPOSITORY .. "/public-key").key
  end
  equal({ key "a" == key "a", key "a" == key "b" }, { true, false })
end)

test("secrets go with their environment, and a new one of its name has another key", function()
  local w = new()
  local before = w:get("admin", "GET", OF_ENVIRONMENT .. "/public-key")
  put(w, OF_ENVIRONMENT, "TOKEN", "v")
  w:get("admin", "DELETE", "/environments/preview%2Fpr-42")
  w:get("admin", "PUT", "/environments/preview%2Fpr-42")
  equal({ w:get("admin", "GET", OF_ENVIRONMENT).total_count,
    w:get("admin", "GET", OF_ENVIRONMENT .. "/public-key").key == before.key }, { 0, false })
end)

test("values are told on this machine alone, and never to a Worker", function()
  local github = require "cloud.github"
  local w = new()
  put(w, OF_REPOSITORY, "TOKEN", "v")
  local function ask(address, from)
    return github.admin({ method = "GET", path = "/_davit/github/secrets", query = "", headers = {}, body = "",
      address = address, from = from }, w.state, w.now).status
  end
  equal({ ask "127.0.0.1:40000", ask "[::1]:40000", ask "192.0.2.7:40000", ask "[2001:db8::1]:9",
    ask("127.0.0.1:40000", "worker") }, { 200, 200, 403, 403, 403 })
end)

test("every value of a world is known to whoever keeps a record", function()
  local w = new()
  put(w, OF_REPOSITORY, "A", "one")
  put(w, OF_ENVIRONMENT, "B", "two")
  local list = secrets.everywhere(w.state)
  table.sort(list)
  equal(list, { "one", "two" })
end)

-- ---- variables ----------------------------------------------------------------------------------

local VARIABLES, THEIRS = "/actions/variables", "/environments/preview%2Fpr-42/variables"

test("a variable is created once and then changed", function()
  local w = new()
  equal((w:ask("admin", "PATCH", VARIABLES .. "/REGION", { value = "eu" })), 404)
  equal((w:ask("admin", "POST", VARIABLES, { name = "region", value = "eu" })), 201)
  equal(w:refused("admin", "POST", VARIABLES, { name = "REGION", value = "us" }),
    { 409, "Already exists - Variable already exists" })
  w.now = w.now + 60
  equal((w:ask("admin", "PATCH", VARIABLES .. "/REGION", { value = "us" })), 204)
  equal(w:get("admin", "GET", VARIABLES .. "/region"), { name = "REGION", value = "us",
    created_at = "2027-01-15T08:00:00Z", updated_at = "2027-01-15T08:01:00Z" })
  equal((w:ask("admin", "PATCH", VARIABLES .. "/REGION", { name = "AREA" })), 204)
  equal({ (w:ask("admin", "GET", VARIABLES .. "/REGION")), w:get("admin", "GET", VARIABLES .. "/AREA").value },
    { 404, "us" })
  equal({ (w:ask("admin", "DELETE", VARIABLES .. "/AREA")), (w:ask("admin", "DELETE", VARIABLES .. "/AREA")) },
    { 204, 404 })
end)

test("a variable does not take another one's name", function()
  local w = new()
  w:get("admin", "POST", VARIABLES, { name = "A", value = "1" })
  w:get("admin", "POST", VARIABLES, { name = "B", value = "2" })
  equal((w:ask("admin", "PATCH", VARIABLES .. "/A", { name = "B" })), 409)
  equal({ w:get("admin", "GET", VARIABLES .. "/A").value, w:get("admin", "GET", VARIABLES .. "/B").value }, { "1", "2" })
end)

test("variables are listed ten a page", function()
  local w = new()
  for i = 10, 34 do w:get("admin", "POST", VARIABLES, { name = "V" .. i, value = tostring(i) }) end
  local page = w:get("admin", "GET", VARIABLES)
  equal({ page.total_count, #page.variables, page.variables[1].name }, { 25, 10, "V10" })
  equal(#w:get("admin", "GET", VARIABLES .. "?per_page=100").variables, 25)
  equal(w:get("admin", "GET", VARIABLES .. "?per_page=10&page=3").variables[5].name, "V34")
end)

test("an environment has variables of its own", function()
  local w = new()
  w:get("admin", "POST", THEIRS, { name = "URL", value = "https://pr-42.example.com" })
  equal({ w:get("admin", "GET", THEIRS).total_count, w:get("admin", "GET", VARIABLES).total_count }, { 1, 0 })
  equal((w:ask("admin", "PATCH", THEIRS .. "/URL", { value = "https://x.example.com" })), 204)
  equal(w:get("admin", "GET", THEIRS .. "/URL").value, "https://x.example.com")
  equal({ (w:ask("admin", "DELETE", THEIRS .. "/URL")), (w:ask("admin", "DELETE", THEIRS .. "/URL")) }, { 204, 404 })
  equal((w:ask("admin", "POST", "/environments/none/variables", { name = "A", value = "b" })), 404)
end)

test("what cannot be a variable is refused", function()
  local w = new()
  local function refused(body) return (w:ask("admin", "POST", VARIABLES, body)) end
  equal({ refused { name = "GITHUB_X", value = "v" }, refused { name = "A B", value = "v" }, refused { name = "A" },
    refused { name = "A", value = 1 }, refused { name = "A", value = ("x"):rep((48 << 10) + 1) } },
    { 422, 422, 422, 422, 422 })
  equal((w:ask("workflow", "GET", VARIABLES)), 403)
  equal((w:ask("workflow", "POST", VARIABLES, { name = "A", value = "v" })), 403)
end)

-- ---- in a cloud ---------------------------------------------------------------------------------

local function ask(facts, method, path, body)
  return http.request { url = ("http://127.0.0.1:%d%s"):format(facts.http_port, path), method = method, json = body,
    headers = { authorization = "Bearer github-owner-token", ["user-agent"] = "test" }, timeout = 30 }
end

test("a sealed value is in no record, and is there again after a restart", function()
  local VALUE, REPOSITORY = "hush-hush-9f2c", "/api/v3/repos/example/codex"
  local project = { zone = local_cloud.ZONE, github = { repository = "example/codex" },
    cloudflare = { account = local_cloud.ACCOUNT } }
  local_cloud.folder(function(folder)
    local record, key = folder .. "-record.jsonl", nil
    local _ <close> = setmetatable({}, { __close = function() fs.remove(record) end })
    local_cloud.serve(folder, { project = project, record = record }, function(facts)
      key = ask(facts, "GET", REPOSITORY .. "/actions/secrets/public-key"):json()
      local box = base64.encode(sealed_box.seal(base64.decode(key.key), VALUE))
      equal(ask(facts, "PUT", REPOSITORY .. "/actions/secrets/TOKEN",
        { key_id = key.key_id, encrypted_value = box }).status, 201)
      equal(ask(facts, "POST", REPOSITORY .. "/actions/variables", { name = "COPY", value = VALUE }).status, 201)
      local text = fs.read(record)
      equal({ text:find(VALUE, 1, true), text:find(box, 1, true), text:find('"COPY"', 1, true) ~= nil }, { nil, nil, true })
      equal(ask(facts, "GET", "/_davit/github/secrets"):json().secrets, { TOKEN = VALUE })
      equal(ask(facts, "PUT", REPOSITORY .. "/environments/live", {}).status, 200)
      equal(ask(facts, "GET", "/_davit/"):json().environments,
        { { repository = "example/codex", name = "live", deployments = 0, active = 0 } })
    end)
    local_cloud.serve(folder, { project = project, record = record }, function(facts)
      equal(ask(facts, "GET", REPOSITORY .. "/actions/secrets/public-key"):json(), key)
      equal(ask(facts, "GET", "/_davit/github/secrets"):json().secrets, { TOKEN = VALUE })
      equal(ask(facts, "GET", REPOSITORY .. "/actions/variables/COPY"):json().value, VALUE)
      equal(fs.read(record):find(VALUE, 1, true), nil)
    end)
  end)
end)
