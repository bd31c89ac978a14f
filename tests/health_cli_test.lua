---`davit wait` as a shell script sees it: exit codes, what goes to which stream, and its flags.
local json = require "json"
local process = require "process"
local server = require "server"

local davit = os.getenv "DAVIT" or "build/davit"
local here = process.run { argv = { "pwd" } }.output:match "[^\n]+"

local function wait(...)
  return process.run { argv = { here .. "/" .. davit, "wait", ... }, cwd = "/", check = false,
    env = { PATH = os.getenv "PATH", NO_COLOR = "1" } }
end

local function has(text, part) equal({ text, text:find(part, 1, true) ~= nil }, { text, true }) end

local function served(handler, body) return server.with(handler, function(s) return body(s.url, s) end) end

local function events_of(text)
  local events = {}
  for line in text:gmatch "[^\n]+" do events[#events + 1] = json.decode(line) end
  return events
end

local function ok() return 200, '{"version":"1.2.0","status":"ok","n":3}', { ["x-version"] = "7" } end

test("healthy is exit code 0, without a word on stdout, and without a project", function()
  served(ok, function(url)
    local result = wait(url)
    equal({ result.exit, result.output, result.errors }, { 0, "", "" })
    local told = wait(url, "--verbose").errors
    equal({ told, told:find "is healthy after %d+%.%d s, 1 look" ~= nil }, { told, true })
  end)
end)

test("not in time is exit code 4, with what was seen and what would have mended it", function()
  local result = wait("http://127.0.0.1:9/health", "--deadline", "200ms")
  equal({ result.exit, result.output }, { 4, "" })
  has(result.errors, "http://127.0.0.1:9/health is not healthy after")
  has(result.errors, "was the service started, and on this host and port?")
  local quiet = wait("http://127.0.0.1:9/", "--timeout", "0.1", "--quiet")
  equal({ quiet.exit, quiet.output, quiet.errors }, { 4, "", "" })
end)

test("a mistake is exit code 2 and says what was meant", function()
  for part, arguments in pairs {
    ["which URL?"] = {}, ["did you mean --deadline?"] = { "http://x/", "--deadlin", "1" },
    ["only http and https can be waited for, not 'tcp:localhost:4000'"] = { "tcp:localhost:4000" },
    ["'localhost:4000' is no URL"] = { "localhost:4000" }, ["'file:///tmp/x'"] = { "file:///tmp/x" },
    ["--deadline must be a time such as 30s, 5m or 500ms, not 'soon'"] = { "http://x/", "--deadline", "soon" },
    ["--need is all, any or a number from 1 to 1, not '2'"] = { "http://x/", "--need", "2" },
    ["a status is 200, \"2xx\" or \"200-204\", not 'ok'"] = { "http://x/", "--expect-status", "ok" },
    ["--header expects 'NAME: VALUE', not 'x'"] = { "http://x/", "--header", "x" },
    ["the pattern '(' has a ( without its )"] = { "http://x/", "--expect-pattern", "(" },
    ["which version?"] = { "http://x/", "--version-json", "/v" },
    ["no preset is called 'fast'"] = { "http://x/", "--preset", "fast" },
    ["davit: --deadline: times are seconds above 0, not 0"] = { "http://x/", "--deadline", "0" },
    ["davit: --fall: is at most 1000000000"] = { "http://x/", "--fall", "99999999999" },
    ["davit: --fall-for must be a time"] = { "http://x/", "--fall-for", "-1" },
    ["davit: --simultaneous: is at least 1"] = { "http://x/", "--simultaneous", "0" },
    ["davit: 'http://' is no http or https URL"] = { "http://" },
    ["--ipv4 and --ipv6 exclude each other"] = { "http://x/", "--ipv4", "--ipv6" },
  } do
    local result = wait(table.unpack(arguments))
    equal({ part, result.exit, result.output }, { part, 2, "" })
    has(result.errors, part)
  end
end)

test("help is on stdout", function()
  for _, flag in ipairs { "--help", "-h" } do
    local result = wait(flag)
    equal(result.exit, 0)
    has(result.output, "Usage: davit wait URL…")
  end
end)

test("what is healthy can be said in flags", function()
  served(ok, function(url)
    local function code(...) return wait(url, "--deadline", "50ms", "--quiet", ...).exit end
    equal(code("--expect-version", "1.2.0"), 0)
    equal(code("--expect-version", "1.3.0"), 4)
    equal(code("--expect-version", "7", "--version-header", "X-Version"), 0)
    equal(code("--expect-version", "1.2", "--version-pattern", '"version":"(%d+%.%d+)'), 0)
    equal(code("--expect-json", "/status=ok", "--expect-json", "/n=3"), 0)
    equal(code("--expect-json", "/status=bad"), 4)
    equal(code("--expect-version", ""), 2)
    equal(code("--expect-json", "status=ok"), 2)
    equal(code("--connect-to", ""), 2)
    equal(code("--ca", "no-such-file.pem"), 2)
    equal(code("--max-latency", "0"), 2)
    equal(code("--expect-status", "2xx,404", "--expect-body", "status", "--absent", "error"), 0)
    equal(code("--absent", "status"), 4)
    equal(code("--expect-header", "X-Version: 7"), 0)
  end)
end)

test("a value of JSON is what it reads as, for a shell has no types", function()
  served(function() return 200, '{ "version": "1.10", "n": 42, "text": "42", "ok": true }' end, function(url)
    local function code(...) return wait(url, "--deadline", "50ms", "--quiet", ...).exit end
    equal(code("--expect-json", "/version=1.10", "--expect-json", "/text=42", "--expect-json", "/ok=true"), 0)
    equal(code("--expect-json", "/n=42.0"), 0)
    equal(code("--expect-json", "/version=1.1"), 4)
    equal(code("--expect-version", "42", "--version-json", "/n"), 0)
    equal(code("--expect-version", "4", "--version-json", "/n"), 4)
  end)
end)

test("headers go along, and may be given twice", function()
  served(function(request)
    return request.headers["x-a"] == "1, 2" and request.headers["x-b"] == "3" and 200 or 400
  end, function(url)
    equal(wait(url, "--header", "x-a: 1, 2", "--header=x-b: 3", "--deadline", "50ms").exit, 0)
  end)
end)

test("--need any is content with one of many", function()
  served(ok, function(url)
    equal(wait("http://127.0.0.1:9/", url, "--need", "any", "--quiet").exit, 0)
    equal(wait("http://127.0.0.1:9/", url, "--deadline", "50ms", "--quiet").exit, 4)
  end)
end)

test("--json is one object a look and one for the end", function()
  local n = 0
  served(function()
    n = n + 1
    return n < 2 and 503 or 200
  end, function(url)
    local result = wait(url, "--json", "--interval", "10ms")
    local events = events_of(result.output)
    equal({ result.exit, #events, events[1].class, events[2].class }, { 0, 3, "transient", "healthy" })
    local last = events[3]
    equal({ last.v, last.event, last.verdict, last.targets[1].counts.transient }, { 1, "end", "ok", 1 })
  end)
  local failed = json.decode(wait("http://127.0.0.1:9/", "--json", "--deadline", "10ms").output:match "([^\n]+)\n$")
  equal({ failed.verdict, failed.targets[1].verdict, type(failed.hint) }, { "timed-out", "timed-out", "string" })
end)

test("a certificate that nobody has signed is named, and --ca trusts its authority", function()
  local authority = require("authority").new()
  local folder <close> = require("fs").temporary()
  require("fs").write(folder / "ca.pem", authority:pem())
  local ca = process.run({ argv = { "realpath", folder / "ca.pem" } }).output:match "[^\n]+"
  server.with(ok, function(s)
    local url = "https://localhost:" .. s.port
    local result = wait(url, "--deadline", "5")
    equal(result.exit, 4)
    has(result.errors, "--ca names another CA")
    equal(wait(url, "--deadline", "5", "--quiet", "--ca", ca).exit, 0)
  end, { tls = authority })
end)

test("who reads the first line and goes does not change the exit code", function()
  local command = ('{ "%s/%s" wait http://127.0.0.1:9/ --json --interval 20ms --deadline 300ms; echo "exit $?" >&2; }'
    .. " | head -n 1"):format(here, davit)
  local result = process.run { argv = { "sh", "-c", command }, check = false }
  equal({ json.decode(result.output).event, result.errors:match "exit %d+" }, { "look", "exit 4" })
end)

test("a project that cannot be read does not matter", function()
  local folder <close> = require("fs").temporary()
  require("fs").write(folder / "davit.yaml", "version: [")
  local result = process.run { argv = { here .. "/" .. davit, "wait", "http://127.0.0.1:9/", "--deadline", "10ms", "--quiet" },
    cwd = tostring(folder.path), check = false }
  equal({ result.exit, result.errors }, { 4, "" })
end)

test("resources as wait-on writes them are understood", function()
  served(ok, function(url)
    equal(wait((url:gsub("^http:", "http-get:")), "--quiet").exit, 0)
  end)
end)

-- What a wait for so many pages says that is interrupted when its second look has arrived.
local function interrupted(flag, pages)
  local asked, looks = require("condition").new(), 0
  return served(function()
    looks = looks + 1
    asked:notify()
    return 503
  end, function(url)
    local argv = { here .. "/" .. davit, "wait", "--interval", "10ms", flag }
    for i = 1, pages or 1 do argv[#argv + 1] = ("%s/%d"):format(url, i) end
    local child = process.start { argv = argv, env = { PATH = os.getenv "PATH" } }
    while looks < 2 do asked:wait() end
    child:kill "INT"
    return child:wait()
  end)
end

test("interrupted is exit code 10, at once", function()
  local result = interrupted()
  equal({ result.exit, result.output, result.errors:match "[^\n]+\n$" }, { 10, "", "davit: interrupted by SIGINT\n" })
end)

test("interrupted with --json it ends with what was seen last, with --quiet without a word", function()
  local result = interrupted "--json"
  local events = events_of(result.output)
  local last = table.remove(events)
  equal({ result.exit, #events > 0 }, { 10, true })
  for _, look in ipairs(events) do equal(look.event, "look") end
  equal({ last.event, last.verdict, last.message, last.seconds > 0 }, { "end", "interrupted", "interrupted by SIGINT", true })
  local target = last.targets[1]
  equal({ #last.targets, target.verdict, target.class, target.status, target.attempts },
    { 1, "interrupted", "transient", 503, #events })
  local quiet = interrupted "--quiet"
  equal({ quiet.exit, quiet.output, quiet.errors }, { 10, "", "" })
end)

test("interrupted with more URLs than are told one by one it ends with the names of all", function()
  local result = interrupted("--json", 21)
  local events = events_of(result.output)
  equal({ result.exit, #events, events[1].event, #events[1].targets }, { 10, 1, "end", 21 })
  equal(events[1].targets[21].url:match "/21$", "/21")
end)
