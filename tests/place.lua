---The sample project beside a local cloud with real workerd and real PostgreSQL: for tests that start
---davit as a person would, each command a process of its own.
local fs = require "fs"
local http = require "http"
local json = require "json"
local new_parent = assert(require("core").load_file "tests/memory.lua")()
local postgres = require "cloud.postgres"
local process = require "process"

local place = {}

local here = process.run { argv = { "pwd" } }.output:match("[^\n]+")
local fakes = { "fake%-", "sk_test_", "sk_live_", "whsec_", "npg_", "postgresql://[^*]*:[^*]+@" }

place.program = here .. "/" .. (os.getenv "DAVIT" or "build/davit")
place.fakes = fakes

---@return string|nil  why there can be none on this machine
function place.missing()
  if not fs.exists("build/npm/node_modules/workerd") then return "workerd is not in build/npm" end
  local found = process.run { command = "ls -d /usr/lib/postgresql/*/bin/postgres", check = false }
  return found.exit ~= 0 and "PostgreSQL's programs are not here" or nil
end

-- ---- for tests ---------------------------------------------------------------------------------

---The `test` of a file whose tests are skipped where there can be no place.
---@param test fun(name: string, f: fun())  the file's own
---@param skip fun(why: string)
---@return fun(name: string, f: fun())
function place.tests(test, skip)
  return function(name, f)
    test(name, function()
      local why_not = place.missing()
      if why_not then skip(why_not) end
      f()
    end)
  end
end

---Raises what a program said when it ended otherwise.
---@param code integer
---@param result process.Result
---@return process.Result
function place.exits(code, result)
  if result.exit ~= code then
    error(("exit %s instead of %d: %s%s"):format(result.exit or result.signal, code, result.output, result.errors), 2)
  end
  return result
end

---Raises the text when a part of it is not there.
---@param text string
---@param part string
function place.has(text, part)
  if not text:find(part, 1, true) then error(("'%s' is not in: %s"):format(part, text), 2) end
end

---Raises when a text holds what must never be shown.
---@param text string
function place.check_secrets(text)
  for _, fake in ipairs(fakes) do
    local found = text:match(fake)
    if found then error("a secret was printed: " .. found, 2) end
  end
end

-- ---- one folder of the project ---------------------------------------------------------------

---@class tests.Folder
---@field folder string
---@field mark string       in the environment of whatever is started here
local Folder = {}
Folder.__index = Folder

local function environment(self, more)
  local env = { PATH = here .. "/build/npm/node_modules/.bin:" .. os.getenv "PATH", NO_COLOR = "1",
    DAVIT_TEST = self.mark, CI = false }
  for name, value in pairs(more or {}) do env[name] = value end
  return env
end

