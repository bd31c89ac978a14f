---For rehearsal_truth_test.lua: a project whose recipe uses the providers, beside a `davit cloud` of its own, as the
---rehearsal has it: the same ids, credentials and pull request. Times are the models' by a hundredth.
local fs = require "fs"
local history = require "run.history"
local http = require "http"
local inventory = require "rehearsal.inventory"
local json = require "json"
local place = require "run.place"
local process = require "process"
local project = require "project"
local settings = require "rehearsal.settings"
local store = require "cloud.store"

local DAVIT = process.run({ argv = { "pwd" } }).output:match "[^\n]+" .. "/" .. (os.getenv "DAVIT" or "build/davit")
local RECIPE = fs.read "tests/planted/truth.lua"

local YAML = [[
version: 1
project: toy
zone: revelations.studio
env_file: secrets.env
cloudflare: { account: 0000000000000000000000000000c0de }
github: { repository: example/codex }
databases: { main: { neon: wandering-moon-123456, parent: production } }
secrets:
  CLOUDFLARE_API_TOKEN: { to: [api.cloudflare.com] }
  CLOUDFLARE_DNS_API_TOKEN: { to: [api.cloudflare.com/client/v4/zones] }
  NEON_API_KEY: { to: [console.neon.tech] }
  GITHUB_TOKEN: { to: [api.github.com] }
]]

local SEED = [[
seed: rehearsal 1
github: { pull_requests: [{ number: 42, title: A change, head: change-42 }] }
settings: { dns_delay: 50ms, tls_delay: 100ms, propagation_delay: 30ms, operation_seconds: 20ms, negative_ttl: 600ms }
]]

---SCALE: the models' seconds for one here.
local truth = { SCALE = 100 }

---@class tests.Truth
---@field folder string
---@field cloud process.Child
---@field port integer
local World = {}
World.__index = World

local function write(folder)
  fs.write(folder .. "/davit.yaml", YAML)
  fs.write(folder .. "/recipes/toy.lua", RECIPE)
  fs.write(folder .. "/cloud.yaml", SEED)
end

---The project alone, to be rehearsed.
---@param body fun(project: table)
function truth.project(body)
  local folder <close> = fs.temporary()
  write(folder.path)
  body(project.read(folder.path))
end

-- The stand-ins of the rehearsal are the credentials here; it is no job of GitHub's that runs.
local function environment(folder)
  local env = { NO_COLOR = "1", CI = false, GITHUB_ACTIONS = false, GH_TOKEN = false, DAVIT_STORE = false }
  for _, line in ipairs(settings.environ(project.read(folder), { pr = 42 })) do
    local name, value = line:match "^([^=]+)=(.*)$"
    if value:find "^rehearsed%-" then env[name] = value end
  end
  return env
end

---A world in which nothing has happened yet.
---@param ... string  rules of what goes wrong
---@return tests.Truth
function truth.begin(...)
  local folder = fs.temporary()
  write(folder.path)
  local argv = { DAVIT, "cloud", "--no-data-plane", "--seed", "cloud.yaml", "--record", "record.jsonl" }
  for _, rule in ipairs { ... } do table.move({ "--fault", rule }, 1, 2, #argv + 1, argv) end
  local self = setmetatable({ temporary = folder, folder = folder.path, env = environment(folder.path) }, World)
  self.cloud = process.start { argv = argv, cwd = self.folder, env = self.env, output = "capture" }
  repeat
    local line = self.cloud:line()
    if not line then error("the local cloud ended: " .. self.cloud:wait().errors, 0) end
    self.port = self.port or math.tointeger(tonumber(line:match "^http://127%.0%.0%.1:(%d+)"))
  until line == "ready"
  return self
end

-- ---- davit --------------------------------------------------------------------------------------

local verbs = {
  start = function() return "run", "toy", "--pr", "42", "--local" end,
  ask = function() return "run", "toy", "--pr", "42", "--ask", "--local" end,
  approve = function(run) return "approve", run end,
  deny = function(run) return "approve", run, "--deny" end,
  resume = function(run) return "resume", run end,
  undo = function(run) return "undo", run end,
}

---Starts one that does as the oracle says: "start", "resume", "undo", "approve", "deny"; "ask": one that will ask.
---@return process.Child
function World:davit(how)
  local argv, past = { DAVIT }, self:past()
  for _, word in ipairs { verbs[how](past and past.id) } do argv[#argv + 1] = word end
  return process.start { argv = argv, cwd = self.folder, env = self.env, output = "capture" }
end

-- The newest run, as its journal has it.
function World:past()
  local journal <close> = place.open(self.folder)
  local row = journal:runs({})[1]
  return row and history.read(journal, row.run)
end

---What a Davit that has ended says, as the rehearsal's driver would.
---@param result table  of process
function World:outcome(result)
  local past = self:past()
  local err = past and past.finished and past.finished.error or nil
  return { code = result.exit, status = past and past.status, cause = err and err.code, said = result.errors }
end

-- ---- the cloud ----------------------------------------------------------------------------------

---How many requests were met by what goes wrong.
function World:met()
  local answer = http.expect { url = ("http://127.0.0.1:%d/_davit/faults"):format(self.port) }
  return #json.decode(answer.body).injected
end

---What the recorder has seen: "POST api.github.com/repos/…", in their order.
---@return string[]
function World:requests()
  local list = {}
  for line in fs.read(self.folder .. "/record.jsonl"):gmatch "[^\n]+" do
    local one = json.decode(line)
    list[#list + 1] = ("%s %s%s"):format(one.method, one.host, one.path)
  end
  return list
end

---Ends the cloud. What it has saved is what there is.
---@return string[] inventory, string[] shared
function World:ending()
  self.cloud:kill "TERM"
  local ended = self.cloud:wait()
  if ended.exit ~= 0 then error("the local cloud failed: " .. ended.errors, 0) end
  local state = store.new(self.folder .. "/.davit/local"):load().world
  return inventory.lines(state), inventory.shared(state)
end

World.__close = function(self)
  local folder <close> = self.temporary
  local child <close> = self.cloud
  local _, _ = folder, child
end

return truth
