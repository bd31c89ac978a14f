---HTTP/2 and TLS against a real HTTP/2 server: node's, with a certificate made for the test.
local fs = require "fs"
local json = require "json"
local nameserver = require "nameserver"
local process = require "process"
local task = require "task"

local node = "build/npm/node_modules/.bin/node"
local davit = os.getenv "DAVIT" or "build/davit"

local SERVER = [[
const http2 = require("http2"), fs = require("fs");
let sessions = 0;
const server = http2.createSecureServer({ key: fs.readFileSync("key.pem"), cert: fs.readFileSync("cert.pem") });
server.on("session", () => { sessions++; });
server.on("stream", (stream, headers) => {
  stream.on("error", () => {});
  setTimeout(() => {
    if (stream.destroyed) return;
    stream.respond({ ":status": 200 });
    stream.end(`${sessions} ${headers[":path"]}`);
  }, 20);
});
server.listen(0, "127.0.0.1", () => console.log(server.address().port));
]]

-- Runs in a process of its own: the mapping of --local is for a whole process.
local CLIENT = [[
local port, dns = ...
require("local.core").connect {
  http_port = 1, https_port = math.tointeger(tonumber(port)), dns = dns, ca_file = "cert.pem",
  hosts = { "h2.test", "other.test" },
}
local http, json = require "http", require "json"
local branches = {}
for i = 1, 20 do branches[i] = function() return http.request { url = "https://h2.test/" .. i } end end
local answers = parallel(branches)
local seen = { protocol = answers[20].protocol, body = answers[20].body, tls = answers[1].timing.tls > 0 }
seen.together = 0   -- on the connection that is there: many that begin at once, and whose tasks ask again
for i = 1, 40 do
  branches[i] = function()
    for n = 1, 3 do
      local answer = http.request { url = ("https://h2.test/%d/%d"):format(i, n) }
      if answer.body == ("1 /%d/%d"):format(i, n) and answer.reused then seen.together = seen.together + 1 end
    end
  end
end
parallel(branches)
for i in ipairs(branches) do   -- who is done first stops the others, whose answers are there but not taken
  branches[i] = function()
    http.request { url = "https://h2.test/" .. i }
    failure { code = "enough", message = "one will do" }
  end
end
local _, enough = try(parallel, branches)
seen.enough, seen.afterwards = enough.code, http.request({ url = "https://h2.test/afterwards" }).body
local _, wrong = try(http.request, { url = "https://other.test/" })
seen.wrong = wrong and wrong.code
local _, outside = try(http.request, { url = "https://example.com/" })
seen.outside = outside and outside.code
local _, named = try(http.request, { url = "http://127.example/" })
seen.named = named and named.code
print(json.encode(seen))
]]

local function in_folder(folder, argv, more)
  local o = { argv = argv, cwd = folder }
  for name, value in pairs(more or {}) do o[name] = value end
  return o
end

test("requests share one HTTP/2 connection, names are checked, other hosts are refused", function()
  if not fs.exists(node) then skip "node is not in build/npm" end
  local here = process.run { argv = { "pwd" } }.output:match("[^\n]+")
  local folder = process.run { argv = { "mktemp", "-d" } }.output:match("[^\n]+")
  process.run(in_folder(folder, { "openssl", "req", "-x509", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:P-256",
    "-nodes", "-keyout", "key.pem", "-out", "cert.pem", "-days", "2", "-subj", "/CN=h2.test",
    "-addext", "subjectAltName=DNS:h2.test" }))
  fs.write(folder .. "/server.js", SERVER)
  fs.write(folder .. "/client.lua", CLIENT)
  local seen
  local names = nameserver.listen { address = "127.0.0.1", port = 0 }
  local stop = {}
  local _, err = try(task.nursery, function(spawn)
    spawn("names", function()
      names:serve(function() return { rcode = "NOERROR", ttl = 1, answers = { { type = "A", data = "127.0.0.1", ttl = 1 } } } end)
    end)
    local server <close> = process.start(in_folder(folder, { here .. "/" .. node, "server.js" }))
    local port = server:line()
    local client = process.run(in_folder(folder, { here .. "/" .. davit, "client.lua", port, "127.0.0.1:" .. names.port }))
    seen = json.decode(client.output)
    error(stop, 0)  -- ends the name server with the nursery
  end)
  fs.remove(folder)
  if err.value ~= stop then error(err, 0) end
  equal(seen, {
    protocol = "2", body = "1 /20", tls = true, together = 120, enough = "enough", afterwards = "1 /afterwards",
    wrong = "http-certificate", outside = "not-local", named = "not-local",
  })
end)
