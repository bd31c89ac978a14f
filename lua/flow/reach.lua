---Whether the hosts of an environment are known, and how long their health is waited for.
local core = require "core"
local dns = require "dns"

local reach = {}

-- The zone's own servers remember nothing; a resolver that is asked too early does, for half an hour. It is
-- asked only where the servers cannot be, from behind a firewall for example.
local function known(host)
  local found, err = try(dns.authoritative, { name = host, timeout = 3 })
  if found or err.class == "pending" then return found end
  if err.class ~= "transient" then error(err, 0) end
  found, err = try(dns.find, { name = host, type = "A" })
  if err and err.class ~= "transient" then error(err, 0) end
  return found
end

---Asks the zone's name servers until the host is known, without a fixed pause.
---@param host string
---@param deadline number  seconds
function reach.wait_for_name(host, deadline)
  local stop, pause = core.monotonic() + deadline, 0.25
  while not known(host) do
    if core.monotonic() + pause > stop then
      failure {
        code = "not-healthy", class = "pending", about = host,
        message = ("the name %s is not known after %d s"):format(host, deadline),
        hint = "is the zone served by Cloudflare's name servers?",
      }
    end
    sleep(pause)
    pause = math.min(2 * pause, 4)
  end
end

return reach
