---A world of virtual time for the tests and the study of health.wait: what each URL answers at which
---second is a script, and the models count what must not happen.
local core = require "core"
local json = require "json"
local rehearsal = require "rehearsal.core"

local world = {}

-- script: { ["host/path" or "host"] = { { at=, status=, body=, headers=, fault=, delay= }, … } }; of the
-- entries the last whose time has come answers. "stats/" answers with what was asked: how often, when, and
-- whether one URL was ever asked while an exchange with it was under way.
--
-- What `on_attempt` was told can be played again: `script_of` makes a script of it.
function world.script_of(looks, name)
  local entries = {}
  for i, look in ipairs(looks) do
    entries[i] = { at = look.at, status = look.status, body = look.body, headers = look.headers,
      fault = look.code and { look.code, "transient", look.reason } or nil, delay = look.seconds }
  end
  return { [name] = entries }
end

world.models = [[
local json = require "json"
local script, began, busy, stats = json.decode((...)), nil, {}, { overlaps = 0, asked = {}, at = {} }

local function entry_of(list, t)
  local found
  for _, entry in ipairs(list) do if entry.at <= t + 1e-6 then found = entry end end
  return found
end

local function lines_of(headers)
  local text = ""
  for name, value in pairs(headers or {}) do text = text .. name .. ": " .. value .. "\n" end
  return text
end

local function note(key, t, delay)
  if (busy[key] or -1) > t + 1e-6 then stats.overlaps = stats.overlaps + 1 end
  busy[key] = t + delay
  stats.asked[key] = (stats.asked[key] or 0) + 1
  stats.at[#stats.at + 1] = t
end

return {
  http = function(request, now)
    if request.host == "stats" then return { status = 200, headers = "", body = json.encode(stats) } end
    began = began or now
    local key, t = request.host .. request.path, now - began
    local entry = entry_of(script[key] or script[request.host], t)
    local delay = entry.delay or 0.02
    note(key, t, delay)
    if entry.fault then return { fault = entry.fault, ttl = entry.ttl, delay = delay } end
    return { status = entry.status or 200, headers = lines_of(entry.headers), body = entry.body or "", delay = delay }
  end,
  dns = function() return {} end,
  crash = function() return {} end,
}
]]

local PROLOGUE = [[
local json = require "json"
local health, http, core = require "health", require "http", require "core"
local function stats() return http.request { url = "https://stats/" }:json() end
local function times(seen)
  local list = {}
  for i, look in ipairs(seen.timeline) do list[i] = math.floor(look.at * 1000 + 0.5) / 1000 end
  return list
end
local function classes(seen)
  local list = {}
  for i, look in ipairs(seen.timeline) do list[i] = look.class end
  return list
end
local function wait(o)
  local seen, err = try(health.wait, o)
  return seen or err, err
end
local function body()
]]

---Runs the text, which returns a value that JSON carries, in a world that answers as the script says.
---@param script table
---@param text string   knows health, times(seen), classes(seen), wait(options), stats()
---@param seed? integer
---@return any
function world.play(script, text, seed)
  local answer = rehearsal.play {
    models = world.models, settings = json.encode(script), seed = seed or 1,
    text = PROLOGUE .. text .. "\nend\nreturn json.encode { result = body() }\n",
  }
  return json.decode(answer).result
end

world.not_yet = { "http-refused", "transient", "the connection was refused" }
world.no_certificate = { "http-tls", "pending", "the TLS handshake failed" }

---Seconds of processor time that this process has used.
function world.cpu()
  local fields = {}
  for field in require("fs").read("/proc/self/stat"):match("%) (.*)$"):gmatch "%S+" do fields[#fields + 1] = field end
  return (fields[12] + fields[13]) / 100
end

world.monotonic = core.monotonic

return world
