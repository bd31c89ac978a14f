---The models of a rehearsal, as its world (host/rehearsal.h) asks them: the three services, the edge,
---the databases, programs and files, in one Lua state of their own.
local checkout = require "rehearsal.checkout"
local cloud = require "cloud.world"
local internet = require "rehearsal.internet"
local inventory = require "rehearsal.inventory"
local job = require "rehearsal.job"
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

-- What the explorer asks beside the world: texts go in, packets come out.
local function add_judgement(world, state, net)
  local judge = oracle.new()
  local result

  local function ending(outcome)
    return {
      outcome = json.decode(outcome), inventory = json.array(inventory.lines(state, judge.known)),
      shared = json.array(inventory.shared(state)),
    }
  end

  ---Remembers what is there before the run.
  function world.before()
    net:before()
    judge.known = inventory.values(state)
    judge.before = inventory.lines(state, judge.known)
  end

  ---Of the undisturbed run; `points` is "journal:17 http:40 …".
  function world.reference(outcome, points)
    result = ending(outcome)
    local counts = {}
    for kind, n in points:gmatch("(%a+):(%d+)") do counts[kind] = math.tointeger(n) end
    return json.encode {
      reference = result, before = json.array(judge.before), points = counts, schedule = "undisturbed",
      problems = json.array(judge:undisturbed(result)),
    }
  end

  function world.result() return json.encode(result) end

  function world.expect(text) judge.reference = json.decode(text) end

  ---Of a schedule that came to an end.
  function world.judge(id, how, outcome)
    return json.encode { schedule = id, problems = json.array(judge:problems(how, ending(outcome))) }
  end

  ---Of one that did not.
  function world.died(id, reason)
    return json.encode { schedule = id, problems = json.array { { what = "no end", line = reason } } }
  end

  function world.log(text) return json.encode { log = text } end

  function world.done(schedules, merged)
    return json.encode { done = true, schedules = math.tointeger(schedules), merged = math.tointeger(merged) }
  end
end

---@param text string  JSON of { cloud = world.Seed, hidden = paths, workers = list, latency = seconds }
---@param disk table   the real files
return function(text, disk)
  local settings = json.decode(text)
  local state = cloud.new(settings.cloud)
  local files = overlay.new(disk, settings.hidden)
  local net = internet.new(state, settings)
  local number = settings.params and settings.params.pr   -- whoever rehearses a piece of Lua has no parameters
  job.tell(files, checkout.of(state).repository)
  local world = {
    http = function(request, now) return net:http(request, now) end,
    dns = function(name, kind, server, now) return net:dns(name, kind, server, now) end,
    connect = function(url, now) return late(ledger.connect(state, url, now), SQL) end,
    query = function(id, query, params, now) return late(ledger.query(state, id, query, params, now), SQL) end,
    process = function(argv, cwd, input, now)
      local here = checkout.of(state, number)
      return programs.run { argv = argv, cwd = cwd, input = input, files = files, workers = settings.workers,
        here = here, push = function() job.push(state, files, here, now) end }
    end,
    file = function(action, ...) return files:act(action, ...) end,
  }

  function world.close(session)
    ledger.close(state, session)
    return {}
  end

  function world.crash()
    ledger.abandon(state)
    return {}
  end

  add_judgement(world, state, net)
  return world
end
