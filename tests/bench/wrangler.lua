---`wrangler deploy` against the local cloud, beside a stub that answers from memory what the cloud answered before.
local core = require "core"
local cloud = core.load_file("tests/clients/cloud.lua")()
local measure = core.load_file("tests/measure.lua")()
local process = require "process"
local wrangler = core.load_file("tests/clients/wrangler.lua")()

local ROUNDS <const> = measure.rounds(7)

local _ <close> = measure.section {
  name = "wrangler", title = "wrangler deploy",
  about = "A small Worker with a variable, a route, a custom domain and a cron is deployed again, by two wranglers under " ..
    "node 22. The stub answers each request with what the cloud has answered to it before, so the difference is what " ..
    "the models and the journal of their state cost; the rest is wrangler's.",
}

local why_not = wrangler.missing()
local place <close> = not why_not and cloud.open("bench", { flags = { "--no-workers", "--no-databases" } }) or nil

local function prepare(which)
  local w = wrangler.project(place, which, "bench")
  w:code "a bench"
  w:config { vars = { GREETING = "hello" }, triggers = { crons = { "0 * * * *" } }, routes = {
    { pattern = w.name .. ".example.com", custom_domain = true },
    { pattern = ("www.example.com/%s/*"):format(w.name), zone_name = "example.com" } } }
  w:succeeds "deploy"
  w:succeeds "deploy"
  return w
end

-- What wrangler wants to see stands in a script: arguments are for everybody to read.
local function script_of(w, base)
  local lines = {}
  for name, value in pairs(w:environment { CLOUDFLARE_API_BASE_URL = base }) do
    lines[#lines + 1] = ("export %s='%s'"):format(name, value)
  end
  lines[#lines + 1] = ("cd '%s' && exec '%s' '%s' deploy"):format(w.folder, cloud.node, w.program)
  w:write("deploy.sh", table.concat(lines, "\n") .. "\n")
  return w.folder .. "/deploy.sh"
end

local function deploy(w, base)
  local cost = measure.cost { "sh", script_of(w, base) }
  return { wall = cost.wall, resident = cost.resident }
end

local function rows_of(which, stub_url)
  local w = prepare(which)
  local name = "wrangler " .. which.version
  return w, { name = name .. ", davit cloud", ours = true, measure = function() return deploy(w) end },
    { name = name .. ", stub", measure = function() return deploy(w, stub_url() .. "/client/v4") end }
end

local function run()
  local rows, projects, url = {}, {}, nil
  for i, which in ipairs(wrangler.versions()) do
    projects[i], rows[2 * i - 1], rows[2 * i] = rows_of(which, function() return url end)
  end
  local stub <close> = process.start { argv = { cloud.program, "tests/bench/clients/replay.lua", place.record }, output = "capture" }
  url = stub:line()
  local found = measure.table { title = "Deploying a Worker again", rounds = ROUNDS, rows = rows, columns = {
    { key = "wall", title = "time", unit = "s", better = "lower" },
    { key = "resident", title = "peak memory", unit = "B", better = "lower" } } }
  for _, w in ipairs(projects) do
    local name = "wrangler " .. w.version
    measure.line(name, "%.3f times the stub's time",
      measure.ratio(found[name .. ", davit cloud"], found[name .. ", stub"], "wall"))
    w:close()
  end
end

if why_not then
  measure.heading "wrangler"
  measure.line("all of its rows", "not measured: " .. why_not)
else
  run()
end
