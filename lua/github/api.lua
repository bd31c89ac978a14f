---One request to GitHub's API of one repository, and what its refusals mean.
local core = require "core"
local http = require "http"
local json = require "json"
local pages = require "http.pages"
local retry = require "retry"
local service = require "service"
local url = require "url"

local api = {}

local BASE = "https://api.github.com/repos/"

-- A token's requests of an hour (the service says how many they are), points of a minute, and what creates
-- content, of a minute and an hour.
local creates = { POST = 1, PATCH = 1, PUT = 1, default = 0 }
local budget = http.budget { wait = 120, pause = 60, resource = "core", limits = {
  { limit = 5000, window = 3600 },
  { limit = 900, window = 60, cost = { GET = 1, HEAD = 1, OPTIONS = 1, default = 5 } },
  { limit = 80, window = 60, cost = creates }, { limit = 500, window = 3600, cost = creates },
} }

-- ---- refusals ----------------------------------------------------------------------------

-- Both limits answer 403 or 429. Retry-After comes first; without it an exhausted quota ends at
-- its reset, and a secondary limit asks for a minute at least.
local function limit_of(answer, text)
  if answer.status ~= 403 and answer.status ~= 429 then return nil end
  if service.header(answer, "retry-after") then return { class = "throttled" } end
  if service.header(answer, "x-ratelimit-remaining") == "0" then
    local reset = tonumber(service.header(answer, "x-ratelimit-reset")) or core.now() + 60
    return { class = "throttled", retry_after = math.max(reset - core.now(), 1),
      hint = "the token's requests of this hour are used up" }
  end
  local limited = answer.status == 429 or text:lower():find("rate limit", 1, true)
  return limited and { class = "throttled", retry_after = 60 } or nil
end

local hints = {
  [401] = "the token is not accepted: copy it again or create another",
  [404] = "look at the repository and what was asked for; a token without access sees nothing",
}

-- What no `permissions:` of a workflow can name.
local never_of_a_workflow = { administration = true, environments = true, secrets = true, variables = true }

local function permission_hint(needs)
  local hint = ("the token lacks a permission: '%s'"):format(needs)
  if never_of_a_workflow[needs:match "^[%w-]+"] then
    return hint .. "; GITHUB_TOKEN never has it: take a fine-grained token or an app's"
  end
  return needs:find ": read" and hint or hint .. ", and no fork's token has it"
end

-- 422 is any refusal; one of them says that the thing is there, for who looks.
local function class_of(answer, reply)
  for _, err in ipairs(type(reply) == "table" and type(reply.errors) == "table" and reply.errors or {}) do
    if type(err) == "table" and err.code == "already_exists" then return "converge" end
  end
  return service.class(answer.status)
end

-- The words of the first error that has some: those of the answer itself may be "Validation Failed".
local function text_of(reply)
  if type(reply) ~= "table" then return "no reason was given" end
  local first = type(reply.errors) == "table" and reply.errors[1]
  local more = type(first) == "table" and type(first.message) == "string" and " (" .. first.message .. ")" or ""
  return (type(reply.message) == "string" and reply.message or "no reason was given") .. more
end

local function judge(answer, o)
  local reply = answer.body ~= "" and try(json.decode, answer.body)
  answer.reply = reply or {}
  if answer.status >= 200 and answer.status < 300 then
    return answer.body ~= "" and reply == nil and service.unreadable("github", answer) or nil
  end
  if o.absent and (answer.status == 404 or answer.status == 410) then
    answer.reply = nil
    return nil
  end
  local text = text_of(reply)
  local hint = answer.status == 403 and (o.denied or permission_hint(o.needs)) or hints[answer.status]
  local fault = limit_of(answer, text) or { class = class_of(answer, reply), hint = hint }
  fault.code = ("github-%d"):format(answer.status)
  fault.message = ("status %d: %s"):format(answer.status, text)
  return fault
end

-- ---- requests ----------------------------------------------------------------------------

---@class github.Repository.Client
---@field repository string  owner/name
---@field token any
---@field logins string[]    who writes for us
---@field keys table         public keys for secrets, by environment

---@class github.Request
---@field path string      below /repos/{owner}/{name}
---@field what string      what is tried, for errors
---@field needs string     the permission that the call needs: "issues: write"
---@field denied? string   the hint of a 403 that is no missing permission
---@field method? string   GET
---@field query? table
---@field json? table
---@field absent? boolean  a thing that is not there is nil, not an error

---The address of what is below a repository.
---@return string
function api.url(client, path) return BASE .. client.repository .. path end

---@param client github.Repository.Client
---@param o github.Request
---@return any reply       nil: it is not there
---@return table answer    of http.request
function api.call(client, o)
  local answer = service.call {
    service = "GitHub", what = o.what,
    request = { url = api.url(client, o.path) .. (o.query and "?" .. url.query(o.query) or ""),
      method = o.method or "GET", budget = budget, json = o.json,
      headers = { authorization = "Bearer " .. client.token, accept = "application/vnd.github+json",
        ["x-github-api-version"] = "2022-11-28", ["user-agent"] = "davit" } },
    judge = function(answer) return judge(answer, o) end,
  }
  return answer.reply, answer
end

local function walk_of(o, items)
  return { style = "page", more = "link", items = items, per_page = o.per_page }
end

-- Asks for one page of a list.
local function sender(client, o)
  return function(parameters)
    local query = {}
    for _, part in ipairs { o.query or {}, parameters } do
      for name, value in pairs(part) do query[name] = value end
    end
    return api.call(client, { path = o.path, query = query, what = o.what, needs = o.needs })
  end
end

---Walks a list, item by item, without asking for more pages than are looked at. Pages are counted rather than taken
---from the Link header, which says whether there is another one.
---@param o github.Request|{ per_page?: integer }
---@param items? string  a JSON pointer to the list in an answer that is no list
---@return fun(): any
function api.walk(client, o, items) return pages.walk(walk_of(o, items), sender(client, o)) end

---The whole list.
---@return any[]
function api.all(client, o, items) return pages.all(walk_of(o, items), sender(client, o)) end

---Sends what must not arrive twice. When the reply was lost it looks before it sends again.
---@param find fun(): any   what came of it, or nil
---@param send fun(): any
function api.once(find, send)
  return retry.run(retry.policies.after_looking, function(attempt)
    return attempt > 1 and find() or send()
  end)
end

-- ---- values ------------------------------------------------------------------------------

---A field that may be null.
function api.given(value)
  if value ~= json.null then return value end
end

---Whether two texts that may be missing say the same.
function api.same_text(a, b) return (api.given(a) or "") == (api.given(b) or "") end

return api
