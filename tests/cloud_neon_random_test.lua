---The model of Neon by chance: branches that are written to, branched, restored, reset and deleted in any order hold
---what a plain list says that they hold, now and at every moment that was noted.
local clock = require "cloud.clock"
local core = require "core"
local client = assert(core.load_file("tests/cloud_neon_client.lua"))()

local BRANCHES = client.BRANCHES

-- A sequence of its own: a failing seed fails again.
local function chance(seed)
  local state = seed * 2654435761 % 4294967296
  return function(most)
    state = (state * 1664525 + 1013904223) % 4294967296
    return state // 65536 % most + 1
  end
end

local Game = {}
Game.__index = Game

local function new_game(seed)
  local settings = { neon_requests = 1 << 30, neon_route_requests = 1 << 30, history_seconds = 30 * 86400 }
  local c = client.new { settings = settings }
  local production = c:branch("production").id
  c:sql(production, "create table t (n int)")
  return setmetatable({ c = c, random = chance(seed), count = 0, order = { production },
    holds = { [production] = {} }, noted = { [production] = {} }, parent = {} }, Game)
end

function Game:some() return self.order[self.random(#self.order)] end

local function copy(list) return table.move(list, 1, #list, 1, {}) end

function Game:add(id, parent, values)
  self.order[#self.order + 1] = id
  self.holds[id], self.noted[id], self.parent[id] = copy(values), {}, parent
end

-- A moment is noted after it, so that it is over.
function Game:note(id)
  self.c.now = self.c.now + 10
  local noted = self.noted[id]
  local lsn = self.c:sql(id, "select pg_current_wal_lsn()").rows[1][1]
  noted[#noted + 1] = { time = clock.iso(self.c.now), lsn = lsn, values = copy(self.holds[id]) }
  self.c.now = self.c.now + 10
end

-- A point of a branch's past, as a request says it, and what the branch held then; its head, too.
function Game:point(id, by_time, by_lsn)
  local noted = self.noted[id]
  local one = #noted > 0 and self.random(3) > 1 and noted[self.random(#noted)]
  if not one then return {}, self.holds[id] end
  if self.random(2) == 1 then return { [by_time] = one.time }, one.values end
  return { [by_lsn] = one.lsn }, one.values
end

function Game:name()
  self.count = self.count + 1
  return "b" .. self.count
end

local moves = {}

function moves.insert(g)
  local id = g:some()
  g.count = g.count + 1
  g.c:sql(id, ("insert into t values (%d)"):format(g.count))
  table.insert(g.holds[id], tostring(g.count))
end

function moves.truncate(g)
  local id = g:some()
  g.c:sql(id, "truncate t")
  g.holds[id] = {}
end

function moves.note(g) g:note(g:some()) end

function moves.branch(g)
  local id = g:some()
  local more, values = g:point(id, "parent_timestamp", "parent_lsn")
  more.parent_id = id
  g:add(g.c:made(g:name(), more).branch.id, id, values)
end

function moves.schema(g)
  local id = g:some()
  g:add(g.c:made(g:name(), { parent_id = id, init_source = "schema-only" }).branch.id, nil, {})
end

-- The branch that keeps the past has the noted moments, and the children.
function moves.restore(g)
  local id, source = g:some(), g:some()
  local body, values = g:point(source, "source_timestamp", "source_lsn")
  if id == source and not next(body) then return end
  local name = g:name()
  body.source_branch_id, body.preserve_under_name = source, name
  if source == id then values = copy(values) end
  local before, noted = g.holds[id], g.noted[id]
  local _, answer = g.c:ask("POST", BRANCHES .. "/" .. id .. "/restore", body)
  equal(answer.message, nil)
  g.c:settle()
  local kept = g.c:branch(name).id
  g.c:done("POST", "/endpoints", { endpoint = { branch_id = kept, type = "read_write" } })
  g:add(kept, g.parent[id], before)
  for child, parent in pairs(g.parent) do
    if parent == id and child ~= kept then g.parent[child] = kept end
  end
  g.noted[kept], g.noted[id], g.holds[id] = noted, {}, copy(values)
  g.parent[id] = answer.branch.parent_id
end

function moves.delete(g)
  local at = g.random(#g.order)
  local id = g.order[at]
  if g.c:ask("DELETE", BRANCHES .. "/" .. id) == 200 then
    g.c:settle()
    table.remove(g.order, at)
    g.holds[id], g.noted[id], g.parent[id] = nil, nil, nil
  end
end

local names = { "insert", "insert", "insert", "truncate", "note", "note", "branch", "branch", "schema", "restore",
  "restore", "delete" }

local function held(g, id)
  local list = {}
  for i, row in ipairs(g.c:sql(id, "select n from t").rows) do list[i] = row[1] end
  return table.concat(list, " ")
end

local function play(seed)
  local g = new_game(seed)
  for step = 1, 60 do
    local name = names[g.random(#names)]
    moves[name](g)
    for _, id in ipairs(g.order) do
      equal({ seed, step, name, held(g, id) }, { seed, step, name, table.concat(g.holds[id], " ") })
    end
  end
  equal({ seed, #g.c.state.neon.branches >= #g.order }, { seed, true })
end

test("whatever is done to branches, each holds what it should", function()
  for seed = 1, 12 do play(seed) end
end)
