---What run.ensure and run.destroy do with a resource: look, make, adopt, take back, look again.
local core = require "core"
local doubt = require "run.doubt"
local task = require "task"

local resource = {}

local fields = { "find", "create", "destroy", "matches", "update", "plan" }   -- the first three are required

local function misuse(message, ...)
  failure { code = "misuse", class = "misuse", message = message:format(...) }
end

---Raises a misuse unless it is a resource.
---@param what string  the function, for the error
---@param r any
function resource.check(what, r)
  if type(r) ~= "table" then misuse("%s: expected a table, not a %s", what, type(r)) end
  if type(r[1]) ~= "string" or r[1] == "" then misuse("%s: expected a name, not %s", what, tostring(r[1])) end
  local known = { true }
  for i, field in ipairs(fields) do
    known[field] = true
    if type(r[field]) ~= "function" and (i <= 3 or r[field] ~= nil) then
      misuse("%s '%s': the field '%s' must be a function", what, r[1], field)
    end
  end
  for field in pairs(r) do
    if not known[field] then
      misuse("%s '%s': unknown field '%s' (expected %s)", what, r[1], tostring(field), table.concat(fields, ", "))
    end
  end
end

---Raises "not-ours" when the thing belongs to somebody else.
function resource.check_ours(r, thing)
  if not r.matches then return end
  local ours, why = r.matches(thing)
  if ours then return end
  failure {
    code = "not-ours", about = r[1], message = ("%s exists and is not ours: %s"):format(r[1], why or "no reason given"),
    hint = "nothing was changed; remove it or choose another name",
  }
end

---What run.ensure would do with one that was found; raises "not-ours" when it is somebody else's.
---@return "keep"|"change" action, string|nil why
function resource.plan(r, found)
  resource.check_ours(r, found)
  if r.plan then return r.plan(found) end
  if r.update then return "change", "as far as it differs" end
  return "keep"
end

---Brings a thing that was there up to date.
function resource.update(r, thing)
  return r.update and r.update(thing) or thing
end

local open = { converge = true, unknown = true, cancelled = true }
-- Where nothing was sent.
local unsent = { ["http-refused"] = true, ["http-connect-timeout"] = true, ["http-tls-timeout"] = true,
  ["http-tls"] = true, ["http-certificate"] = true, ["http-budget"] = true, ["http-proxy"] = true,
  ["not-local"] = true, ["secret-refused"] = true, ["preview-to-production"] = true }

-- An answer that refuses, by its status or by a service's own code: "neon-422", "cloudflare-10007".
local function is_refusal(err)
  return err.code == "http-status" or err.code:find "^%l+%-%d+$" ~= nil
end

---Whether a failed create may have made the thing all the same: unless nothing was sent or the service has refused,
---it may; what a recipe could not read of an answer is no refusal. Nor does one say anything that came after a part
---of it had been done (run.begun).
function resource.may_be_there(err)
  if err.begun or open[err.class] or err.code == "deadline" then return true end
  return err.class ~= "misuse" and not unsent[err.code] and not err.code:find "^dns%-" and not is_refusal(err)
end

---Creates. When the reply was lost or somebody was faster it looks again before anything else, also
---when the run is being stopped. Raises with `nothing` set when for certain nothing was made.
---@return any thing, boolean adopted
function resource.create(r)
  local thing, err = try(function() return (r.create()) end)
  if not err then return thing, false end
  if not resource.may_be_there(err) then
    err.nothing = true
    error(err, 0)
  end
  local found, unseen = try(task.shield, r.find)
  if found ~= nil then
    resource.check_ours(r, found)
    return found, true
  end
  err.nothing = not unseen and not err.begun and err.class ~= "pending"   -- what is not there yet may come
  error(err, 0)
end

---What was made so many seconds ago may not be shown yet: that it is not there proves nothing.
resource.unseen = 15
local FIRST_PAUSE <const>, LONGEST_PAUSE <const> = 0.5, 8   -- seconds between looks

---Looks until it is there, or was made long enough ago. No earlier answer counts meanwhile.
---@param find fun(): any
---@param made number  Unix seconds of when it may have been made
---@return any|nil thing
function resource.wait_until_seen(find, made)
  local _ <close> = doubt.begin()
  local stop, pause = made + resource.unseen, FIRST_PAUSE
  while core.now() < stop do
    local thing = find()
    if thing ~= nil then return thing end
    sleep(pause)
    pause = math.min(2 * pause, LONGEST_PAUSE)
  end
end

---Takes a thing back and looks whether it is gone.
---@return boolean  false: it was not there
function resource.destroy(r)
  local thing = r.find()
  if thing == nil then return false end
  resource.check_ours(r, thing)
  r.destroy(thing)
  if r.find() ~= nil then
    failure {
      code = "still-there", class = "pending", about = r[1], message = r[1] .. " was deleted and is still there",
    }
  end
  return true
end

return resource
