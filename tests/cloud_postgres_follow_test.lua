---How the databases' follower goes about it: in which order, and what at the same time. No server runs for it.
local core = require "core"
local door = require "cloud.postgres.door"
local fs = require "fs"
local hands = require "cloud.postgres.hands"
local neon_cloud = assert(core.load_file "tests/neon_cloud.lua")()
local postgres = require "cloud.postgres"
local sql = require "sql"
local task = require "task"
local tcp = require "tcp.core"

local outside = { outside = true }

-- ---- hands ------------------------------------------------------------------------------------

-- Work that goes on until its name is set.
local function works(most, body)
  local state = { done = {}, log = {}, again = 0 }
  task.nursery(function(spawn)
    local count = 0
    local function start(_, f)
      count = count + 1
      spawn(count, f)
    end
    state.hands = hands.new(most, start, function() state.again = state.again + 1 end)
    function state.take(key)
      return state.hands:take(key, function()
        table.insert(state.log, key)
        while not state.done[key] do sleep(0.001) end
      end)
    end
    body(state)
  end)
end

test("one key's work is done one after the other, others' at the same time, and never too much of it", function()
  works(2, function(s)
    equal({ s.take "a", s.take "a", s.take "b", s.take "c" }, { true, false, true, false })
    s.done.a = true
    neon_cloud.until_true(function() return s.again == 1 end, 30)
    equal({ s.take "c", s.take "a" }, { true, false })
    s.done.b, s.done.c = true, true
    s.hands:wait()
    equal({ s.log, s.again }, { { "a", "b", "c" }, 2 })
    s.done.a = nil
    s.take "a"
    equal(s.take "a", false)
    s.take "b"
    neon_cloud.until_true(function() return not s.hands:is_busy "b" end, 30)
    equal(s.again, 2)   -- that nobody waited for
    s.done.a = true
    s.hands:wait()
    equal(s.again, 3)
  end)
end)

test("whoever waited longest is first, and work that fails gives its hand back", function()
  works(1, function(s)
    s.done.b = true
    s.take "b"
    s.hands:wait()
    local keys = { "b", "c", "a" }
    s.hands:sort(keys)
    equal(keys, { "a", "c", "b" })
    local err
    s.hands.spawn = function(_, f) err = select(2, try(f)) end
    s.hands:take("x", function() failure { code = "test-lost", message = "it is lost" } end)
    equal({ err.code, s.take "b" }, { "test-lost", true })
  end)
end)

-- ---- what goes --------------------------------------------------------------------------------

-- A follower in a folder, whose timelines have no more than their folders.
local function with_timelines(names, body)
  neon_cloud.folder(function(folder)
    local log = {}
    local function path(name) return ("%s/postgres/%s/data"):format(folder, name) end
    task.nursery(function(spawn)
      local count = 0
      local one = postgres.new { binaries = "/nowhere", folder = folder, root = false, password = "", network = "127.0.0",
        now = core.now, again = function() end, report = function(event) log[#log + 1] = event.status end,
        saved = function()
          for _, name in ipairs(names) do
            if fs.exists(path(name), outside) then log[#log + 1] = "saved with " .. name end
          end
        end,
        crew = { log = function() end, verbose = false, spawn = function(_, f)
          count = count + 1
          spawn(count, f)
        end } }
      for _, name in ipairs(names) do fs.make(path(name), outside) end
      body(one, log, function(name) return fs.exists(path(name), outside) end)
    end)
  end)
end

test("data of a branch that is deleted goes after the state was saved", function()
  with_timelines({ "tl-1" }, function(one, log, exists)
    one:follow { timelines = { { id = "tl-1", created = 0 } }, endpoints = {}, branches = { { id = "br-1",
      project_id = "p", name = "one", timeline = "tl-1", deleted = true, history_seconds = 60,
      operations = { { id = "op-1", action = "delete_timeline" } } } } }
    one:wait()
    equal({ log, exists "tl-1" }, { { "saved with tl-1", "finished" }, false })
  end)
end)

test("data that nobody wants any more goes after the state was saved, and nothing is saved for none", function()
  with_timelines({ "tl-1", "tl-2" }, function(one, log, exists)
    local plan = { timelines = { { id = "tl-1", created = 0 } }, endpoints = {}, branches = { { id = "br-1",
      project_id = "p", name = "one", timeline = "tl-1", history_seconds = 60, operations = {} } } }
    for _ = 1, 2 do
      one:follow(plan)
      one:sweep(plan)
      one:wait()
      equal({ log, exists "tl-1", exists "tl-2" }, { { "saved with tl-1", "saved with tl-2" }, true, false })
    end
  end)
end)

-- ---- doors ------------------------------------------------------------------------------------

test("why a client that wants TLS is refused is said aloud, once, since it believes no word", function()
  local log, words = {}, {}
  task.nursery(function(spawn)
    local count = 0
    local crew = { log = function(text) log[#log + 1] = text end, spawn = function(_, f)
      count = count + 1
      spawn(count, f)
    end }
    local address = "127.77.77.77"
    local one = door.open({ branch = { name = "one" }, endpoint = { address = address, disabled = true } }, crew)
    local function ask(code)
      local client <close> = tcp.connect { address = address, port = 5432 }
      client:send((">I4I4"):pack(8, code))
      local answer = client:receive()
      words[#words + 1] = answer:sub(1, 1) .. answer:match "M(endpoint is disabled)"
    end
    ask(196608)
    equal(#log, 0)
    ask(80877103)
    ask(80877103)
    one:close()
  end)
  equal({ #words, words[3], #log }, { 3, "Eendpoint is disabled", 1 })
  equal(log[1]:match "^branch one: a client that wants TLS is refused: endpoint is disabled", "branch one: a client that "
    .. "wants TLS is refused: endpoint is disabled")
end)

-- ---- projects ---------------------------------------------------------------------------------

test("a project that waits for room keeps no other one waiting", function()
  if not neon_cloud.is_here() then skip "there is no PostgreSQL" end
  neon_cloud.with({ computes = 1 }, function(c)
    local headers = { authorization = "Bearer n-token" }
    local function other(method, path, body)
      return c.cloud:ask(method, "console.neon.tech/api/v2/projects" .. path, { headers = headers, json = body }):json()
    end
    local session <close> = sql.connect { url = c:uri(c:branch "production") }
    session:query "begin; select 1"
    local project = other("POST", "", { project = { name = "other" } }).project.id
    local function waiting()
      local list = {}
      for _, operation in ipairs(other("GET", ("/%s/operations"):format(project)).operations) do
        if operation.status ~= "finished" then list[#list + 1] = operation.action end
      end
      return list
    end
    c:make({ name = "beside" }, {})
    equal({ c:branch("beside").current_state, waiting()[1] }, { "ready", "start_compute" })
    session:query "commit"
    neon_cloud.until_true(function() return #waiting() == 0 end, 120)
  end)
end)
