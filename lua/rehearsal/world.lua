---The models of a rehearsal, as its world (host/rehearsal.h) asks them: the three services, the edge,
---the databases, programs and files, in one Lua state of their own.
local checkout = require "rehearsal.checkout"
local cloud = require "cloud.world"
local core = require "core"
local data = require "cloud.data"
local faults = require "rehearsal.faults"
local hosts = require "cloud.neon.hosts"
local internet = require "rehearsal.internet"
local invariants = require "rehearsal.invariants"
local inventory = require "rehearsal.inventory"
local items = require "cloud.github.items"
local job = require "rehearsal.job"
local json = require "json"
local ledger = require "cloud.ledger"
local oracle = require "rehearsal.oracle"
local overlay = require "rehearsal.overlay"
local programs = require "rehearsal.programs"
local times = require "rehearsal.times"
local uses = require "rehearsal.uses"
local view = require "rehearsal.view"
local watch = require "rehearsal.watch"

local SQL = 0.002   -- seconds until a database answers

local function late(answer, seconds)
  answer.delay = answer.delay or seconds
  return answer
end

-- What each Davit said when it ended, for people.
local function said(told, count)
  local list = {}
  for i = 1, count do
    local outcome = told[i]
    list[i] = { code = outcome.code, status = outcome.status, error = outcome.error,
      left = json.array(outcome.left or {}) }
  end
  return json.array(list)
end

