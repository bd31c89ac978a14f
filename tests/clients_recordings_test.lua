---What two wranglers once said to a stub, said again to the model: it answers with the same status, the same code,
---and every field that stood in the stub's answers. Ids are the model's own: where an answer has another one than the
---recording, later requests are told that one.
local core = require "core"
local cloud = assert(core.load_file "tests/clients/cloud.lua")()
local json = require "json"
local replays = assert(core.load_file "tests/clients/replay.lua")()
local world = require "cloud.world"

local kind_of = replays.kind_of

local ACCOUNT, ZONE = "acc0000000000000000000000000000a", "zone000000000000000000000000000a"

-- Labels of commands that are not Workers': the model has none of their resources.
local others = { "^d1", "^pages" }

local function concerns_workers(entry)
  for _, pattern in ipairs(others) do
    if entry.label:find(pattern) then return false end
  end
  return true
end

-- ---- a request, as it was sent ----------------------------------------------------------------

local function form_of(parts)
  local text = {}
  for _, part in ipairs(parts) do
    local head = ('Content-Disposition: form-data; name="%s"'):format(part.name)
    if part.filename then head = ('%s; filename="%s"'):format(head, part.filename) end
    if part.type then head = head .. "\r\nContent-Type: " .. part.type end
    text[#text + 1] = ("--said-again\r\n%s\r\n\r\n%s\r\n"):format(head, part.body or "")
  end
  return table.concat(text) .. "--said-again--\r\n"
end

local function query_of(query)
  local list = {}
  for name, value in pairs(query) do list[#list + 1] = name .. "=" .. tostring(value):gsub("[^%w.:*-]", function(c)
    return ("%%%02X"):format(c:byte())
  end) end
  return table.concat(list, "&")
end

local function body_of(entry)
  if entry.parts then return form_of(entry.parts), "multipart/form-data; boundary=said-again" end
  if entry.json ~= nil then return json.encode(entry.json) end
  return entry.body or ""
end

local Replay = setmetatable({}, replays.class)
Replay.__index = Replay

local function new_replay()
  local state = world.new { account_id = ACCOUNT, subdomain = "demo-acct", zone = "example.com",
    settings = { cloudflare_requests = 1000000, propagation_delay = 0 } }
  state.cloudflare.zones[1].id = ZONE
  local self = replays.new(state, 1800000000)
  self.jwt = ""
  return setmetatable(self, Replay)
end

-- Ids of the recording become the model's.
function Replay:translated(text)
  return (text:gsub("[%x-]+", function(id) return #id >= 32 and self.ids[id] or nil end))
end

function Replay:request(entry)
  local body, form = body_of(entry)
  local headers = { ["user-agent"] = entry.headers["User-Agent"], ["content-type"] = form or entry.headers["Content-Type"],
    ["cloudflare-workers-script-api-date"] = entry.headers["Cloudflare-Workers-Script-Api-Date"] }
  local bearer = (entry.headers.Authorization or ""):find("eyJ", 1, true) and self.jwt or "workers-token"
  headers.authorization = "Bearer " .. bearer
  body = self:translated(body):gsub("eyJ[%w_-]+%.[%w_-]+%.[%w_-]+", function() return self.jwt end)
  return { method = entry.method, host = "api.cloudflare.com", path = self:translated(entry.path),
    query = self:translated(query_of(entry.query)), headers = headers, body = body }
end

-- What went wrong on purpose then goes wrong by a rule now.
function Replay:wound(entry)
  if entry.injected == nil then return end
  local wrong = type(entry.resp) == "table" and type(entry.resp.errors) == "table" and entry.resp.errors[1] or {}
  local fault = entry.status == nil and "drop" or wrong.code == nil and "html" or entry.status
  self:injure { service = "cloudflare", method = entry.method, fault = fault, code = wrong.code,
    status = fault == "html" and entry.status or nil }
end

function Replay:answer(entry)
  self:wound(entry)
  return self:exchange(self:request(entry), 1)
end

-- ---- comparing --------------------------------------------------------------------------------

local function is_id(text) return #text >= 32 and text:find "^[%x-]+$" ~= nil end

-- Where the model does otherwise than the stub did, and is meant to.
local accepted = {
  { "PUT [^:]*/routes: result%[%] is object", "the stub gave patterns; the service gives routes, and wrangler reads neither" },
  { "GET /workers/durable_objects/namespaces: status 200", "the stub did not know of it" },
  { "versions_secret_put: PATCH .*/versions/latest: result%.metadata", "the newer resource has no such field in the contract" },
  { "versions_secret_put: PATCH .*/versions/latest: result%.resources", "likewise" },
  { "versions_secret_put: POST [^:]*/versions: .*%.text is null", "the stub gave the values of secrets back" },
  { "secret_delete: DELETE .*/secrets/API_KEY: status 404 %(10056%)",
    "the stub's settings left the secret out, so the older wrangler's bulk edit did not keep it" },
  { "^preview%d: .*/previews.*: result%.deps", "the stub's own list of deployments, which wrangler does not read" },
  { "^prevbase: PATCH .*%.text is null", "the stub gave the values of secrets back" },
  { "routes10000: POST [^:]*/workers/routes: status 409 %(10020%)", "the stub forgot the route that stands there" },
}

-- Where the stub was started anew in the middle of a recording.
local anew = { patch500 = true }

-- A rollback left a newer version undeployed, which the stub did not mind: secrets would be refused (10215).
local deploys_newest = { secret_put = true }

-- As a UUID; an upload's answer has its version's id without the hyphens.
local function hyphenated(id)
  return #id == 32 and id:gsub("^(%x%x%x%x%x%x%x%x)(%x%x%x%x)(%x%x%x%x)(%x%x%x%x)(%x+)$", "%1-%2-%3-%4-%5") or id
end

function Replay:learn(then_said, now_said)
  if not is_id(then_said) then return end
  self.ids[then_said] = now_said
  if #then_said == 32 then self.ids[hyphenated(then_said)] = hyphenated(now_said) end
end

-- Of an answer that was cut when it was recorded, at least the versions that were deployed, newest first.
function Replay:learn_deployments(text, answer)
  local now_said = {}
  for _, deployment in ipairs((answer.result or {}).deployments or {}) do
    for _, share in ipairs(deployment.versions) do now_said[#now_said + 1] = share.version_id end
  end
  local i = 0
  for id in text:gmatch '"version_id":"([%x-]+)"' do
    i = i + 1
    if now_said[i] then self:learn(id, now_said[i]) end
  end
end

local function code_of(answer)
  local errors = type(answer) == "table" and kind_of(answer.errors) == "array" and answer.errors or {}
  return errors[1] and errors[1].code
end

local function said_again(replay, entry, problems)
  local status, answer = replay:answer(entry)
  local title = ("%s: %s %s"):format(entry.label, entry.method, (entry.path:gsub("^/client/v4/accounts/%w+", "")))
  if status ~= entry.status then
    problems[#problems + 1] = ("%s: status %s (%s), then it was %s (%s)"):format(title, status, code_of(answer),
      entry.status, code_of(entry.resp))
    return
  end
  if type(entry.resp) == "string" then return replay:learn_deployments(entry.resp, answer) end
  if type(entry.resp) ~= "table" then return end
  if code_of(entry.resp) ~= code_of(answer) then
    problems[#problems + 1] = ("%s: code %s, then it was %s"):format(title, code_of(answer), code_of(entry.resp))
  end
  local found = {}
  replay:compare(entry.resp.result, (answer or {}).result, "result", found)
  local jwt = kind_of((answer or {}).result) == "object" and answer.result.jwt
  replay.jwt = type(jwt) == "string" and jwt or replay.jwt
  for _, problem in ipairs(found) do problems[#problems + 1] = title .. ": " .. problem end
end

local function begins_anew(replay, entry)
  local name = entry.path:match "/workers/services/([^/]+)$"
  return anew[entry.label] and name and entry.status == 404 and replay.state.cloudflare.scripts[name] ~= nil
end

local function deploy_newest(replay)
  local script = replay.state.cloudflare.scripts["demo-worker"]
  local body = { strategy = "percentage",
    versions = json.array { { version_id = script.versions[#script.versions].id, percentage = 100 } } }
  local answer = world.handle({ method = "POST", host = "api.cloudflare.com", query = "",
    path = ("/client/v4/accounts/%s/workers/scripts/demo-worker/deployments"):format(ACCOUNT),
    headers = { authorization = "Bearer workers-token" }, body = json.encode(body) }, replay.state, replay.now)
  equal(answer.status, 200)
end

local function all_said_again(entries)
  local replay, problems, before = new_replay(), {}, nil
  for _, entry in ipairs(entries) do
    if begins_anew(replay, entry) then replay = new_replay() end
    if entry.label ~= before and deploys_newest[entry.label] then deploy_newest(replay) end
    said_again(replay, entry, problems)
    before = entry.label
  end
  return replays.left(accepted, problems)
end

local function entries_of(path)
  local list = {}
  for _, entry in ipairs(replays.entries(path)) do
    if concerns_workers(entry) then list[#list + 1] = entry end
  end
  return list
end

for _, name in ipairs { "4.86.0", "4.164.0", "4.164.0-previews-and-faults" } do
  test(("what wrangler %s said to a stub, the model answers likewise"):format(name), function()
    local path, there = cloud.evidence(("recordings/wrangler-%s.jsonl"):format(name))
    if not there then skip("there is no recording at " .. path) end
    local entries = entries_of(path)
    equal(#entries > 100, true)
    local problems = all_said_again(entries)
    if problems[1] then error(("%d differences:\n%s"):format(#problems, table.concat(problems, "\n")), 0) end
  end)
end

test("where the model does otherwise than the stub on purpose, it still does", function()
  if not select(2, cloud.evidence "recordings") then skip "there are no recordings" end
  replays.all_occurred(accepted)
end)
