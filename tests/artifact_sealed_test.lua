---Sealed artifacts: a later job can use what is in them, and nobody else can read it.
local artifact = require "artifact"
local fs = require "fs"
local http = require "http"
local mask = require "mask"
local plain = require "fs.core"
local process = require "process"
local project = require "project"
local seal = require "seal.core"
local secret = require "secret"
local server = require "server"

-- A project with the key `deploy` in its davit.yaml; f gets the private key as a secret.
local function in_project(f)
  local folder = process.run({ argv = { "mktemp", "-d" } }).output:match "[^\n]+"
  plain.stay_in(folder)
  local before = try(project.current)
  local _ <close> = setmetatable({}, { __close = function()
    project.use(before or { secrets = {}, environments = {}, artifacts = { keys = {} } })
    plain.stay_in(nil)
    plain.remove(folder)
  end })
  local public = seal.new_key(folder .. "/deploy.key")
  project.use(project.parse(("version: 1\nproject: x\nartifacts: { keys: { deploy: %s } }\n"):format(public), "y"))
  plain.stay_in(folder)
  return f(secret.file("deploy.key", { to = { "sealed:*" } }), folder, public)
end

local function test_here(name, f)
  test(name, function() in_project(f) end)
end

local function new_secret(name, to) return secret.generate(name, 24, { to = to or { "sealed:deploy" } }) end

-- What of a folder's files holds the text.
local function files_with(folder, pattern)
  return process.run({ argv = { "grep", "-rlaF", "-e", pattern, folder }, check = false }).output
end

-- Values ----------------------------------------------------------------------------------------

test_here("a secret that is sealed comes back as one: opaque, bound, masked", function(key)
  server.with(function(req) return 200, req.headers["x-token"] or "none" end, function(s)
    local value = new_secret("TOKEN", { s.url, "sealed:deploy" })
    artifact.put { name = "db", values = { TOKEN = value, branch = "br-1" }, sealed_to = "deploy" }
    local got = artifact.get { name = "db", key = key }
    equal(got.values.branch, "br-1")
    equal(tostring(got.values.TOKEN), "[secret TOKEN]")
    equal(secret.fingerprint(got.values.TOKEN, key), secret.fingerprint(value, key))
    equal(mask.text(http.request({ url = s.url, headers = { ["x-token"] = got.values.TOKEN } }).body), "***")
    equal(raises("may be sent to", http.request,
      { url = "http://127.0.0.1:1/", headers = { a = got.values.TOKEN } }).code, "secret-refused")
  end)
end)

test_here("a secret is sealed only for whom it is bound to", function()
  local err = raises("secret TOKEN may be sent to https://api.example.com only, not to sealed:deploy", artifact.put,
    { name = "db", values = { TOKEN = new_secret("TOKEN", { "api.example.com" }) }, sealed_to = "deploy" })
  equal(err.code, "secret-refused")
  raises("not to sealed:deploy", artifact.put,
    { name = "db", values = { TOKEN = new_secret("TOKEN", { "sealed:other" }) }, sealed_to = "deploy" })
  equal(artifact.list(), {})
end)

test_here("what is made of several secrets comes back with the places that all of them name", function(key)
  local a = new_secret("A", { "api.example.com", "sql:*", "sealed:*" })
  local b = new_secret("B", { "sql:*", "sealed:*", "id.example.com" })
  artifact.put { name = "db", values = { URL = "x://" .. a .. ":" .. b }, sealed_to = "deploy" }
  local got = artifact.get({ name = "db", key = key }).values.URL
  local err = raises("may be sent to sql:%* and sealed:%* only", http.request,
    { url = "https://api.example.com/", headers = { a = got } })
  equal(err.code, "secret-refused")
  raises("has 0 places that all secrets in it name", artifact.put, { name = "none", sealed_to = "deploy",
    values = { X = new_secret("C", { "sealed:deploy" }) .. new_secret("D", { "sealed:*" }) } })
end)

