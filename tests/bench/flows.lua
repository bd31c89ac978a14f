---Preview and production, by Davit and as a pipeline of YAML and bash does them with wrangler, neonctl, curl and gh
---(tests/bench/sources): against a local cloud each, in which every call takes 50 ms longer.
local core = require "core"
local fs = require "fs"
local http = require "http"
local json = require "json"
local measure = core.load_file("tests/measure.lua")()
local places = core.load_file("tests/place.lua")()
local process = require "process"

local here = process.run({ argv = { "pwd" } }).output:match "[^\n]+"
local PARTS <const> = here .. "/build/clients-npm/node_modules"
local ROUNDS <const> = measure.rounds(3)
local PREVIEW <const>, MAIN <const> = 42, "0000000000000000000000000000000000000000"

local _ <close> = measure.section {
  name = "flows", title = "Flows, side by side",
  about = "The sample project: three Workers, a database. The scripts do what the guide's workflows do, with the services' " ..
    "own clients under node 22: their fixed waits (30 s, in production 15 s before each further Worker) and their " ..
    "health checks included. Both deploy to a local cloud of their own with 50 ms before every answer, and end with the " ..
    "same Workers answering at the same hosts from the same data. Processor time and memory are those of the programs and " ..
    "the builds that they start, without the cloud's.",
}

-- ---- a project, its cloud, a commit --------------------------------------------------------------------

local function exported(place)
  local env = { CI = "1", npm_config_registry = "http://127.0.0.1:9/" }
  for _, line in ipairs(place.listens.environment) do
    local name, value = line:match "^export ([%u_]+)='?(.-)'?$"
    if name then env[name] = value end
  end
  for name, value in fs.read(place.folder .. "/secrets.env"):gmatch "([%u_]+)=([^\n]+)" do env[name] = value end
  return env
end

-- A checkout whose commit the model of GitHub knows, and whose tests have passed.
local function commit(place)
  local sha = place:sh([[printf 'node_modules\ndist\n.davit\ntook.*\n' >.gitignore && git init -q -b main . && git add -A &&
    git -c user.name=bench -c user.email=bench@example.com commit -qm one && git rev-parse HEAD]]).output:match "%x+"
  local base = ("http://127.0.0.1:%d"):format(place.listens.http_port)
  http.expect { url = base .. "/_davit/pulls", method = "POST", json = { number = PREVIEW, sha = sha } }
  http.expect { url = ("%s/api/v3/repos/example/codex/statuses/%s"):format(base, sha), method = "POST",
    headers = { authorization = "Bearer fake-github-token-0004" },
    json = { context = "davit/test", state = "success" } }
  fs.write(place.folder .. "/.davit/event.json", json.encode { ref = "refs/heads/main", before = MAIN, after = sha,
    repository = { full_name = "example/codex" } })
end

-- A check in a browser is what no script of the sources does.
local function without_browser(folder)
  local path = folder .. "/davit.yaml"
  local text, found = fs.read(path):gsub("\n  browser:.-\nsecrets:", "\nsecrets:")
  if found ~= 1 then error("the sample project has no check 'browser' before its secrets", 0) end
  fs.write(path, text)
end

local function open()
  local place = places.new()
  without_browser(place.folder)
  place.record = place.parent .. "/recorded.jsonl"
  place:start { "--latency", "50ms", "--record", place.record }
  commit(place)
  return place
end

local function requests(place)
  local count = 0
  for _ in (fs.exists(place.record) and fs.read(place.record) or ""):gmatch "\n" do count = count + 1 end
  return count
end

-- ---- one flow ----------------------------------------------------------------------------------------

