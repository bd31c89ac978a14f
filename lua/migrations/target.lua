---Where the recipe `migrate` works: a database of davit.yaml, the branch that its migrations go to, and the copy of
---production on which they are tried.
local environment = require "environment"
local flow_names = require "flow.names"
local neon = require "neon"
local options = require "options"
local planned = require "run.planned"
local project = require "project"
local secrets = require "flow.secrets"
local shape = require "project.shape"

local target = {}

local DAY = 86400   -- a second net: Neon itself deletes a copy that nobody could

local function config_error(message, hint)
  failure { code = "config", class = "misuse", message = message, hint = hint }
end

-- The database of that name, or the only one.
local function database_of(p, name)
  local names = shape.names(p.databases)
  if name then
    return p.databases[name] or config_error(("davit.yaml: no database is called '%s'"):format(name))
  end
  if #names == 1 then return p.databases[names[1]] end
  config_error(#names == 0 and "davit.yaml: no database is declared"
    or "davit.yaml: several databases are declared: " .. table.concat(names, ", "), "say which one with --database")
end

local function check_to(to, pr)
  if to ~= nil and to ~= "production" and to ~= "preview" then
    options.usage(("--to is production or preview, not '%s'"):format(to))
  end
  if (to == "preview") ~= (pr ~= nil) then options.usage "--to preview and --pr NUMBER go together" end
end

---@class migrations.Target
---@field database table     its part of davit.yaml
---@field environment? string  "production" or "preview"; nil: nothing is applied
---@field is environment.Environment  as which it asks Neon for the branch that the migrations go to
---@field neon neon.Client  of that one
---@field copies neon.Client  of the copies of production
local Target = {}
Target.__index = Target

local function environment_of(p, kind, key)
  return environment.new { project = p.project, kind = kind, key = key, production = flow_names.production(p) }
end

local function client_of(self, is)
  local env = { project = self.project, file = secrets.env_file(self.project) }
  return neon.client { project = self.database.neon, environment = is,
    key = secrets.credential(env, "NEON_API_KEY", neon.places.key) }
end

---@param o { to?: string, pr?: integer, database?: string }
---@return migrations.Target
function target.open(o)
  check_to(o.to, o.pr)
  local p = project.current()
  local self = setmetatable({ project = p, database = database_of(p, o.database), environment = o.to, pr = o.pr },
    Target)
  self.is = environment_of(p, o.to or "migration", o.pr or "main")
  self.neon = client_of(self, self.is)
  return self
end

-- A plan has no run, after which the copy would be named: there is none.
local function copy_to_come()
  local function nobody() end
  return { "Database branch migration-test-RUN", find = nobody, create = nobody, destroy = nobody }
end

---A copy of production for one run, as run.ensure and run.destroy take it.
---@param id string  the run's
function Target:scratch(id)
  if planned.is(id) then return copy_to_come() end
  local is = environment_of(self.project, "migration", id)
  self.copies = self.copies or client_of(self, is)
  return self.copies.branch {
    name = neon.names.migration_test(id), parent = self.database.parent, expires = DAY, marker = is.marker,
  }
end

-- A preview's branch carries its marker; production's carries none, and is named by davit.yaml.
local function resource_of(self)
  local key, name = self.pr and tostring(self.pr), self.database.parent
  if key then
    name = (self.project.environments.preview or {}).database
    if not (name and name:find("{pr}", 1, true)) then
      failure { code = "refused", message = "davit.yaml: environments.preview.database has no {pr}",
        hint = "a preview whose database is shared could touch production or another preview" }
    end
    name = name:gsub("{pr}", key)
  end
  return self.neon.branch { name = name, marker = self.is.marker }, name
end

---The branch that the migrations go to.
---@return { id: string, name: string }
function Target:branch()
  local resource, name = resource_of(self)
  local found = resource.find()
  if not found then
    failure { code = "neon-branch", about = name, message = ("Neon: there is no branch %s"):format(name),
      hint = self.pr and "'davit preview' makes it" or "davit.yaml names it: databases.…parent" }
  end
  if self.pr then
    local ours, why = resource.matches(found)
    if not ours then failure { code = "not-ours", about = name, message = "Neon: " .. why } end
  end
  return { id = found.id, name = found.name }
end

---The direct connection string of a branch, for sessions and the project's command.
---@param branch { id: string, name: string }
---@param is_copy? boolean  made by this run
function Target:url(branch, is_copy)
  local to = { "sql:*" }
  if self.database.kind == "command" then to[2] = "program:/bin/sh" end
  return (is_copy and self.copies or self.neon).connection_uri {
    branch = branch.id, database = self.database.database, role = self.database.role, pooled = false,
    to = to,
  }
end

---Waits until a branch can be used.
function Target:ready(branch) self.neon.ready(branch) end

return target
