---What neonctl, the action that makes branches and the SDK once said to a stub, said again to Neon's model: it answers with
---the same status, and with every field that the client went on to read. Of neonctl that is what it printed; of the other
---two, which print nothing, what their sources name. Ids are the model's own.
local core = require "core"
local clock = require "cloud.clock"
local cloud = assert(core.load_file "tests/clients/cloud.lua")()
local json = require "json"
local replays = assert(core.load_file "tests/clients/replay.lua")()
local world = require "cloud.world"

local PROJECT <const> = "shiny-wind-028834"
local BEGAN <const> = clock.parse "2026-11-20T15:12:53Z"
local SECONDS <const> = 10   -- between two requests: what the one before has started is done by then

local Replay = setmetatable({}, replays.class)
Replay.__index = Replay

local function new_replay()
  local state = world.new { neon_project = PROJECT, neon = { org = { name = "demo" } }, settings = { operation_seconds = 1,
    history_seconds = 30 * 86400, created_at = BEGAN - 7 * 86400, sslmode = "require" } }
  local self = replays.new(state, BEGAN)
  self.made = {}   -- of the last answer that had any: ids by what they begin with, in their order
  return setmetatable(self, Replay)
end

-- ---- a request, as it was sent ----------------------------------------------------------------

local ID <const> = "%f[%w]br%-%l+%-%l+%-%w+"
local UUID <const> = ("%x"):rep(8) .. "%-%x%x%x%x%-%x%x%x%x%-%x%x%x%x%-" .. ("%x"):rep(12)

-- The stub took any expiry; the service takes thirty days.
local function soon(text)
  return (text:gsub("20%d%d%-%d%d%-%d%dT%d%d:%d%d:%d%d[%d.]*Z", function(time)
    return clock.parse(time) > BEGAN + 30 * 86400 and "2026-12-01T00:00:00Z" or nil
  end))
end

-- An id that nothing printed has named is one of those that the last answer told of, in their order.
function Replay:known(id, kind)
  self.ids[id] = self.ids[id] or table.remove(self.made[kind] or {}, 1)
  return self.ids[id]
end

function Replay:translated(text)
  text = text:gsub("br%-doesnot%-exist%-%w+", function(id) self.ids[id] = id end)
  return soon(text:gsub(ID, function(id) return self:known(id, "branch") end)
    :gsub(UUID, function(id) return self:known(id, "operation") end))
end

function Replay:request(wire, agent)
  local target = self:translated(wire.path)
  local body = wire.body and wire.body ~= json.null and self:translated(json.encode(wire.body)) or ""
  local path, query = target:match "^([^?]*)%??(.*)$"
  return { method = wire.method, host = "console.neon.tech", path = path, query = query, body = body,
    headers = { authorization = wire.status == 401 and "Bearer wrong" or "Bearer neon-token", ["user-agent"] = agent } }
end

-- Conflicts and what is not there are the model's own; everything else went wrong on purpose.
local injected = { [423] = "locked", [429] = "limit", [500] = 500, [503] = 503 }

function Replay:wound(wire)
  local fault = wire.status == nil and "drop" or injected[wire.status]
  if fault then self:injure { service = "neon", method = wire.method, fault = fault } end
end

-- After a restore the branch that is asked for is the one that keeps what was.
function Replay:remember(wire, answer)
  local branches = answer.branch and { answer.branch } or answer.branches
  if not branches then return end
  self.made = { branch = {}, operation = {} }
  local field = wire.path:find "/restore$" and "parent_id" or "id"
  for i, branch in ipairs(branches) do self.made.branch[i] = branch[field] end
  for i, operation in ipairs(answer.operations or {}) do self.made.operation[i] = operation.id end
end

function Replay:say(wire, agent, problems)
  self:wound(wire)
  local status, answer = self:exchange(self:request(wire, agent), SECONDS)
  if status ~= wire.status then
    problems[#problems + 1] = ("%s %s: status %s (%s), then it was %s"):format(wire.method, wire.path, status,
      answer and answer.message, wire.status)
  elseif type(answer) == "table" and status < 300 then
    self:remember(wire, answer)
  end
  return answer
end

function Replay:learn(then_said, now_said)
  if not (then_said:find("^" .. ID .. "$") or then_said:find("^" .. UUID .. "$")) then return end
  self.ids[then_said] = self.ids[then_said] or now_said
end

-- ---- what neonctl has printed -----------------------------------------------------------------

-- JSON, of which the end may be cut off: its lines are whole but for the last.
local function printed_json(text)
  local open, whole = {}, text:gsub("\n[^\n]*$", "")
  if text:find "[}%]]\n$" then whole = text end
  for mark in whole:gsub('"[^"\n]*"', ""):gmatch "[%[%]{}]" do
    if mark == "{" or mark == "[" then table.insert(open, 1, mark == "{" and "}" or "]") else table.remove(open, 1) end
  end
  return json.decode((whole:gsub(",%s*$", "")) .. table.concat(open))
end

