---For the tests of production: the sample project as a repository of git, beside a local cloud that knows its commits
---and their tests. Settings are as quick as it gets.
local fs = require "fs"
local http = require "http"
local json = require "json"
local places = assert(require("core").load_file("tests/place.lua"))()

local production = setmetatable({}, { __index = places })

local HEALTH = "health: { grace: 0s, next: 0s, attempts: 6, backoff: 0.2s, cap: 1s, deadline: 30s }"

---@class tests.Production: tests.Place
local Production = {}

local function git(self, ...)
  return require("process").run {
    argv = { "git", "-c", "user.name=tester", "-c", "user.email=tester@example.com", "-c", "commit.gpgsign=false", ... },
    cwd = self.folder, env = { GIT_CONFIG_GLOBAL = "/dev/null", GIT_CONFIG_NOSYSTEM = "1" },
  }.output
end

function Production:git(...) return git(self, ...) end

---@param path string
---@param change fun(text: string): string
function Production:edit(path, change)
  fs.write(("%s/%s"):format(self.folder, path), change(fs.read(("%s/%s"):format(self.folder, path))))
end

function Production:read(path) return fs.read(("%s/%s"):format(self.folder, path)) end

function Production:write(path, text) fs.write(("%s/%s"):format(self.folder, path), text) end

function Production:remove(path) fs.remove(("%s/%s"):format(self.folder, path)) end

---Asks what only this machine may ask of the cloud.
function Production:desk(method, path, body)
  return http.expect { url = ("http://127.0.0.1:%d/_davit%s"):format(self.listens.http_port, path), method = method,
    json = body }
end

---What goes wrong from now on; nothing any more when it is left out.
---@param ... string  rules
function Production:faults(...)
  self:desk("DELETE", "/faults")
  for _, rule in ipairs { ... } do
    http.expect { url = ("http://127.0.0.1:%d/_davit/faults"):format(self.listens.http_port), method = "POST", json = rule }
  end
end

---Asks a service's API as its clients do; the answer's JSON.
function Production:api(...) return json.decode(self:lua("place_api.lua", ...)) end

---What lives of production: tests/place_state.lua.
function Production:state() return json.decode(self:lua("place_state.lua")) end

---The event that a run is for, as a job of GitHub Actions finds it.
---@param name? string    "push"; nil: none, it is started by hand
---@param event? table
function Production:event(name, event)
  self.env = self.env or {}
  self.env.GITHUB_EVENT_NAME = name or false
  self.env.GITHUB_REPOSITORY = name and "example/codex" or false
  self.env.GITHUB_EVENT_PATH = name and self.parent .. "/event.json" or false
  if name then fs.write(self.parent .. "/event.json", json.encode(event)) end
end

function Production:push_event(sha, more)
  local event = { ref = "refs/heads/main", after = sha, repository = { full_name = "example/codex" } }
  for key, value in pairs(more or {}) do event[key] = value end
  self:event("push", event)
end

---Commits what has changed and pushes it; its tests have passed unless `state` says something else.
---@param state? string|false
---@return string sha
function Production:push(message, state)
  git(self, "add", "-A")
  git(self, "commit", "-q", "--allow-empty", "-m", message)
  local sha = git(self, "rev-parse", "HEAD"):match "%x+"
  self:desk("POST", "/pulls", { number = 42, sha = sha })
  if state ~= false then
    self:api("github", "POST", "/repos/example/codex/statuses/" .. sha,
      json.encode { state = state or "success", context = "davit/test" })
  end
  self:push_event(sha)
  return sha
end

---A new version of a Worker's code.
---@param worker? string  its folder
function Production:change(word, worker)
  self:edit(("%s/src/index.mjs"):format(worker or "workers/ecom-api"), function(text)
    return ("%s\nconsole.debug(%q);\n"):format(text:gsub("\nconsole.debug%(.-%);\n", ""), word)
  end)
end

local FOLDER = "packages/database/drizzle"

-- drizzle's journal, as drizzle-kit writes it.
local function edit_journal(self, change)
  local path = FOLDER .. "/meta/_journal.json"
  local journal = json.decode(self:read(path))
  local result = change(journal.entries)
  self:write(path, json.encode(journal))
  return result
end

---Adds a migration, the newest of all.
---@param name string
---@param text string  statements
function Production:migration(name, text)
  local tag = edit_journal(self, function(entries)
    local last, tag = entries[#entries], ("%04d_%s"):format(#entries, name)
    entries[#entries + 1] = { idx = #entries, version = "7", when = last.when + 1000, tag = tag, breakpoints = true }
    return tag
  end)
  self:write(("%s/%s.sql"):format(FOLDER, tag), text .. "\n")
end

---Takes the newest migration away again.
function Production:drop_migration()
  local tag = edit_journal(self, function(entries) return table.remove(entries).tag end)
  self:remove(("%s/%s.sql"):format(FOLDER, tag))
end

---A project's repository and its cloud.
---@param settings? table  of the cloud
---@param prepare? fun(place: tests.Production)  changes the project before its cloud begins
---@return tests.Production
function production.new(settings, prepare)
  local all = { dns_delay = 0, tls_delay = 0, propagation_delay = 0, operation_seconds = 0,
    cloudflare_requests = 1000000, github_requests = 1000000, github_points = 1000000,
    github_content_per_minute = 1000000, github_content_per_hour = 1000000 }
  for key, value in pairs(settings or {}) do all[key] = value end
  local place = places.new(all)
  local class = getmetatable(place)
  local own = setmetatable({}, { __index = class.__index })
  for name, method in pairs(Production) do own[name] = method end
  setmetatable(place, { __index = own, __close = class.__close })
  place:edit("davit.yaml", function(text) return (text:gsub("health: {[^\n]*}\n$", HEALTH .. "\n")) end)
  if prepare then prepare(place) end
  place:write(".gitignore", "node_modules\ndist/\n.davit/\n")
  git(place, "init", "-q", "-b", "main", ".")
  place:start()
  return place
end

return production
