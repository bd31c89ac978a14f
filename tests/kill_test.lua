---Real runs that are really killed: SIGKILL at 20 points of the preview flow and in the middle of what
---takes it back, against the local cloud with workerd and PostgreSQL. Each point has a pull request
---and a project folder of its own, so that its run is the only one in its journal.
local json = require "json"
local places = assert(require("core").load_file("tests/place.lua"))()

-- Under the sanitizers, where each takes three times as long, a few.
local POINTS, CLOUDS = (os.getenv "DAVIT" or ""):find("/san/", 1, true) and 6 or 20, 3
local EVENTS = 72   -- of an undisturbed first preview: the points are spread over them

local kill_test = places.tests(test, skip)

local function succeeds(what, result)
  if result.exit ~= 0 then
    error(("%s: exit %s: %s"):format(what, result.exit or result.signal, result.errors), 2)
  end
  return result
end

-- ---- the world --------------------------------------------------------------------------------

-- As quick as it gets, and without limits: what the services take is not what is tried here. A Neon project
-- does one thing at a time, so what shall go on at once has clouds of its own.
local function new_cloud()
  local cloud = places.new {
    dns_delay = 0, tls_delay = 0, propagation_delay = 0, operation_seconds = 0,
    cloudflare_requests = 1000000, github_requests = 1000000, branches_limit = 1000, github_points = 1000000,
    github_content_per_minute = 1000000, github_content_per_hour = 1000000,
  }
  cloud:start()
  return cloud
end

local clouds <close> = setmetatable({}, { __close = function(self)
  for _, cloud in ipairs(self) do local _ <close> = cloud end
end })
for i = 1, places.missing() and 0 or CLOUDS do clouds[i] = new_cloud() end

local function on_each_cloud(f)
  local tasks = { all = true }
  for i, cloud in ipairs(clouds) do
    tasks["cloud " .. i] = function() f(cloud, i) end
  end
  parallel(tasks)
end

-- Three digits each: none is part of another.
local next_number = 100

---@return tests.Folder folder, string pr
local function pull_request(cloud)
  next_number = next_number + 1
  local number <const> = next_number
  cloud:open_pull(number)
  return cloud:sibling(("pr %d"):format(number)), ("%d"):format(number)
end

local function inventory(folder, pr)
  return folder:lua("place_inventory.lua", pr)
end

local undisturbed

-- ---- killing ----------------------------------------------------------------------------------

-- Kills davit right after it told its n-th event, or `after` seconds later. Returns the run's id, whether
-- the run was killed (it may have ended before), and its last event.
local function killed(folder, n, after, ...)
  local run <close> = folder:begin(...)
  local line, id
  for _ = 1, n do
    local next_line = run:line()
    if not next_line then break end
    line = next_line
    id = json.decode(line).run
  end
  if after then sleep(after) end
  run:kill "KILL"
  return id, run:wait().signal == "SIGKILL", line and json.decode(line).event
end

-- What the run had started ends with it; the guard that ends it is a process, too.
local function check_processes(folder)
  local living
  for _ = 1, 200 do
    living = folder:processes()
    if living == "" then return end
    sleep(0.1)
  end
  error("processes of a killed run live on: " .. living:gsub("\n", " "))
end

