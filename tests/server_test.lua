local authority = require "authority"
local condition = require "condition"
local fs = require "fs.core"
local http = require "http"
local process = require "process"
local server = require "server"
local task = require "task"

local function ok() return 200, "ok" end

test("a request arrives with everything a handler needs", function()
  local seen
  server.with(function(req)
    seen = req
    return 201, "made " .. req.path
  end, function(s)
    local answer = http.request {
      method = "POST", url = s.url .. "/a%2Fb?x=%20&y", body = "hello", headers = { ["X-One"] = "1" },
    }
    equal({ answer.status, answer.body }, { 201, "made /a%2Fb" })
  end)
  equal({ seen.method, seen.path, seen.query, seen.scheme, seen.host, seen.body },
    { "POST", "/a%2Fb", "x=%20&y", "http", "127.0.0.1", "hello" })
  equal(seen.headers["x-one"], "1")
  equal(seen.address:match("^127%.0%.0%.1:%d+$") ~= nil, true)
end)

test("a server listens on a socket with a path, and takes it away", function()
  local folder = process.run { argv = { "mktemp", "-d" } }.output:match "[^\n]+"
  local _ <close> = setmetatable({}, { __close = function() fs.remove(folder) end })
  local path, seen = folder .. "/a.sock", nil
  server.with(function(req)
    seen = req
    return 200, "here"
  end, function(s)
    equal({ s.url, s.port }, { "unix:" .. path, 0 })
    local answer = process.run { argv = { "curl", "--silent", "--unix-socket", path, "http://api.github.com/x" } }
    equal({ answer.output, seen.host, seen.path, seen.address }, { "here", "api.github.com", "/x", "" })
  end, { path = path })
  equal(fs.exists(path), false)
  raises("at most 107 bytes, not 400", server.listen, { path = ("x"):rep(400) })
end)

test("a reply may be a table with repeated headers", function()
  server.with(function()
    return { status = 404, headers = { ["Set-Cookie"] = { "a=1", "b=2" } }, body = "no" }
  end, function(s)
    local answer = http.request { url = s.url }
    equal({ answer.status, answer.body, answer.headers["set-cookie"] }, { 404, "no", "a=1, b=2" })
  end)
end)

test("handlers wait beside each other", function()
  local before = os.clock()
  server.with(function()
    sleep(0.1)
    return 200
  end, function(s)
    local branches = {}
    for i = 1, 10 do branches[i] = function() return http.request { url = s.url }.status end end
    equal(parallel(branches)[10], 200)
  end)
  equal(os.clock() - before < 0.9, true)
end)

test("a handler may ask another server", function()
  server.with(ok, function(behind)
    server.with(function() return 200, http.request { url = behind.url }.body end, function(front)
      equal(http.request { url = front.url }.body, "ok")
    end)
  end)
end)

test("what a handler raises is a 500 of one line, and told to on_error", function()
  local told
  server.with(function() failure "out of paper" end, function(s)
    local answer = http.request { url = s.url .. "/print" }
    equal(answer.status, 500)
    equal(answer.body:match("out of paper\n$") ~= nil, true)
  end, { on_error = function(err, req) told = { err.message, req.path } end })
  equal(told, { "out of paper", "/print" })
end)

test("a reply that cannot be sent is a 500 that says why", function()
  local replies = {
    { 99 }, { 200, 7 }, { 200, "", { ["x"] = "a\nb" } }, { 200, "", "x" }, { { stauts = 200 } },
    { 200, "", { ["content-length"] = "5" } }, { { body = "x", cut = -1 } },
  }
  local patterns = {
    "status must be an integer", "body must be a string", "header 'x' must be a text of one line",
    "headers must be a table", "unknown field 'stauts'", "cannot have the header 'content%-length",
    "'cut' is the number of bytes",
  }
  for i, reply in ipairs(replies) do
    server.with(function() return table.unpack(reply) end, function(s)
      local answer = http.request { url = s.url }
      equal({ answer.status, answer.body:match(patterns[i]) ~= nil }, { 500, true })
    end)
  end
end)

test("a connection can be dropped without an answer", function()
  server.with(function() return { close = true } end, function(s)
    equal(raises("", http.request, { url = s.url }).code, "http-lost")
  end)
end)

