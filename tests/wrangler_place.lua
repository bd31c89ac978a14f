---A project with one Worker, "web", that a configuration of wrangler's describes: for the tests of what is read from it.
local flow = require "flow"
local fs = require "fs"
local json = require "json"
local process = require "process"
local project = require "project"

local worlds = {}

local Place = {}
Place.__index = Place
Place.__close = function(self) fs.remove(self.root) end

function Place:write(files)
  for name, text in pairs(files) do fs.write(self.root .. "/" .. name, text) end
end

---The Worker "web" as a flow has it.
function Place:worker(environment, siblings)
  local p = project.read(self.root)
  local settings = p.workers.web
  return { name = "web", settings = settings, folder = self.root .. "/" .. settings.path, environment = environment,
    siblings = siblings }
end

function Place:bundle(environment, siblings) return flow.bundle(self:worker(environment, siblings)) end

---With the configuration's path, and what else davit.yaml says of the Worker.
worlds.davit_yaml = "version: 1\nproject: t\nworkers:\n  web: { wrangler: %s, host: web%s }\n"

---The project, its configuration in apps/web.
---@param config table|string  JSON's or TOML's
---@param files? table<string, string>
---@param more? string  of davit.yaml, for the Worker
function worlds.new(config, files, more)
  local root = process.run { argv = { "mktemp", "-d" } }.output:match "[^\n]+"
  local self = setmetatable({ root = root }, Place)
  local name = type(config) == "table" and "wrangler.json" or "wrangler.toml"
  self:write { ["davit.yaml"] = worlds.davit_yaml:format("apps/web/" .. name, more or ""),
    ["apps/web/" .. name] = type(config) == "table" and json.encode(config) or config,
    ["apps/web/dist/index.js"] = "export default {};\n" }
  self:write(files or {})
  return self
end

---The least that a configuration says, and more.
function worlds.base(more)
  local config = { name = "web", main = "dist/index.js", compatibility_date = "2026-01-01" }
  for name, value in pairs(more or {}) do config[name] = value end
  return config
end

return worlds
