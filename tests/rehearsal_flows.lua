---What the rehearsals of production's flows share: the sample project, what comes first, and how one is held.
local explore = require "rehearsal.explore"
local fs = require "fs"
local process = require "process"
local project = require "project"

local DAVIT = os.getenv "DAVIT" or ""
local EVERY = DAVIT:find("san", 1, true) and 29 or 1   -- a forked process under the sanitizers is slow

local flows = { CODEX = "tests/projects/codex", PUSH = { push = true } }

flows.TEST = { recipe = "test", params = { parallel = 4, only = {}, all = false, bundles = false } }

local function with(params, own)
  for name, value in pairs(own or {}) do params[name] = value end
  return params
end

---@param own? table  parameters
function flows.production(own)
  return { recipe = "production", params = with({ take_over = false, accept_breaking = false }, own) }
end

function flows.rollback(own)
  return { recipe = "rollback", params = with({ why = "code", breaking = false, force = false }, own) }
end

function flows.secrets(own)
  return { recipe = "secrets", params = with({ list = false, sync = false, set = {}, rotate = {}, delete = {}, github = false },
    own) }
end

-- A developer's work, as far as a rehearsal sees it: the text of the next migration.
local WRITE = [[
local fs, json = require "fs", require "json"
return { summary = "Writes a migration", params = { text = { type = "string", required = true } }, run = function(p, run)
  run.step("write", function()
    local folder = require("project").current().root .. "/packages/database/drizzle/"
    local journal = json.decode(fs.read(folder .. "meta/_journal.json"))
    local n = #journal.entries
    local tag = ("%04d_later"):format(n)
    journal.entries[n + 1] = { idx = n, version = "7", when = journal.entries[n].when + 1000, tag = tag, breakpoints = true }
    fs.write(folder .. "meta/_journal.json", json.encode(journal))
    fs.write(folder .. tag .. ".sql", p.text .. "\n")
  end)
end }
]]

---The migration that comes with the next push, in a project of flows.writable.
function flows.migration(text) return { recipe = "write", params = { text = text } } end

---What others have (planted/others.lua), in a project of flows.writable.
flows.OTHERS = { recipe = "others", params = {} }

---Calls f with a copy of the sample project that has the recipes `write` and `others`.
function flows.writable(f)
  local folder <close> = fs.temporary()
  process.run { argv = { "cp", "-R", flows.CODEX .. "/.", folder.path } }
  fs.write(folder / "recipes/write.lua", WRITE)
  fs.write(folder / "recipes/others.lua", fs.read "tests/planted/others.lua")
  return f(folder.path)
end

---Rehearses a recipe after others.
---@param what { recipe: string, params: table }
---@param after rehearsal.Before[]
---@param o? table  of explore.run; root, and every so-many-th schedule alone, or those of a plan
---@return rehearsal.Result
function flows.rehearse(what, after, o)
  o = o or {}
  return explore.run(project.read(o.root or flows.CODEX), { recipe = what.recipe, params = what.params, after = after,
    seed = 1, jobs = 2, pull_requests = { 42 }, every = o.plan and 1 or (o.every or 1) * EVERY, plan = o.plan,
    faults = o.plan and true, limit = 120, owner = o.owner, unhealthy = o.unhealthy }, function() end)
end

---What went wrong, and the exit code of the undisturbed run.
function flows.ended(result) return { result.failed, (result.reference or { outcome = {} }).outcome.code } end

---The lines of an inventory that begin with this.
function flows.lines(list, beginning)
  local found = {}
  for _, line in ipairs(list) do
    if line:sub(1, #beginning) == beginning then found[#found + 1] = line end
  end
  return found
end

return flows