test("an answer may break off in the middle of its body", function()
  local text = ("x"):rep(100000)
  for _, cut in ipairs { 0, 1, 99999 } do
    server.with(function() return { body = text, cut = cut } end, function(s)
      local err = raises("", http.request, { url = s.url })
      equal({ err.code, err.phase }, { "http-lost", "body" })
    end)
  end
  server.with(function() return { body = text, cut = #text } end, function(s)
    equal(#http.request { url = s.url }.body, #text)
  end)
end)

test("a body may be written while it is sent", function()
  local read, written = condition.new(), condition.new()
  local first_read = false
  server.with(function()
    return { status = 203, headers = { ["x-kind"] = "live" }, stream = function(out)
      equal(out:write "one\n", true)
      while not first_read do read:wait() end
      out:write "two\n"
      out:write(("x"):rep(1 << 20))
      written:notify()
    end }
  end, function(s)
    local answer <close> = http.stream { url = s.url }
    equal({ answer.status, answer.headers["x-kind"] }, { 203, "live" })
    equal(answer:read(), "one\n")
    first_read = true
    read:notify()
    local rest = {}
    for piece in answer:pieces() do rest[#rest + 1] = piece end
    equal(#table.concat(rest), 4 + (1 << 20))
  end)
end)

test("a stream whose writer raises breaks off, and on_error is told", function()
  local told
  server.with(function()
    return { stream = function(out)
      out:write "half of it"
      error("the source is dry", 0)
    end }
  end, function(s)
    raises("", function() http.expect { url = s.url } end)
    equal(told, "the source is dry")
  end, { on_error = function(err) told = tostring(err) end })
end)

test("a writer waits while nobody reads, and learns that the client has gone", function()
  local ended, done, pieces = condition.new(), false, 0
  server.with(function()
    return { stream = function(out)
      while out:write(("x"):rep(1 << 16)) do pieces = pieces + 1 end
      done = true
      ended:notify()
    end }
  end, function(s)
    do
      local answer <close> = http.stream { url = s.url }
      equal(#answer:read() > 0, true)
    end
    while not done do ended:wait() end
    equal(pieces < 1000, true)
  end)
end)

test("streams that still go on when the server closes are broken off", function()
  local began = condition.new()
  raises("over", server.with, function()
    return { stream = function(out)
      out:write "begun"
      began:notify()
      sleep(3600)
    end }
  end, function(s)
    local answer <close> = http.stream { url = s.url }
    equal(answer:read(), "begun")
    error("over", 0)
  end)
end)

test("what is no piece of a body is refused, and where a stream would have to be a function", function()
  local told = {}
  server.with(function(request)
    if request.path == "/number" then return { stream = function(out) out:write(7) end } end
    return { stream = "text" }
  end, function(s)
    raises("", function() http.expect { url = s.url .. "/number" } end)
    equal(http.request { url = s.url }.status, 500)
    local text = table.concat(told, "\n")
    equal(text:find("a piece of a body is a string, not a number", 1, true) ~= nil, true)
    equal(text:find("server: stream: expected a function, not a string", 1, true) ~= nil, true)
  end, { on_error = function(err) told[#told + 1] = tostring(err) end })
end)

test("a body over the limit is 413 and reaches no handler", function()
  local calls = 0
  server.with(function() calls = calls + 1 end, function(s)
    equal(http.request { method = "POST", url = s.url, body = ("x"):rep(1001) }.status, 413)
  end, { max_body = 1000 })
  equal(calls, 0)
end)

test("handlers that still run when the body ends are stopped", function()
  local stopped = false
  server.with(function()
    local _ <close> = setmetatable({}, { __close = function() stopped = true end })
    sleep(60)
  end, function(s)
    raises("deadline", task.deadline, 0.05, function() http.request { url = s.url } end)
  end)
  equal(stopped, true)
end)

test("an error of the body gets out, and the server is gone", function()
  local url
  raises("enough", server.with, ok, function(s)
    url = s.url
    error("enough")
  end)
  equal(raises("", http.request, { url = url }).code, "http-refused")
end)

test("a client that does not know the authority refuses its certificate", function()
  server.with(ok, function(s)
    equal(s.url:match("^https://") ~= nil, true)
    equal(raises("certificate", http.request, { url = s.url }).code, "http-certificate")
  end, { tls = authority.new {} })
end)

test("the authority shows its certificate", function()
  local a = authority.new()
  equal(a:pem():match("^%-%-%-%-%-BEGIN CERTIFICATE") ~= nil, true)
  equal(a:pem(), a:pem())
  a:refuse("x.test", true)
  a:refuse("x.test", false)
end)

test("a port that is taken is a failure that names it", function()
  local s <close> = server.listen()
  equal(raises("listening on 127.0.0.1 port", server.listen, { port = s.port }).code, "server-failed")
end)

test("misuse of server.listen is named", function()
  raises("server.listen: unknown option 'host'", server.listen, { host = "::1" })
  raises("server.listen: expected a table of options, not a string", server.listen, "::1")
  raises("option 'port' must be 0 to 65535", server.listen, { port = -1 })
  raises("option 'tls' must be an authority, not a boolean", server.listen, { tls = true })
  raises("option 'max_body' is a number of bytes", server.listen, { max_body = -1 })
end)

test("misuse of server:serve and server.with is named", function()
  local s <close> = server.listen()
  raises("server:serve: expected a function, not a nil", s.serve, s)
  raises("server.with: expected a function, not a nil", server.with, nil, ok)
  raises("server.with: expected a function, not a string", server.with, ok, "body")
end)

test("misuse of the authority is named", function()
  local a = authority.new()
  raises("authority.new: unknown option 'dir'", authority.new, { dir = "x" })
  raises("authority.new: option 'directory' must be a string", authority.new, { directory = 1 })
  raises("authority:refuse: expected a host name, not a nil", a.refuse, a)
  raises("authority:refuse: expected true or false, not a nil", a.refuse, a, "x.test")
  raises("davit.authority expected", a.pem, 1)
end)
