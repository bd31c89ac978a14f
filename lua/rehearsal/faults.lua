---What may go wrong at an effect, and what the effect answers then. One thing is armed at a time, and meets the next
---effect of its kind; some last for a while.
---
---A fault's name is a part of schedules' ids: names stay as they are.
local faults = require "cloud.faults"
local hosts = require "cloud.neon.hosts"
local services = require "rehearsal.faults.services"
local edge = require "rehearsal.faults.edge"
local machine = require "rehearsal.faults.machine"
local databases = require "rehearsal.faults.databases"

local module = {}

---@class rehearsal.Faults
---@field armed table<string, string>  by kind of effect: what happens to the next one
---@field state table                  of the models
local Faults = {}
Faults.__index = Faults

-- ---- which ------------------------------------------------------------------------------------

local function of_request(about)
  local method, host = about:match "^(%S+) ([^/:]+)"
  if not method or method == "websocket" then return {}, 0 end
  if faults.service(host) or hosts.is_proxy(host) then return services.names(method, faults.service(host) or "neon") end
  return edge.names(method)
end

local lists = {
  http = of_request, sql = databases.names, dns = machine.of_dns, process = machine.of_process, file = machine.of_file,
  journal = machine.of_journal, lease = function() return {}, 0 end,
}

-- A signal at each, and who goes on with the run or takes it back.
local stoppable = { http = true, sql = true, process = true, journal = true }

---The effects of one group may go wrong in the same ways.
---@param kind string
---@param about string
---@return string group  "http:cloudflare:PUT", "sql:statement", "file:write"
function module.group(kind, about)
  local method, host = about:match "^(%S+) ([^/:]+)"
  if kind == "http" then
    if method == "websocket" then return "http:websocket" end
    local service = faults.service(host) or hosts.is_proxy(host) and "neon"
    return ("http:%s:%s"):format(service or "worker", method)
  elseif kind == "sql" then
    return about:find "^connect " and "sql:connect" or "sql:statement"
  elseif kind == "journal" and method == "approval-asked" then
    return "journal:approval-asked"
  end
  return kind == "file" and "file:" .. (method or about) or kind
end

local examples = { cloudflare = "api.cloudflare.com", neon = "console.neon.tech", github = "api.github.com" }

---What may go wrong at the effects of a group.
---@param group string
---@return string[] names
function module.of_group(group)
  local kind, of, method = group:match "^(%a+):?([^:]*):?(.*)$"
  local about = of .. " x"
  if kind == "http" then
    about = ("%s %s/"):format(of == "websocket" and of or method, examples[of] or "worker.example")
  end
  return (module.at(kind, about))
end

---What may go wrong at an effect, and how many more would be the same as one of these.
---@param kind string
---@param about string  what the effect is about, as points have it
---@return string[] names  "500", "stop resume"
---@return integer merged
function module.at(kind, about)
  local names, merged = lists[kind](about)
  if not stoppable[kind] then return names, merged end
  local all = { table.unpack(names) }
  all[#all + 1], all[#all + 2] = "stop resume", "stop undo"
  return all, merged
end

local others = { second = true, closed = true }

---As at, for a recipe with these parameters: nobody else comes where nothing is about a pull request.
---@param kind string
---@param about string
---@param params table
---@return string[] names
---@return integer merged
function module.possible(kind, about, params)
  local names, merged = module.at(kind, about)
  if params.pr then return names, merged end
  local list = {}
  for _, name in ipairs(names) do
    if not others[name] then list[#list + 1] = name end
  end
  return list, merged
end

---What may go wrong at an effect and is the same as something that `at` names.
---@param kind string
---@param about string
---@return string[] names
function module.same(kind, about)
  local method, host = about:match "^(%S+) ([^/:]+)"
  if kind ~= "http" or not (faults.service(host) or hosts.is_proxy(host)) then return {} end
  return services.same(method)
end

-- ---- what happens -----------------------------------------------------------------------------

---@param name string
---@param kind string
function Faults:arm(name, kind) self.armed[kind] = name end

local function take(self, kind)
  local name = self.armed[kind]
  self.armed[kind] = nil
  return name
end

---@param request table
---@param now number
---@param apply fun(): table  carries it out
---@return table answer
function Faults:http(request, now, apply)
  local name = take(self, "http")
  if faults.service(request.host) or hosts.is_proxy(request.host) then
    return services.answer(self, name, request, now, apply)
  end
  return edge.answer(self, name, request, now, apply)
end

---What is still wrong with a Worker, if anything: a run that says that all is well has not looked.
---@param now number
---@return string|nil
function Faults:lasting(now) return edge.lasting(self, now) end

function Faults:dns(question, apply) return machine.dns(take(self, "dns"), question, apply) end

function Faults:process(apply) return machine.process(take(self, "process"), apply) end

function Faults:file(what, apply) return machine.file(take(self, "file"), what, apply) end

function Faults:connect(apply) return databases.connect(take(self, "sql"), apply) end

function Faults:query(session, close, apply) return databases.query(self, take(self, "sql"), session, close, apply) end

---@param state table  the models' state
---@return rehearsal.Faults
function module.new(state)
  return setmetatable({ armed = {}, state = state, lost = {}, passed = {} }, Faults)
end

return module
