---What a rehearsal watches while it happens, as no inventory shows it afterwards: secrets that go where they must not,
---and what is made a second time because nobody looked.
local faults = require "cloud.faults"
local json = require "json"
local sha256 = require "sha256"

local watch = {}

---@class rehearsal.Watch
---@field seen rehearsal.Problem[]
---@field webhook? string
---@field made table<string, boolean>  requests that have made something, by what they say
local Watch = {}
Watch.__index = Watch

local function note(self, what, line)
  for _, one in ipairs(self.seen) do
    if one.what == what and one.line == line then return end
  end
  self.seen[#self.seen + 1] = { what = what, line = line }
end

-- ---- secrets ----------------------------------------------------------------------------------

-- Every secret of a rehearsal looks like this (lua/rehearsal/settings.lua).
local SECRET <const> = "rehearsed%-%x%x%x%x%x%x%x%x%x%x%x%x%x%x%x%x"

---@param text string|nil
---@return boolean
function watch.holds_secret(text) return text ~= nil and text:find(SECRET) ~= nil end

-- Whose header a credential belongs into is asked by the models, which refuse a wrong one; a Worker's secrets
-- are in what is uploaded to Cloudflare, and nowhere else.
local function check_secrets(self, request, what)
  if request.host == self.webhook then return end   -- its address is the secret
  if watch.holds_secret(request.path) or watch.holds_secret(request.query) then
    note(self, "secret", ("in the URL of %s"):format(what))
  end
  for name, value in pairs(request.headers) do
    local own = name == "authorization" and faults.service(request.host)
    if not own and watch.holds_secret(value) then
      note(self, "secret", ("in the header %s of %s"):format(name, what))
    end
  end
  if faults.service(request.host) ~= "cloudflare" and watch.holds_secret(request.body) then
    note(self, "secret", ("in the body of %s"):format(what))
  end
end

---What a run leaves where people read it.
---@param where string
---@param text string|nil
function Watch:output(where, text)
  if watch.holds_secret(text) then note(self, "secret", "in " .. where) end
end

-- ---- what is made twice -----------------------------------------------------------------------

-- Collections in which the same request makes another thing each time.
local makes_another = { "/comments$", "/deployments$", "/issues$", "/dns_records$", "/branches$", "/pulls$" }

local function makes(request)
  if request.method ~= "POST" then return false end
  for _, pattern in ipairs(makes_another) do
    if request.path:find(pattern) then return true end
  end
  return false
end

local function check_twice(self, request, answer, what)
  if request.method == "DELETE" then self.made = {} end   -- what was taken back may be made again
  if not makes(request) or answer.fault or answer.status >= 300 then return end
  local key = sha256(request.path .. "\0" .. request.body)
  if self.made[key] then note(self, "twice", ("%s was applied before, with the same body"):format(what)) end
  self.made[key] = true
end

-- ---- requests ---------------------------------------------------------------------------------

local function what_of(request) return ("%s %s%s"):format(request.method, request.host, request.path) end

---Of every request, whether or not it arrives.
---@param request table
function Watch:request(request) check_secrets(self, request, what_of(request)) end

---Of what a service answers, whether or not that arrives.
---@param request table
---@param answer table
function Watch:answered(request, answer) check_twice(self, request, answer, what_of(request)) end

---Of what people read: comments, issues and statuses at GitHub.
---@param state table  of the models
function Watch:github(state)
  for _, repository in pairs(state.github.repositories) do
    for _, list in ipairs { repository.comments, repository.issues, repository.deployments } do
      self:output("what GitHub shows of " .. repository.full_name, json.encode(list))
    end
  end
end

---@param webhook? string  the host of the project's webhook
---@return rehearsal.Watch
function watch.new(webhook)
  return setmetatable({ seen = {}, made = {}, webhook = webhook }, Watch)
end

return watch
