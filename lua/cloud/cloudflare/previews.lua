---Previews of Workers: there are none yet, which is an answer, too.
local data = require "cloud.data"
local route = require "cloud.route"
local workers = require "cloud.cloudflare.workers"

local previews = {}

local function none(context)
  workers.of(context)
  route.refuse { status = 404, code = 10025, message = "preview not found" }
end

local function list(context)
  workers.of(context)
  local _, info = route.page(context.query, {}, 10, 100)
  return data.array {}, { info = info }
end

local ALL = "/accounts/{account}/workers/workers/{worker}/previews"
local ONE = ALL .. "/{preview}"

previews.routes = {
  { "GET", ALL, list }, { "GET", ONE, none }, { "DELETE", ONE, none },
  { "GET", ONE .. "/deployments/latest", none }, { "PATCH", ONE .. "/deployments/latest", none },
}
for _, entry in ipairs(previews.routes) do entry.scope = "workers" end

return previews