test_here("nothing that is sealed stands anywhere in the clear", function(key, folder)
  local value = secret.generate("MARKED", 24, { to = { "program:sh", "sealed:deploy" } })
  local text = process.run { argv = { "sh", "-c", 'printf %s "$V" | sha256sum' }, env = { V = value } }.output
  artifact.put { name = "db", values = { MARKED = value }, sealed_to = "deploy" }
  fs.write("dist/config", "a text that is searched for below")
  artifact.put { name = "files", root = "dist", sealed_to = "deploy" }
  fs.remove "dist"
  equal(files_with(folder, "a text that is searched for"), "")
  equal(files_with(folder, "MARKED"), "")
  local got = artifact.get { name = "db", key = key }
  equal(process.run { argv = { "sh", "-c", 'printf %s "$V" | sha256sum' }, env = { V = got.values.MARKED } }.output, text)
  equal(plain.list(folder .. "/.davit/tmp"), {})
end)

-- The values as somebody wrote them who knows the public key, and not what Davit writes.
local function open_foreign(key, folder, public, written)
  fs.write("plain", "davit values 1\n" .. written)
  seal.seal_file { from = folder .. "/plain", to = folder .. "/sealed", keys = { public } }
  return seal.open_values(fs.read("sealed"), key, "the artifact 'db'")
end

test_here("values that somebody sealed against the rules are damaged, in one line", function(key, folder, public)
  local secret_of = function(name, place, value) return string.pack("<s4BBs4s4", name, ("s"):byte(), 1, place, value) end
  equal(tostring(open_foreign(key, folder, public, secret_of("A", "sealed:*", "a-secret-value")).A), "[secret A]")
  local against = {
    secret_of("A", "https://user@host\n", "a-secret-value"), secret_of("A", "sealed:*", ""),
    secret_of("A\n::warning::of somebody's", "sealed:*", "abc"), secret_of("", "sealed:*", "a-secret-value"),
    string.pack("<s4BBs4", "A", ("s"):byte(), 0, "a-secret-value"), string.pack("<s4BBI4", "A", ("t"):byte(), 0, 0xffffffff),
  }
  for _, written in ipairs(against) do
    local err = raises("it was changed after it was sealed", open_foreign, key, folder, public, written)
    equal({ err.code, err.message:find "%c" }, { "artifact-damaged" })
  end
end)

-- Files -------------------------------------------------------------------------------------------