-- What the answers of a command are to it, in the shape in which it prints them.
local shapes = {
  { "branches create .*%-%-no%-compute", function(a) return a[2].branch end },
  { "branches create", function(a) return a[2] end },
  { "%-%-preserve%-under%-name pr%-43%-before", function(a)
    return { restored_branch = a[2].branch, backup_branch = a[3].branch }
  end },
  { "branches", function(a) return a[#a].branch end },
  { "operations list", function(a) return a[1].operations end },
  { "projects list", function(a) return { projects = a[1].projects, shared_with_you = a[2].projects } end },
}

local function shape_of(command, answers)
  for _, one in ipairs(shapes) do
    if command:find(one[1]) then return one[2](answers) end
  end
end

local function has_field(value, name)
  if type(value) ~= "table" then return false end
  if value[name] ~= nil and value[name] ~= json.null then return true end
  for _, inner in pairs(value) do
    if has_field(inner, name) then return true end
  end
  return false
end

-- Tables have their fields' names above or before the values.
local function check_table(text, answers, problems)
  for piece in text:gsub("  +", "\n"):gmatch "[^\n]+" do
    local field = piece:find "^%u%l+[%u%l ]*$" and piece:lower():gsub(" ", "_")
    if field and not has_field(answers, field) then problems[#problems + 1] = "nothing has a " .. field end
  end
end

local function check_connection(text, answers, problems)
  local role, database = text:match "//([^:]+):[^@]+@[^/]+/(%w+)"
  local endpoint, named = answers[2].endpoints[1], {}
  for _, answer in ipairs(answers) do
    for _, list in ipairs { answer.roles or {}, answer.databases or {} } do
      for _, one in ipairs(list) do named[one.name] = true end
    end
  end
  if not (endpoint.host and endpoint.id and endpoint.type) then problems[#problems + 1] = "no compute" end
  if not named[database] then problems[#problems + 1] = "no database " .. database end
  if #answers == 5 and not named[role] then problems[#problems + 1] = "no role " .. role end
  if type(answers[#answers].password) ~= "string" then problems[#problems + 1] = "no password" end
end

function Replay:look(entry, answers, problems)
  local text = entry.stdout
  if entry.rc ~= 0 or text == "" then return end
  if entry.cmd:find "connection%-string" then return check_connection(text, answers, problems) end
  if not entry.cmd:find "%-o json" then
    local id = text:match(ID)
    local last = answers[#answers]
    local now_said = last.branch or last.branches and last.branches[1]
    if id and now_said then self:learn(id, now_said.id) end
    return check_table(text, answers, problems)
  end
  self:compare(printed_json(text), shape_of(entry.cmd, answers), "printed", problems)
end

-- Where the model does otherwise than the stub did, and is meant to.
local accepted = {
  { "printed.*pending_state is null", "the stub's branches never became ready" },
  { "parent_lsn is null", "it is final when the operations of the restore have ended" },
}

test("what neonctl said to a stub, the model answers likewise", function()
  local path, there = cloud.evidence "recordings/neonctl-5.0.1.jsonl"
  if not there then skip("there is no recording at " .. path) end
  local replay, problems, entries = new_replay(), {}, replays.entries(path)
  for _, entry in ipairs(entries) do
    local answers, here = {}, {}
    for i, wire in ipairs(entry.wire) do answers[i] = replay:say(wire, "neonctl v5.0.1", here) end
    if not here[1] then replay:look(entry, answers, here) end
    for _, problem in ipairs(here) do problems[#problems + 1] = entry.cmd .. ": " .. problem end
  end
  equal(#entries, 42)
  problems = replays.left(accepted, problems)
  if problems[1] then error(("%d differences:\n%s"):format(#problems, table.concat(problems, "\n")), 0) end
  replays.all_occurred(accepted)
end)

-- ---- what the action and the SDK read ---------------------------------------------------------

local OPERATION <const> = { id = "text", status = "text" }
local BRANCH <const> = { id = "text", name = "text", parent_id = "text" }
local reads = {
  { "POST", "/branches$", { branch = BRANCH, endpoints = { { id = "text", host = "text", type = "text" } },
    operations = { OPERATION } } },
  { "GET", "/branches$", { branches = { { id = "text", name = "text", default = false } } } },
  { "GET", "/branches%?search=production", { branches = { { id = "text", name = "text" } } } },
  { "GET", "/branches%?", { branches = {} } },
  { "GET", "/endpoints$", { endpoints = { { host = "text", id = "text", type = "text" } } } },
  { "GET", "/databases/neondb$", { database = { name = "text" } } },
  { "GET", "/reveal_password$", { password = "text" } },
  { "GET", "/roles/neondb_owner$", { role = { name = "text" } } },
  { "GET", "/operations/", { operation = OPERATION } },
}

local function wanted(wire)
  for _, one in ipairs(reads) do
    if wire.method == one[1] and wire.path:find(one[2]) then return one[3] end
  end
end

test("what the action that makes branches and the SDK said to a stub, the model answers likewise", function()
  local path, there = cloud.evidence "recordings/neon-create-branch-action-6.1.1-and-neon-sdk-6.0.0.jsonl"
  if not there then skip("there is no recording at " .. path) end
  local replay, problems, entries = new_replay(), {}, replays.entries(path)
  for _, wire in ipairs(entries) do
    local here = {}
    local answer = replay:say(wire, wire.user_agent, here)
    if not here[1] and wire.status < 300 then replay:compare(wanted(wire), answer, wire.path, here) end
    table.move(here, 1, #here, #problems + 1, problems)
  end
  equal(#entries, 23)
  if problems[1] then error(("%d differences:\n%s"):format(#problems, table.concat(problems, "\n")), 0) end
end)
