---The project's davit.yaml: found, read strictly, with its defaults filled in.
local core = require "core"
local checks = require "project.checks"
local crons = require "project.crons"
local given = require "project.given"
local secret = require "secret.core"
local shape = require "project.shape"
local wrangler = require "wrangler.worker"

local project = {}

-- The shape of the file (lua/project/shape.lua).
local secret_map = { map = "text" }
local keys = {
  version = "integer",
  project = "text",
  env_file = "text",
  zone = "text",
  cloudflare = { account = "text" },
  github = { repository = "text", main = "text", login = "text", tests = "text" },
  workers = { map = {
    path = "text", build = "text", entry = "text", assets = "text", host = "text", health = "text",
    compatibility_date = "text", secrets = { list = "text" }, vars = secret_map,
    crons = "any", wrangler = "text", bundler = "text", shared = { list = "text" },
  } },
  databases = { map = {
    neon = "text", parent = "text", database = "text", role = "text",
    migrations = "text", kind = "text", generate = "text", migrate = "text",
  } },
  deploy = { list = "text" },
  artifacts = { keys = { map = "text" } },
  checks = "any",
  notify = { webhook = "text", host = "text" },
  secrets = { map = {
    from = "text", file = "text", shared = "boolean", fd = "integer", command = { list = "text" },
    to = { list = "text" }, generate = "integer", environments = { list = "text" },
  } },
  environments = { map = {
    name = "text", host = "text", database = "text", approve = "boolean", secrets = secret_map,
    checklist = { list = "text" },
  } },
  rehearse = { list = { recipe = "text", params = { map = "any" }, after = { list = "text" }, unhealthy = "text",
    owner_token = "boolean" } },
  health = {
    grace = "duration", next = "duration", attempts = "integer", backoff = "duration",
    cap = "duration", deadline = "duration",
  },
}

---"30s", "5m", "1.5h" or a number of seconds.
---@param value string|number
---@return number|nil seconds
project.duration = shape.duration

-- Checking ------------------------------------------------------------------------

local wrong, require_keys = shape.wrong, shape.require_keys

local function check_range(file, path, value, from, to)
  if value and (value < from or value > to) then
    wrong(file, path, ("must be from %d to %d, not %d"):format(from, to, value))
  end
end

-- A connection string in the place of a place holds what nobody knows as a secret yet.
local function shown(place) return (place:gsub("//.*@", "//…@")) end

local sources = { "from", "file", "fd", "command", "generate" }

local function check_secret(file, path, one)
  local found
  for _, source in ipairs(sources) do
    if one[source] and found then
      wrong(file, path, ("comes from one source, not from '%s' and '%s'"):format(found, source))
    end
    found = one[source] and source or found
  end
  check_range(file, path .. ".generate", one.generate, 16, 1024)
  check_range(file, path .. ".fd", one.fd, 3, 1 << 20)
  if one.shared and not one.file then wrong(file, path .. ".shared", "goes with 'file'") end
  if one.command and #one.command == 0 then wrong(file, path .. ".command", "is the program and its arguments") end
  if one.to and #one.to == 0 then wrong(file, path .. ".to", "is empty: where may the secret go?") end
  for i, place in ipairs(one.to or {}) do
    local why = secret.place_wrong(place)
    if why then wrong(file, ("%s.to.%d"):format(path, i), ("'%s' is no place: %s"):format(shown(place), why)) end
  end
end

-- The address is the secret, so where it leads has to be said.
local function check_notify(file, notify)
  require_keys(file, notify, "notify", { "webhook", "host" })
  local why = secret.place_wrong(("POST https://%s url"):format(notify.host))
  if why or notify.host:find(":", 1, true) then
    wrong(file, "notify.host", ("'%s' is the name of no host, such as hooks.slack.com"):format(shown(notify.host)))
  end
end

local migration_kinds = { drizzle = true, sql = true, command = true }

local function check_migrations(file, path, database)
  local kind = database.kind
  if kind and not migration_kinds[kind] then
    wrong(file, path .. ".kind", ("is drizzle, sql or command, not '%s'"):format(kind))
  end
  if kind == "command" and not database.migrate then
    wrong(file, path .. ".kind", "is command, and the key 'migrate' is missing")
  end
  if database.migrate and kind ~= "command" then wrong(file, path .. ".migrate", "goes with 'kind: command'") end
  if kind and kind ~= "command" and not database.migrations then
    wrong(file, path .. ".kind", "goes with 'migrations', the folder")
  end
end

-- A Worker is described here or by a file of wrangler's.
local function check_source(file, path, worker)
  if worker.wrangler then
    wrangler.check(file, path, worker)
    return require_keys(file, worker, path, { "host" })
  end
  require_keys(file, worker, path, { "path", "entry", "host" })
  for _, key in ipairs { "bundler", "shared" } do
    if worker[key] then wrong(file, path .. "." .. key, "goes with 'wrangler'") end
  end
end

