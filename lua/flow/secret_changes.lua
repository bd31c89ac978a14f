---What the recipe `secrets` does: the secrets of Workers by name, and changes of several at once. The methods are
---flow.Environment's (lua/flow.lua).
local back = require "flow.back"
local core = require "core"
local github = require "github"
local json = require "json"
local log = require "log"
local options = require "options"
local secrets = require "flow.secrets"

local changes = { methods = {} }

local methods = changes.methods

local misuse = options.usage

-- ---- what is asked for -------------------------------------------------------------------------------

---@class flow.SecretChanges
---@field list? true
---@field sync? true
---@field github? true
---@field set string[]
---@field rotate string[]
---@field delete string[]

-- Names that two flags have contradict each other: which of them was meant?
local function check_once(p)
  local flag_of = {}
  for _, flag in ipairs { "set", "rotate", "delete" } do
    for _, name in ipairs(p[flag]) do
      local other = flag_of[name]
      if other and other ~= flag then misuse(("%s is named by --%s and by --%s"):format(name, other, flag)) end
      flag_of[name] = flag
    end
  end
end

---What is asked for: --list, --sync, or names to set, rotate and delete; raises "usage".
---@param p table  the recipe's parameters
---@return flow.SecretChanges
function changes.read(p)
  local by_name = #p.set > 0 or #p.rotate > 0 or #p.delete > 0
  if (p.list and 1 or 0) + (p.sync and 1 or 0) + (by_name and 1 or 0) ~= 1 then
    misuse("one of --list, --sync, or --set, --rotate and --delete is needed",
      "davit secrets --list shows what there is")
  end
  if p.github and (p.list or #p.delete > 0) then
    misuse "--github goes with --set, --rotate and --sync: it stores their values at GitHub, too"
  end
  check_once(p)
  return { list = p.list or nil, sync = p.sync or nil, github = p.github or nil, set = p.set, rotate = p.rotate,
    delete = p.delete }
end

---@param name? string  one Worker of davit.yaml (all)
---@return flow.Worker[]
function methods:chosen_workers(name) return back.chosen(self, name) end

-- The names that one of these Workers wants.
local function wanted_by(workers)
  local wanted, list = {}, {}
  for _, worker in ipairs(workers) do
    for _, name in ipairs(worker.settings.secrets) do
      if not wanted[name] then list[#list + 1] = name end
      wanted[name] = true
    end
  end
  return wanted, list
end

local function refuse_unwanted(name, list)
  local near = core.nearest(name, list)
  misuse(("no Worker that is meant wants the secret '%s'%s"):format(name,
    near and (", did you mean '%s'?"):format(near) or ""), "davit.yaml: workers.NAME.secrets lists what each wants")
end

local function check_set(env, name)
  if name == "DATABASE_URL" then
    misuse("DATABASE_URL belongs to the database branch, and comes with every deploy",
      "davit production, or davit rollback --why data")
  end
  if secrets.is_generated(env, name) then
    misuse(("%s is made, and has no source to set it from"):format(name), "--rotate makes another value of it")
  end
end

local function check_rotate(env, name)
  if name == "DATABASE_URL" then
    misuse "DATABASE_URL is the database's: reset the role's password at Neon, then deploy"
  end
  if not (secrets.is_generated(env, name) or secrets.variable_of(env, name)) then
    misuse(("davit.yaml takes %s from a file or a program, where Davit cannot put another value"):format(name),
      "change it there, then --set " .. name)
  end
end

---Raises "usage" for what cannot be, before anything is changed.
---@param workers flow.Worker[]
---@param asked flow.SecretChanges
function methods:check_changes(workers, asked)
  local wanted, list = wanted_by(workers)
  for _, one in ipairs { { asked.set, check_set }, { asked.rotate, check_rotate } } do
    for _, name in ipairs(one[1]) do
      if not wanted[name] then refuse_unwanted(name, list) end
      one[2](self, name)
    end
  end
  for _, name in ipairs(asked.delete) do
    if wanted[name] then log.warn(("davit.yaml wants %s: the next deploy brings it back"):format(name)) end
  end
end

---Whether GitHub gets values: what is rotated would otherwise come back old with the next deploy.
---@param asked flow.SecretChanges
---@return boolean
function methods:tells_github(asked)
  for _, name in ipairs(asked.rotate) do
    if secrets.variable_of(self, name) then return true end
  end
  return asked.github or false
end

-- ---- list --------------------------------------------------------------------------------------------

---Which secrets a Worker has, which davit.yaml says it wants and it has not, and which it has beside. Names alone.
---@param worker flow.Worker
---@return { has: string[], missing: string[], unknown: string[] }
function methods:secret_names(worker)
  local there, told = {}, { has = json.array {}, missing = json.array {}, unknown = json.array {} }
  for _, one in ipairs(self.cloudflare.secrets(worker.script)) do there[one.name] = true end
  for _, name in ipairs(worker.settings.secrets) do
    table.insert(there[name] and told.has or told.missing, name)
    there[name] = nil
  end
  for name in pairs(there) do table.insert(told.unknown, name) end
  return told
end

-- ---- changes -----------------------------------------------------------------------------------------

-- The names whose values go anywhere: what is made, and the database's, come with deploys.
local function names_of(env, workers, asked)
  local list = {}
  for _, name in ipairs(asked.sync and select(2, wanted_by(workers)) or asked.set) do
    if name ~= "DATABASE_URL" and not secrets.is_generated(env, name) then list[#list + 1] = name end
  end
  return list
end

-- What GitHub calls a secret, and its value there.
local function at_github(env, name, value)
  local variable = secrets.variable_of(env, name)
  return variable and { name = variable, value = value } or nil
end

---The values that are to be changed, for Workers and for GitHub; without asking anybody.
---@param run run
---@param workers flow.Worker[]
---@param asked flow.SecretChanges
---@return table<string, any> values, table[] of_github
function methods:new_values(run, workers, asked)
  local values, of_github = {}, {}
  for _, name in ipairs(names_of(self, workers, asked)) do
    values[name] = secrets.of_worker(self, name)
    if asked.github then
      of_github[#of_github + 1] = at_github(self, name, secrets.for_github(self, name, github.places.secret))
    end
  end
  if not asked.rotate[1] then return values, of_github end
  local key = run.look("key", function() return secrets.newest_key(self) end)
  local to = { secrets.WORKER_UPLOAD, table.unpack(github.places.secret) }
  for _, name in ipairs(asked.rotate) do
    values[name] = secrets.rotate(self, name, key, run.id, to)
    of_github[#of_github + 1] = at_github(self, name, values[name])
  end
  return values, of_github
end

---The version that each Worker serves: where a change that fails goes back to. Raises while nothing is changed yet.
---@param workers flow.Worker[]
---@return table<string, string>  none where the traffic is split
function methods:versions_before(workers)
  local list = {}
  for _, worker in ipairs(workers) do
    local now = self.cloudflare.serving(worker.script)
    if not now then
      failure { code = "cloudflare-10007", about = worker.script, hint = "nothing was changed; deploy it first",
        message = ("Cloudflare: there is no Worker %s"):format(worker.script) }
    end
    list[worker.name] = now.version
  end
  return list
end

---Stores values as secrets of the repository, where the next deploy takes them from.
---@param run run
---@param list table[]  of new_values
function methods:change_at_github(run, list)
  for _, one in ipairs(list) do
    run.ensure(self.github.secret(one))   -- nobody can read the value of before: one that was there keeps the new one
    log.info(("%s has a new value at GitHub; other places that hold one (an env file) keep theirs"):format(one.name))
  end
end

local UNDEPLOYED <const> = "its newest version does not serve, as after a deploy that was taken back: "
  .. "deploy, which brings all secrets"

local function explain_undeployed(err)
  if err.code == "cloudflare-10215" then err.hint = UNDEPLOYED end
  error(err, 0)
end

---Changes a Worker's secrets: one version and one deployment, however many they are.
---@param worker flow.Worker
---@param values table<string, any>
---@param delete string[]
---@return { set: string[], deleted: string[] }
function methods:change_secrets(worker, values, delete)
  local set = {}
  for _, name in ipairs(worker.settings.secrets) do set[name] = values[name] end
  local done, err = try(self.cloudflare.change_secrets, { worker = worker.script, marker = self.marker, set = set,
    delete = delete })
  return done or explain_undeployed(err)
end

-- ---- what a plan says of them ------------------------------------------------------------------------

-- What Cloudflare would refuse.
local function refuse_undeployed(env, worker)
  local newest, now = env.cloudflare.versions(worker.script)[1], env.cloudflare.serving(worker.script)
  if not (newest and now) or newest.id == now.version then return end
  failure { code = "cloudflare-10215", about = worker.script, hint = UNDEPLOYED,
    message = ("Cloudflare: the secrets of the Worker %s cannot be changed now"):format(worker.script) }
end

local function set_of(names)
  local set = {}
  for _, name in ipairs(names) do set[name] = true end
  return set
end

-- "add A, B; delete C", by what the Worker has now.
local function in_words(there, worker, values, asked)
  local words, rotated = {}, set_of(asked.rotate)
  local lists = { add = {}, set = {}, rotate = {}, delete = {} }
  for _, name in ipairs(worker.settings.secrets) do
    local verb = not there[name] and "add" or rotated[name] and "rotate" or "set"
    if values[name] then table.insert(lists[verb], name) end
  end
  for _, name in ipairs(asked.delete) do
    if there[name] then table.insert(lists.delete, name) end
  end
  for _, verb in ipairs { "add", "set", "rotate", "delete" } do
    if lists[verb][1] then words[#words + 1] = ("%s %s"):format(verb, table.concat(lists[verb], ", ")) end
  end
  return words[1] and table.concat(words, "; ") or nil
end

---Names alone. Values are never given back, so one that is set may be the same again.
---@param worker flow.Worker
---@param values table<string, any>
---@param asked flow.SecretChanges
---@return "keep"|"change" action, string why
function methods:plan_secrets(worker, values, asked)
  self:require_worker(worker)
  local names = {}
  for i, one in ipairs(self.cloudflare.secrets(worker.script)) do names[i] = one.name end
  local words = in_words(set_of(names), worker, values, asked)
  if not words then return "keep", "it wants and has none of them" end
  refuse_undeployed(self, worker)
  return "change", ("a new version of %s: %s"):format(worker.script, words)
end

return changes