local function check_workers(folder, pr)
  for _, host in ipairs { "api", "auth", "codex" } do
    local health = json.decode(folder:ask(("https://%s-preview-%s.revelations.studio/health"):format(host, pr)))
    equal({ health.environment, #health.version }, { "preview", 21 })
  end
end

local function check_finished(what, folder, pr)
  local lives = inventory(folder, pr)
  if lives ~= undisturbed then
    error(("%s: what lives differs from an undisturbed run's:\n%s\n---- instead of\n%s"):format(what, lives, undisturbed))
  end
  check_workers(folder, pr)
end

-- Nothing is left, and cleanup agrees.
local function check_gone(what, folder, pr)
  local lives = inventory(folder, pr)
  if lives ~= "\n" then error(("%s: left over:\n%s"):format(what, lives)) end
  local cleanup = succeeds(what, folder:davit("cleanup", "--pr", pr, "--local"))
  if cleanup.errors:find("(gone)", 1, true) then error(("%s: cleanup found something: %s"):format(what, cleanup.errors)) end
end

-- ---- 20 points ----------------------------------------------------------------------------------

local function resume(what, folder, _, pr)
  local resumed = succeeds(what, folder:davit "resume")
  equal(resumed.output:find(("codex-web: https://codex-preview-%s."):format(pr), 1, true) ~= nil, true)
  check_finished(what, folder, pr)
  succeeds(what, folder:davit("cleanup", "--pr", pr, "--local"))
end

local function undo(what, folder, id, pr)
  succeeds(what, folder:davit("undo", id))
  check_gone(what, folder, pr)
end

-- A run may end before it is killed, as the last events follow each other fast: then another one is killed
-- an event earlier.
local function killed_at(cloud, n, after)
  local folder, pr = pull_request(cloud)
  local id, was_killed, event = killed(folder, n, after, "preview", "--untested", "--pr", pr, "--local", "--json")
  check_processes(folder)
  if was_killed then return folder, pr, id, ("killed after event %d (%s)%s"):format(n, event, after and " and a moment" or "") end
  succeeds("cleanup", folder:davit("cleanup", "--pr", pr, "--local"))
  return killed_at(cloud, n - 1, after)
end

-- The points are spread over the flow; every fifth lies between two events.
local function point(cloud, i)
  local folder, pr, id, where = killed_at(cloud, 1 + (i - 1) * (EVENTS - 1) // POINTS, i % 5 == 3 and 0.04 or nil)
  if i % 2 == 1 then
    resume(where .. ", then resumed", folder, id, pr)
  else
    undo(where .. ", then undone", folder, id, pr)
  end
end

kill_test("an undisturbed preview is what the killed ones are compared with", function()
  local folder, pr = pull_request(clouds[1])
  local run = succeeds("undisturbed", folder:davit("preview", "--untested", "--pr", pr, "--local", "--json"))
  local _, events = run.output:gsub("\n", "")
  if events < EVENTS then error(("the flow has %d events only: the points lie beyond it"):format(events)) end
  undisturbed = inventory(folder, pr)
  local _, things = undisturbed:gsub("[^\n]+", "")
  equal(things, 12)   -- 3 records, 3 domains, 3 Workers, a branch, a comment, a deployment
  check_workers(folder, pr)
end)

kill_test(("killed at %d points, a preview is finished by resume or taken back by undo"):format(POINTS), function()
  local next_point = 0
  on_each_cloud(function(cloud)
    while next_point < POINTS do
      next_point = next_point + 1
      point(cloud, next_point)
    end
  end)
end)

-- ---- killed while it takes back ------------------------------------------------------------------

-- A finished preview of its own; its run's id.
local function preview(cloud)
  local folder, pr = pull_request(cloud)
  local run = succeeds("preview", folder:davit("preview", "--untested", "--pr", pr, "--local", "--json"))
  return folder, pr, json.decode(run.output:match "[^\n]+").run
end

-- Each scenario on a cloud of its own.
local function all(scenarios)
  on_each_cloud(function(cloud, i) scenarios[i](cloud) end)
end

local REMOVED = "comment on N: <!-- davit:codex/preview/N --> ### Preview of pull request #N Removed: nothing of it is left.\n"

kill_test("a cleanup that was killed is finished by resume, or by another cleanup", function()
  local function scenario(n, ...)
    local command = { ... }
    return function(cloud)
      local folder, pr = preview(cloud)
      folder.env = { DAVIT_LEASE_SECONDS = "2" }
      local _, was_killed = killed(folder, n, nil, "cleanup", "--pr", pr, "--local", "--json")
      equal(was_killed, true)
      check_processes(folder)
      if command[2] then command[3] = pr end
      succeeds("after the cleanup's event " .. n, folder:davit(table.unpack(command)))
      equal(inventory(folder, pr), REMOVED)
    end
  end
  all { scenario(5, "resume"), scenario(16, "resume"), scenario(12, "cleanup", "--pr", nil, "--local") }
end)

kill_test("an undo that was killed goes on where it was, by resume as by undo", function()
  local function scenario(n, verb)
    return function(cloud)
      local folder, pr, id = preview(cloud)
      local _, was_killed = killed(folder, n, nil, "undo", id, "--json")
      equal(was_killed, true)
      check_processes(folder)
      succeeds(("%s after the undo's event %d"):format(verb, n), folder:davit(verb, id))
      check_gone(verb, folder, pr)
      equal(folder:davit("resume", id).exit, 2)
    end
  end
  all { scenario(3, "resume"), scenario(8, "undo"), scenario(15, "resume") }
end)

-- ---- the next run of the same pull request ----------------------------------------------------------

kill_test("the preview after a killed one waits until the lease expires, and owns what both would make", function()
  local folder, pr = pull_request(clouds[1])
  folder.env = { DAVIT_LEASE_SECONDS = "2" }
  local id, was_killed = killed(folder, 30, nil, "preview", "--untested", "--pr", pr, "--local", "--json")
  equal(was_killed, true)
  local next_run = succeeds("the next preview", folder:davit("preview", "--untested", "--pr", pr, "--local"))
  equal(next_run.errors:match "waiting for '[^']*', held by run (%S+) %(process %d+ on [^)]+%), whose process has ended", id)
  check_finished("the next preview", folder, pr)
  equal(folder:davit("resume", id).exit, 6)
  check_finished("after the resume that was refused", folder, pr)
end)
