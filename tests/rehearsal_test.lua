---`davit rehearse`: the shipped recipes hold at every point, and recipes with a bug do not.
local explore = require "rehearsal.explore"
local fs = require "fs"
local hosts = require "cloud.neon.hosts"
local json = require "json"
local ledger = require "cloud.ledger"
local process = require "process"
local project = require "project"
local sha256 = require "sha256"
local toy = require("core").load_file("tests/rehearsal_toy.lua")()
local world = require "cloud.world"

-- All crashes of the shipped recipes are .ci/run's affair: `davit rehearse` of the sample project.
local EVERY = toy.sanitized and 43 or 7

local function rehearse(root, o)
  o.params, o.seed, o.jobs, o.pull_requests = o.params or {}, o.seed or 1, 2, { 42 }
  o.every, o.limit = o.every or EVERY, o.limit or 60
  return explore.run(project.read(root), o, function() end)
end

local function problems_of(result)
  local seen = {}
  for _, packet in ipairs(result.failed) do
    for _, problem in ipairs(packet.problems) do seen[problem.what] = packet.schedule .. ": " .. problem.line end
  end
  return seen
end

-- The shipped recipes ------------------------------------------------------------------------

local CODEX = "tests/projects/codex"

test("preview ends as if nothing had happened, or as if it had never run, wherever it is killed", function()
  local result = rehearse(CODEX, { recipe = "preview", params = { pr = 42, untested = true } })
  equal(result.failed, {})
  equal(result.reference.outcome.code, 0)
  equal(result.points.journal > 40 and result.points.http > 40 and result.points.sql > 10, true)
end)

