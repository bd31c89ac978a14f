---Where the secrets of an environment come from, where they may go, and how those are made that nobody gave.
---
---A generated secret is never kept anywhere but in the Workers that have it, and no service shows it again. So it is
---made of a key that outlives tokens and runs, the environment's name and its database branch: whoever has
---the key makes the same value again, on resume and for a Worker that comes later. The key is
---DAVIT_GENERATE_KEY; without it a file beside the journal; where the journal is shared and has no such
---file, the upload token. A run records which one it was, by a fingerprint that tells nothing of it.
local cloudflare = require "cloudflare"
local fs = require "fs.core"
local planned = require "run.planned"
local reading = require "run.reading"
local secret = require "secret"
local secret_core = require "secret.core"

local secrets = {}

---Values that Workers get travel in the bodies of uploads.
secrets.WORKER_UPLOAD = cloudflare.places.secrets[1]

local KEY = "DAVIT_GENERATE_KEY"
local NOWHERE = { "sealed:*" }   -- the key makes others, and is sent to nobody

local function declared(env, name) return env.project.secrets[name] or {} end

-- Sources -------------------------------------------------------------------------------------

---The project's env file; where there is none (under CI), the environment has to hold everything.
---@param p table  of project.read
---@return table<string, any>  secrets that are bound to no place yet
function secrets.env_file(p)
  local path = p.env_file and p.root .. "/" .. p.env_file
  return path and fs.exists(path) and secret.dotenv(path) or {}
end

local function missing(env, name, variable)
  failure {
    code = "secret-missing", class = "misuse", about = variable,
    message = ("the secret %s is not set"):format(variable),
    hint = "set it in the environment" .. (env.project.env_file and (" or in " .. env.project.env_file) or "")
      .. (variable == name and "" or (", as davit.yaml takes %s from there"):format(name)),
  }
end

local function find_in_environment(env, variable, o)
  local value, err = try(secret.env, variable, o)
  if value then return value end
  if err.code ~= "secret-missing" then error(err, 0) end
  local entry = env.file[variable]
  return entry and secret.bind(entry, o.name, { to = o.to })
end

local function read(env, name, to)
  local d, o = declared(env, name), { to = to, name = name }
  if d.file then return secret.file(d.file, { to = to, name = name, shared = d.shared }) end
  if d.fd then return secret.fd(d.fd, o) end
  if d.command then reading.allow(d.command) end
  if d.command then return secret.command(d.command, { to = to, name = name, cwd = env.project.root }) end
  local variable = d.from or name
  return find_in_environment(env, variable, o) or missing(env, name, variable)
end

-- A descriptor can be read once, and a program may ask somebody to log in.
local read_before = setmetatable({}, { __mode = "k" })

---A secret of the project, from where davit.yaml says, bound to where it may go.
---@param env flow.Environment
---@param name string
---@param to string[]
function secrets.source(env, name, to)
  local kept = read_before[env.project] or {}
  read_before[env.project] = kept
  local key = name .. "\0" .. table.concat(to, "\0")
  if not kept[key] then
    local value = read(env, name, to)
    local d = declared(env, name)
    if not (d.fd or d.command) then return value end
    kept[key] = value
  end
  return kept[key]
end

-- Credentials ---------------------------------------------------------------------------------

-- A credential says who asks; it has no business anywhere else in a request, in the text of a comment for one.
local function in_header(place)
  local elsewhere = place:find "^program:" or place:find "^sql:" or place:find "^sealed:"
  if elsewhere or place:find " header:" or place:find " body$" then return place end
  return place .. " header:authorization"
end

---A credential of a provider: where davit.yaml says that it may go, else where the provider needs it; in the
---header Authorization only.
---@param env flow.Environment
---@param name string
---@param places string[]  the provider's own
function secrets.credential(env, name, places)
  local to = {}
  for i, place in ipairs(declared(env, name).to or places) do to[i] = in_header(place) end
  return secrets.source(env, name, to)
end

-- Secrets of Workers ------------------------------------------------------------------------------

-- What davit.yaml calls the source of a Worker's secret.
local function mapped(env, name)
  local kind = env.kind == "test" and "preview" or env.kind
  return ((env.project.environments[kind] or {}).secrets or {})[name] or name, kind
end

---@param env flow.Environment
---@param name string
---@return integer|nil  bytes of it that are made; nil where this environment takes it from elsewhere
function secrets.is_generated(env, name) return declared(env, mapped(env, name)).generate end

---The variable that a secret comes from, by the name that GitHub has it under; nil for another kind of source.
---@param env flow.Environment
---@param name string
---@return string|nil
function secrets.variable_of(env, name)
  local from = mapped(env, name)
  local d = declared(env, from)
  if d.file or d.fd or d.command or d.generate then return nil end
  return d.from or from
end

local function admits(list, kind)
  for _, one in ipairs(list) do
    if one == kind then return true end
  end
  return false
end

-- Production's own source of a secret; one that is generated is another one everywhere.
local function of_production(env, name)
  local production = env.project.environments.production
  return production and ((production.secrets or {})[name] or name)
end

local function refuse_source(env, name, from, why, hint)
  failure { code = "preview-to-production", about = name,
    message = ("davit.yaml: %s of %s would come from %s, %s"):format(name, env.marker, from, why), hint = hint }
end

-- What production takes any secret from is refused to all others, unless davit.yaml says that both may have it.
local function check_source(env, kind, name, from)
  local list = declared(env, from).environments
  if list and not admits(list, kind) then
    refuse_source(env, name, from, "which is for " .. table.concat(list, ", "),
      ("secrets.%s.environments lists who may have it"):format(from))
  end
  if list or env.is:is_production() then return end
  local shared = of_production(env, name) == from
  for _, theirs in pairs((env.project.environments.production or {}).secrets or {}) do
    shared = shared or theirs == from
  end
  if not shared then return end
  refuse_source(env, name, from, "which is production's",
    ("give it another source, environments.%s.secrets.%s; or, where both may have it, say so: "
      .. "secrets.%s.environments: [%s, production]"):format(kind, name, from, kind))
