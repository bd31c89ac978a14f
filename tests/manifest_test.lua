---Manifests: general names, the file, and runs that are held to one.
local fs = require "fs"
local manifest = require "run.manifest"
local place = assert(require("core").load_file("tests/place.lua"))()
local server = require "server"

local general = manifest.general

-- ---- names ---------------------------------------------------------------------------------------

test("numbers and ids are general, words are not", function()
  local api = "GET https://api.example.com/client/v4/accounts/"
  equal(general("requests", api .. "0123456789abcdef0123456789abcdef/x/12"), api .. "*/x/*")
  equal(general("requests", "GET https://a/1b9d6bcd-bbfd-4b2d-9b5d-ab8dfbbd4bed/y"), "GET https://a/*/y")
  equal(general("requests", "GET https://a/codex-web-preview-42/e2e/base64"), "GET https://a/codex-web-preview-*/e2e/base64")
  equal(general("commands", "node build.mjs --port 8080 in apps/web"), "node build.mjs --port * in apps/web")
end)

test("what a service makes up is general, whatever the words", function()
  equal(general("databases", "owner@ep-quiet-rain-a1b2c3.eu-central-1.aws.neon.tech/main"), "owner@ep-*.*.aws.neon.tech/main")
  equal(general("requests", "GET https://console.neon.tech/api/v2/projects/p/branches/br-cool-sea-12345678/x"),
    "GET https://console.neon.tech/api/v2/projects/p/branches/br-*/x")
  equal(general("lookups", "A ada.ns.cloudflare.com"), "A *.ns.cloudflare.com")
end)

test("a file with a number in its name stands for its series, a folder with one for itself", function()
  equal(general("reads", "drizzle/0001_init.sql"), "drizzle/*.sql")
  equal(general("writes", "out/2026-11-22/log"), "out/*/log")
  equal(general("reads", "dist/**"), "dist/**")
end)

test("a general name is a pattern that means what it was made of", function()
  local matches = require("permit.core").matches
  for kind, what in pairs { requests = "PUT https://a.b/scripts/web-12-3f2504e0/x", reads = "a/main.4f3a9c21.js",
    databases = "o@ep-blue-sky-00aa11bb.us-east-2.aws.neon.tech/d", commands = "ls packages/**/*.sql in v2" } do
    equal({ what, matches(general(kind, what), what) }, { what, true })
    equal(general(kind, general(kind, what)), general(kind, what))
  end
end)

-- ---- the file ------------------------------------------------------------------------------------

