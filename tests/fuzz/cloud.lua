---Requests to the models of the services: every one is answered, whatever it is, and the world can be saved after it.
---
---Requests are separated by a line "---"; each is "METHOD URL", lines of headers, an empty line, a body. "@workers",
---"@dns", "@neon" and "@github" stand for the credentials, "{account}", "{zone}" and "{project}" for the ids.
local core = require "core"
local same = core.load_file("tests/fuzz/same.lua")()
local faults = require "cloud.faults"
local recording = require "cloud.recording"
local sha256 = require "sha256"
local store = require "cloud.store"
local world = require "cloud.world"

local START = 1767225600
local TOKENS = { workers = "secret-of-workers", dns = "secret-of-dns", neon = "secret-of-neon", github = "secret-of-github" }

local function seeded()
  return world.new { tokens = TOKENS, account_id = ("a"):rep(32), pull_requests = { { number = 42, title = "t", head = "h" } } }
end

local function filled(text, state)
  text = text:gsub("@(%l+)", TOKENS)
  return (text:gsub("{(%l+)}", { account = state.cloudflare.account_id, zone = state.cloudflare.zones[1].id,
    project = state.neon.project_id }))
end

local function request_of(text)
  local head, body = text:match "^(.-)\n\n(.*)$"
  head = head or text
  local method, host, path = head:match "^(%S+) ([^/%s]+)([^\n]*)"
  if not method then return nil end
  local headers = { ["user-agent"] = "fuzz" }
  for name, value in head:gmatch "\n([%w-]+):[ ]?([^\n]*)" do headers[name:lower()] = value end
  local query = path:match "%?(.*)$" or ""
  return { method = method, host = host:lower(), path = path:match "^[^?]+" or "/", query = query, headers = headers,
    body = body or "", scheme = "https", address = "127.0.0.1:1" }
end

local function check_response(response)
  assert(math.type(response.status) == "integer" and response.status >= 200 and response.status <= 599, "a status")
  assert(type(response.body or "") == "string", "a body")
  for name, value in pairs(response.headers or {}) do
    assert(type(name) == "string" and name:find "^[%w-]+$", "a header's name")
    for _, line in ipairs(type(value) == "table" and value or { value }) do
      assert(type(line) == "string" and not line:find "[\r\n%z]", "a header's value: " .. name)
    end
  end
end

-- Nothing but what JSON and the files beside it can hold.
local function check_state(state)
  local texts = {}
  local saved = store.encode(state, function(text)
    local hash = sha256(text)
    texts[hash] = text
    return hash
  end)
  assert(same(store.decode(saved, function(hash) return texts[hash] end), state), "the state is read back")
end

-- A recording of it is one line without the credentials.
local function check_recording(request, response)
  local masker = { learn = function() end, mask = function(text)
    for _, token in pairs(TOKENS) do text = text:gsub(token:gsub("%-", "%%-"), "***") end
    return text
  end }
  local line = recording.line(request, response, nil, START, masker)
  assert(not line:find "\n", "one line")
end

return function(text)
  local state, set = seeded(), faults.new()
  faults.add(set, faults.parse "any /**/x* truncated probability=0.5")
  local now = START
  for piece in (text .. "\n---\n"):gmatch "(.-)\n%-%-%-\n" do
    local request = request_of(filled(piece, state))
    if request then
      now = now + 7
      local one = faults.pick(set, request, now)
      local response = faults.service(request.host)
        and faults.answer(one, request, now, function() return world.handle(request, state, now) end)
      if response then
        check_response(response)
        check_recording(request, response)
      end
    end
  end
  check_state(state)
end