test_here("sealed files come back, and may hold secrets", function(key, folder)
  local token = secret.generate("IN_FILE", 24, { to = { "program:sh" } })
  process.run { argv = { "sh", "-c", 'mkdir dist; printf %s "$V" > dist/.env' }, env = { V = token }, cwd = folder }
  fs.write("dist/large", require("core").random(65536):rep(40))
  local put = artifact.put { name = "env", root = "dist", sealed_to = { "deploy" } }
  equal({ put.files, #put.sealed_to, put.sealed_to[1] }, { 2, 1, "deploy" })
  local got = artifact.get { name = "env", into = "there", key = key }
  equal(#got.contents, 2)
  equal(mask.text(fs.read "there/.env"), "***")
  equal(fs.read "there/large" == fs.read "dist/large", true)
end)

test_here("who has another key is told for whom it is, and nothing is extracted", function(_, folder, public)
  fs.write("dist/a", "a")
  artifact.put { name = "env", root = "dist", sealed_to = "deploy" }
  artifact.put { name = "val", values = { a = "b" }, sealed_to = "deploy" }
  seal.new_key(folder .. "/other.key")
  local other = secret.file("other.key", { to = { "sealed:*" } })
  local pattern = "it is sealed for " .. public:gsub("%-", "%%-") .. ", and this is another key"
  equal(raises(pattern, artifact.get, { name = "env", into = "there", key = other }).code, "artifact-sealed")
  equal(raises(pattern, artifact.get, { name = "val", key = other }).code, "artifact-sealed")
  equal(fs.exists "there", false)
end)

test_here("without a key in the environment the error says what is missing", function()
  artifact.put { name = "val", values = { a = "b" }, sealed_to = "deploy" }
  local err = raises("sealed for deploy, and DAVIT_ARTIFACT_KEY is not set", artifact.get, { name = "val" })
  equal(err.code, "secret-missing")
end)

test_here("a secret that is no private key is refused without being shown", function(_, _, public)
  artifact.put { name = "val", values = { a = "b" }, sealed_to = public }
  local err = raises("%[secret WRONG%] holds no private key", artifact.get, { name = "val", key = new_secret "WRONG" })
  equal(err.code, "artifact-key")
end)

test_here("each of several keys opens it", function(key, folder)
  local second = seal.new_key(folder .. "/second.key")
  fs.write("dist/a", "a")
  artifact.put { name = "val", values = { a = "b" }, sealed_to = { "deploy", second } }
  artifact.put { name = "env", root = "dist", sealed_to = { "deploy", second } }
  for i, k in ipairs { key, secret.file("second.key", { to = { "sealed:*" } }) } do
    equal(artifact.get({ name = "val", key = k }).values.a, "b")
    artifact.get { name = "env", key = k, into = "there" .. i }
  end
end)

test_here("what was changed after it was sealed is an error, and nothing is extracted", function(key, folder)
  fs.write("dist/a", "a")
  for _, o in ipairs { { name = "env", root = "dist" }, { name = "val", values = { a = "b" } } } do
    o.sealed_to = "deploy"
    local put = artifact.put(o)
    local path = folder .. "/.davit/artifacts/blobs/" .. put.sha256
    local text = plain.read(path)
    for _, other in ipairs { text:sub(1, -2), text .. "x", text:sub(1, 99) .. "?" .. text:sub(101), "" } do
      plain.write(path, other)
      local err = raises("is damaged, nothing was taken from it", artifact.get,
        { name = o.name, key = key, into = o.root and "there" })
      equal(err.code, "artifact-damaged")
    end
  end
  equal({ fs.exists "there", plain.list(folder .. "/.davit/tmp") }, { false, {} })
end)

test_here("another one in its place, sealed for the same key, is damage, too", function(key, folder)
  local blobs = folder .. "/.davit/artifacts/blobs/"
  for _, more in ipairs { { root = "dist", into = "there" }, { values = { a = "b" } } } do
    local put = {}
    for i = 1, 2 do
      fs.write("dist/a", "a" .. i)
      put[i] = artifact.put { name = "n", attempt = i, root = more.root, values = more.values, sealed_to = "deploy",
        replace = true }
    end
    plain.copy_file(blobs .. put[1].sha256, blobs .. put[2].sha256)
    local err = raises("is damaged, nothing was taken from it", artifact.get, { name = "n", key = key, into = more.into })
    equal({ err.code, fs.exists "there" }, { "artifact-damaged", false })
  end
end)

test_here("sealed artifacts are kept for a day, unless it is said", function()
  local put = artifact.put { name = "val", values = { a = "b" }, sealed_to = "deploy" }
  equal(put.expires - put.created, 86400.0)
end)

test_here("a key that davit.yaml does not declare is an error that names those it does", function()
  local err = raises("no key is called 'deplyo' in davit.yaml %(artifacts.keys%); it declares deploy", artifact.put,
    { name = "val", values = { a = "b" }, sealed_to = "deplyo" })
  equal(err.code, "config")
  raises("names no key", artifact.put, { name = "val", values = { a = "b" }, sealed_to = {} })
end)

test_here("a key's file is its owner's alone", function(key, folder, public)
  equal(plain.stat(folder .. "/deploy.key").mode, "0600")
  equal(seal.public_key(key), public)
end)
