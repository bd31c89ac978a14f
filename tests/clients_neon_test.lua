---Neon's own clients, unmodified, on a local cloud with real PostgreSQL: neonctl and psql, the SDK, node-postgres,
---postgres.js, the serverless driver, drizzle. Each story ends with what a person expects: psql finds the data on the
---branch, a deleted one is gone, a restored one has the old rows. At the end all that was said is held against the
---contract. The action that makes branches is not on npm: clients_neon_recordings_test says again what it said.
local core = require "core"
local cloud = assert(core.load_file "tests/clients/cloud.lua")()
local neon = assert(core.load_file "tests/clients/neon.lua")()
local suite = assert(core.load_file "tests/clients/suite.lua")()

-- The last one needs all before it. Under the sanitizers those are told that ask for the most.
local ALL <const> = "neonctl neon_computes neon_past neon_refused neon_sdk neon_drivers drizzle neon_contracts"
local MOST <const> = "neon_sdk neon_drivers"

local stories = suite.chosen(suite.sanitized and MOST or ALL)
if not stories[1] then return end

local why_not = neon.missing()
local PROJECTS <const> = { "branches", "computes", "past", "refused", "waits", "stays", "drivers", "sdk" }
local place <close> = not why_not and neon.open("neon", PROJECTS, { "--no-workers" }) or nil

local lanes = suite.lanes()
local about = { cloud = cloud, place = place, suite = suite, why_not = why_not, neon = neon, contains = suite.contains }

---A story on one of the projects, beside those on others.
---@param project string
---@param name string
---@param story fun(p: clients.NeonProject)
function about.on(project, name, story)
  if why_not then return test(name, function() skip(why_not) end) end
  lanes:add(project, name, function() story(place.projects[project]) end)
end

---A program in node that goes through calls on one of the projects.
---@param project string
---@param title string
---@param prepare fun(p: clients.NeonProject): clients.Calls
function about.checks(project, title, prepare)
  if why_not then return test(title, function() skip(why_not) end) end
  lanes:add_checks(project, title, function() return prepare(place.projects[project]) end)
end

local last = {}

---A test that comes when all stories are told.
---@param name string
---@param body fun()
function about.at_last(name, body) last[#last + 1] = { name, body } end

suite.tell(stories, about, _ENV)
lanes:run(test)
for _, one in ipairs(last) do
  test(one[1], function()
    if why_not then skip(why_not) end
    one[2]()
  end)
end
