---The endpoint where faults are ordered and cancelled while the cloud runs: /_davit/faults, JSON both ways.
local data = require "cloud.data"
local faults = require "cloud.faults"
local json = require "json"

local desk = {}

local function answer(status, value)
  return { status = status, body = json.encode(value, { indent = 2 }) .. "\n",
    headers = { ["content-type"] = "application/json" } }
end

local function refuse(message, hint, status)
  return answer(status or 400, { message = message, hint = hint })
end

local function shown(one)
  return { id = one.id, rule = faults.line(one), seen = one.seen, injected = one.injected }
end

local function list(cloud)
  local set = cloud.faults
  return answer(200, { seed = set.seed, rules = data.array(set.rules, shown), injected = data.array(set.injected) })
end

-- A rule, or { faults = rules, seed = text }.
local function rules_of(body)
  local value, err = try(json.decode, body)
  if err then return nil, "the body is not JSON: " .. err.message end
  if type(value) ~= "table" or value.faults == nil then return { value } end
  for key in pairs(value) do
    if key ~= "faults" and key ~= "seed" then
      return nil, ("unknown key '%s' beside 'faults' (known is seed)"):format(key)
    end
  end
  if type(value.faults) ~= "table" then return nil, "faults must be a list of rules" end
  return value.faults, value.seed
end

local function read_all(values)
  local made = {}
  for i, value in ipairs(values) do
    local one, reason, hint = faults.rule(data.plain(value))
    if not one then return nil, ("rule %d: %s"):format(i, reason), hint end
    made[i] = one
  end
  if #made == 0 then return nil, "no rule is in the body", "for example \"cloudflare GET /zones 500\"" end
  return made
end

-- A page in a browser may send a form anywhere, but not JSON. All rules are taken, or none.
local function order(cloud, request)
  if not (request.headers["content-type"] or ""):find "^application/json" then
    return refuse "the body must be application/json"
  end
  local values, seed = rules_of(request.body)
  if not values then return refuse(seed) end
  local made, reason, hint = read_all(values)
  if not made then return refuse(reason, hint) end
  if seed then cloud.faults.seed = tostring(seed) end
  for _, one in ipairs(made) do faults.add(cloud.faults, one) end
  return answer(201, { rules = data.array(made, shown) })
end

-- Without an id all rules go, and the list of what they did.
local function cancel(cloud, id)
  if not id then
    faults.remove(cloud.faults)
    cloud.faults.injected = {}
    return answer(200, { rules = json.array {} })
  end
  if faults.remove(cloud.faults, math.tointeger(tonumber(id))) then return list(cloud) end
  return refuse(("there is no rule %s"):format(id), "GET /_davit/faults lists them", 404)
end

---@param cloud cloud.Cloud
---@param request table
---@return table|nil response  nil when it is not about faults
function desk.answer(cloud, request)
  local id = request.path:match "^/_davit/faults/(%d+)$"
  if request.method == "DELETE" and (id or request.path == "/_davit/faults") then return cancel(cloud, id) end
  if request.path ~= "/_davit/faults" then return nil end
  if request.method == "GET" then return list(cloud) end
  if request.method == "POST" then return order(cloud, request) end
  return refuse("GET lists the faults, POST adds, DELETE removes", nil, 405)
end

return desk
