---Artifacts: put, found, verified, kept for a while; and what becomes of them when things go wrong.
local artifact = require "artifact"
local core = require "core"
local filelock = require "filelock"
local fs = require "fs"
local json = require "json"
local plain = require "fs.core"
local process = require "process"
local secret = require "secret"

local folder_count = 0

-- Calls f in a project of its own: paths count from there, and its artifacts stand below it.
local function in_project(f)
  folder_count = folder_count + 1
  local folder = process.run({ argv = { "mktemp", "-d" } }).output:match "[^\n]+"
  plain.stay_in(folder)
  local _ <close> = setmetatable({}, { __close = function()
    plain.stay_in(nil)
    process.run { argv = { "chmod", "-R", "u+rwX", folder } }
    plain.remove(folder)
  end })
  fs.write("dist/index.js", "serve()")
  fs.write("dist/assets/a.css", "a{}")
  return f(folder, folder .. "/.davit/artifacts")
end

local function blobs(store) return plain.exists(store .. "/blobs") and plain.list(store .. "/blobs") or {} end

local function names(list)
  local found = {}
  for i, entry in ipairs(list) do found[i] = ("%s %s %d"):format(entry.name, entry.run, entry.attempt) end
  return found
end

-- Changes one byte in the middle of a file.
local function damage(path)
  local text = plain.read(path)
  local at = #text // 2
  plain.write(path, text:sub(1, at - 1) .. string.char((text:byte(at) + 1) % 256) .. text:sub(at + 1))
end

local function test_here(name, f)
  test(name, function() in_project(f) end)
end

-- Putting and getting ---------------------------------------------------------------------------

