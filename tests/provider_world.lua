---The local cloud in this process, for the tests of the providers: http.core asks the models,
---waiting moves a clock of its own, and single requests can be made to fail.
local budget = require "http.budget"
local budget_core = require "http.budget.core"
local core = require "http.core"
local davit = require "core"
local json = require "json"
local runs = require "run"
local store = require "store.core"
local world = require "cloud.world"

local provider_world = {}

local World = {}
World.__index = World

-- ---- requests ----------------------------------------------------------------------------

local function form_of(parts)
  local text = {}
  for _, part in ipairs(parts) do
    local head = ('Content-Disposition: form-data; name="%s"'):format(part.name)
    if part.filename then head = ('%s; filename="%s"'):format(head, part.filename) end
    if part.type then head = head .. "\r\nContent-Type: " .. part.type end
    text[#text + 1] = ("--frontier\r\n%s\r\n\r\n%s\r\n"):format(head, part.data)
  end
  return table.concat(text) .. "--frontier--\r\n"
end

local function request_of(o)
  local host, path, query = o.url:match("^https://([^/]+)([^?]*)%??(.*)$")
  local headers, body = {}, o.body or ""
  for name, value in pairs(o.headers or {}) do headers[name:lower()] = value end
  if o.multipart then
    headers["content-type"] = "multipart/form-data; boundary=frontier"
    body = form_of(o.multipart)
  end
  return { method = o.method or "GET", host = host, path = path, query = query,
    headers = headers, body = body, parts = o.multipart }
end

-- Takes the value at a pointer out of a decoded document; nil when there is none.
local function take(document, pointer)
  local parent, key = nil, nil
  for part in pointer:gmatch("[^/]+") do
    if key ~= nil then
      parent = parent[key]
    else
      parent = document
    end
    if type(parent) ~= "table" then return nil end
    key = math.tointeger(tonumber(part))
    key = key and key + 1 or part
  end
  local value = parent[key]
  if type(value) ~= "string" then return nil end
  parent[key] = "[secret]"
  return value
end

local function take_secrets(wanted, body)
  local ok, document = pcall(json.decode, body)
  if not wanted or not ok then return {}, body end
  local taken = {}
  for pointer in pairs(wanted) do taken[pointer] = take(document, pointer) end
  return taken, json.encode(document)
end

-- ---- faults ------------------------------------------------------------------------------

---Makes the next requests that match fail.
---@param match string   a pattern for "METHOD /path?query"
---@param fault table    status, body, headers of an answer; or lost = "before" or "after" the
---work was done; or trouble, of the operation that the request starts at Neon
---@param times? integer (1)
function World:fail(match, fault, times)
  table.insert(self.faults, { match = match, fault = fault, left = times or 1 })
end

local function next_fault(self, text)
  for _, entry in ipairs(self.faults) do
    if entry.left > 0 and text:find(entry.match) then
      entry.left = entry.left - 1
      return entry.fault
    end
  end
end

local function lose(method)
  local changes = method == "POST" or method == "PATCH"
  failure { code = "http-lost", class = changes and "unknown" or "transient",
    message = method .. ": the connection broke" }
end

-- ---- one exchange ------------------------------------------------------------------------

local function exchange(self, o)
  local request = request_of(o)
  local text = ("%s %s?%s"):format(request.method, request.path, request.query)
  table.insert(self.requests, request)
  table.insert(self.log, text)
  local fault = next_fault(self, text)
  if fault and fault.lost == "before" then lose(request.method) end
  request.trouble = fault and fault.trouble
  local response = fault and fault.status and fault
    or world.handle(request, self.state, self.now)
  if self.answered then self:answered(text, response) end
  if fault and fault.lost then lose(request.method) end
  local secrets, body = take_secrets(o.secrets, response.body or "")
  return { status = response.status, headers = response.headers or {}, body = body, url = o.url,
    secrets = secrets }
end

---To be set: told of every answer before secrets are taken out of it.
---@type fun(self: table, text: string, response: table)|nil
World.answered = nil

---How many requests matched since the last call of World:forget.
---@param match string
---@return integer
function World:count(match)
  local count = 0
  for _, text in ipairs(self.log) do
    if text:find(match) then count = count + 1 end
  end
  return count
end

---The last request that matched.
---@param match string
---@return table
function World:last(match)
  for i = #self.log, 1, -1 do
    if self.log[i]:find(match) then return self.requests[i] end
  end
  error("no request matched " .. match, 2)
end

function World:forget()
  self.log, self.requests = {}, {}
end

-- ---- opening and closing -----------------------------------------------------------------

local function install(self)
  self.saved = { request = core.request, sleep = sleep, monotonic = davit.monotonic, now = davit.now, time = os.time,
    ledger = budget.ledger }
  budget.ledger = budget_core.open()   -- what this world sends is nobody else's
  core.request = function(o) return exchange(self, o) end
  _G.sleep = function(seconds)
    self.now = self.now + seconds
    table.insert(self.pauses, seconds)
  end
  davit.monotonic = function() return self.now - self.began end
  davit.now = function() return self.now end
  os.time = function(fields)
    if fields then return self.saved.time(fields) end
    return math.floor(self.now)
  end
end

World.__close = function(self)
  core.request, _G.sleep, budget.ledger = self.saved.request, self.saved.sleep, self.saved.ledger
  davit.monotonic, davit.now, os.time = self.saved.monotonic, self.saved.now, self.saved.time
end

---Opens a world; it must be closed.
---@param seed? table  of cloud.world
function provider_world.open(seed)
  seed = seed or {}
  seed.account_id = seed.account_id or "acc"
  local self = setmetatable({ state = world.new(seed), now = 1800000000, began = 1800000000,
    requests = {}, log = {}, pauses = {}, faults = {} }, World)
  install(self)
  return self
end

---run.ensure itself, in a run of its own.
function provider_world.ensure(resource)
  local thing
  local session <close> = store.open ":memory:"
  local run = runs.start {
    recipe = { name = "ensure", file = "test.lua", source = "1", run = function(_, run) thing = run.ensure(resource) end },
    params = {}, store = session, keep = true, report = function() end, ask = function() end,
  }
  if run.error then error(run.error, 0) end
  return thing
end

return provider_world