local HEAD = [[
# What the recipe 'toy' may do: what it did in all of its rehearsals.
# 'davit rehearse toy --manifest' writes this, 'davit run toy --manifest FILE' holds a run to it.
version: 1
recipe: toy
commands:
  - "a: \"b\"\x0ac in ."
databases: []
lookups: []
reads:
  - a/**
  - b
requests:
  - GET https://a/*
  - PUT https://a/*
secrets: []
writes: []
]]

test("a manifest is sorted, each thing once, and what stands in a listed folder is told by it", function()
  equal(manifest.text("toy", { "requests PUT https://a/*", "reads b", "reads a/c", "reads a/**", "reads a/d/**",
    "requests GET https://a/*", "requests PUT https://a/*", 'commands a: "b"\nc in .' }), HEAD)
end)

test("a manifest that was written is read as it was meant", function()
  local folder <close> = fs.temporary()
  fs.write(folder / "m.yaml", HEAD)
  local m = manifest.read(folder / "m.yaml", "toy")
  equal({ m.commands, m.reads, m.databases }, { { 'a: "b"\nc in .' }, { "a/**", "b" }, {} })
end)

test("a manifest of another recipe, of nothing, or with a mistake is refused", function()
  local folder <close> = fs.temporary()
  local function wrong(text, why)
    fs.write(folder / "m.yaml", text)
    raises(why, manifest.read, folder / "m.yaml", "toy")
  end
  wrong("version: 1\nrecipe: other\n", "is the manifest of 'other', and this is 'toy'")
  wrong("version: 2\nrecipe: toy\n", "this davit reads version 1")
  wrong("version: 1\nrecipe: toy\nrequest: []\n", "unknown key, did you mean 'requests'")
  wrong("version: 1\nrecipe: toy\nreads: all\n", "must be a list")
  raises("rehearse toy %-%-manifest", manifest.read, folder / "missing.yaml", "toy")
end)

-- ---- runs ----------------------------------------------------------------------------------------

local RECIPE = [[
local fs, http, process, secret = require "fs", require "http", require "process", require "secret"
return { summary = "A toy", params = { url = { type = "string" }, caught = { type = "boolean" } }, run = function(p, run)
  local key = secret.env("KEY", { to = { "program:sh" } })
  local function all()
    run.step("read", function() return #fs.read "in.txt" end)
    run.step("ask", function() return http.request({ url = p.url .. "/a/7", method = "PUT" }).status end)
    run.step("build", function() return process.run({ argv = { "sh", "-c", "echo 1 >made; : $KEY" }, env = { KEY = key } }).exit end)
    run.step("write", function() fs.write("out.txt", "x") end)
  end
  if p.caught then try(all) else all() end
end }
]]

local FULL = [[
version: 1
recipe: toy
commands: ["sh -c 'echo 1 >made; : $KEY' in ."]
reads: [in.txt]
requests: ["PUT http://127.0.0.1:*/a/*"]
secrets: [KEY]
writes: [out.txt]
]]

-- Runs the toy with a manifest; gives the result, which files it has made, and what the server saw.
local function held(text, ...)
  local seen = 0
  local folder <close> = place.bare { toy = RECIPE }
  fs.write(folder.folder .. "/in.txt", "x")
  fs.write(folder.folder .. "/m.yaml", text)
  folder.env = { KEY = "a-secret-value" }
  local flags, result = { ... }, nil
  server.with(function() seen = seen + 1 return 200, "" end, function(s)
    result = folder:davit("toy", "--url", s.url, "--manifest", "m.yaml", table.unpack(flags))
  end)
  local made = (fs.exists(folder.folder .. "/made") and "made " or "") .. (fs.exists(folder.folder .. "/out.txt") and "out" or "")
  return result, made, seen
end

test("a run that does what its manifest has goes on as without one", function()
  local result, made, seen = held(FULL)
  equal({ result.exit, made, seen }, { 0, "made out", 1 })
end)

for what, expect in pairs {
  ["reads: [in.txt]"] = { "'in.txt' is not among the reads of m.yaml", "", 0 },
  ["PUT http://127.0.0.1:*/a/*"] = { "/a/7' is not among the requests of m.yaml", "", 0 },
  ["sh -c 'echo 1 >made; : $KEY' in ."] = { "in .' is not among the commands of m.yaml", "", 1 },
  ["secrets: [KEY]"] = { "'KEY' is not among the secrets of m.yaml", "", 1 },
  ["writes: [out.txt]"] = { "'out.txt' is not among the writes of m.yaml", "made ", 1 },
} do
  test(("a run without '%s' in its manifest ends with exit code 7 before it happens"):format(what), function()
    local at, to = FULL:find(what, 1, true)
    local result, made, seen = held(FULL:sub(1, at - 1) .. FULL:sub(to + 1))
    equal({ result.exit, made, seen }, { 7, expect[2], expect[3] })
    local line = result.errors:match "davit: [^\n]*recipes/toy.lua:%d+: [^\n]*" or ""
    equal({ line, line:find(expect[1], 1, true) ~= nil }, { line, true })
  end)
end

test("another method and another host are refused", function()
  for from, to in pairs { ["PUT http"] = "GET http", ["127.0.0.1"] = "127.0.0.2" } do
    local result, _, seen = held((FULL:gsub(from:gsub("%p", "%%%0"), to)))
    equal({ result.exit, seen }, { 7, 0 })
  end
end)

test("a refusal that the recipe has caught is told, and is the exit code", function()
  local result, made = held(FULL:gsub("PUT http", "GET http"), "--caught")
  equal({ result.exit, made }, { 7, "" })
  equal(result.errors:find("and the recipe went on without it", 1, true) ~= nil, true)
end)

test("a run that was started with a manifest is resumed with it", function()
  local folder <close> = place.bare { toy = [[
    return { summary = "A toy", approves = true, run = function(_, run)
      run.approve { "go on?" }
      run.step("write", function() require("fs").write("out.txt", "x") end)
    end }]] }
  fs.write(folder.folder .. "/m.yaml", "version: 1\nrecipe: toy\nreads: ['**']\n")
  equal(folder:davit("toy", "--manifest", "m.yaml").exit, 75)
  local id = folder:davit("runs").output:match "toy%-%S+"
  local result = folder:davit("approve", id)
  equal({ result.exit, fs.exists(folder.folder .. "/out.txt") }, { 7, false })
  equal(result.errors:find("'out.txt' is not among the writes of m.yaml", 1, true) ~= nil, true)
end)

test("a manifest that is not there is a mistake, and nothing is run", function()
  local folder <close> = place.bare { toy = RECIPE }
  local result = folder:davit("toy", "--manifest", "none.yaml")
  equal({ result.exit, folder:davit("runs").output:find("toy%-") }, { 2, nil })
end)
