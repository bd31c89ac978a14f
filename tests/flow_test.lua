---The whole flow, end to end: the sample project on the local cloud with real workerd and real
---PostgreSQL, each command a process of its own as a person would start it.
local fs = require "fs"
local http = require "http"
local json = require "json"
local places = assert(require("core").load_file("tests/place.lua"))()

local flow_test = places.tests(test, skip)

local function succeeds(result) return places.exits(0, result) end

-- ---- what holds ---------------------------------------------------------------------------------

local place <close> = not places.missing() and places.new() or nil
if place then place:start() end

flow_test("a preview is deployed, and its Workers answer with data of their branch", function()
  local result = succeeds(place:davit("run", "preview", "--untested", "--pr", "42", "--local"))
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
  equal({ health.environment, #health.version }, { "preview", 21 })
end)

-- Where every origin leads to this machine it is the name that counts, and the scheme and the port.
flow_test("with --local a secret stays with the origin it is bound to", function()
  fs.write(place.folder .. "/recipes/leak.lua", [[
    local http, secret = require "http", require "secret"
    return { summary = "Sends a token to others", run = function()
      local token = secret.bind(secret.dotenv("secrets.env").GITHUB_TOKEN, "GITHUB_TOKEN", { to = { "api.github.com" } })
      local function tell(url, ca)
        local answer, err = try(http.request, { url = url, headers = { authorization = "Bearer " .. token }, ca = ca })
        print(answer and answer.status or err.message)
      end
      tell "https://api.github.com/repos/example/codex/pulls/42"
      tell "https://api.cloudflare.com/client/v4/user"
      tell "https://api.github.com:8443/"
      tell "http://api.github.com/"
      tell("https://127.0.0.1:" .. ]] .. place.listens.https_port .. [[ .. "/")
    end }
  ]])
  local result = succeeds(place:davit("run", "leak", "--local"))
  local refused = "secret GITHUB_TOKEN may be sent to https://api.github.com only, not to %s (header 'authorization')\n"
  equal(result.output, "200\n" .. refused:format "https://api.cloudflare.com" .. refused:format "https://api.github.com:8443"
    .. refused:format "http://api.github.com" .. refused:format("https://127.0.0.1:" .. place.listens.https_port))
  fs.remove(place.folder .. "/recipes/leak.lua")
end)

flow_test("a browser reaches it below .localhost, page and assets", function()
  local base = ("http://codex-preview-42.revelations.studio.localhost:%d"):format(place.listens.http_port)
  equal(http.expect { url = base .. "/" }.body:find("Evening Talks", 1, true) ~= nil, true)
  local style = http.expect { url = base .. "/style.css" }
  equal(style.headers["content-type"]:find("^text/css") ~= nil, true)
end)

flow_test("the second run makes nothing and deploys nothing new", function()
  local before = place:ask("https://api-preview-42.revelations.studio/health")
  local result = succeeds(place:davit("preview", "--untested", "--pr", "42", "--local"))
  equal(result.errors:find("(made)", 1, true), nil)
  equal(place:ask("https://api-preview-42.revelations.studio/health"), before)
end)

flow_test("the pull request has one comment, with the URLs", function()
  local url = "https://api.github.com/repos/example/codex/issues/42/comments"
  local comments = json.decode(place:ask(url, "fake-github-token-0004"))
  equal(#comments, 1)
  equal(comments[1].body:find("https://codex-preview-42.revelations.studio", 1, true) ~= nil, true)
end)

-- A run that goes on in the background; its events are its output.
local function begin(...)
  return place:begin("run", "preview", "--untested", "--local", "--json", ...)
end

local function wait_for(run, pattern)
  local line
  repeat line = run:line() until not line or line:find(pattern)
  equal(line ~= nil, true)
end

flow_test("a newer preview of the same pull request supersedes the older one, which undoes nothing", function()
  place:open_pull(48)
  local older = begin("--pr", "48")
  wait_for(older, '"lease%-taken"')
  local newer = succeeds(place:davit("run", "preview", "--untested", "--pr", "48", "--local"))
  local superseded = older:wait()
  equal({ superseded.exit, superseded.errors:find("superseded by run preview%-") ~= nil }, { 6, true })
  equal(superseded.errors:find("taken back", 1, true), nil)
  equal(newer.output:find("https://codex-preview-48.revelations.studio", 1, true) ~= nil, true)
end)

local function delete_journal()
  for _, file in ipairs { "journal.db", "journal.db-wal", "journal.db-shm" } do
    fs.remove(place.folder .. "/.davit/" .. file)
  end
end

flow_test("a run that was killed can be taken back without its journal, by undo and by cleanup", function()
  for number, command in pairs { [43] = { "undo", "preview" }, [47] = { "cleanup" } } do
    place:open_pull(number)
    local run = begin("--pr", tostring(number))
    wait_for(run, ('"ensure%%-finished".*Worker ecom%%-api%%-preview%%-%d'):format(number))
    run:kill("KILL")
    run:wait()
    delete_journal()
    command[#command + 1], command[#command + 2], command[#command + 3] = "--pr", tostring(number), "--local"
    local back = succeeds(place:davit(table.unpack(command)))
    equal(back.errors:find(("Database branch pr-%d (gone)"):format(number), 1, true) ~= nil, true)
  end
end)

-- Every value that SESSION_SECRET has in a version of a Worker of pull request 42, and in how many Workers.
local function session_secrets()
  local values, scripts = {}, 0
  for _, script in pairs(require("cloud.store").new(place.folder .. "/.davit/local"):load().world.cloudflare.scripts) do
    local has = false
    for _, version in ipairs(script.name:find "%-preview%-42$" and script.versions or {}) do
      for _, binding in ipairs(version.bindings) do
        if binding.name == "SESSION_SECRET" then values[binding.text], has = true, true end
      end
    end
    scripts = scripts + (has and 1 or 0)
  end
  local list = {}
  for value in pairs(values) do list[#list + 1] = value end
  return list, scripts
end

flow_test("a Worker that joins on a later push gets the generated secret that the others have kept", function()
  local yaml = fs.read(place.folder .. "/davit.yaml")
  local before = session_secrets()
  equal(#before, 1)
  fs.write(place.folder .. "/davit.yaml", (yaml:gsub("STRIPE_SECRET_KEY%]", "STRIPE_SECRET_KEY, SESSION_SECRET]", 1)))
  delete_journal()
  succeeds(place:davit("preview", "--untested", "--pr", "42", "--local"))
  local after, scripts
  for _ = 1, 100 do   -- the state is written now and then
    after, scripts = session_secrets()
    if scripts == 3 then break end
    sleep(0.02)
  end
  equal({ after == before or after[1] == before[1], #after, scripts }, { true, 1, 3 })
  fs.write(place.folder .. "/davit.yaml", yaml)
  succeeds(place:davit("preview", "--untested", "--pr", "42", "--local"))
end)

flow_test("Ctrl-C stops a run with 10 and says how to go on; resume finishes it, undo takes it back", function()
  place:open_pull(44)
  local run = begin("--pr", "44")
  wait_for(run, '"ensure%-finished".*Database branch')
  run:kill("INT")
  local result = run:wait()
  local id = result.errors:match("interrupted by SIGINT; 'davit resume (%S+)' goes on")
  equal({ result.exit, id ~= nil }, { 10, true })
  local resumed = succeeds(place:davit("resume"))
  equal({ resumed.errors:find("Database branch", 1, true), resumed.output:find("codex-web: ", 1, true) ~= nil }, { nil, true })
  local undone = succeeds(place:davit("undo", id))
  equal(undone.errors:find("take back Worker ecom-api-preview-44", 1, true) ~= nil, true)
  equal(place:davit("resume", id).exit, 2)
  succeeds(place:davit("preview", "--untested", "--pr", "44", "--local"))
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
    places.check_secrets(text)
  end
end)
