---The models of a rehearsal, as its world (host/rehearsal.h) asks them: the three services, the edge,
---the databases, programs and files, in one Lua state of their own.
local cloud = require "cloud.world"
local internet = require "rehearsal.internet"
local inventory = require "rehearsal.inventory"
local json = require "json"
local ledger = require "cloud.ledger"
local oracle = require "rehearsal.oracle"
local overlay = require "rehearsal.overlay"
local programs = require "rehearsal.programs"

local SQL = 0.002   -- seconds until a database answers

local function late(answer, seconds)
  answer.delay = answer.delay or seconds
  return answer
end

-- What the explorer asks beside the world: texts go in and out.
local function add_judgement(world, state)
  local judge = oracle.new()

  ---Remembers what is there before the run.
  function world.before()
    judge.before = inventory.lines(state)
    return {}
  end

  ---Remembers what the undisturbed run came to -> { text } for whoever reports.
  function world.reference(outcome)
    return { text = json.encode { outcome = json.decode(outcome), inventory = json.array(inventory.lines(state)) } }
  end

  function world.expect(reference)
    judge.reference = json.decode(reference)
    return {}
  end

  ---What a schedule came to -> { text }.
  function world.judge(how, outcome)
    local found = judge:problems(how, json.decode(outcome), inventory.lines(state))
    return { text = json.encode { problems = json.array(found) } }
  end
end

---@param text string  JSON of { cloud = world.Seed, hidden = paths, workers = list }
---@param disk table   the real files
return function(text, disk)
  local settings = json.decode(text)
  local state = cloud.new(settings.cloud)
  local files = overlay.new(disk, settings.hidden)
  local net = internet.new(state)
  local world = {
    http = function(request, now) return net:http(request, now) end,
    dns = function(name, kind, now) return net:dns(name, kind, now) end,
    connect = function(url, now) return late(ledger.connect(state, url, now), SQL) end,
    query = function(session, query, params, now) return late(ledger.query(state, session, query, params, now), SQL) end,
    process = function(argv, cwd) return programs.run(files, settings.workers, argv, cwd) end,
    file = function(action, path, data, max) return files:act(action, path, data, max) end,
  }

  function world.close(session)
    ledger.close(state, session)
    return {}
  end

  function world.crash()
    ledger.abandon(state)
    return {}
  end

  add_judgement(world, state)
  return world
end