test_here("what was put comes back, file by file", function()
  local put = artifact.put { name = "web", root = "dist" }
  equal({ put.name, put.run, put.attempt, put.kind, put.files }, { "web", "local", 1, "files", 2 })
  equal(#put.sha256, 64)
  local got = artifact.get { name = "web", into = "there" }
  equal(got.sha256, put.sha256)
  equal({ fs.read "there/index.js", fs.read "there/assets/a.css" }, { "serve()", "a{}" })
end)

test_here("the result of put names every file with its SHA-256", function()
  local put = artifact.put { name = "web", root = "dist", paths = { "index.js" } }
  equal(#put.contents, 1)
  equal({ put.contents[1].path, put.contents[1].sha256 }, { "index.js", require "sha256" "serve()" })
end)

test_here("the same files are one blob, however many names they have", function(_, store)
  local a = artifact.put { name = "web", root = "dist" }
  local b = artifact.put { name = "site", root = "dist", run = "8", attempt = 3 }
  equal(a.sha256, b.sha256)
  equal(blobs(store), { a.sha256 })
  equal(names(artifact.list()), { "site 8 3", "web local 1" })
end)

test_here("putting the same again is fine, and mends a damaged blob", function(_, store)
  local put = artifact.put { name = "web", root = "dist" }
  damage(store .. "/blobs/" .. put.sha256)
  local again = artifact.put { name = "web", root = "dist" }
  equal({ again.sha256, again.order }, { put.sha256, put.order })
  artifact.get { name = "web", into = "there" }
end)

test_here("an artifact is never changed silently", function(_, store)
  local put = artifact.put { name = "web", root = "dist" }
  fs.write("dist/index.js", "serve(2)")
  local err = raises("the artifact 'web' of run local, attempt 1 is there already, with other content", artifact.put,
    { name = "web", root = "dist" })
  equal(err.code, "artifact-exists")
  equal(blobs(store), { put.sha256 })
  local replaced = artifact.put { name = "web", root = "dist", replace = true }
  equal(blobs(store), { replaced.sha256 })
  artifact.get { name = "web", into = "there" }
  equal(fs.read "there/index.js", "serve(2)")
end)

test_here("the newest is what get takes: of a run its last attempt, else what was put last", function()
  for _, key in ipairs { { "7", 2 }, { "7", 1 }, { "8", 1 } } do
    fs.write("dist/key", ("%s %d"):format(key[1], key[2]))
    artifact.put { name = "web", root = "dist", run = key[1], attempt = key[2] }
  end
  local function get(o)
    o.name = "web"
    local found = artifact.find(o)
    return found and ("%s %d"):format(found.run, found.attempt)
  end
  equal(get {}, "8 1")
  equal(get { run = "7" }, "7 2")
  equal(get { run = "7", attempt = 1 }, "7 1")
  equal(get { run = "9" }, nil)
end)

test_here("a clock that was set back does not make an older artifact the newest", function(_, store)
  artifact.put { name = "web", root = "dist", run = "1" }
  local file = store .. "/entries/web@1@1.json"
  local entry = json.decode(plain.read(file))
  entry.created, entry.expires = entry.created + 3600, entry.expires + 3600
  plain.write(file, json.encode(entry))
  fs.write("dist/index.js", "later")
  artifact.put { name = "web", root = "dist", run = "2" }
  equal(artifact.find({ name = "web" }).run, "2")
end)

test_here("what the project's own state is, is in no artifact", function()
  fs.write("davit.yaml", "version: 1\nproject: x\n")
  artifact.put { name = "all", root = "." }
  artifact.get { name = "all", into = "there" }
  equal(fs.exists "there/davit.yaml", true)
  equal(fs.exists "there/.davit", false)
end)

test_here("files that are there are not replaced unless it is said", function()
  artifact.put { name = "web", root = "dist" }
  fs.write("there/index.js", "mine")
  equal(raises("index.js", artifact.get, { name = "web", into = "there" }).code, "file-exists")
  equal({ fs.read "there/index.js", fs.exists "there/assets" }, { "mine", false })
  artifact.get { name = "web", into = "there", replace = true }
  equal(fs.read "there/index.js", "serve()")
end)

test_here("a digest that was recorded elsewhere has to be this one's", function()
  local put = artifact.put { name = "web", root = "dist" }
  artifact.get { name = "web", into = "a", digest = "sha256:" .. put.sha256 }
  artifact.get { name = "web", into = "b", digest = put.sha256:upper() }
  local err = raises("has the digest sha256:" .. put.sha256, artifact.get,
    { name = "web", into = "c", digest = ("0"):rep(64) })
  equal({ err.code, fs.exists "c" }, { "artifact-digest", false })
  raises("option 'digest' is sha256: and 64", artifact.get, { name = "web", into = "c", digest = "abc" })
end)

-- Names --------------------------------------------------------------------------------------------

test_here("names that could mean a place are refused, and said to be wrong", function()
  for _, name in ipairs { "", "a/b", "../x", ".hidden", "-x", "a b", "a@b", "a\nb", "ä", ("x"):rep(101), "*" } do
    raises("artifact.put: an artifact's name ", artifact.put, { name = name, root = "dist" })
  end
  raises("an artifact's run ", artifact.put, { name = "web", root = "dist", run = "a/b" })
  for _, attempt in ipairs { 0, -1, 1000000 } do
    raises("an artifact's attempt is 1 to", artifact.put, { name = "web", root = "dist", attempt = attempt })
  end
  equal(artifact.list(), {})
end)

test_here("misuse is told before anything is made", function(_, store)
  raises("unknown option 'file'", artifact.put, { name = "x", file = "y" })
  raises("what is in it", artifact.put, { name = "x" })
  raises("values or files", artifact.put, { name = "x", root = ".", values = { a = "b" } })
  raises("option 'retention' is a time", artifact.put, { name = "x", root = "dist", retention = "soon" })
  raises("option 'retention' is a time", artifact.put, { name = "x", root = "dist", retention = 0 })
  equal(plain.exists(store), false)
end)

-- Expiry and removal ---------------------------------------------------------------------------------

-- As if so many seconds had passed for all entries.
local function age(store, seconds)
  for _, name in ipairs(plain.list(store .. "/entries")) do
    local file = store .. "/entries/" .. name
    local entry = json.decode(plain.read(file))
    entry.created, entry.expires = entry.created - seconds, entry.expires - seconds
    plain.write(file, json.encode(entry))
  end
end

test_here("an artifact expires after its retention: it is not found, and list sweeps it", function(_, store)
  local long = artifact.put { name = "long", root = "dist" }
  equal(math.abs(long.expires - core.now() - 7 * 86400) < 60, true)
  fs.write("dist/more", "m")
  artifact.put { name = "short", root = "dist", retention = "1h" }
  age(store, 3601)
  equal(artifact.find { name = "short" }, nil)
  local err = raises("run local, attempt 1 %(expired%)", artifact.get, { name = "short", into = "x" })
  equal(err.code, "artifact-not-found")
  equal(names(artifact.list { expired = true }), { "long local 1", "short local 1" })
  equal(#blobs(store), 2)
  equal(names(artifact.list()), { "long local 1" })
  equal(blobs(store), { long.sha256 })
end)

test_here("a blob that a living name points to outlives an expired one", function(_, store)
  local put = artifact.put { name = "a", root = "dist", retention = 60 }
  artifact.put { name = "b", root = "dist" }
  age(store, 61)
  equal(names(artifact.sweep()), { "a local 1" })
  equal(blobs(store), { put.sha256 })
  artifact.get { name = "b", into = "x" }
end)

test_here("what has expired makes room for another of the same name", function(_, store)
  artifact.put { name = "a", root = "dist", retention = 60 }
  age(store, 61)
  fs.write("dist/index.js", "new")
  local put = artifact.put { name = "a", root = "dist" }
  equal(blobs(store), { put.sha256 })
end)

test_here("remove takes all that fit, and the blob with the last name", function(_, store)
  for attempt = 1, 2 do artifact.put { name = "a", root = "dist", run = "5", attempt = attempt } end
  artifact.put { name = "b", root = "dist" }
  equal(names(artifact.remove { name = "a", attempt = 2 }), { "a 5 2" })
  equal(names(artifact.remove { name = "a" }), { "a 5 1" })
  equal(#blobs(store), 1)
  equal(#artifact.remove { name = "b" }, 1)
  equal(blobs(store), {})
  equal(artifact.remove { name = "b" }, {})
end)

-- Damage ---------------------------------------------------------------------------------------------

test_here("a damaged blob is an error that names it, and nothing is extracted", function(_, store)
  local put = artifact.put { name = "web", root = "dist" }
  damage(store .. "/blobs/" .. put.sha256)
  local err = raises("the artifact 'web' of run local, attempt 1 in .* is damaged, nothing was taken from it",
    artifact.get, { name = "web", into = "there" })
  equal({ err.code, fs.exists "there" }, { "artifact-damaged", false })
end)

test_here("so is one that is cut off, and one that is missing", function(_, store)
  local put = artifact.put { name = "web", root = "dist" }
  local path = store .. "/blobs/" .. put.sha256
  plain.write(path, plain.read(path):sub(1, -2))
  equal(raises("is damaged", artifact.get, { name = "web", into = "there" }).code, "artifact-damaged")
  plain.remove(path)
  equal(raises("is damaged", artifact.get, { name = "web", into = "there" }).code, "artifact-damaged")
  equal(fs.exists "there", false)
end)

test_here("another whole archive in its place is damage, too", function(_, store)
  local put = artifact.put { name = "web", root = "dist" }
  fs.write("dist/index.js", "other")
  local other = artifact.put { name = "other", root = "dist" }
  plain.copy_file(store .. "/blobs/" .. other.sha256, store .. "/blobs/" .. put.sha256)
  equal(raises("is damaged", artifact.get, { name = "web", into = "there" }).code, "artifact-damaged")
  equal(fs.exists "there", false)
end)

test_here("a blob stays while an entry cannot be read that may name it", function(_, store)
  artifact.put { name = "a", root = "dist" }
  local b = artifact.put { name = "b", root = "dist" }
  plain.write(store .. "/entries/a@local@1.json", "?")
  artifact.remove { name = "b" }
  equal(blobs(store), { b.sha256 })
  artifact.remove { name = "a" }
  artifact.sweep()
  equal(blobs(store), {})
end)

test_here("a damaged entry is shown, hides no other, and no blob is thrown away for it", function(_, store)
  artifact.put { name = "a", root = "dist" }
  fs.write("dist/index.js", "other")
  artifact.put { name = "b", root = "dist" }
  for _, text in ipairs { "", "[]", '{"name":"a","run":"local","attempt":1}',
    (plain.read(store .. "/entries/b@local@1.json"):gsub('"sha256":"', '%0../../')), '{"name":"a"' } do
    plain.write(store .. "/entries/a@local@1.json", text)
    equal(artifact.list()[1].damaged, true)
  end
  local list = artifact.list()
  equal({ #list, list[1].damaged, list[2].damaged }, { 2, true, nil })
  raises("its entry cannot be read", artifact.get, { name = "a", into = "x" })
  equal(artifact.find { name = "a" }, nil)
  artifact.sweep()
  equal(#blobs(store), 2)
  equal(#artifact.remove { name = "a" }, 1)
  artifact.sweep()
  equal(#blobs(store), 1)
  artifact.get { name = "b", into = "x" }
end)

test_here("files that are no entries are left alone", function(_, store)
  artifact.put { name = "a", root = "dist" }
  plain.write(store .. "/entries/README", "notes")
  plain.write(store .. "/entries/x@y.json", "{}")
  plain.write(store .. "/entries/x\27[2J@y@1.json", "{}")
  equal(names(artifact.list()), { "a local 1" })
end)

-- Several at once --------------------------------------------------------------------------------------

test_here("two that put and remove at once leave what is named, and nothing else", function(_, store)
  local branches = {}
  for i = 1, 6 do
    branches[i] = function()
      local name = "n" .. i % 3
      for round = 1, 4 do
        try(artifact.put, { name = name, root = "dist", run = tostring(round) })
        if i > 3 then try(artifact.remove, { name = name, run = tostring(round) }) end
      end
    end
  end
  parallel(branches)
  for _, entry in ipairs(artifact.list()) do
    artifact.get { name = entry.name, run = entry.run, into = ("got/%s-%s"):format(entry.name, entry.run) }
  end
  local left = #artifact.list()
  equal(#blobs(store), left > 0 and 1 or 0)
  equal(plain.list(store .. "/incoming"), {})
end)

test_here("who changes something waits until nobody else does", function(_, store)
  plain.make(store)
  local held = filelock.take(store .. "/lock", "")
  local order = {}
  parallel {
    put = function()
      artifact.put { name = "web", root = "dist" }
      order[#order + 1] = "put"
    end,
    holder = function()
      repeat sleep(0.001) until #(plain.exists(store .. "/incoming") and plain.list(store .. "/incoming") or {}) == 1
      sleep(0.05)
      equal(artifact.list(), {})
      order[#order + 1] = "released"
      held:close()
    end,
  }
  equal(order, { "released", "put" })
end)

test_here("a lock that is held for too long is an error that passes", function(_, store)
  plain.make(store)
  local held = filelock.take(store .. "/lock", "")
  local monotonic, ahead = core.monotonic, 0
  core.monotonic = function()
    ahead = ahead + 20
    return monotonic() + ahead
  end
  local _, err = try(artifact.put, { name = "web", root = "dist" })
  core.monotonic = monotonic
  held:close()
  equal({ err.code, err.class, err.message:find "another process has held .*/lock for 30 s" ~= nil },
    { "artifact-busy", "transient", true })
  equal({ artifact.list(), plain.list(store .. "/incoming") }, { {}, {} })
end)

-- The lock is held by another one, so that it is under way whenever it is cancelled.
test_here("a put that is cancelled leaves nothing", function(_, store)
  fs.write("dist/large", require("core").random(65536):rep(400))
  plain.make(store)
  local _ <close> = filelock.take(store .. "/lock", "another one")
  raises("stop here", function()
    parallel {
      a = function() artifact.put { name = "web", root = "dist" } end,
      b = function()
        repeat sleep(0.001) until plain.exists(store .. "/incoming")
        failure { code = "x", message = "stop here" }
      end,
    }
  end)
  equal({ artifact.list(), blobs(store), plain.list(store .. "/incoming") }, { {}, {}, {} })
end)

-- In a rehearsal -----------------------------------------------------------------------------------------

local explore = require "rehearsal.explore"
local project = require "project"
local seal = require "seal.core"

local YAML = [[
version: 1
project: toy
zone: revelations.studio
cloudflare: { account: 0000000000000000000000000000c0de }
github: { repository: example/codex }
artifacts: { keys: { deploy: %s } }
]]

local RECIPE = [[
local artifact, fs, secret = require "artifact", require "fs", require "secret"
local function same(a, b) if a ~= b then failure { code = "wrong", message = ("%s is not %s"):format(a, b) } end end
return { summary = "A toy", run = function(_, run)
  run.step("build", function() fs.write("dist/index.js", "serve()") end)
  run.step("put", function() artifact.put { name = "web", root = "dist", run = run.id } end)
  run.step("seal", function()
    artifact.put { name = "env", root = "dist", sealed_to = "deploy", replace = true, run = run.id }
    artifact.put { name = "db", values = { T = secret.generate("T", 24, { to = { "sealed:*" } }) }, sealed_to = "deploy",
      replace = true, run = run.id }
  end)
  run.step("get", function()
    artifact.get { name = "web", into = "one", replace = true }
    artifact.get { name = "env", into = "two", replace = true }
    same(fs.read "one/index.js" .. fs.read "two/index.js", "serve()serve()")
    same(tostring(artifact.get({ name = "db" }).values.T), "[secret T]")
    same(#artifact.list(), 3)
  end)
  run.step("remove", function()
    artifact.remove { name = "web" }
    artifact.sweep()
    same(artifact.find { name = "web" }, nil)
    same(#artifact.list(), 2)
  end)
end }
]]

test("a rehearsal has artifacts of its own, wherever it is killed, and leaves none", function()
  in_project(function(folder, store)
    plain.write(folder .. "/davit.yaml", YAML:format(seal.new_key(folder .. "/key")))
    plain.write(folder .. "/recipes/toy.lua", RECIPE)
    artifact.put { name = "web", root = "dist" }
    plain.stay_in(nil)
    local before = process.run({ argv = { "find", folder }, check = false }).output
    local result = explore.run(project.read(folder), { recipe = "toy", params = {}, seed = 1, jobs = 2,
      pull_requests = { 42 }, every = (os.getenv "DAVIT" or ""):find("san", 1, true) and 17 or 1, limit = 60 },
      function() end)
    equal(result.failed, {})
    equal({ result.reference.outcome.code, result.points.file > 60 }, { 0, true })
    equal(process.run({ argv = { "find", folder }, check = false }).output, before)
    equal(#blobs(store), 1)
  end)
end)

-- Secrets ------------------------------------------------------------------------------------------------

local function new_secret(name) return secret.generate(name, 24, { to = { "api.example.com", "sealed:*" } }) end

-- Writes a file that holds the secret, as a careless child would.
local function leak(path, value)
  secret = require "secret"
  process.run { argv = { "sh", "-c", 'printf "url=%s\\n" "$VALUE" > "$1"', "sh", path },
    env = { VALUE = value }, cwd = plain.root() }
end

test_here("a plaintext artifact that holds a secret is refused, with the file and the secret", function(_, store)
  local token = secret.generate("LEAKED", 24, { to = { "program:sh" } })
  leak("dist/.env", token)
  local err = raises("the artifact 'web' was not made: .env holds the secret LEAKED", artifact.put,
    { name = "web", root = "dist" })
  equal({ err.code, err.about, err.secret }, { "denied", ".env", "LEAKED" })
  equal({ artifact.list(), blobs(store), plain.list(store .. "/incoming") }, { {}, {}, {} })
  artifact.put { name = "web", root = "dist", except = { ".env" } }
end)

test_here("a name that holds a secret is refused, and so is one that is a secret", function()
  local token = secret.generate("IN_NAME", 24, { to = { "program:sh" } })
  leak("name", token)
  local name = fs.read("name"):match "url=(%S+)"
  local err = raises("its name or run holds the secret IN_NAME", artifact.put, { name = "x" .. name, root = "dist" })
  equal({ err.code, tostring(err):find(name, 1, true) }, { "denied", nil })
  raises("IN_NAME", artifact.put, { name = token, root = "dist" })
  leak("dist/" .. name, token)
  equal(raises("holds the secret IN_NAME", artifact.put, { name = "x", root = "dist" }).code, "denied")
end)

test_here("a value that is a secret is refused unless it is sealed", function()
  local err = raises("its value DATABASE_URL holds the secret DATABASE_URL", artifact.put,
    { name = "db", values = { DATABASE_URL = new_secret "DATABASE_URL" } })
  equal(err.code, "denied")
end)

test_here("values that are no secrets go in plain text, and an empty one is refused", function()
  artifact.put { name = "ref", values = { state = "ready", branch = "br-1" } }
  equal(artifact.get({ name = "ref" }).values, { state = "ready", branch = "br-1" })
  equal(raises("the value branch is empty", artifact.put, { name = "x", values = { branch = "" } }).code,
    "artifact-empty")
  raises("there are no values", artifact.put, { name = "x", values = {} })
  raises("the name 'a%?b' of a value holds control characters", artifact.put, { name = "x", values = { ["a\nb"] = "1" } })
  raises("option 'into' says where", artifact.get, { name = (artifact.put { name = "f", root = "dist" }).name })
  raises("go into no folder", artifact.get, { name = "ref", into = "x" })
end)
