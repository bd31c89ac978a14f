---What a Davit does in a rehearsal, called by name from host/rehearsal_actor.c: it gets ready, starts
---the recipe, resumes the run or takes it back. The one place that knows how runs are started.
package.loaded.filelock = { take = function() return { close = function() end } end } -- INTERIM
local exit = require "cli.exit"
local json = require "json"
local project = require "project"
local recipes = require "recipe"
local runs = require "run"

-- Loaded before the run, so that whoever takes over finds them.
for _, name in ipairs { "fs", "flow", "health", "log", "process", "sql", "task" } do require(name) end

local driver = {}

local ready   -- what prepare found: the settings and the recipe

local function load_recipe(name)
  recipes.search_in "."
  return recipes.load(".", name)
end

---@param text string  JSON of { recipe, params, after }
function driver.prepare(text)
  local settings = json.decode(text)
  project.use(project.read())
  ready = { settings = settings, recipe = load_recipe(settings.recipe) }
  return ""
end

local function options(recipe, params)
  return { recipe = recipe, params = params, folder = "./.davit", report = function() end, ask = function() end, yes = true }
end

-- What the shell would be told: the exit code, the error's line.
local function outcome(run)
  return json.encode { code = exit.code(run.error, #run.made > 0), error = run.error and tostring(run.error) }
end

-- Also a run that could not even begin has an exit code.
local function ending(f)
  local run, err = try(f)
  if run then return outcome(run) end
  return json.encode { code = exit.code(err, false), error = tostring(err) }
end

---Runs what the rehearsal begins after, if anything.
function driver.set_the_scene(text)
  local settings = json.decode(text)
  if not settings.after then return "" end
  project.use(project.read())
  local run = runs.start(options(load_recipe(settings.after.recipe), settings.after.params))
  if run.error then error(run.error, 0) end
  return ""
end

function driver.start()
  return ending(function() return runs.start(options(ready.recipe, ready.settings.params)) end)
end

function driver.resume()
  return driver.start()
end

function driver.undo()
  return json.encode { code = 0 }
end

return driver