-- What no type can say.
local function check_references(file, p)
  require_keys(file, p, "", { "version", "project" })
  if p.version ~= 1 then wrong(file, "version", "this davit reads version 1") end
  if not p.project:find("^%w[%w._-]*$") then
    wrong(file, "project", "is made of letters, digits, '.', '_' and '-'")
  end
  check_range(file, "health.attempts", p.health.attempts, 1, 1000)
  for name, one in pairs(p.secrets) do check_secret(file, "secrets." .. name, one) end
  for name, worker in pairs(p.workers) do
    local path = "workers." .. name
    check_source(file, path, worker)
    given.check(file, path, worker)
    worker.crons = worker.crons and crons.read(file, path .. ".crons", worker.crons, p.environments)
  end
  for name, database in pairs(p.databases) do
    require_keys(file, database, "databases." .. name, { "neon", "parent" })
    check_migrations(file, "databases." .. name, database)
  end
  if p.notify then check_notify(file, p.notify) end
  p.checks = p.checks and checks.read(file, p.checks) or {}
  for i, entry in ipairs(p.rehearse) do require_keys(file, entry, "rehearse." .. i, { "recipe" }) end
  for i, name in ipairs(p.deploy) do
    if not p.workers[name] then
      wrong(file, "deploy." .. i, ("no worker is called '%s'"):format(name))
    end
  end
end

local function fill_tables(p)
  for _, key in ipairs { "workers", "databases", "secrets", "environments", "health", "github", "cloudflare",
    "artifacts", "rehearse" } do
    p[key] = p[key] or {}
  end
  p.artifacts.keys = p.artifacts.keys or {}
  p.deploy = p.deploy or shape.names(p.workers)
  for _, database in pairs(p.databases) do
    database.database, database.role = database.database or "neondb", database.role or "neondb_owner"
  end
end

local function fill_workers(p)
  for _, worker in pairs(p.workers) do
    worker.secrets, worker.vars = worker.secrets or {}, worker.vars or {}
    worker.health = worker.health or "/health"
    worker.compatibility_date = worker.compatibility_date or not worker.wrangler and project.compatibility_date or nil
  end
end

---What a Worker gets that names no date of its own: recent enough for node:* imports.
project.compatibility_date = "2026-11-01"

-- Finding, reading --------------------------------------------------------------------

---@param text string  the content of a davit.yaml
---@param name string  its file name, for errors
---@return table project, table file  which says where what stands
function project.parse(text, name)
  local p, file = shape.read(text, name, keys, "docs/recipes.md shows a davit.yaml")
  fill_tables(p)
  check_references(file, p)
  fill_workers(p)
  return p, file
end

---The folder as everything that is made of it finds it, from the working folder and from the project's: "."
---where they are one, else from the root.
---@param folder string
---@return string
function project.place(folder)
  local fs = require "fs.core"
  local real = fs.real(folder)
  return real == fs.real "." and "." or real or folder
end

local function unreadable(file, why)
  failure { code = "config", class = "misuse", about = file, message = why }
end

-- A link that leads round in a circle stands there, and is broken.
local function has_file(folder)
  local file = folder .. "/davit.yaml"
  local there, err = try(require("fs.core").exists, file)
  if err then unreadable(file, err.message) end
  return there
end

---Looks for davit.yaml in the folder and above it.
---@param folder string|nil  where to begin; the working folder
---@return string|nil root
function project.root(folder)
  local fs = require "fs.core"
  local at = folder or "."
  for _ = 1, 64 do
    if has_file(at) then return project.place(at) end
    if not fs.exists(at .. "/..") then return nil end
    at = at == "." and ".." or at .. "/.."
  end
end

---Reads the project; raises "config" when there is none or it is not well formed.
---@param folder string|nil  --project: where davit.yaml is
---@return table project  with `root`, the folder
function project.read(folder)
  local fs = require "fs.core"
  local root = folder and project.place(folder) or project.root()
  if not root or not has_file(root) then
    failure {
      code = "config", class = "misuse", message = ("no davit.yaml in %s"):format(folder or "this folder or above it"),
      hint = "go to a project's folder or name it with --project",
    }
  end
  local name = root == "." and "davit.yaml" or root .. "/davit.yaml"
  if fs.stat(name).kind == "other" then unreadable(name, name .. " is a pipe, socket or device, and no file") end
  local text, err = try(fs.read, name)
  if not text then unreadable(name, err.message) end
  local p, file = project.parse(text, name)
  p.root = root
  for worker, settings in pairs(p.workers) do
    if settings.wrangler then wrangler.fill(root, file, "workers." .. worker, settings, p.cloudflare.account) end
  end
  return p
end

local current

-- Davit's own, which no project needs to declare.
local own_secrets = { "DAVIT_ARTIFACT_KEY", "DAVIT_GENERATE_KEY" }

---What the project declares as secrets is no plain variable any more, and masked.
---@param p table
function project.hide_secrets(p)
  for _, name in ipairs(own_secrets) do core.hide_variable(name) end
  for name, one in pairs(p.secrets) do
    core.hide_variable(name)
    if one.from then core.hide_variable(one.from) end
  end
  if p.notify then core.hide_variable(p.notify.webhook) end
  for _, environment in pairs(p.environments) do
    for name, from in pairs(environment.secrets or {}) do
      core.hide_variable(name)
      core.hide_variable(from)
    end
  end
end

---Makes it the project of this run: the files of recipes stay in its folder, and its secrets are hidden.
---@param p table
function project.use(p)
  current = p
  if p.root then require("fs.core").stay_in(p.root) end
  project.hide_secrets(p)
end

---The project of this run; raises "config" outside of one.
---@return table project
function project.current()
  if current then return current end
  failure { code = "config", class = "misuse", message = "this needs a project, and there is none here" }
end

return project
