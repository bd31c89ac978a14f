---The host of the project's incoming webhook (davit.yaml, notify), as Slack and Discord have one: it takes what is
---posted, whatever its path, and keeps it to be looked at. The path is a secret, so it is kept nowhere.
local data = require "cloud.data"
local json = require "json"

local webhooks = {}

local MOST <const> = 100   -- messages that are kept, the newest ones

---@param state table
---@param seed table  webhook: the host
function webhooks.init(state, seed)
  state.webhooks = { host = seed.webhook, received = {} }
end

---Brings a saved state up to date with what the project says now.
---@param state table
---@param fresh table
function webhooks.renew(state, fresh)
  state.webhooks = state.webhooks or { received = {} }
  state.webhooks.host = fresh.webhooks.host
end

---@param state table
---@param host string
---@return boolean
function webhooks.serves(state, host)
  return state.webhooks.host ~= nil and host:lower():gsub(":%d+$", "") == state.webhooks.host
end

local function plain(status, text)
  return { status = status, body = text, headers = { ["content-type"] = "text/plain; charset=utf-8" } }
end

---@param request table
---@param state table
---@param now number
---@return table response
function webhooks.handle(request, state, now)
  if request.method ~= "POST" then return plain(405, "method_not_allowed") end
  local message = try(json.decode, request.body)
  if type(message) ~= "table" then return plain(400, "invalid_payload") end
  if not (data.text(message.text) or data.text(message.content)) then return plain(400, "no_text") end
  local received = state.webhooks.received
  received[#received + 1] = { at = now, message = data.plain(message) }
  if #received > MOST then table.remove(received, 1) end
  return plain(200, "ok")
end

return webhooks
