---The whole flow, end to end: the sample project on the local cloud with real workerd and real
---PostgreSQL, each command a process of its own as a person would start it.
local fs = require "fs"
local http = require "http"
local json = require "json"
local postgres = require "cloud.postgres"
local process = require "process"

local davit = os.getenv "DAVIT" or "build/davit"
local here = process.run { argv = { "pwd" } }.output:match("[^\n]+")
local fakes = { "fake%-", "sk_test_", "sk_live_", "npg_", "postgresql://[^*]*:[^*]+@" }

local function missing()
  if not fs.exists("build/npm/node_modules/workerd") then return "workerd is not in build/npm" end
  local found = process.run { command = "ls -d /usr/lib/postgresql/*/bin/postgres", check = false }
  return found.exit ~= 0 and "PostgreSQL's programs are not here" or nil
end

local why_not = missing()

local function flow_test(name, f)
  test(name, function()
    if why_not then skip(why_not) end
    f()
  end)
end

-- ---- a project folder with a local cloud ------------------------------------------------------

local Place = {}
Place.__index = Place

local function environment()
  return { PATH = here .. "/build/npm/node_modules/.bin:" .. os.getenv "PATH", NO_COLOR = "1" }
end

local function new_place()
  local folder = process.run { argv = { "mktemp", "-d" } }.output:match("[^\n]+") .. "/a project"
  process.run { argv = { "cp", "-R", "tests/projects/codex", folder } }
  process.run { argv = { "ln", "-s", here .. "/build/npm/node_modules", folder .. "/node_modules" } }
  process.run { argv = { "chmod", "600", folder .. "/secrets.env" } }
  fs.write(folder .. "/ask.lua", [[
local project = require "project"
require("local").connect(project.read())
local url, token = ...
local headers = token and { authorization = "Bearer " .. token } or nil
print(require("http").expect({ url = url, headers = headers }).body)]])
  return setmetatable({ folder = folder }, Place)
end

function Place:start()
  self.cloud = process.start {
    argv = { here .. "/" .. davit, "cloud" }, cwd = self.folder, env = environment(), output = "capture",
  }
  repeat
    local line = self.cloud:line()
    if not line then error("the local cloud ended: " .. self.cloud:wait().errors, 0) end
  until line == "ready"
  self.listens = json.decode(fs.read(self.folder .. "/.davit/local/cloud.json"))
end

Place.__close = function(self)
  self.cloud:kill("TERM")
  equal(self.cloud:wait().exit, 0)
  postgres.reset(self.folder .. "/.davit/local")
  fs.remove((self.folder:gsub("/a project$", "")))
end

---Runs davit in the project; nothing that it prints may hold a secret.
function Place:davit(...)
  local result = process.run {
    argv = { here .. "/" .. davit, ... }, cwd = self.folder, env = environment(), check = false,
  }
  for _, fake in ipairs(fakes) do
    local found = (result.output .. result.errors):match(fake)
    if found then error("a secret was printed: " .. found) end
  end
  return result
end

function Place:ask(url, token)
  local result = process.run {
    argv = { here .. "/" .. davit, "ask.lua", url, token }, cwd = self.folder, env = environment(), check = false,
  }
  if result.exit ~= 0 then error(result.errors, 0) end
  return result.output
end

function Place:open_pull(number)
  http.expect {
    url = ("http://127.0.0.1:%d/_davit/pulls"):format(self.listens.http_port), method = "POST",
    json = { number = number, title = "another", state = "open", head = "another" },
  }
end

local function succeeds(result)
  if result.exit ~= 0 then error(("exit %s: %s"):format(result.exit or result.signal, result.errors), 2) end
  return result
end

-- ---- what holds ---------------------------------------------------------------------------------

local place <close> = not why_not and new_place() or nil
if place then place:start() end

