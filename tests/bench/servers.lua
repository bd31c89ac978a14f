---The other side of the benches: servers in processes of their own, on the second core.
local fs = require "fs"
local http = require "http"
local process = require "process"
local server = require "server"

local servers = { CORE = 1, CLIENT_CORE = 0 }

-- answer.c -------------------------------------------------------------------------------------------

---@class tests.Answering
---@field port integer
local Answering = {}
Answering.__index = Answering

-- The next line of this form, which the server is about to print.
local function expect_line(child, pattern)
  local line = child:line() or error("build/bench/answer ended early", 0)
  return line:match(pattern) or error("build/bench/answer printed: " .. line, 0)
end

---@param o? { ready_after?: number, unready?: boolean }  unready: until it is ready it answers 503
---@return tests.Answering
function servers.answer(o)
  local argv = { "build/bench/answer", "-c", tostring(servers.CORE) }
  if o and o.ready_after then table.move({ "-r", tostring(o.ready_after) }, 1, 2, #argv + 1, argv) end
  if o and o.unready then argv[#argv + 1] = "-u" end
  local child = process.start { argv = argv }
  return setmetatable({ child = child, port = math.tointeger(expect_line(child, "^port (%d+)$")) }, Answering)
end

---@return number  when it became ready, on the monotonic clock; waits for that
function Answering:ready()
  return tonumber(expect_line(self.child, "^ready ([%d.]+)$"))
end

---Ends it; says what it has seen.
---@return integer requests
---@return integer connections
function Answering:stop()
  self.child:kill "TERM"
  local requests, connections
  repeat
    requests, connections = expect_line(self.child, ".*"):match "^requests (%d+) connections (%d+)$"
  until requests
  self.child:wait()
  return math.tointeger(requests), math.tointeger(connections)
end

function Answering:__close()
  self.child:kill "KILL"
  self.child:wait()
end

-- nghttpd -------------------------------------------------------------------------------------------

local function free_port()
  local s <close> = server.listen()
  return s.port
end

local function make_certificate(folder)
  process.run { argv = {
    "openssl", "req", "-x509", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:prime256v1", "-nodes", "-days", "30",
    "-subj", "/CN=localhost", "-addext", "subjectAltName=DNS:localhost,IP:127.0.0.1",
    "-keyout", folder .. "/key.pem", "-out", folder .. "/ca.pem",
  } }
end

-- Whatever goes wrong once it listens, the certificate most likely, is an answer.
local function await(url)
  repeat
    sleep(0.02)
    local _, err = try(http.request, { url = url, timeout = 5 })
  until not err or err.code ~= "http-refused"
end

---An HTTP/2 server over TLS, with a file of so many bytes for each size; nil and why when it is not here.
---@param sizes integer[]
---@return { url: string, ca: string }?  to be closed
---@return string? why_not
function servers.http2(sizes)
  if not try(process.run, { argv = { "nghttpd", "--version" } }) then return nil, "nghttpd is not installed" end
  local folder, port = "build/bench/http2", tostring(free_port())
  for _, size in ipairs(sizes) do fs.write(("%s/%d"):format(folder, size), ("x"):rep(size)) end
  make_certificate(folder)
  local child = process.start { argv = {
    "taskset", "-c", tostring(servers.CORE), "nghttpd", "-a", "127.0.0.1", "-d", folder, port, folder .. "/key.pem",
    folder .. "/ca.pem",
  } }
  local url = "https://127.0.0.1:" .. port
  await(url)
  return setmetatable({ url = url, ca = folder .. "/ca.pem" }, { __close = function()
    child:kill "KILL"
    child:wait()
  end })
end

return servers