-- Asks the project's own invariants after a schedule: what to add to its problems.
local function own_judge(state, settings)
  local own = invariants.load(settings.invariants or {})
  return function(problems, schedule, how, outcome)
    local broken = invariants.broken(own, function() return view.of(state) end, {
      recipe = settings.recipe, params = settings.params or {}, schedule = schedule, how = how, code = outcome.code,
      status = outcome.status, error = outcome.error,
    })
    table.move(broken, 1, #broken, #problems + 1, problems)
    return json.array(problems)
  end
end

-- What the explorer asks beside the world: texts go in, packets come out.
local function add_judgement(world, state, net, troubles, eye, settings, used)
  local judge, with_own = oracle.new(eye.seen, (settings.params or {}).pr), own_judge(state, settings)
  local result, failed
  local replayed = settings.told

  local function ending(outcome)
    eye:github(state)
    eye:output("what Davit says", outcome)
    local told = json.decode(outcome)
    told.trouble = troubles:lasting(core.now())
    return {
      outcome = told, inventory = json.array(inventory.lines(state, judge.known)),
      shared = json.array(inventory.shared(state)),
    }
  end

  -- For who compares it with a real one.
  local function shown(ended)
    return { code = ended.outcome.code, inventory = ended.inventory, shared = ended.shared }
  end

  ---Remembers what is there before the run.
  function world.before()
    net:before()
    judge.known = inventory.values(state)
    judge.before = inventory.lines(state, judge.known)
  end

  ---From here on it is the run that uses something.
  function world.prepared() used:forget() end

  ---Of the undisturbed run; `points` is "journal:17 http:40 …", `elapsed` seconds as a text, `events` the SHA-256 of
  ---its log.
  function world.reference(outcome, points, elapsed, events)
    result = ending(outcome)
    result.elapsed, result.uses = tonumber(elapsed), json.array(used:new_ones())
    local counts = {}
    for kind, n in points:gmatch("(%a+):(%d+)") do counts[kind] = math.tointeger(n) end
    return json.encode {
      reference = result, before = json.array(judge.before), points = counts, schedule = "undisturbed", events = events,
      problems = with_own(judge:undisturbed(result), "undisturbed", "start", result.outcome),
    }
  end

  function world.result() return json.encode(result) end

  function world.expect(text)
    judge.reference = json.decode(text)
    judge.elapsed = judge.reference.elapsed
    used:know(judge.reference.uses)
  end

  ---How somebody takes over from a Davit that was disturbed and has ended by itself: "resume", "undo", "start",
  ---"approve", "deny", or nil for not at all; with a number behind it so many seconds later.
  function world.follow(how, outcome, wanted)
    local told = json.decode(outcome)
    told.trouble = troubles:lasting(core.now())
    return judge:follow(how, told, wanted)
  end

  ---A Davit has ended, by itself or not: what was said to it, and it has not written down, is forgotten.
  function world.abandoned() judge:answered(nil) end

  ---What a person has said who was asked: "yes", "no", or "" for nobody.
  function world.answered(answer) judge:answered(answer) end

  ---Of another run that came and went while this one stood still.
  function world.arrived(which, outcome, err)
    used.others = false
    judge:arrived { which = which, outcome = outcome ~= "" and json.decode(outcome) or { code = -1, error = err },
      inventory = inventory.lines(state, judge.known) }
  end

  ---Of a schedule that came to an end: what the last Davit did, the seconds until anybody took over after something had
  ---gone wrong and until the end, as texts, the SHA-256 of its log, and whether the last Davit was disturbed itself.
  function world.judge(id, how, outcome, elapsed, lasted, events, disturbed)
    local ended = ending(outcome)
    judge.several = id:find("+", 1, true) ~= nil
    local problems = judge:problems(how, disturbed ~= "", ended, tonumber(elapsed))
    problems = with_own(problems, id, how, ended.outcome)
    failed = #problems > 0
    -- Whoever was disturbed was asked what follows, and has said the same twice.
    local told = (failed or replayed) and said(judge.told, #judge.told - (disturbed ~= "" and 1 or 0)) or nil
    return json.encode {
      schedule = id, problems = problems, code = judge.code, lasted = tonumber(lasted), events = events, told = told,
      longest = times.longest(judge.told), after = next(troubles.passed) and troubles.passed or nil,
      uses = json.array(used:new_ones()), ending = settings.endings and shown(ended) or nil,
    }
  end

  ---Of one that went on and on; `elapsed`: seconds, as a text.
  function world.overdue(id, elapsed)
    failed = true
    return json.encode { schedule = id, problems = json.array { judge:too_long(tonumber(elapsed)) } }
  end

  ---Seconds of the rehearsal's time after which a run has taken too long, as a text.
  function world.patience() return ("%.0f"):format(judge:patience()) end

  ---Of one that did not.
  function world.died(id, reason)
    failed = true
    return json.encode { schedule = id, problems = json.array { { what = "no end", line = reason } } }
  end

  ---A piece of the events of "undisturbed" or a schedule; nobody wants those of one that held.
  function world.log(text, id, common)
    if not failed and id ~= "undisturbed" and not replayed then return nil end
    return json.encode { log = text, of = id, common = math.tointeger(common) }
  end

  function world.done(merged) return json.encode { done = true, merged = math.tointeger(merged) } end
end

-- What the explorer asks about what goes wrong.
local function add_troubles(world, state, troubles, settings, used)
  function world.faults(kind, about)
    local names, merged = faults.possible(kind, about, settings.params)
    return merged .. "\n" .. table.concat(names, "\n")
  end

  function world.arm(name, kind) troubles:arm(name, kind) end

  ---Gathers what a disturbed run does: by kind, what each effect was about, with the index of the first.
  function world.passed(kind, index, about)
    local one = troubles.passed[kind] or { from = math.tointeger(index), groups = {} }
    troubles.passed[kind] = one
    one.groups[#one.groups + 1] = faults.group(kind, about)
  end

  ---Something is about to be used, as host/permit.h calls it. Of a database the address tells nothing.
  function world.uses(kind, what)
    used:add(kind, kind == "databases" and hosts.present(state, what) or what)
  end

  ---The pull request that the run is about is closed, and somebody cleans up.
  function world.close_pull()
    used.others = true
    local repository = state.github.repositories[state.github.repository]
    local pull = data.find(repository.pulls, "number", settings.params.pr)
    if pull then items.set_state(pull, "closed", repository.owner or "octocat", os.time()) end
  end

  function world.point(kind, index, about)
    return json.encode { point = ("%s:%s"):format(kind, index), about = about }
  end
end

---@param text string  JSON of { cloud = world.Seed, hidden = paths, workers = list, latency = seconds }
---@param disk table   the real files
return function(text, disk)
  local settings = json.decode(text)
  local state = cloud.new(settings.cloud)
  local files = overlay.new(disk, settings.hidden)
  local troubles = faults.new(state)
  local eye = watch.new(settings.cloud.webhook)
  local net = internet.new(state, settings, troubles, eye)
  local number = settings.params and settings.params.pr   -- whoever rehearses a piece of Lua has no parameters
  job.tell(files, checkout.of(state).repository)
  local world = {
    http = function(request, now) return net:http(request, now) end,
    dns = function(name, kind, server, now)
      return troubles:dns(name, function() return net:dns(name, kind, server, now) end)
    end,
    connect = function(url, now)
      return troubles:connect(function() return late(ledger.connect(state, url, now), SQL) end)
    end,
    query = function(id, query, params, now)
      return troubles:query(id, function() ledger.close(state, id) end,
        function() return late(ledger.query(state, id, query, params, now), SQL) end)
    end,
    process = function(argv, cwd, input, now)
      local here = checkout.of(state, number)
      return troubles:process(function()
        return programs.run { argv = argv, cwd = cwd, input = input, files = files, workers = settings.workers,
          here = here, push = function() job.push(state, files, here, now) end }
      end)
    end,
    file = function(action, path, ...)
      local more = table.pack(...)
      return troubles:file(action .. " " .. path, function()
        return files:act(action, path, table.unpack(more, 1, more.n))
      end)
    end,
  }

  function world.close(session)
    ledger.close(state, session)
    return {}
  end

  function world.crash()
    ledger.abandon(state)
    world.abandoned()
    return {}
  end

  local used = uses.new()
  add_judgement(world, state, net, troubles, eye, settings, used)
  add_troubles(world, state, troubles, settings, used)
  return world
end
