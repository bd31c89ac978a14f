---The door before a compute: it listens where clients connect, wakes the compute for them and joins both. What
---passes then is between the two: TLS, passwords and cancellations are the server's.
---
---The server sees a client's own address, since the connection to it is made from there.
local compute_module = require "cloud.postgres.compute"
local core = require "core"
local message = require "cloud.postgres.message"
local task = require "task"
local tcp = require "tcp.core"

local door = {}

local PORT = 5432
local GREETING_TIMEOUT = 60    -- seconds in which a client must say something, as PostgreSQL has it
local BREATH = 0.05            -- seconds after a connection that could not be taken
local MOST = 200               -- connections of one door; a server takes 100
local AGAIN = 30               -- seconds until the same is said again

---@class cloud.postgres.Door
---@field compute cloud.postgres.Compute
---@field count integer  connections
---@field log fun(text: string)
---@field said table<string, number>  monotonic seconds, by what was said
local Door = {}
Door.__index = Door

-- Who wants TLS believes no word before it: what is wrong stands in nobody's terminal but ours.
local function tell(self, text)
  local now = core.monotonic()
  if now - (self.said[text] or -AGAIN) < AGAIN then return end
  self.said[text] = now
  self.log(("branch %s: a client that wants TLS is refused: %s"):format(self.compute.branch.name, text))
end

local function refuse(self, client, first, code, text)
  try(client.send, client, message.refusal(code, text))
  if message.wants_tls(first) then tell(self, text) end
end

-- Assumed: Neon's words for it.
local DISABLED = "endpoint is disabled. Enable it using the Neon API and retry."
local TOO_MANY = "sorry, too many clients already"

local function dial(compute, client)
  return tcp.connect { address = compute.endpoint.address, port = compute_module.PORT, from = client:peer() }
end

-- A server may have been killed without anybody having noticed yet. Whatever else keeps one client out must not
-- end the sessions of the others.
local function reach(compute, client)
  compute:wake()
  local server, err = try(dial, compute, client)
  if server then return server end
  if not err.message:find("connection refused", 1, true) then error(err, 0) end
  compute:suspend()
  compute:wake()
  return dial(compute, client)
end

local function admit(self, client, first)
  local compute = self.compute
  local server, err
  do
    local _ <close> = compute:hold()
    server, err = try(reach, compute, client)
  end
  if not err then return compute:join(client, server) end
  if err.class == "cancelled" then error(err, 0) end
  refuse(self, client, first, "57P03", (err.message:gsub("%s*\n%s*", "; ")))
end

local function serve(self, client)
  local compute = self.compute
  local first, err = try(task.deadline, GREETING_TIMEOUT, client.peek, client)
  if err and err.class == "cancelled" then error(err, 0) end
  if not first or client:peer() == "" then return end   -- it went away again
  if compute.endpoint.disabled then return refuse(self, client, first, "57P03", DISABLED) end
  if message.is_cancel(first) and not compute:is_active() then return end
  if self.count > MOST then return refuse(self, client, first, "53300", TOO_MANY) end
  admit(self, client, first)
end

-- A connection that breaks is an ordinary end.
local function attend(self, client)
  local connection <close> = client
  self.count = self.count + 1
  local _, err = try(serve, self, connection)
  self.count = self.count - 1
  if err and err.class == "cancelled" then error(err, 0) end
end

-- Without a descriptor for one more connection this one is lost, not the door.
local function next_client(listener)
  while true do
    local client, err = try(listener.accept, listener)
    if not err then return client end
    if err.class == "cancelled" then error(err, 0) end
    sleep(BREATH)
  end
end

local function keep_open(self, spawn)
  local listener <close> = self.listener
  for client in next_client, listener do
    spawn("client", function() attend(self, client) end)
  end
end

---Opens it. What comes is served by tasks of the crew until it is closed.
---@param compute cloud.postgres.Compute
---@param crew cloud.Crew
---@return cloud.postgres.Door  raises "tcp-listen"
function door.open(compute, crew)
  local self = setmetatable({ compute = compute, count = 0, log = crew.log, said = {} }, Door)
  self.listener = tcp.listen { address = compute.endpoint.address, port = PORT }
  crew.spawn("door", function() keep_open(self, crew.spawn) end)
  return self
end

function Door:close() self.listener:close() end

return door
