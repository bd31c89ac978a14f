---What a job gets of the runtime: ids of the run and of itself in the services behind, and a token that says so.
---
---JavaScript and Docker actions find it in ACTIONS_RUNTIME_TOKEN. Clients read its claim `scp`; here, as there, its
---signature counts.
local base64 = require "base64"
local hmac = require "hmac"
local json = require "json"
local repositories = require "cloud.github.repositories"
local sha256 = require "sha256"

local runtime = {}

---The run of whoever tries a client without any: the first repository's.
runtime.MADE_UP = 9000000042

local LIFETIME = 6 * 3600            -- as long as a job may take
local MADE_UP_LIFETIME = 365 * 86400

---@class github.Job  that a token stands for
---@field run_backend string
---@field job_backend string
---@field run_id integer
---@field repository string  full name

local function uuid(...)
  local hex = sha256(table.concat({ ... }, "/"))
  return ("%s-%s-4%s-a%s-%s"):format(hex:sub(1, 8), hex:sub(9, 12), hex:sub(14, 16), hex:sub(18, 20),
    hex:sub(21, 32))
end

local URL = { url = true }

local function signature(state, text)
  return hmac.sha256("runtime/" .. state.seed, text, { encoding = "base64url" })
end

local function seal(state, claims)
  local head = base64.encode(json.encode { typ = "JWT", alg = "HS256" }, URL)
  local text = head .. "." .. base64.encode(json.encode(claims), URL)
  return text .. "." .. signature(state, text)
end

-- All attempts of a run share its id, so that their artifacts do: assumed.
local function ids_of(state, o)
  local run = uuid(state.seed, "run", o.repository, o.run_id)
  return run, uuid(run, o.attempt or 1, o.job)
end

---@class runtime.Options
---@field repository string  full name
---@field run_id integer
---@field attempt? integer   (1)
---@field job string
---@field lifetime? number   seconds (6 hours)

---The token of a job.
---@param state table
---@param o runtime.Options
---@param now number
---@return string
function runtime.issue(state, o, now)
  local run, job = ids_of(state, o)
  local seconds = math.floor(now)
  return seal(state, { scp = ("Actions.Results:%s:%s"):format(run, job),
    orchid = ("%s.%s.__default"):format(run, o.job), repository = o.repository, run_id = o.run_id,
    iss = "vstoken.actions.githubusercontent.com", aud = "vstoken.actions.githubusercontent.com",
    nbf = seconds - 300, exp = seconds + (o.lifetime or LIFETIME) })
end

---The token of the made-up run.
---@param state table
---@param now number
---@return string
function runtime.made_up(state, now)
  return runtime.issue(state, { repository = state.github.repository, run_id = runtime.MADE_UP, job = "try",
    lifetime = MADE_UP_LIFETIME }, now)
end

local function claims_of(state, token)
  local text, payload, sign = token:match "^([%w_-]+%.([%w_-]+))%.([%w_-]+)$"
  if not text or sign ~= signature(state, text) then return nil end
  return json.decode(base64.decode(payload, URL))
end

---Whom a token stands for.
---@param state table
---@param token string
---@param now number
---@return github.Job|nil
function runtime.read(state, token, now)
  local claims = claims_of(state, token)
  if not claims or claims.exp <= now or not repositories.find(state, claims.repository) then return nil end
  local run, job = claims.scp:match "Actions%.Results:([^:%s]+):([^:%s]+)"
  return run and { run_backend = run, job_backend = job, run_id = claims.run_id, repository = claims.repository }
end

return runtime
