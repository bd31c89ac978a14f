---What the recipe `secrets` does: the secrets of Workers by name, and changes of several at once. The methods are
---flow.Environment's (lua/flow.lua).
local back = require "flow.back"
local secrets = require "flow.secrets"

local changes = { methods = {} }

local function misuse(message, hint)
  failure { code = "usage", class = "misuse", message = message, hint = hint }
end

---What is asked for: one of list, sync, set, delete; raises "usage".
---@param p { list?: boolean, sync?: boolean, set: string[], delete: string[] }
---@return { list?: true, sync?: true, set: string[], delete: string[] }
function changes.read(p)
  local kinds = (p.list and 1 or 0) + (p.sync and 1 or 0) + ((#p.set > 0 or #p.delete > 0) and 1 or 0)
  if kinds ~= 1 then
    misuse("one of --list, --sync, --set and --delete is needed", "davit secrets --list shows what there is")
  end
  return { list = p.list or nil, sync = p.sync or nil, set = p.set, delete = p.delete }
end

---@param name? string  one Worker of davit.yaml (all)
---@return flow.Worker[]
function changes.methods:chosen_workers(name) return back.chosen(self, name) end

---Which secrets a Worker has, and which davit.yaml says it wants and it has not. Names alone.
---@param worker flow.Worker
---@return { has: string[], missing: string[], unknown: string[] }
function changes.methods:secret_names(worker)
  local there, told = {}, { has = {}, missing = {}, unknown = {} }
  for _, one in ipairs(self.cloudflare.secrets(worker.script)) do there[one.name] = true end
  for _, name in ipairs(worker.settings.secrets) do
    table.insert(there[name] and told.has or told.missing, name)
    there[name] = nil
  end
  for name in pairs(there) do table.insert(told.unknown, name) end
  return told
end

local function wanted(worker, name)
  for _, one in ipairs(worker.settings.secrets) do if one == name then return true end end
  return false
end

-- What a Worker is given: those it wants of the names, from where davit.yaml takes them. A generated one, and the
-- database's, are deploys' business: they belong together with what is deployed.
local function values(env, worker, names)
  local set = {}
  for _, name in ipairs(names) do
    local own = name == "DATABASE_URL" or secrets.is_generated(env, name)
    if wanted(worker, name) and not own then set[name] = secrets.of_worker(env, name) end
  end
  return set
end

---Changes a Worker's secrets: one version and one deployment, however many they are.
---@param worker flow.Worker
---@param asked { sync?: true, set: string[], delete: string[] }
---@return { set: string[], deleted: string[] }
function changes.methods:change_secrets(worker, asked)
  return self.cloudflare.change_secrets { worker = worker.script, marker = self.marker, delete = asked.delete,
    set = values(self, worker, asked.sync and worker.settings.secrets or asked.set) }
end

return changes