-- What a program sees stands in a script: arguments are for everybody to read.
local function script(place, env, command)
  local lines = {}
  for name, value in pairs(env) do lines[#lines + 1] = ("export %s='%s'"):format(name, value) end
  lines[#lines + 1] = ("cd '%s' && %s"):format(place.folder, command)
  fs.write(place.folder .. "/took.sh", table.concat(lines, "\n") .. "\n")
  return { "sh", place.folder .. "/took.sh" }
end

local function measured(place, env, command)
  local before = requests(place)
  local cost = measure.cost(script(place, env, command), { all = true, output = true })
  return { wall = cost.wall, cpu = cost.cpu, resident = cost.resident, requests = requests(place) - before }, cost.output
end

local function sum(text)
  local total = 0
  for seconds in text:gmatch "[%d.]+" do total = total + tonumber(seconds) end
  return total
end

local function by_script(place, name, argument)
  local env, waited = exported(place), place.folder .. "/took.waited"
  env.PATH = here .. "/build/npm/node_modules/.bin:" .. os.getenv "PATH"
  env.PARTS, env.WAITED, env.CA = PARTS, waited, place.listens.ca_file
  env.HTTP_PORT, env.HTTPS_PORT = tostring(place.listens.http_port), tostring(place.listens.https_port)
  env.SESSION_SECRET, env.STRIPE_SECRET_KEY = ("0123456789abcdef"):rep(2), "sk_test_bench"
  env.QUICK = os.getenv "QUICK" or ""
  fs.write(waited, "")
  local took = measured(place, env, ("%s/tests/bench/sources/%s.sh %s"):format(here, name, argument))
  took.busy = took.wall - sum(fs.read(waited))
  return took
end

-- What Davit waits for is what its steps of health took.
local function by_davit(place, arguments)
  local env = { PATH = here .. "/build/npm/node_modules/.bin:" .. os.getenv "PATH", GITHUB_EVENT_NAME = "push",
    GITHUB_REPOSITORY = "example/codex", GITHUB_EVENT_PATH = place.folder .. "/.davit/event.json" }
  local took, output = measured(place, env, ("%s %s --local --yes --json"):format(places.program, arguments))
  local waited = 0
  for line in output:gmatch "[^\n]+" do
    local event = json.decode(line)
    local is_health = event.event == "step-finished" and (event.path or ""):find "^health of "
    if is_health then waited = waited + event.data.seconds end
  end
  took.busy = took.wall - waited
  return took
end

-- ---- what both leave ----------------------------------------------------------------------------------

local function check(place, suffix)
  for _, host in ipairs { "api", "auth", "codex" } do
    local health = json.decode(place:ask(("https://%s%s.revelations.studio/health"):format(host, suffix)))
    if health.status ~= "ok" then error(host .. " does not answer", 0) end
  end
  local products = json.decode(place:ask(("https://api%s.revelations.studio/products"):format(suffix)))
  if #products.products ~= 3 then error("the database is not migrated", 0) end
end

local columns = {
  { key = "wall", title = "time", unit = "s", better = "lower" },
  { key = "busy", title = "of it not waiting for certificates or by the clock", unit = "s", better = "lower" },
  { key = "cpu", title = "processor time", unit = "s", better = "lower" },
  { key = "resident", title = "memory of the largest process", unit = "B", better = "lower" },
  { key = "requests", title = "requests", better = "lower" },
}

local function compare(title, suffix, script_run, davit_run)
  local function row(name, ours, run)
    return { name = name, ours = ours, measure = function()
      local place <close> = open()
      local took = run(place)
      check(place, suffix)
      return took
    end }
  end
  local rows = measure.table { title = title, rounds = ROUNDS, columns = columns,
    rows = { row("davit", true, davit_run), row("wrangler, neonctl, curl, gh", false, script_run) } }
  local ours, theirs = rows.davit, rows["wrangler, neonctl, curl, gh"]
  for _, key in ipairs { "wall", "busy", "cpu", "requests" } do
    local ratio = measure.ratio(theirs, ours, key)
    if ratio then measure.line(key, "%.2f times Davit's", ratio) end
  end
end

if not fs.exists(PARTS .. "/wrangler") or places.missing() then
  measure.heading "flows"
  measure.line("all of its rows", "not measured: " .. (places.missing() or "wrangler is not in build/clients-npm"))
else
  compare("Preview of a pull request, the first", ("-preview-%d"):format(PREVIEW),
    function(place) return by_script(place, "preview", PREVIEW) end,
    function(place) return by_davit(place, ("preview --pr %d"):format(PREVIEW)) end)
  if measure.quick then return end
  compare("Production, the first", "",
    function(place) return by_script(place, "production", "1") end,
    function(place) return by_davit(place, "production") end)
end