local function new_folder(folder)
  process.run { argv = { "cp", "-R", "tests/projects/codex", folder } }
  process.run { command = [[mkdir "$TO/node_modules" && cd "$TO/node_modules" && ln -s "$FROM"/npm/node_modules/* . &&
    if [ -d "$FROM/clients-npm/node_modules/puppeteer-core" ]; then
      ln -s "$FROM/clients-npm/node_modules/puppeteer-core" .
    fi]], env = { FROM = here .. "/build", TO = folder } }
  process.run { argv = { "chmod", "600", folder .. "/secrets.env" } }
  return setmetatable({ folder = folder, mark = folder }, Folder)
end

---A project of nothing but its own recipes, without a cloud.
---@param recipes table<string, string>  texts by name
---@return tests.Folder
function place.bare(recipes)
  local folder = process.run { argv = { "mktemp", "-d" } }.output:match("[^\n]+")
  fs.write(folder .. "/davit.yaml", "version: 1\nproject: bare\n")
  for name, text in pairs(recipes) do fs.write(("%s/recipes/%s.lua"):format(folder, name), text) end
  return setmetatable({ folder = folder, mark = folder }, Folder)
end

---Removes the folder.
Folder.__close = function(self)
  fs.remove(self.folder)
end

---Runs davit in the folder; nothing that it prints may hold a secret.
function Folder:davit(...)
  local result = process.run {
    argv = { place.program, ... }, cwd = self.folder, env = environment(self, self.env), check = false,
  }
  place.check_secrets(result.output .. result.errors)
  return result
end

---Runs a command of the shell in the folder, where $DAVIT is the program.
function Folder:sh(command)
  local env = environment(self, self.env)
  env.DAVIT = place.program
  local result = process.run { command = command, cwd = self.folder, env = env, check = false }
  place.check_secrets(result.output .. result.errors)
  return result
end

---Starts davit in the background.
function Folder:begin(...)
  return process.start { argv = { place.program, ... }, cwd = self.folder, env = environment(self, self.env) }
end

---Which processes were started from here and live.
---@return string  their numbers
function Folder:processes()
  return process.run {
    command = [[for p in /proc/[0-9]*; do
      grep -qazF "DAVIT_TEST=$MARK" "$p/environ" 2>/dev/null && [ "${p#/proc/}" != $$ ] && echo "${p#/proc/}"
    done; true]],
    env = { MARK = self.mark },
  }.output
end

---Runs a text of Lua in the folder, connected to the local cloud.
function Folder:lua(name, ...)
  local result = process.run {
    argv = { place.program, here .. "/tests/" .. name, ... }, cwd = self.folder, env = environment(self), check = false,
  }
  if result.exit ~= 0 then error(result.errors, 0) end
  return result.output
end

---Asks an origin that the local cloud serves.
function Folder:ask(url, token)
  return self:lua("place_ask.lua", url, token)
end

-- ---- the project and its cloud -----------------------------------------------------------------

---@class tests.Place: tests.Folder
---@field cloud process.Child
local Place = setmetatable({}, { __index = Folder })
Place.__index = Place

---@param settings? table  of the cloud: how slow it is
---@return tests.Place
function place.new(settings)
  local parent = new_parent()
  local self = setmetatable(new_folder(parent .. "/a project"), Place)
  self.parent, self.settings = parent, settings
  return self
end

---@param flags? string[]  of davit cloud, where there are no settings
function Place:start(flags)
  local arguments = self.settings and { here .. "/tests/place_cloud.lua", json.encode(self.settings) }
    or { "cloud", table.unpack(flags or {}) }
  self.cloud = process.start {
    argv = { place.program, table.unpack(arguments) }, cwd = self.folder, output = "capture",
    env = environment({ mark = "cloud" }),
  }
  repeat
    local line = self.cloud:line()
    if not line then error("the local cloud ended: " .. self.cloud:wait().errors, 0) end
  until line == "ready"
  self.listens = json.decode(fs.read(self.folder .. "/.davit/local/cloud.json"))
end

---Another folder of the same project on the same cloud, with a journal of its own.
---@param name string
---@return tests.Folder
function Place:sibling(name)
  local other = new_folder(self.parent .. "/" .. name)
  fs.make(other.folder .. "/.davit")
  process.run { argv = { "ln", "-s", self.folder .. "/.davit/local", other.folder .. "/.davit/local" } }
  return other
end

---Asks an API as Folder:ask does, but past names and certificates, without a process for it.
---@param url string
---@param token string
---@return table  the answer's JSON
function Place:look(url, token)
  local host, path = url:match "^https://([^/]+)(.*)$"
  return http.expect({ url = ("http://127.0.0.1:%d%s"):format(self.listens.http_port, path),
    headers = { host = host, authorization = "Bearer " .. token, ["user-agent"] = "test" } }):json()
end

function Place:open_pull(number)
  http.expect {
    url = ("http://127.0.0.1:%d/_davit/pulls"):format(self.listens.http_port), method = "POST",
    json = { number = number, title = "another", state = "open", head = "another" },
  }
end

---Ends the cloud; its exit code is 0 unless something went wrong.
Place.__close = function(self)
  self.cloud:kill("TERM")
  local ended = self.cloud:wait()
  postgres.reset(self.folder .. "/.davit/local")
  fs.remove(self.parent)
  if ended.exit ~= 0 then error("the local cloud failed: " .. ended.errors, 0) end
end

return place
