---Bodies from files, to files and in pieces: against a peer that takes its time, breaks off, or lies.
local core = require "core"
local fs = require "fs"
local http = require "http"
local peer = assert(core.load_file("tests/stream_peer.lua"))()
local process = require "process"
local server = require "server"
local sha256 = require "sha256"
local task = require "task"

local davit = os.getenv "DAVIT" or "build/davit"
local FOLDER = "build/scratch-http-stream"
local MIB = 1 << 20

---An empty folder that goes away with the scope.
local function scratch()
  fs.remove(FOLDER)
  fs.make(FOLDER)
  return setmetatable({}, { __close = function() fs.remove(FOLDER) end })
end

local function path(name) return FOLDER .. "/" .. name end

-- Bytes that differ everywhere, so that pieces cannot be mixed up.
local function bytes(n)
  local parts = {}
  for i = 1, n // 16 do parts[i] = ("%015d\n"):format(i) end
  return table.concat(parts)
end

local function echo(request) return 200, ("%d %s"):format(#request.body, sha256(request.body)) end

-- What is there, also what a list does not show: files on their way.
local function entries(folder)
  local names = {}
  for name in process.run({ argv = { "ls", "-A", folder } }).output:gmatch "[^\n]+" do names[#names + 1] = name end
  return names
end

-- Until what another task or process does is done; the deadline is for a test that has failed.
local function eventually(what, f)
  local ends = core.monotonic() + 30
  while not f() do
    if core.monotonic() > ends then error("never: " .. what, 2) end
    sleep(0.005)
  end
end

local function ask(url, way, body)
  return http.expect { url = url .. way, method = body and "POST" or "GET", body = body }.body
end

local function with_peer(f)
  peer.with(skip, f)
end

-- From a file --------------------------------------------------------------------------------

test("a body from a file has its length, and every byte of it", function()
  local _ <close> = scratch()
  for _, size in ipairs { 0, 16, 131072, 131088, 3 * MIB } do
    local text = bytes(size)
    fs.write(path "in", text)
    server.with(function(request)
      equal(request.headers["content-length"], tostring(size))
      equal(request.headers["transfer-encoding"], nil)
      return echo(request)
    end, function(s)
      local answer = http.request { url = s.url, method = "PUT", from = path "in" }
      equal(answer.body, ("%d %s"):format(size, sha256(text)))
    end)
  end
end)

test("parts of a form come from files and from texts", function()
  local _ <close> = scratch()
  local text = bytes(300000)
  fs.write(path "a.txt", text)
  fs.write(path "empty", "")
  server.with(function(request) return 200, request.body end, function(s)
    local body = http.request { url = s.url, method = "POST", multipart = {
      { name = "first", data = "one" },
      { name = "file", from = path "a.txt", filename = "a.txt", type = "text/plain" },
      { name = "nothing", from = path "empty" },
    } }.body
    equal(body:find('name="first"\r\n\r\none\r\n', 1, true) ~= nil, true)
    equal(body:find(('name="file"; filename="a.txt"\r\nContent-Type: text/plain\r\n\r\n%s\r\n'):format(text), 1, true) ~= nil, true)
    equal(body:find('name="nothing"; filename="empty"\r\n', 1, true) ~= nil, true)
  end)
end)

test("what is no file is told before anything is sent", function()
  local _ <close> = scratch()
  local asked = 0
  server.with(function() asked = asked + 1 return 200, "" end, function(s)
    local function refused(code, pattern, more)
      local o = { url = s.url, method = "PUT" }
      for name, value in pairs(more) do o[name] = value end
      equal(raises(pattern, http.request, o).code, code)
    end
    refused("file-not-found", "reading build/scratch%-http%-stream/no: No such file", { from = path "no" })
    refused("file-failed", "reading build/scratch%-http%-stream: Is a directory", { from = FOLDER })
    refused("file-failed", "reading /dev/zero: it is no regular file", { from = "/dev/zero", outside = true })
    refused("file-not-found", "No such file", { multipart = { { name = "a", data = "x" }, { name = "b", from = path "no" } } })
    refused("misuse", "'from': the path is empty", { from = "" })
    refused("misuse", "body, from and multipart exclude each other", { from = path "no", body = "x" })
    refused("misuse", "part 'a' has either data or from", { multipart = { { name = "a" } } })
  end)
  equal(asked, 0)
end)

test("a file that changes while it is sent ends the request", function()
  local _ <close> = scratch()
  with_peer(function(url)
    for _, change in ipairs { "grow", "shrink", "replace" } do
      fs.write(path "in", bytes(32 * MIB))
      local result
      parallel {
        send = function()
          result = table.pack(try(http.request, { url = url .. "/wait", method = "PUT", from = path "in" }))
        end,
        change = function()
          eventually("the request is there", function() return ask(url, "/waiting") == "1" end)
          if change == "replace" then
            fs.write(path "in", ("x"):rep(32 * MIB))
          else
            process.run { command = ("truncate -s %s %s"):format(change == "grow" and "+1" or "1M", path "in") }
          end
          ask(url, "/go")
        end,
      }
      equal({ result[1], result[2].code, result[2].about }, { nil, "file-changed", path "in" })
    end
  end)
end)

test("a redirect and another attempt read the file anew", function()
  local _ <close> = scratch()
  local text = bytes(2 * MIB)
  fs.write(path "in", text)
  with_peer(function(url)
    equal(http.request { url = url .. "/moved", method = "PUT", from = path "in" }.body,
      ("%d %s"):format(#text, sha256(text)))
  end)
  local asked = 0
  server.with(function(request)
    asked = asked + 1
    if asked < 3 then return 503, "not yet" end
    return echo(request)
  end, function(s)
    local answer = http.request { url = s.url, method = "PUT", from = path "in", to = path "out",
      retry = { first = 0.001 } }
    equal({ answer.attempts, fs.read(path "out") }, { 3, ("%d %s"):format(#text, sha256(text)) })
    equal(entries(FOLDER), { "in", "out" })
  end)
end)

test("a kept connection that turns out dead costs no request with a file", function()
  local _ <close> = scratch()
  local text = bytes(2 * MIB)
  fs.write(path "in", text)
  with_peer(function(url)
    for _ = 1, 3 do
      equal(http.request { url = url .. "/once", method = "PUT", from = path "in" }.body,
        ("%d %s"):format(#text, sha256(text)))
    end
  end)
end)

-- To a file ----------------------------------------------------------------------------------

test("a body goes to a file, whole or not at all", function()
  local _ <close> = scratch()
  local text = bytes(3 * MIB)
  server.with(function(request)
    if request.path == "/empty" then return 204, "" end
    return request.path == "/no" and 404 or 200, text, { etag = '"1"' }
  end, function(s)
    local answer = http.request { url = s.url, to = path "new/folder/out", sha256 = true }
    equal({ answer.status, answer.body, answer.received, answer.sha256 }, { 200, "", #text, sha256(text) })
    equal(fs.read(path "new/folder/out"), text)
    equal(entries(path "new/folder"), { "out" })
    local refused = http.request { url = s.url .. "/no", to = path "new/folder/out2" }
    equal({ refused.status, refused.body == text, refused.sha256 }, { 404, true, nil })
    equal(http.request { url = s.url .. "/empty", to = path "new/folder/empty" }.received, 0)
    equal(fs.read(path "new/folder/empty"), "")
    equal(entries(path "new/folder"), { "empty", "out" })
  end)
end)

test("what has another digest than it should is not put in its place", function()
  local _ <close> = scratch()
  fs.write(path "out", "before")
  server.with(function() return 200, "text" end, function(s)
    http.request { url = s.url, to = path "out", sha256 = sha256 "text" }
    equal(fs.read(path "out"), "text")
    local err = raises("has the SHA%-256 982d9e3eb996", http.request,
      { url = s.url, to = path "out", sha256 = sha256 "other" })
    equal({ err.code, err.class }, { "http-digest", "fatal" })
    equal(fs.read(path "out"), "text")
    equal(entries(FOLDER), { "out" })
    raises("'sha256' must be true or 64 hexadecimal digits", http.request, { url = s.url, to = path "out", sha256 = "x" })
    raises("'sha256' is of a file", http.request, { url = s.url, sha256 = true })
  end)
end)

test("where nothing can be written is told before anything is asked", function()
  local _ <close> = scratch()
  fs.write(path "file", "")
  local asked = 0
  server.with(function() asked = asked + 1 return 200, "" end, function(s)
    equal(raises("writing " .. FOLDER:gsub("%p", "%%%0") .. ": Is a directory", http.request,
      { url = s.url, to = FOLDER }).code, "file-failed")
    process.run { argv = { "ln", "-s", "/dev/null", path "null" } }
    equal(raises("null: a device stands there", http.request, { url = s.url, to = path "null" }).code, "file-exists")
    equal(raises("making the folder .*/file: File exists", http.request,
      { url = s.url, to = path "file/below" }).class, "fatal")
    raises("names a file, not a folder", http.request, { url = s.url, to = FOLDER .. "/" })
    raises("HEAD has no body", http.request, { url = s.url, to = path "out", method = "HEAD" })
    raises("an answer with secrets in it does not go to a file", http.request,
      { url = s.url, to = path "out", secrets = { ["/key"] = { name = "K", to = {} } } })
  end)
  equal(asked, 0)
  equal(entries(FOLDER), { "file", "null" })
end)

test("a download that breaks off leaves what was there before", function()
  local _ <close> = scratch()
  fs.write(path "out", "before")
  with_peer(function(url)
    local err = raises("GET 127%.0%.0%.1", http.request, { url = url .. "/short", to = path "out" })
    equal(err.class, "transient")
    local _, held = try(parallel, {
      get = function() http.request { url = url .. "/hold", to = path "out" } end,
      cut = function()
        eventually("the answer has begun", function() return ask(url, "/held") == "1" end)
        ask(url, "/break")
      end,
    })
    equal(held.class, "transient")
    equal({ fs.read(path "out"), entries(FOLDER) }, { "before", { "out" } })
  end)
end)

test("a download that is cancelled takes its file with it", function()
  local _ <close> = scratch()
  with_peer(function(url)
    raises("enough of that", parallel, {
      get = function() http.request { url = url .. "/hold", to = path "out" } end,
      stop = function()
        eventually("the file was begun", function() return #entries(FOLDER) == 1 end)
        eventually("the answer has begun", function() return ask(url, "/held") == "1" end)
        error "enough of that"
      end,
    })
    eventually("the file is gone", function() return #entries(FOLDER) == 0 end)
  end)
end)

test("a download that is killed leaves nothing under the name", function()
  local _ <close> = scratch()
  with_peer(function(url)
    local child <close> = process.start { argv = { davit, "eval",
      ('require("http").request { url = "%s/hold", to = "%s" }'):format(url, path "out") } }
    eventually("the answer has begun", function() return ask(url, "/held") == "1" end)
    process.run { command = "kill -9 " .. child:pid() }
    child:wait { check = false }
    equal(fs.exists(path "out"), false)
    local function really_there() return process.run({ argv = { "ls", "-A", FOLDER } }).output end
    equal(really_there():match "^%.davit%-%x+\n$" ~= nil, true)
    equal(#http.request({ url = url .. "/held", to = path "other" }).body, 0)   -- the next one removes it
    equal(really_there(), "other\n")
  end)
end)

test("a disk that is full is told with both names, and the rest of the file goes", function()
  local _ <close> = scratch()
  local disk = path "disk"
  fs.make(disk)
  local mounted = process.run { argv = { "mount", "-t", "tmpfs", "-o", "size=1m", "none", disk }, check = false }
  if mounted.exit ~= 0 then skip "only root may mount a file system" end
  local _ <close> = setmetatable({}, { __close = function() process.run { argv = { "umount", disk } } end })
  with_peer(function(url)
    local err = raises("writing build/.*/%.davit%-%x+ for build/.*/disk/out: No space left", http.request,
      { url = url .. "/flood", to = disk .. "/out" })
    equal({ err.code, err.about, #entries(disk) }, { "file-full", disk .. "/out", 0 })
  end)
end)

test("more than max_body is refused wherever it goes", function()
  local _ <close> = scratch()
  with_peer(function(url)
    equal(raises("larger than 1000000 bytes", http.request,
      { url = url .. "/flood", to = path "out", max_body = 1000000 }).code, "http-too-large")
    equal(entries(FOLDER), {})
    local stream <close> = http.stream { url = url .. "/flood", max_body = 1000000 }
    equal(raises("larger than 1000000 bytes", function() for _ in stream:pieces() do end end).code, "http-too-large")
  end)
end)

local MEASURE = [[
local fs, http = require "fs", require "http"
local function peak() return tonumber(fs.read("/proc/self/status"):match("VmHWM:%%s*(%%d+)")) end
local url, folder = "%s", "%s"
http.request { url = url .. "/take", method = "PUT", body = "x" }
local before = peak()
http.request { url = url .. "/flood", to = folder .. "/out" }
http.request { url = url .. "/take", method = "PUT", from = folder .. "/out" }
for _ in http.stream { url = url .. "/flood" }:pieces() do end
print((peak() - before) // 1024)
]]

test("64 MiB each way, in pieces and to a file, take a few MiB of memory", function()
  if davit:find("san/", 1, true) then skip "the sanitizer keeps freed memory" end
  local _ <close> = scratch()
  with_peer(function(url)
    local grown = tonumber(process.run { argv = { davit, "eval", MEASURE:format(url, FOLDER) } }.output)
    equal(grown < 8, true)
  end)
end)

test("paths stay inside the project unless the request says otherwise", function()
  local _ <close> = scratch()
  fs.write(path "project/inside", "text")
  fs.write(path "beside", "outside")
  local files = require "fs.core"
  files.stay_in(path "project")
  local _ <close> = setmetatable({}, { __close = function() files.stay_in() end })
  server.with(echo, function(s)
    local function code(o)
      o.url, o.method = s.url, "PUT"
      local answer, err = try(http.request, o)
      return err and err.code or answer.status
    end
    local out = { "file-outside", "file-outside", "file-outside", "file-outside" }
    equal({ code { from = "../beside" }, code { to = "../out" }, code { to = "new/../../out", outside = false },
      code { multipart = { { name = "a", from = "../beside" } } } }, out)
    equal({ code { from = "inside" }, code { to = "new/out" }, code { from = files.real(path "project/inside") },
      code { multipart = { { name = "a", from = "inside" } } } }, { 200, 200, 200, 200 })
    equal(code { from = "inside", sigv4 = { region = "auto", key_id = "a", key = "b" } }, 200)
    equal(code { from = "../beside", outside = true }, 200)
    raises("writing .*/%.%./out: it leads out of the project's folder", http.request, { url = s.url, to = "../out" })
    equal(code { from = "../beside", sigv4 = { region = "auto", key_id = "a", key = "b" } }, "file-outside")
  end)
  equal(files.list(FOLDER), { "beside", "project/" })
  equal(files.list(path "project/new"), { "out" })
end)

test("a compressed answer is stored as it was before, and one that was cut off is an error", function()
  local _ <close> = scratch()
  local lines = {}
  for i = 0, 19999 do lines[i + 1] = "line " .. i .. "\n" end
  local plain = table.concat(lines)
  with_peer(function(url)
    local function fetch(cut, how, to)
      return http.request { url = url .. "/gzip", headers = { ["x-how"] = cut .. " " .. how }, to = to }
    end
    for _, how in ipairs { "length", "chunked", "close" } do
      equal(fetch(0, how, path "out").received, #plain)
      equal(fs.read(path "out"), plain)
      equal(fetch(0, how).body, plain)
      fs.remove(path "out")
      for _, cut in ipairs { 1, 4, 8, 9, 5000 } do
        local err = raises("the compressed answer was cut off", fetch, cut, how, path "out")
        equal({ err.code, err.class }, { "http-lost", "transient" })
        raises("the compressed answer was cut off", fetch, cut, how)
      end
      equal(entries(FOLDER), {})
    end
  end)
end)

-- In pieces ----------------------------------------------------------------------------------

test("pieces come while the answer goes on", function()
  with_peer(function(url)
    local seen = {}
    local stream <close> = http.stream { url = url .. "/hold" }
    equal(stream.status, 200)
    equal(stream:read(), "first\n")
    ask(url, "/push", "second\n")
    equal(stream:read(), "second\n")
    ask(url, "/push", "third")
    ask(url, "/finish")
    repeat
      local piece = stream:read()
      seen[#seen + 1] = piece
    until not piece
    equal({ table.concat(seen), stream:read() }, { "third" })
  end)
end)

test("lines are whole, however they were sent", function()
  with_peer(function(url)
    local seen = {}
    local stream <close> = http.stream { url = url .. "/hold" }
    parallel {
      read = function() for line in stream:lines() do seen[#seen + 1] = line end end,
      send = function()
        for _, piece in ipairs { "se", "cond\r", "\n\nfou", "rth\nlast" } do ask(url, "/push", piece) end
        ask(url, "/finish")
      end,
    }
    equal(seen, { "first", "second", "", "fourth", "last" })
  end)
end)

test("leaving the loop drops the connection", function()
  with_peer(function(url)
    local stream = http.stream { url = url .. "/flood" }
    pcall(function()
      for _ in stream:pieces() do error "seen enough" end
    end)
    equal(raises("this stream was closed", stream.read, stream).class, "misuse")
  end)
end)

test("a reader that is slower than its peer holds it back", function()
  with_peer(function(url)
    local largest, all = 0, 0
    for piece in http.stream { url = url .. "/flood" }:pieces() do
      largest, all = math.max(largest, #piece), all + #piece
      if all < 4 * MIB then ask(url, "/held") end   -- meanwhile more could come than is wanted
    end
    equal(all, 64 * MIB)
    equal(largest <= 512 << 10, true)
  end)
end)

test("a stream that breaks off raises after what had come", function()
  with_peer(function(url)
    local stream <close> = http.stream { url = url .. "/short" }
    local got = ""
    local err = raises("GET 127%.0%.0%.1", function()
      for piece in stream:pieces() do got = got .. piece end
    end)
    equal({ #got, err.class, err.about }, { 500, "transient", url .. "/short" })
  end)
end)

test("a stream whose reader is cancelled is not in the way of another", function()
  with_peer(function(url)
    local stream <close> = http.stream { url = url .. "/hold" }
    stream:read()
    raises("deadline", task.deadline, 0.01, stream.read, stream)
    ask(url, "/push", "more")
    equal(stream:read(), "more")
    local result
    parallel {
      first = function() stream:read() end,
      second = function()
        result = select(2, try(stream.read, stream))
        ask(url, "/finish")
      end,
    }
    equal(result.message, "http.stream: another task is reading this stream")
  end)
end)

test("what is no stream is an error with its status", function()
  server.with(function() return 503, "later" end, function(s)
    local err = raises("answered status 503: later", http.stream, { url = s.url })
    equal({ err.code, err.class }, { "http-status", "transient" })
    raises("'unless' goes with http.request", http.stream, { url = s.url, unless = {} })
    raises("files go with http.request", http.stream, { url = s.url, to = "x" })
  end)
end)

test("a line that never ends is refused", function()
  server.with(function() return 200, ("x"):rep(3 * MIB) end, function(s)
    local err = raises("a line is longer than 1048576 bytes", function()
      for _ in http.stream { url = s.url }:lines() do error "there was none" end
    end)
    equal(err.code, "http-too-large")
  end)
end)

-- Asked again --------------------------------------------------------------------------------

test("an answer that still holds is given back, and is not sent again", function()
  local version, asked = 1, {}
  server.with(function(request)
    local etag = ('"%d"'):format(version)
    asked[#asked + 1] = request.headers["if-none-match"] or request.headers["if-modified-since"] or "-"
    if request.path == "/dated" then
      if request.headers["if-modified-since"] then return 304, "" end
      return 200, "dated", { ["last-modified"] = "Sat, 21 Nov 2026 10:00:00 GMT" }
    end
    if request.headers["if-none-match"] == etag then return 304, "", { etag = etag, ["cf-ray"] = "second" } end
    return 200, "version " .. version, { etag = etag, ["cf-ray"] = "first" }
  end, function(s)
    local first = http.request { url = s.url }
    equal({ first.etag, first.unchanged }, { '"1"', nil })
    local second = http.expect { url = s.url, unless = first }
    equal({ second.status, second.body, second.unchanged, second.cf_ray, second.reused },
      { 200, "version 1", true, "second", true })
    version = 2
    local third = http.request { url = s.url, unless = second }
    equal({ third.body, third.etag, third.unchanged }, { "version 2", '"2"', nil })
    equal(http.request { url = s.url .. "/dated", unless = http.request { url = s.url .. "/dated" } }.body, "dated")
    equal(asked, { "-", '"1"', '"1"', "-", "Sat, 21 Nov 2026 10:00:00 GMT" })
    raises("is an answer of .*, not of .*/other", http.request, { url = s.url .. "/other", unless = first })
    raises("'unless' is an answer from before", http.request, { url = s.url, unless = "x" })
  end)
end)
