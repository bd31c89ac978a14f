---How artifacts are called: a name, the run that made it and its attempt; and how long they are kept.
local core = require "core"
local options = require "options"
local project = require "project"

local names = {}

local MOST <const> = 100        -- characters of a name
local MOST_ATTEMPT <const> = 999999
local DAY <const> = 86400

---Seconds until an artifact expires that says nothing of it.
names.retention = { plain = 7 * DAY, sealed = DAY }

-- They are parts of file names, and of keys of other stores.
local function wrong(text)
  if type(text) ~= "string" then return ("is a text, not a %s"):format(type(text)) end
  if #text == 0 or #text > MOST then return ("has 1 to %d characters, not %d"):format(MOST, #text) end
  if not text:find "^[%w_][%w._-]*$" then
    return ("is made of letters, digits, '.', '_' and '-', and begins with none of '.' and '-', unlike '%s'")
      :format((text:gsub("[^ -~]", "?")))
  end
end

---@param what string  the function, for the error
---@param field string
---@param text any
function names.check(what, field, text)
  local why = wrong(text)
  if why then options.misuse("%s: an artifact's %s %s", what, field, why) end
end

local function check_attempt(what, attempt)
  if math.type(attempt) ~= "integer" or attempt < 1 or attempt > MOST_ATTEMPT then
    options.misuse("%s: an artifact's attempt is 1 to %d, not %s", what, MOST_ATTEMPT, tostring(attempt))
  end
end

---The run and attempt that go on here: GitHub's, or "local", 1.
---@return string run, integer attempt, boolean known  known: GitHub says so
function names.here()
  local run = core.getenv "GITHUB_RUN_ID"
  if not run or wrong(run) then return "local", 1, false end
  return run, math.tointeger(tonumber(core.getenv "GITHUB_RUN_ATTEMPT" or "")) or 1, true
end

---What an artifact that is put is called.
---@param o { name: string, run?: string, attempt?: integer }
---@return { name: string, run: string, attempt: integer }
function names.of(what, o)
  local run, attempt = names.here()
  local key = { name = o.name, run = o.run or run, attempt = o.attempt or (o.run and 1) or attempt }
  names.check(what, "name", key.name)
  names.check(what, "run", key.run)
  check_attempt(what, key.attempt)
  return key
end

---Which artifacts are meant: those of the run that goes on here, unless another is named.
---@param o { name?: string, run?: string, attempt?: integer }
---@return { name?: string, run?: string, attempt?: integer }
function names.wanted(what, o)
  local run, _, known = names.here()
  if o.name ~= nil then names.check(what, "name", o.name) end
  if o.run ~= nil then names.check(what, "run", o.run) end
  if o.attempt ~= nil then check_attempt(what, o.attempt) end
  return { name = o.name, run = o.run or (known and run or nil), attempt = o.attempt }
end

---@param key { name: string, run: string, attempt: integer }
---@return string  "name@run@attempt"
function names.text(key)
  return ("%s@%s@%d"):format(key.name, key.run, key.attempt)
end

---@param text string  of names.text, or something else
---@return { name: string, run: string, attempt: integer }|nil
function names.read(text)
  local name, run, attempt = text:match "^([^@]+)@([^@]+)@([1-9]%d*)$"
  if not name or wrong(name) or wrong(run) or #attempt > 6 then return nil end
  return { name = name, run = run, attempt = math.tointeger(tonumber(attempt)) }
end

---@param entry table
---@return string  "'web' of run 7, attempt 2"
function names.tell(entry)
  return ("'%s' of run %s, attempt %d"):format(entry.name, entry.run, entry.attempt)
end

---@param value string|number|nil
---@param sealed boolean
---@return number seconds
function names.seconds(what, value, sealed)
  if value == nil then return names.retention[sealed and "sealed" or "plain"] end
  local seconds = project.duration(value)
  if not seconds or seconds <= 0 or seconds == math.huge then
    options.misuse("%s: option 'retention' is a time such as 7d or 12h, or seconds, not '%s'", what, tostring(value))
  end
  return seconds
end

return names
