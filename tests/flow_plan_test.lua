---Plans of the shipped flows on the local cloud: none of them changes anything there, and what is carried out afterwards
---is what was said.
local fs = require "fs"
local json = require "json"
local productions = assert(require("core").load_file("tests/place_production.lua"))()

local why_not = productions.missing()

local function flow_test(name, f)
  test(name, function()
    if why_not then skip(why_not) end
    f()
  end)
end

local function events_of(result)
  local list = {}
  for line in result.output:gmatch "[^\n]+" do list[#list + 1] = json.decode(line) end
  return list
end

local place <close> = not why_not and productions.new { record = "../requests" } or nil

-- Every request that the models answered until now.
local function requests()
  local list = {}
  for line in fs.read(place.parent .. "/requests"):gmatch "[^\n]+" do list[#list + 1] = json.decode(line) end
  return list
end

local harmless = { GET = true, HEAD = true, OPTIONS = true }

local function carried_out(arguments, ...)
  local result = place:davit(table.unpack(table.move({ ... }, 1, select("#", ...), #arguments + 1, arguments)))
  if result.exit ~= 0 then error(("exit %s: %s"):format(result.exit or result.signal, result.errors), 3) end
  return events_of(result)
end

-- What was planned: names by action. No request of it may change anything, and no journal is begun.
local function plan(...)
  local before, folder = #requests(), fs.list(place.folder .. "/.davit")
  local events = carried_out({ ... }, "--local", "--json", "--plan")
  for i, request in ipairs(requests()) do
    if i > before then equal({ request.path, harmless[request.method] }, { request.path, true }) end
  end
  equal(fs.list(place.folder .. "/.davit"), folder)
  local told = {}
  for _, event in ipairs(events) do
    if event.event == "planned" then
      told[event.data.action] = told[event.data.action] or {}
      told[event.data.action][event.data.name] = event.data.why or true
    end
  end
  equal({ events[#events].event, events[#events].data.error }, { "plan" })
  return told
end

-- What a run did, in the same words.
local function done(...)
  local created, told = {}, { create = {}, found = {}, destroy = {}, step = {} }
  for _, event in ipairs(carried_out({ ... }, "--local", "--json", "--yes")) do
    local name, result = event.path, type(event.data) == "table" and event.data.result
    if event.event == "create-started" then created[name] = true end
    if event.event == "ensure-finished" then told[created[name] and "create" or "found"][name] = true end
    if event.event == "destroy-finished" and result then told.destroy[name] = true end
    if event.event == "step-finished" then told.step[name] = true end
  end
  return told
end

-- Whatever the first has is in one of the others.
local function within(names, ...)
  for name in pairs(names or {}) do
    local found = false
    for _, others in pairs { ... } do found = found or others[name] ~= nil end
    equal({ name, found }, { name, true })
  end
end

-- Names as they are before a build says more: "version (known after …) of x" is "version … of x".
local function without_versions(names)
  local list = {}
  for name, why in pairs(names or {}) do list[name:gsub("^version .+ of ", "version of "):gsub("%(known after [^)]+%)", "…")] = why end
  return list
end

-- What was said is what came, and nothing else came.
local function agree(said, came)
  local create = without_versions(said.create)
  within(create, without_versions(came.create), without_versions(came.found))
  for name, why in pairs(create) do
    if why == true then equal({ name, without_versions(came.create)[name] }, { name, true }) end
  end
  within(without_versions(came.create), create)
  within(said.keep, came.found)
  within(said.change, came.found)
  within(without_versions(came.found), said.keep or {}, said.change or {}, create)
  within(came.destroy, said.destroy or {})
  within(said.run, came.step)
  within(said.read, came.step)
end

flow_test("a preview does what its plan said: all of it is made, and the second time all of it is there", function()
  place:event()
  place:push "first"
  place:event()
  local said = plan("preview", "--untested", "--pr", "42")
  equal({ said.create["Database branch pr-42"], said.create["Worker codex-web-preview-42"], said.keep, said.change },
    { true, true })
  agree(said, done("preview", "--untested", "--pr", "42"))
  said = plan("preview", "--untested", "--pr", "42")
  equal({ said.keep["Database branch pr-42"], said.create }, { true })
  equal(said.change["Worker codex-web-preview-42"], "a new version, unless what is built serves already")
  agree(said, done("preview", "--untested", "--pr", "42"))
end)

flow_test("cleanup removes what its plan said, and the next plan has nothing to remove", function()
  local said = plan("cleanup", "--pr", "42")
  equal({ said.destroy["database/Database branch pr-42"], said.destroy["codex-web/Worker codex-web-preview-42"] }, { true, true })
  local came = done("cleanup", "--pr", "42")
  agree(said, came)
  said = plan("cleanup", "--pr", "42")
  equal({ said.destroy, said.create }, {})
end)

flow_test("production does what its plan said, and the next plan keeps what is there", function()
  place:push "second"
  local said = plan "production"
  equal({ said.create["DNS record codex.revelations.studio"], said.ask["Deploy to production?"] }, { true, true })
  agree(said, done "production")
  said = plan "production"
  equal({ said.keep["DNS record codex.revelations.studio"], said.keep["crons of codex-web-production"] }, { true, true })
  agree(said, done "production")
end)

flow_test("what would stop production stops its plan, with the same exit code", function()
  place:event()
  local result = place:davit("production", "--local", "--plan")
  equal({ result.exit, result.errors:find("the run would stop here: .*it was started by hand") ~= nil }, { 7, true })
end)

flow_test("a flow that was not written for plans refuses one", function()
  local result = place:davit("rollback", "--local", "--plan")
  equal({ result.exit, result.errors:find("--plan is not available for 'rollback'", 1, true) ~= nil }, { 2, true })
end)