flow_test("a preview is deployed, and its Workers answer with data of their branch", function()
  local result = succeeds(place:davit("run", "preview", "--pr", "42", "--local"))
  equal(result.output, table.concat({
    "ecom-api: https://api-preview-42.revelations.studio",
    "auth-worker: https://auth-preview-42.revelations.studio",
    "codex-web: https://codex-preview-42.revelations.studio", "",
  }, "\n"))
  local products = json.decode(place:ask("https://api-preview-42.revelations.studio/products"))
  equal(#products.products, 3)
  equal(products.payments, "test")
  equal(json.decode(place:ask("https://auth-preview-42.revelations.studio/users/count")).users, 3)
  local health = json.decode(place:ask("https://codex-preview-42.revelations.studio/health"))
  equal({ health.environment, #health.version }, { "preview", 12 })
end)

flow_test("a browser reaches it below .localhost, page and assets", function()
  local base = ("http://codex-preview-42.revelations.studio.localhost:%d"):format(place.listens.http_port)
  equal(http.expect { url = base .. "/" }.body:find("Evening Talks", 1, true) ~= nil, true)
  local style = http.expect { url = base .. "/style.css" }
  equal(style.headers["content-type"]:find("^text/css") ~= nil, true)
end)

flow_test("the second run makes nothing and deploys nothing new", function()
  local before = place:ask("https://api-preview-42.revelations.studio/health")
  local result = succeeds(place:davit("preview", "--pr", "42", "--local"))
  equal(result.errors:find("(made)", 1, true), nil)
  equal(place:ask("https://api-preview-42.revelations.studio/health"), before)
end)

flow_test("the pull request has one comment, with the URLs", function()
  local url = "https://api.github.com/repos/example/codex/issues/42/comments"
  local comments = json.decode(place:ask(url, "fake-github-token-0004"))
  equal(#comments, 1)
  equal(comments[1].body:find("https://codex-preview-42.revelations.studio", 1, true) ~= nil, true)
end)

flow_test("a second preview of the same pull request waits for nobody and says who holds the lease", function()
  local first = process.start {
    argv = { here .. "/" .. davit, "run", "preview", "--pr", "42", "--local", "--json" }, cwd = place.folder,
    env = environment(),
  }
  repeat local line = first:line() until not line or line:find('"lease-taken"', 1, true)
  local second = place:davit("run", "preview", "--pr", "42", "--local")
  equal(first:wait().exit, 0)
  equal(second.exit, 6)
  equal(second.errors:find("'preview/42' is taken: run preview%-") ~= nil, true)
end)

flow_test("a run that was killed can be taken back without its journal", function()
  place:open_pull(43)
  local run = process.start {
    argv = { here .. "/" .. davit, "run", "preview", "--pr", "43", "--local", "--json" }, cwd = place.folder,
    env = environment(),
  }
  repeat
    local line = run:line()
  until not line or line:find('"created".*Worker ecom%-api%-preview%-43')
  run:kill("KILL")
  run:wait()
  for _, file in ipairs { "journal.db", "journal.db-wal", "journal.db-shm" } do
    fs.remove(place.folder .. "/.davit/" .. file)
  end
  local cleanup = succeeds(place:davit("cleanup", "--pr", "43", "--local"))
  equal(cleanup.output, "inventory: empty\n")
  equal(cleanup.errors:find("Database branch pr-43 (gone)", 1, true) ~= nil, true)
end)

flow_test("Ctrl-C stops a run, says what it made, and exits with 10", function()
  place:open_pull(44)
  local run = process.start {
    argv = { here .. "/" .. davit, "run", "preview", "--pr", "44", "--local", "--json" }, cwd = place.folder,
    env = environment(),
  }
  repeat local line = run:line() until not line or line:find('"created".*Database branch')
  run:kill("INT")
  local result = run:wait()
  equal(result.exit, 10)
  equal(result.errors:find("interrupted by SIGINT", 1, true) ~= nil, true)
  equal(result.errors:find("this run made and left: Database branch pr-44", 1, true) ~= nil, true)
  succeeds(place:davit("preview", "--pr", "44", "--local"))
end)

flow_test("cleanup removes what davit.yaml names no more", function()
  local file = place.folder .. "/davit.yaml"
  local text = fs.read(file)
  fs.write(file, (text:gsub("deploy: %[ecom%-api, ", "deploy: [")))
  local result = place:davit("cleanup", "--pr", "44", "--local")
  fs.write(file, text)
  equal(succeeds(result).output, "inventory: empty\n")
  equal(result.errors:find("remove the worker ecom-api-preview-44", 1, true) ~= nil, true)
end)

flow_test("cleanup takes everything back, and a second one finds nothing to do", function()
  equal(succeeds(place:davit("run", "cleanup", "--pr", "42", "--local")).output, "inventory: empty\n")
  raises("no such name", place.ask, place, "https://api-preview-42.revelations.studio/health")
  local again = succeeds(place:davit("run", "cleanup", "--pr", "42", "--local"))
  equal(again.errors:find("(gone)", 1, true), nil)
end)

flow_test("the journal knows the runs and holds no secret", function()
  local runs = succeeds(place:davit("runs")).output
  local id = runs:match("^(cleanup%-%S+)")
  equal(succeeds(place:davit("show", id)).output:find("inventory", 1, true) ~= nil, true)
  for _, file in ipairs { "journal.db", "journal.db-wal" } do
    local text = fs.exists(place.folder .. "/.davit/" .. file) and fs.read(place.folder .. "/.davit/" .. file) or ""
    for _, fake in ipairs(fakes) do equal(text:match(fake), nil) end
  end
end)
