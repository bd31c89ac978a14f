---One request to the Neon API of one project, and what its refusals mean.
local http = require "http"
local json = require "json"
local pages = require "http.pages"
local service = require "service"
local url = require "url"

local api = {}

local BASE = "https://console.neon.tech/api/v2/projects/"

local budget = http.budget { wait = 120, limits = { { limit = 700, window = 60 }, { limit = 40, window = 1 } } }

local hints = {
  [401] = "the key is not accepted: copy it again or create another",
  [403] = "the key may not do this: look at its project and role",
  [404] = "look at the project's id (in davit.yaml databases.NAME.neon): a key without access to it sees nothing",
  [409] = "another one has that name",
  [412] = "the project does not store passwords: switch that on, or give the password yourself",
  [423] = "the project is busy with another operation",
}

-- 422 covers many refusals; the limits say so in their code.
local function hint_of(status, reply)
  if tostring(reply.code):find("LIMIT_EXCEEDED") then
    return "the plan allows no more: run cleanup, or raise the limit"
  end
  return hints[status]
end

-- 423 and 409 come before anything is done; so does 503.
local function fault_of(answer)
  local status = answer.status
  local reply = answer.reply
  return { code = ("neon-%d"):format(status), class = service.class(status),
    refused = status == 423, hint = hint_of(status, reply),
    message = ("status %d: %s"):format(status, reply.message or "no reason was given") }
end

local function judge(answer, absent)
  local reply = answer.body ~= "" and try(json.decode, answer.body)
  answer.reply = type(reply) == "table" and reply or {}
  if answer.status >= 200 and answer.status < 300 then
    return answer.body ~= "" and type(reply) ~= "table" and service.unreadable("neon", answer) or nil
  end
  if absent and answer.status == 404 then
    answer.reply = nil
    return nil
  end
  return fault_of(answer)
end

---@class neon.Request
---@field what string      what is tried, for errors
---@field path string      below /projects/{project}
---@field method? string   GET
---@field query? table
---@field json? table
---@field secrets? table   as of http.request
---@field absent? boolean  a thing that is not there is nil, not an error
---@field safe? boolean    a POST that may arrive twice

---@class neon.Project
---@field id string
---@field key any
---@field environment environment.Environment  whom the client works for
---@field seen recent.Answers  branches by their ids; every change makes all of it forgotten

---@param project neon.Project
---@param o neon.Request
---@return table|nil reply
---@return table answer  of http.request
function api.call(project, o)
  local _ <close> = o.method and project.seen:changing() or nil   -- what is seen meanwhile does not count
  local answer = service.call {
    service = "Neon", what = o.what, safe = o.safe,
    request = { url = BASE .. url.encode(project.id) .. o.path
        .. (o.query and "?" .. url.query(o.query) or ""),
      method = o.method or "GET", json = o.json, secrets = o.secrets, timeout = 60,
      budget = budget,
      headers = { authorization = "Bearer " .. project.key, accept = "application/json" } },
    judge = function(answer) return judge(answer, o.absent) end,
  }
  return answer.reply, answer
end

---Walks a list of the project, item by item, each with the reply that it came in.
---@param walk http.Walk
---@param o neon.Request
---@return fun(): table, table
function api.walk(project, walk, o)
  return pages.walk(walk, function(parameters)
    for name, value in pairs(parameters) do o.query[name] = value end
    return api.call(project, o)
  end)
end

return api