end

-- Where a secret of the environment comes from.
local function source_name(env, name)
  local from, kind = mapped(env, name)
  check_source(env, kind, name, from)
  return from
end

---A secret that a Worker gets. Where davit.yaml says to which origins it may go, a Worker gets it only if
---Cloudflare's API is among them.
---@param env flow.Environment
---@param name string
function secrets.of_worker(env, name)
  local from = source_name(env, name)
  local to = declared(env, from).to or { secrets.WORKER_UPLOAD }
  if not table.concat(to, " "):find("api.cloudflare.com", 1, true) then
    failure {
      code = "refused", class = "misuse", about = name,
      message = ("the secret %s may be sent to %s only, and a Worker wants it"):format(from, table.concat(to, ", ")),
      hint = ("if it belongs there, add api.cloudflare.com to secrets.%s.to in davit.yaml"):format(from),
    }
  end
  return secrets.source(env, from, to)
end

---A secret of a Worker as GitHub gets it, where davit.yaml does not forbid it.
---@param env flow.Environment
---@param name string
---@param places string[]  GitHub's
function secrets.for_github(env, name, places)
  local from = source_name(env, name)
  return secrets.source(env, from, declared(env, from).to or places)
end

---A secret that a program of the project gets as a variable.
---@param env flow.Environment
---@param name string
---@param places string[]  where it may go
function secrets.of_program(env, name, places)
  local from = source_name(env, name)
  local to = declared(env, from).to or places
  for _, place in ipairs(places) do
    if not table.concat(to, "\n"):find(place, 1, true) then
      failure { code = "refused", class = "misuse", about = name,
        message = ("the secret %s may be sent to %s only, and a program wants it"):format(from, table.concat(to, ", ")),
        hint = ("if it belongs there, add %s to secrets.%s.to in davit.yaml"):format(place, from) }
    end
  end
  return secrets.source(env, from, to)
end

-- Generated ones ------------------------------------------------------------------------------------

local function has_own_journal() return not try(secret.env, "DAVIT_STORE", { to = { "sql:*" } }) end

local function key_file(env, create)
  local folder = env.project.root .. "/.davit"
  if create then fs.make(folder) end
  return secret_core.key_file(folder .. "/generate.key", KEY, NOWHERE, create)
end

-- The keys that a value may be made with here, the one for new values first.
local function keys(env)
  local given = find_in_environment(env, KEY, { to = NOWHERE, name = KEY })
  local list = { given }
  if has_own_journal() then list[#list + 1] = key_file(env, not (given or planned.active())) end
  list[#list + 1] = env.upload_token
  return list
end

local function fingerprint_of(key) return secret.fingerprint(key, key) end

local function all_have(client, scripts, name)
  for _, script in ipairs(scripts) do
    if not client.has_secret(script, name) then return false end
  end
  return true
end

-- Of every generated secret, the Workers that want it.
local function wanted(env)
  local scripts = {}
  for _, worker in ipairs(env.workers) do
    for _, name in ipairs(worker.settings.secrets) do
      if secrets.is_generated(env, name) then
        scripts[name] = scripts[name] or {}
        table.insert(scripts[name], worker.script)
      end
    end
  end
  return scripts
end

---Whether each generated secret is kept, as every Worker that wants it has it, or which key its value is made with.
---@param env flow.Environment
---@return table<string, string>  "keep", or the fingerprint of a key: for the journal
function secrets.choose(env)
  local choices, mark = {}, nil
  for name, scripts in pairs(wanted(env)) do
    if all_have(env.cloudflare, scripts, name) then
      choices[name] = "keep"
    else
      mark = mark or fingerprint_of(keys(env)[1])
      choices[name] = mark
    end
  end
  return choices
end

local function chosen_key(env, name, choice)
  for _, key in ipairs(keys(env)) do
    if fingerprint_of(key) == choice then return key end
  end
  failure {
    code = "secret-key-changed", class = "fatal", about = name,
    message = ("the secret %s of this run was made with a key that is not here"):format(name),
    hint = has_own_journal()
      and "resume it where .davit/generate.key is as it was, or with the " .. KEY .. " of that time"
      or "the upload token was changed meanwhile: with " .. KEY .. " set for every run it may be",
  }
end

---@param env flow.Environment
---@param name string
---@param choice string    of secrets.choose
---@param branch table     the environment's own database branch
---@return any  a secret, or "keep"
function secrets.generate(env, name, choice, branch)
  if choice == "keep" then return choice end
  return secret.derive(name, chosen_key(env, name, choice), ("%s %s %s"):format(env.marker, name, branch.id),
    secrets.is_generated(env, name), { to = { secrets.WORKER_UPLOAD } })
end

---Which key new values are made with: for the journal.
---@param env flow.Environment
---@return string
function secrets.newest_key(env) return fingerprint_of(keys(env)[1]) end

local ROTATED <const> = 32   -- bytes, where davit.yaml does not say how many

---A new value, the same again when the run is resumed.
---@param env flow.Environment
---@param name string
---@param choice string  of secrets.newest_key
---@param run string     the run's id
---@param to string[]    where it may go
---@return any  a secret
function secrets.rotate(env, name, choice, run, to)
  return secret.derive(name, chosen_key(env, name, choice), ("rotate %s %s %s"):format(env.marker, name, run),
    secrets.is_generated(env, name) or ROTATED, { to = to })
end

return secrets