test("cleanup of a preview ends with nothing left wherever it is killed", function()
  local result = rehearse(CODEX, {
    recipe = "cleanup", params = { pr = 42 }, after = { { recipe = "preview", params = { pr = 42, untested = true } } },
  })
  equal(result.failed, {})
  equal(#result.before > 40, true)
  equal(#result.reference.inventory, 2)
end)

-- What is left of the sample project's database branches.
local function branches_of(ending)
  local list = {}
  for _, line in ipairs(ending.inventory) do list[#list + 1] = line:match "^database branch ([^:]+)" end
  return table.concat(list, " ")
end

local function params_of_test(own)
  local params = { parallel = 4, only = {}, all = false, bundles = false }
  for name, value in pairs(own) do params[name] = value end
  return params
end

test("a test of a pull request leaves its branch and nothing else wherever it is killed", function()
  local result = rehearse(CODEX, { recipe = "test", params = params_of_test { pr = 42 }, every = 2 * EVERY })
  equal(result.failed, {})
  equal({ result.reference.outcome.code, branches_of(result.reference) }, { 0, "pr-42 production" })
end)

test("another run of a preview that comes has the secrets from before, and may fail as the first one does", function()
  if toy.sanitized then skip "a forked process under the sanitizers is slow" end
  local first = { recipe = "preview", params = { pr = 42, untested = true, take_over = false } }
  local function fails(o)
    o.recipe, o.params, o.faults, o.every = first.recipe, first.params, true, 1
    o.plan = "second:journal:10\nclosed:journal:10\nsecond:journal:40"
    local result = rehearse(CODEX, o)
    return { result.failed, result.schedules }
  end
  equal(fails { after = { first } }, { {}, 3 })
  equal(fails { unhealthy = "auth-worker-preview-42" }, { {}, 3 })
end)

test("a test of a push leaves nothing wherever it is killed, and its bundles are built", function()
  local result = rehearse(CODEX, { recipe = "test", params = params_of_test { bundles = true }, every = 3 * EVERY })
  equal(result.failed, {})
  equal({ result.reference.outcome.code, branches_of(result.reference) }, { 0, "production" })
end)

test("a test that fails leaves nothing of its own wherever it is killed, and says that it failed", function()
  local folder = process.run({ argv = { "mktemp", "-d" } }).output:match("[^\n]+")
  local _ <close> = setmetatable({}, { __close = function() fs.remove(folder) end })
  process.run { argv = { "cp", "-R", CODEX .. "/.", folder } }
  local text = fs.read(folder .. "/davit.yaml"):gsub("\nchecks:\n", "%0  broken: exit 3\n")
  fs.write(folder .. "/davit.yaml", text)
  local result = rehearse(folder, { recipe = "test", params = params_of_test { pr = 42 }, every = 3 * EVERY })
  equal(result.failed, {})
  equal({ result.reference.outcome.code, branches_of(result.reference) }, { 1, "pr-42 production" })
  equal(table.concat(result.reference.inventory, "\n"):match "status davit/test: %a+", "status davit/test: failure")
end)

test("the same seed gives the same events, byte for byte, in two processes", function()
  local function log(seed)
    return rehearse(CODEX, { recipe = "preview", params = { pr = 42, untested = true }, seed = seed, every = 1000 }).log
  end
  local first = log(1)
  equal(#first > 5000, true)
  equal(log(1) == first, true)
  equal(log(2) == first, false)
end)

-- Recipes of their own -----------------------------------------------------------------------

local function rehearse_toy(body, o)
  o = o or {}
  o.recipe, o.every = "toy", o.every or 1
  return toy.with(body, function(folder) return rehearse(folder, o) end)
end

test("a run that is asked to stop, and cannot write that down, is resumed or taken back all the same", function()
  local plan = {}
  for n = 1, 5 do
    for _, ending in ipairs { "resume", "undo" } do
      plan[#plan + 1] = ("stop:journal:%d:%s+full:journal:%d"):format(n, ending, n + 1)
    end
  end
  local result = rehearse_toy([[ run.ensure(the_comment "one") ]], { faults = true, plan = table.concat(plan, "\n") })
  equal(result.failed, {})
  equal(result.schedules > 4, true)
end)

test("a recipe without a bug holds", function()
  local result = rehearse_toy [[
    run.ensure(the_comment "one")
    run.step("look", function() return find "one" ~= nil end)
    run.ensure(the_comment "two")
  ]]
  equal(result.failed, {})
  equal(#result.reference.inventory, 3)
  local points = 0
  for _, n in pairs(result.points) do points = points + n end
  equal(result.schedules + result.merged, 4 * points)
  equal(result.merged > points, true)
end)

test("where not all schedules are tried, those that are resumed and undone come in turn", function()
  for _, every in ipairs { 2, 3 } do
    local count = { resume = 0, undo = 0 }
    toy.with([[ run.ensure(the_comment "one") ]], function(folder)
      explore.run(project.read(folder), { recipe = "toy", params = {}, seed = 1, jobs = 2, pull_requests = { 42 },
        every = every, limit = 60 }, function(packet)
        local how = packet.schedule:match "%a+$"
        if count[how] then count[how] = count[how] + 1 end
      end)
    end)
    equal(count.undo > 3 and math.abs(count.resume - count.undo) <= 1, true)
  end
end)

test("a flow that fails has taken everything back, and does so wherever it is killed", function()
  local result = rehearse_toy [[
    run.ensure(the_comment "one")
    run.step("break", function() failure { code = "broken", message = "as it must" } end)
  ]]
  equal(result.failed, {})
  equal(result.reference.outcome.code, 1)
  equal(result.reference.inventory, result.before)
end)

test("an effect outside of ensure is found twice after a resume, and left over after an undo", function()
  local result = rehearse_toy [[ run.step("comment", function() return comment "hello" end) ]]
  local seen = {}
  for _, packet in ipairs(result.failed) do seen[packet.schedule] = packet.problems[1].what end
  equal(seen["crash-after:http:1:resume"], "left over")
  equal(seen["crash-after:http:1:undo"], "left over")
  equal(seen["crash-before:http:1:resume"], nil)
end)

test("an ensure that cannot see what it has made makes it twice", function()
  local result = rehearse_toy [[ run.ensure(the_comment("hello", false)) ]]
  equal(problems_of(result)["left over"] ~= nil, true)
end)

test("a step that does not say how it is undone leaves what it made", function()
  local body = [[
    run.step("comment", function() return find "hello" or comment "hello" end%s)
  ]]
  local without = rehearse_toy(body:format "")
  local with = rehearse_toy(body:format ", function() local id = find 'hello' if id then remove(id) end end")
  equal(problems_of(without)["left over"]:find("undo", 1, true) ~= nil, true)
  equal(with.failed, {})
end)

test("a recipe that fails and leaves something is a failure of the undisturbed run already", function()
  local result = rehearse_toy [[
    comment "hello"
    failure { code = "broken", message = "as it must" }
  ]]
  equal(result.failed[1].schedule, "undisturbed")
  equal(result.failed[1].problems[1].what, "left over")
end)

test("a recipe that never ends is reported", function()
  local result = rehearse_toy("while true do end", { limit = 1 })
  equal(#result.failed, 1)
  equal(result.failed[1].problems, { { what = "no end", line = "it did not end within 1 s" } })
end)

test("a recipe that comes first and never ends is an error", function()
  toy.with("while true do end", function(folder)
    raises("took too long to get ready", rehearse, folder, {
      recipe = "toy", after = { { recipe = "toy", params = {} } }, limit = 1,
    })
  end)
end)

test("a resumed run that never ends is reported, and no other is lost", function()
  local result = rehearse_toy([[
    run.step("once", function() if find "hello" then while true do end end comment "hello" end)
  ]], { limit = 1 })
  local stuck = 0
  for _, packet in ipairs(result.failed) do
    if packet.problems[1].what == "no end" then stuck = stuck + 1 end
  end
  equal(stuck > 0, true)
  equal(#result.failed < result.schedules, true)
end)

test("a recipe that wants a gigabyte is reported", function()
  local result = rehearse_toy([[
    local t = {}
    for i = 1, 1024 do t[i] = ("x"):rep(1024 * 1024) .. i end
  ]], { limit = 900 })   -- a machine that others keep busy takes its time for half a gigabyte
  equal(problems_of(result)["no end"]:find("more than 512 MB", 1, true) ~= nil, true)
end)

test("a recipe cannot see the machine", function()
  local result = rehearse_toy [[
    local user, path = os.getenv "USER", os.getenv "SHELL" or "nothing"
    run.ensure(the_comment(("by %s with %s at %d"):format(user, path, os.time() // 100000)))
  ]]
  equal(result.failed, {})
  equal(result.reference.inventory[1]:find("by rehearsal with nothing at 18000", 1, true) ~= nil, true)
end)

test("files of a rehearsal behave as files do, stay inside the project, and are not there afterwards", function()
  toy.with([[
    local fs, root = require "fs", require("project").current().root
    local said = {}
    local function note(...) said[#said + 1] = table.concat({ ... }, " ") end
    do
      local folder <close> = fs.temporary()
      fs.write(folder / "a", "x", { mode = "0600" })
      fs.append(folder / "a", "y")
      fs.copy(folder / "a", folder / "b/c")
      fs.move(folder / "b", folder / "d")
      for path, kind in fs.walk(folder.path) do note(path, kind) end
      note(fs.read(folder / "d/c"), fs.stat(folder / "d/c").mode, #fs.glob(folder / "**/c"))
    end
    note(#fs.glob(root .. "/.davit/tmp/**"), fs.stat(root .. "/davit.yaml").kind)
    fs.copy(root .. "/davit.yaml", root .. "/notes")
    fs.append(root .. "/notes", "# more")
    fs.move(root .. "/notes", root .. "/moved")
    note(fs.read(root .. "/moved"):sub(-6), tostring(fs.exists(root .. "/notes")))
    for _, f in ipairs { fs.read, fs.list, fs.exists, fs.make, fs.remove, fs.stat } do
      note(select(2, try(f, root .. "/../x")).code)
    end
    note(select(2, try(fs.copy, root .. "/moved", "/etc/x")).code)
    run.ensure(the_comment(table.concat(said, "; ")))
  ]], function(folder)
    local result = rehearse(folder, { recipe = "toy", every = 1 })
    equal(result.failed, {})
    local refused = ("file-outside; "):rep(6) .. "file-outside"
    equal(result.reference.inventory[1]:match("a file.*outside"),
      "a file; d folder; d/c file; xy 0600 1; 0 file; # more false; " .. refused)
    equal({ fs.exists(folder .. "/.davit/tmp"), fs.exists(folder .. "/moved") }, { false, false })
  end)
end)

test("in a rehearsal every source of secrets gives a stand-in, and is not looked at", function()
  local result = rehearse_toy [[
    local places, said = { "https://elsewhere.example" }, {}
    for _, s in ipairs {
      secret.file("/nowhere/token", { to = places }), secret.fd(9, { to = places, name = "NINE" }),
      secret.command({ "no-such-tool" }, { to = places, name = "PRINTED" }),
      secret.basic("me", secret.generate("MADE", 16, { to = places })),
    } do
      said[#said + 1] = secret.names(s)[1]
      local _, err = try(http.request, { url = "https://api.github.com/", headers = { a = s } })
      said[#said + 1] = err.code
    end
    said[#said + 1] = select(2, try(secret.file, "/nowhere/token", { to = { "a@b" } })).code
    run.ensure(the_comment(table.concat(said, " ")))
  ]]
  equal(result.failed, {})
  equal(result.reference.inventory[1]:match "token .*$", "token secret-refused NINE secret-refused PRINTED secret-refused"
    .. " MADE (Basic) secret-refused misuse")
end)

test("what is written outside of the project is in no list of it", function()
  local result = rehearse_toy [[
    local fs, names, outside = require "fs", {}, { outside = true }
    local before = #fs.list "."
    fs.write("/dev/davit-test", "x", outside)
    fs.write("/davit-test/a/b", "x", outside)
    for _, name in ipairs(fs.list("/davit-test", outside)) do names[#names + 1] = name end
    run.ensure(the_comment(("%d more; %s"):format(#fs.list "." - before, table.concat(names, " "))))
  ]]
  equal(result.failed, {})
  equal(result.reference.inventory[1]:match(": (.*)$"), "0 more; a/")
end)

test("in a rehearsal an answer that is too large is told as everywhere", function()
  local result = rehearse_toy [[
    local err = select(2, try(require("http").request, { url = "https://api.github.com/x", max_body = 1 }))
    run.ensure(the_comment(err.message))
  ]]
  equal(result.reference.inventory[1]:match(": (GET.*)$"), "GET api.github.com/x: the answer is larger than 1 bytes")
end)

test("in a rehearsal localhost and addresses are known, too", function()
  local result = rehearse_toy [[
    local dns, said = require "dns", {}
    for _, q in ipairs { { "web.localhost", "A" }, { "localhost.", "AAAA" }, { "192.0.2.1", "A" }, { "::1", "AAAA" } } do
      said[#said + 1] = dns.lookup({ name = q[1], type = q[2] })[1].data
    end
    said[#said + 1] = tostring(dns.find { name = "192.0.2.1", type = "AAAA" })
    run.ensure(the_comment(table.concat(said, " ")))
  ]]
  equal(result.failed, {})
  equal(result.reference.inventory[1]:match(": (.*)$"), "127.0.0.1 ::1 192.0.2.1 ::1 nil")
end)

test("in a rehearsal the error of a missing name says what the recipe did", function()
  local result = rehearse_toy [[
    local _, asked = try(http.request, { url = "https://gone.revelations.studio/a?token=geheim" })
    local _, opened = try(require "websocket".connect, { url = "wss://gone.revelations.studio/tail?token=geheim" })
    run.ensure(the_comment(asked.message .. "; " .. opened.message))
  ]]
  equal(result.failed, {})
  equal(result.reference.inventory[1]:match "GET.*$", "GET gone.revelations.studio/a: no such name (NXDOMAIN); "
    .. "WebSocket gone.revelations.studio/tail: no such name (NXDOMAIN)")
end)

test("a log goes with what is judged, however long both are", function()
  local result = rehearse_toy([[
    for i = 1, 200 do run.step("look " .. i, function() return find("nothing") == nil end) end
    failure { code = "broken", message = ("x"):rep(2000) }
  ]], { every = 1000 })
  equal(result.reference.outcome.code, 1)
  equal(#result.log > 20000, true)
end)

test("in a rehearsal a path is the same file however it is spelled, and a link to a folder is no folder", function()
  toy.with([[
    local fs, here = require "fs", require("fs.core").root()
    fs.write(here .. "/made/a", "x")
    fs.write("made/b", "y")
    fs.write("made/.davit-0123456789abcdef01234567", "on its way")
    local said = fs.read "made/a" .. fs.read(here .. "/made/../made/b") .. #fs.list "made" .. #fs.glob(here .. "/made/*")
    for path in fs.walk "linked" do said = said .. " " .. path end
    run.ensure(the_comment(said))
  ]], function(folder)
    fs.make(folder .. "/linked/below")
    process.run { argv = { "ln", "-s", "..", folder .. "/linked/up" } }
    local result = rehearse(folder, { recipe = "toy", every = 1 })
    equal(result.failed, {})
    equal(result.reference.inventory[1]:match(": (xy.*)$"), "xy22 below up")
  end)
end)

-- The command line ----------------------------------------------------------------------------

test("the exit code and the report say what failed and how to see it again", function()
  toy.with([[ run.step("comment", function() return comment "hello" end) ]], function(folder)
    local all = toy.run(folder, "toy")
    equal(all.exit, 1)
    equal(all.output:find("FAILED  toy:crash-after:http:1:resume", 1, true) ~= nil, true)
    equal(all.output:find("davit rehearse toy --project " .. folder .. " --replay toy:crash-after:http:1:resume",
      1, true) ~= nil, true)
    local one = toy.run(folder, "toy", "--replay", "toy:crash-after:http:1:resume")
    equal(one.exit, 1)
    equal(one.output:find("davit died; 60 s pass", 1, true) ~= nil, true)
    equal(one.output:find("+ comment on #42", 1, true) ~= nil, true)
  end)
end)

test("--json gives a line for each schedule and a summary, --log the events", function()
  toy.with([[ run.ensure(the_comment "hello") ]], function(folder)
    local answer = toy.run(folder, "toy", "--json", "--log", folder .. "/log")
    equal(answer.exit, 0)
    local lines, last, events = 0, nil, {}
    for line in answer.output:gmatch("[^\n]+") do
      lines, last = lines + 1, json.decode(line)
      if last.schedule then events[last.schedule] = last.events end
    end
    equal(last.summary.failed, 0)
    equal(lines, last.summary.schedules + 2)   -- the undisturbed run, and the summary
    equal(last.summary.covered > last.summary.undisturbed.seconds + 60, true)   -- somebody takes over after a minute
    local log = fs.read(folder .. "/log")
    equal(log:find("http POST api.github.com/repos/example/codex/issues/42/comments -> 201", 1, true) ~= nil, true)
    equal(events["toy:undisturbed"], sha256(log))
    equal(#events["toy:crash-after:http:1:resume"], 64)
  end)
end)

test("what cannot be rehearsed is a usage error", function()
  equal(toy.run(CODEX, "preview", "--untested").exit, 2)
  equal(toy.run(CODEX, "nothing").exit, 2)
  for _, case in ipairs { { "jobs", "1000", "from 1 to 256" }, { "jobs", "0", "from 1 to 256" }, { "every", "0", "of at least 1" },
    { "depth", "3", "from 1 to 2" }, { "seed", "-1", "of at least 0" } } do
    local name, value, range = table.unpack(case)
    local wrong = toy.run(CODEX, "preview", "--untested", "--pr", "42", "--" .. name, value)
    equal({ wrong.exit, wrong.errors }, { 2, ("davit: --%s expects a number %s, not '%s'\n"):format(name, range, value) })
  end
  equal(toy.run(CODEX, "preview", "--untested", "--pr", "42", "--depth", "2", "--budget", "-1").exit, 2)
  local several = toy.run(CODEX, "preview", "--html", "page.html")
  equal({ several.exit, several.errors:match "%-%-html is about one rehearsal, and davit.yaml lists %d of 'preview'" ~= nil },
    { 2, true })
end)

test("a file that cannot be written takes no report away, and a name that nobody has is said", function()
  toy.with([[ run.ensure(the_comment "hello") ]], function(folder)
    local result = toy.run(folder, "toy", "--no-faults", "--every", "99", "--unhealthy", "nobody", "--html",
      folder .. "/davit.yaml/page.html")
    equal({ result.exit, result.output:find("all hold", 1, true) ~= nil }, { 1, true })
    equal(result.errors:find("davit: warning: --unhealthy nobody changes nothing", 1, true) ~= nil, true)
    equal(result.errors:find("davit.yaml", 1, true) ~= nil, true)
  end)
end)

test("what comes first may have parameters of its own, and be a push", function()
  toy.with([[ run.ensure(the_comment "hello") ]], function(folder)
    fs.write(folder .. "/recipes/first.lua",
      toy.recipe("run.ensure(the_comment('number ' .. p.n))", "n = { type = 'integer', required = true }"))
    local result = toy.run(folder, "toy", "--after", "push", "--after", "first --n 7", "--log", folder .. "/log", "--json")
    equal(result.exit, 0)
    for _, wrong in ipairs { "first", "first --m 7", "first 7", "nothing", "push --n 7" } do
      equal({ wrong, toy.run(folder, "toy", "--after", wrong).exit }, { wrong, 2 })
    end
  end)
  toy.with([[ run.step("comment", function() return comment "hello" end) ]], function(folder)
    local again = toy.run(folder, "toy", "--after", "push,toy", "--after", "push", "--unhealthy", "toy", "--owner-token")
    local flags = "--after push,toy --after push --owner-token --unhealthy toy --project "
    equal(again.output:find("davit rehearse toy " .. flags, 1, true) ~= nil, true)
  end)
end)

test("a rehearsal without a pull request is the job of a push, and another one after another push", function()
  local BODY = [[
    local fs = require "fs.core"
    local event = json.decode(fs.read(os.getenv "GITHUB_EVENT_PATH", { outside = true }))
    local git = require("process").run { argv = { "git", "rev-parse", "HEAD" } }.output:match "%x+"
    run.ensure(the_comment(("%s of %s to %s: %s %s"):format(os.getenv "GITHUB_EVENT_NAME", os.getenv "GITHUB_REPOSITORY",
      event.ref, git == event.after and "here" or "elsewhere", event.before:find "[1-9a-f]" and "after another" or "first")))
  ]]
  local function said(after)
    local result = rehearse_toy(BODY, { after = after })
    equal(result.failed, {})
    return result.reference.inventory[1]:match "%]: (.*)$"
  end
  equal(said {}, "push of example/codex to refs/heads/main: here first")
  equal(said { { push = true } }, "push of example/codex to refs/heads/main: here after another")
end)

test("of a recipe that fails by itself another run that comes fails, too, and takes back what it made", function()
  local body = [[
    local _ <close> = run.lease("toy/42", { supersede = true })
    run.ensure(the_comment "one")
    failure { code = "no-luck", message = "it never works" }
  ]]
  toy.with(body, function(root)
    local result = toy.rehearse(root, { params = { text = "hello", pr = 42 }, plan = "second:journal:1\nsecond:journal:6" })
    equal({ result.failed, result.schedules, result.reference.outcome.code }, { {}, 2, 1 })
  end)
end)

-- The ledger -----------------------------------------------------------------------------------

local function database()
  local state = world.new { seed = "ledger" }
  local branch = state.neon.branches[1]
  local function connect(password)
    return ledger.connect(state, ("postgresql://neondb_owner:%s@127.0.42.1/neondb?sslmode=require")
      :format(password or branch.roles[1].password), 1.8e9)
  end
  local session = connect().session
  return state, function(text, params) return ledger.query(state, session, text, params or {}, 1.8e9) end, connect
end

test("the ledger keeps what was committed and forgets what was not", function()
  local _, query = database()
  query "create table t (id serial primary key, name text not null, n bigint)"
  query("insert into t (name, n) values ($1, $2), ('it''s; -- not a comment', 3)", { "a", "1" })
  query "begin; insert into t (name, n) values ('c', 9)"
  equal(#query("select name from t").rows, 3)
  query "rollback"
  equal(query 'select n as number, name from "public"."t"', {
    columns = { "number:20", "name" }, rows = { { "1", "a" }, { "3", "it's; -- not a comment" } }, affected = 2,
    command = "SELECT 2",
  })
end)

test("the ledger refuses what is there already, and everything in a transaction that failed", function()
  local _, query = database()
  query "create table t (id int)"
  equal(query("create table t (id int)").fault[4], "42P07")
  equal(query("create table if not exists t (id int)").fault, nil)
  query "begin"
  query "create table t (id int)"
  equal(query("select 1").fault[4], "25P02")
  query "commit"
  equal(query("select 1").rows, { { "1" } })
  equal(query("create table u (id int); create table t (id int)").fault[4], "42P07")
  equal(query("create table u (id int)").fault, nil)
end)

test("the ledger says what it did as a server does", function()
  local _, query = database()
  equal(query("create table t (id int)").command, "CREATE TABLE")
  equal(query("insert into t values (1), (2)").command, "INSERT 0 2")
  equal(query("select id from t").command, "SELECT 2")
  equal(query("begin").command, "BEGIN")
  equal(query("update t set id = 3").command, "UPDATE")
end)

test("the ledger is reached with the right password at a branch that is there", function()
  local state, _, connect = database()
  equal(connect("wrong").fault[4], "28P01")
  local name = hosts.name(state.neon.branches[1].endpoints[1], true)
  equal(ledger.connect(state, ("postgresql://neondb_owner:x@%s/neondb"):format(name), 1.8e9).fault[4], "28P01")
  equal(ledger.connect(state, "postgresql://neondb_owner:x@127.0.42.9/neondb", 1.8e9).fault[2], "transient")
end)
