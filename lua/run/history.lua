---What the journal says about one run, folded event by event: its steps and what came of them, in
---which order and in which branches, what was asked and observed. The run that is going on feeds
---the same fold, so that resuming, undoing and showing a run all read one thing.
local json = require "json"

local history = {}

---@class run.Entry
---@field kind "step"|"ensure"|"destroy"
---@field path string
---@field state "started"|"finished"|"failed"  "started" after a crash: in doubt
---@field at number         Unix seconds of its first start
---@field seconds? number   how long it took
---@field digest? string    of its inputs
---@field place string      the branches and steps around it
---@field result any
---@field error? table
---@field undo? boolean     a step that said how to take it back
---@field creating? boolean an ensure that may have created something
---@field made? number       Unix seconds of when it began to create it
---@field existed? boolean  an ensure that found it there
---@field undone? "started"|"finished"|"failed"|"accepted"  accepted: it failed, and somebody says that it may stay
---@field undo_error? table

---@class run.Node
---@field items (run.Entry|run.Branches)[]  in order of start
---@field open? run.Branches                the last parallel of this node

---@class run.Branches
---@field branches table<string, run.Node>

---@class run.History
---@field status string
---@field first_schema boolean  an old run: it can be shown, and that is all
---@field entries table<string, run.Entry>  by "kind path"
---@field order run.Entry[]                 by first start
---@field tree run.Node
---@field approvals table<string, table>    by path
---@field observed table<string, table[]>   by branch: { what, value } in order
---@field outputs { name: string, value: any }[]
---@field has_output table<string, true>    by path
---@field parallels table<string, boolean>
---@field leases table<string, { token: integer }>  those it has taken, once at least
local History = {}
History.__index = History

---@return run.History
function history.new()
  return setmetatable({
    status = "running", entries = {}, order = {}, tree = { items = {} }, approvals = {}, observed = {},
    outputs = {}, has_output = {}, parallels = {}, leases = {}, timeline = {},
  }, History)
end

-- Which branch a path lies in -------------------------------------------------------------

-- The node of the innermost branch that holds the path, and the rest of the path there.
local function locate(node, path)
  for name, branch in pairs(node.open and node.open.branches or {}) do
    local prefix = name .. "/"
    if path:sub(1, #prefix) == prefix then return locate(branch, path:sub(#prefix + 1)) end
  end
  return node, path
end

-- The node in which a task at this place is, and what of the place lies within the node.
local function node_at(self, place)
  return locate(self.tree, place == "" and "" or place .. "/")
end

local function open_branches(self, place, names)
  local node, prefix = node_at(self, place)
  node.open = { branches = {} }
  for _, name in ipairs(names) do node.open.branches[prefix .. name] = { items = {} } end
  table.insert(node.items, node.open)
end

-- Events --------------------------------------------------------------------------------------

local phases = {}

function phases.started(entry, event)
  entry.state, entry.error, entry.result = "started", nil, nil
  entry.digest, entry.undo, entry.place = event.data.digest, event.data.undo, event.data.place
end

function phases.finished(entry, event)
  entry.state, entry.result = "finished", event.data.result
  entry.seconds, entry.existed = event.data.seconds, event.data.existed
end

function phases.failed(entry, event)
  entry.state, entry.error, entry.seconds = "failed", event.data.error, event.data.seconds
  if event.data.nothing then entry.creating = nil end
end

function History:entry(kind, path, event)
  local key = kind .. " " .. path
  local entry = self.entries[key]
  if not entry then
    entry = { kind = kind, path = path, at = event.at }
    self.entries[key] = entry
    self.order[#self.order + 1] = entry
    local node = node_at(self, event.data.place or "")
    table.insert(node.items, entry)
  end
  return entry
end

local handlers = {}

handlers["run-started"] = function(self, event)
  self.started, self.at, self.sources = event.data, event.at, event.data.sources
  self.first_schema = not self.sources   -- recorded before runs could be resumed
end

handlers["run-resumed"] = function(self, event)
  self.sources = event.data.sources
end

handlers["run-undo-started"] = function(self, event)
  self.undoing = event.data.error or true
end

handlers["run-finished"] = function(self, event)
  self.finished, self.ended = event.data, event.at
end

handlers["create-started"] = function(self, event)
  local entry = self:entry("ensure", event.path, event)
  entry.creating, entry.made = true, event.at
end

handlers["parallel-started"] = function(self, event)
  self.parallels[event.data.key] = true
  open_branches(self, event.path, event.data.branches)
end

handlers["approval-asked"] = function(self, event)
  event.data.state, event.data.asked = "asked", event.at
  self.approvals[event.path] = event.data
end

local function answered(state)
  return function(self, event)
    local approval = self.approvals[event.path] or {}
    self.approvals[event.path] = approval
    approval.state, approval.answer, approval.answered = state, event.data, event.at
  end
end
handlers["approved"] = answered "approved"
handlers["approval-denied"] = answered "denied"

handlers["observed"] = function(self, event)
  local list = self.observed[event.path] or {}
  self.observed[event.path] = list
  table.move(event.data, 1, #event.data, #list + 1, list)
end

handlers["output"] = function(self, event)
  self.outputs[#self.outputs + 1] = { name = event.path, value = event.data }
  self.has_output[event.path] = true
end

handlers["lease-taken"] = function(self, event)
  self.leases[event.path] = event.data
end

local function undo_phase(self, phase, event)
  local entry = self:entry(event.data.of, event.path, event)
  entry.undone = phase
  if phase ~= "accepted" then entry.undo_error = event.data.error end
end

---@param event { seq?: integer, at: number, kind: string, path: string, data: any, status?: string }
function History:add(event)
  if event.status then self.status = event.status end
  local handler = handlers[event.kind]
  if handler then return handler(self, event) end
  local kind, phase = event.kind:match("^(%a+)%-(%a+)$")
  if kind == "undo" then
    undo_phase(self, phase, event)
  elseif phases[phase] then
    phases[phase](self:entry(kind, event.path, event), event)
  end
end

-- Reading -----------------------------------------------------------------------------------------

-- The first schema's events had less to say: enough to be shown.
local function with_data(event)
  return setmetatable({ data = event.data or {} }, { __index = event })
end

---@param store userdata   an open store
---@param id string
---@return run.History|nil  nil: no run has this id
function history.read(store, id)
  local row = store:runs { run = id }[1]
  if not row then return nil end
  local self = history.new()
  for _, event in ipairs(store:events { run = id }) do
    event.data = event.data ~= "null" and json.decode(event.data) or nil
    self:add(self.first_schema and with_data(event) or event)
    self.timeline[#self.timeline + 1] = event
  end
  self.id, self.status = id, row.status
  return self
end

---What a run was started with; nil when another project's: projects may share a store. A run that an
---old version recorded does not say whose it is.
---@param row table     of store:runs
---@param name string   the project
---@return table|nil
function history.first_of(row, name)
  local first = json.decode(row.first)
  return (not first.project or first.project == name) and first or nil
end

-- What a run leaves -----------------------------------------------------------------------------------

---Whether something of it may be there that the run put there.
---@param entry run.Entry
function history.leaves(entry)
  if entry.undone == "finished" or entry.undone == "accepted" then return false end
  if entry.kind == "ensure" then return entry.creating and not entry.existed or false end
  return entry.kind == "step" and entry.undo == true
end

---@return run.Entry[]  what is there, or may be
function History:left()
  local list = {}
  for _, entry in ipairs(self.order) do
    if history.leaves(entry) then list[#list + 1] = entry end
  end
  return list
end

return history
