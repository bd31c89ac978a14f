---Secrets as recipes see them: opaque, named, bound.
local mask = require "mask"
local secret = require "secret"
local core = require "secret.core"

local token = core.new("TOKEN", "hunter2-hunter3", { "api.github.com" })

test("a secret shows its name and nothing else", function()
  equal(tostring(token), "[secret TOKEN]")
  equal(tostring("Bearer " .. token), "[secret template: TOKEN]")
  local other = core.new("OTHER", "swordfish-blue", { "sql:*" })
  equal(tostring(token .. "/" .. other .. token), "[secret template: TOKEN, OTHER]")
  equal(("%s"):format(token), "[secret TOKEN]")
end)

test("what would look into a secret is an error that names it", function()
  local hidden = "%[secret TOKEN%] is opaque"
  raises(hidden, function() return #token end)
  raises(hidden, function() return token < token end)
  raises(hidden, function() return "a" <= token end)
  raises(hidden, function() return token.value end)
  raises(hidden, function() token.value = "x" end)
  raises(hidden, function() return token:sub(1, 2) end)
  raises(hidden, function() for _ in pairs(token) do end end)
  raises("arithmetic on a secret value", function() return token + 1 end)
  raises("bad argument #1 to 'string.rep'", string.rep, token, 2)
  equal(getmetatable(token), "secret")
end)

test("a secret equals only itself", function()
  equal(token == token, true)
  equal(token == core.new("TOKEN", "hunter2-hunter3", { "api.github.com" }), false)
  equal(token == "hunter2-hunter3", false)
end)

test("a secret joins strings and numbers, and nothing else", function()
  equal(secret.is(token .. 1), true)
  raises("a nil cannot be joined with a secret", function() return token .. nil end)
  raises("a table cannot be joined with a secret", function() return {} .. token end)
end)

test("is and names tell templates apart", function()
  equal(secret.is("hunter2-hunter3"), false)
  equal(secret.names("a" .. token .. token), { "TOKEN" })
  raises("secret.names: expected a secret, not a string", secret.names, "x")
end)

test("a value is masked from the moment it is a secret", function()
  equal(mask.text("see hunter2-hunter3"), "see ***")
end)

test("the environment gives a bound secret, as often as it is asked", function()
  local out = require("process").run { argv = { os.getenv "DAVIT" or "build/davit", "eval", [[local s = require "secret"
    for _ = 1, 2 do print(s.env("ONE", { to = { "program:sh" } })) end
    print(s.env("ONE", { to = { "sql:*" }, name = "TWO" }))]] }, env = { ONE = "one-value-of-it" } }.output
  equal(out, "[secret ONE]\n[secret ONE]\n[secret TWO]\n")
  local err = raises("the environment holds no DAVIT_NOT_SET", secret.env, "DAVIT_NOT_SET",
    { to = { "api.github.com" } })
  equal(err.code, "secret-missing")
end)

test("misuse of env names what is wrong", function()
  raises("secret.env: expected a name, not a number", secret.env, 1, { to = { "x" } })
  raises("option 'to' is required", secret.env, "PATH", {})
  raises("unknown option 'too' %(expected to, name%)", secret.env, "PATH", { too = {} })
  raises("option 'to' must be a table", secret.env, "PATH", { to = "api.github.com" })
  raises("the list of places is empty", secret.env, "PATH", { to = {} })
  raises("place 1 must be a string, not a number", secret.env, "PATH", { to = { 1 } })
  raises("cannot be bound to '…@b': it holds user information", secret.env, "PATH", { to = { "a@b" } })
end)

test("misuse of new names what is wrong", function()
  raises("expected a name, not a nil", core.new)
  raises("the value of X must be a string, not a nil", core.new, "X")
  raises("expected a list of places, not a nil", core.new, "X", "value")
  raises("secret X is empty", core.new, "X", "", { "api.github.com" })
end)

-- files ---------------------------------------------------------------------------

local sample = "tests/dotenv/sample.env"

test("every entry of a file is a secret, bound to no place yet, and masked", function()
  local names = {}
  local entries = secret.dotenv(sample, { shared = true })
  for name, value in pairs(entries) do
    names[#names + 1] = name
    equal(secret.is(value), true)
  end
  equal(names, { "BARE", "DOUBLE", "EXPORTED", "LINES", "SINGLE" })
  equal(mask.text("bare-value|ex ported|say \"hi\"\tthere|it is #1|first-line\nsecond-line"),
    "***|***|***|***|***")
end)

test("an entry is bound once", function()
  local entries = secret.dotenv(sample, { shared = true })
  local bound = secret.bind(entries.BARE, "NEON_API_KEY", { to = { "console.neon.tech" } })
  equal(tostring(bound), "[secret NEON_API_KEY]")
  raises("secret NEON_API_KEY is bound already", secret.bind, bound, "X", { to = { "evil.test" } })
  raises("expected one secret as it was read", secret.bind, "a" .. entries.BARE, "X", { to = { "x" } })
end)

test("secrets may come through a pipe, such as a shell's <(command)", function()
  local davit = os.getenv "DAVIT" or "build/davit"
  local result = require("process").run { argv = { "bash", "-c", [[
    read_secrets() { "$DAVIT" eval "print(require('secret').dotenv('$1', { shared = true }).A)"; }
    read_secrets <(sleep 0.1; echo A=long-enough-a-value)
  ]] }, env = { DAVIT = davit }, check = false }
  equal({ result.output, result.errors, result.exit }, { "[secret A]\n", "", 0 })
end)

test("misuse of dotenv and bind names what is wrong", function()
  raises("secret.dotenv: expected a path, not a nil", secret.dotenv)
  raises("unknown option 'share' %(expected shared%)", secret.dotenv, sample, { share = true })
  raises("secret.bind: expected a secret, not a string", secret.bind, "x", "X", { to = { "x" } })
  raises("secret.bind: expected a name, not a nil", secret.bind, token)
  raises("option 'to' is required", secret.bind, token, "X", {})
  equal(raises("No such file", secret.dotenv, "tests/no-such.env").code, "file-not-found")
end)

test("a line that cannot be read is named, and not shown", function()
  local err = raises("broken.env:2: expected NAME=value", secret.dotenv,
    "tests/dotenv/broken.env", { shared = true })
  equal(err.code, "secret-file-invalid")
  raises("unclosed.env:1: the closing quote is missing", secret.dotenv,
    "tests/dotenv/unclosed.env", { shared = true })
end)

test("a fingerprint tells equal values from others, and nothing to whoever has not the key", function()
  local places = { "https://example.com" }
  local key, value = core.new("KEY", "a-key-of-the-account", places), core.new("A", "the-same-value", places)
  local print = secret.fingerprint(value, key)
  equal(print:match("^%x+$") and #print, 16)
  equal(secret.fingerprint(core.new("B", "the-same-value", places), key), print)
  equal(secret.fingerprint(core.new("C", "another-value", places), key) ~= print, true)
  equal(secret.fingerprint(value, core.new("KEY2", "another-key-there", places)) ~= print, true)
  raises("secret.fingerprint: expected a secret, not a string", secret.fingerprint, "text", key)
  raises("secret.fingerprint: expected a secret, not a nil", secret.fingerprint, value)
end)

-- what is made of secrets -------------------------------------------------------------------------

local process = require "process"

-- What a program of that name is given, seen through a hole in the mask: its length and a checksum.
local function seen_by(name, value)
  return process.run { argv = { name, "-c", "printf %s \"$V\" | cksum" }, env = { V = value } }.output
end

local function plain(text) return process.run { argv = { "cksum" }, input = text }.output end

test("a token for the header Authorization is made without showing it", function()
  local key = core.new("KEY", "bearer-token-11", { "program:sh" })
  equal(seen_by("sh", secret.bearer(key)), plain "Bearer bearer-token-11")
  raises("secret.bearer: expected a secret, not a string", secret.bearer, "text")
end)

test("Basic is a secret of user and password, bound as both and masked before it can be shown", function()
  local password = core.new("PASSWORD", "open:sesame!", { "program:sh" })
  local basic = secret.basic("ali", password)
  equal(tostring(basic), "[secret template: PASSWORD (Basic)]")
  equal(mask.text("Authorization: Basic YWxpOm9wZW46c2VzYW1lIQ=="), "Authorization: Basic ***")
  equal(seen_by("sh", basic), plain "Basic YWxpOm9wZW46c2VzYW1lIQ==")
  raises("secret PASSWORD may be sent to program:sh only, not to program:", seen_by, "bash", basic)
  local both = secret.basic(core.new("USER", "some-user-name", { "program:bash" }), password)
  raises("secret USER may be sent to program:bash only, not to program:", seen_by, "sh", both)
end)

test("Basic refuses what would be read differently, and two plain texts", function()
  local password = core.new("PASSWORD", "open:sesame!", { "program:sh" })
  raises("the user's name holds a colon", secret.basic, "a:b", password)
  raises("the user must be a string or a secret, not a nil", secret.basic, nil, password)
  raises("the password must be a string or a secret, not a table", secret.basic, "a", {})
  raises("user or password: expected a secret, not a string", secret.basic, "a", "b")
end)

test("base64 of a secret is a secret with its bindings", function()
  local key = core.new("KEY", "value?to>encode", { "program:sh" })
  equal(tostring(secret.base64(key)), "[secret KEY (base64)]")
  equal(seen_by("sh", secret.base64(key)), plain "dmFsdWU/dG8+ZW5jb2Rl")
  equal(seen_by("sh", secret.base64(key, true)), plain "dmFsdWU_dG8-ZW5jb2Rl")
  equal(mask.text("dmFsdWU/dG8+ZW5jb2Rl dmFsdWU_dG8-ZW5jb2Rl"), "*** ***")
  raises("KEY may be sent to", seen_by, "bash", secret.base64(key))
  raises("secret KEY %(base64%) is bound already", secret.bind, secret.base64(key), "X", { to = { "evil.test" } })
end)

test("the password of a connection string is a secret of its own, decoded", function()
  local dsn = core.new("DSN", "postgresql://app:p%40ss%2Fword@db.test:5432/main?x=a@b", { "program:sh" })
  local password = secret.password(dsn)
  equal(tostring(password), "[secret DSN (password)]")
  equal(seen_by("sh", password), plain "p@ss/word")
  equal(mask.text("p@ss/word p%40ss%2Fword"), "*** ***")
  raises("DSN may be sent to", seen_by, "bash", password)
  for _, text in ipairs { "postgresql://db.test/main", "https://a:b@c@d.test/", "x://user@host/", "x://u:@host/", "no url:a@b" } do
    equal(raises("%[secret DSN%] holds no password", secret.password, core.new("DSN", text, { "sql:*" })).code, "secret-part")
  end
end)

-- sources ---------------------------------------------------------------------------------------------

local fs = require "fs"
local davit = os.getenv "DAVIT" or "build/davit"
local to_sh = { to = { "program:sh" } }

local function written(folder, name, text, mode)
  fs.write(folder / name, text, { mode = mode or "0600", outside = true })
  return folder / name
end

test("a file holds a secret, which is what it says without the end of the last line", function()
  local folder <close> = fs.temporary()
  local path = written(folder, "token", "first line\nsecond-of-file\r\n")
  local got = secret.file(path, to_sh)
  equal(tostring(got), "[secret token]")
  equal(seen_by("sh", got), plain "first line\nsecond-of-file")
  equal(tostring(secret.file(path, { to = { "program:sh" }, name = "API_TOKEN" })), "[secret API_TOKEN]")
  equal(mask.text "second-of-file", "***")
end)

test("a file that others may read, or that is another's, holds no secret", function()
  local folder <close> = fs.temporary()
  for _, mode in ipairs { "0640", "0604", "0660", "0602" } do
    local err = raises("others may read it", secret.file, written(folder, "open" .. mode, "hunter2-file", mode), to_sh)
    equal({ err.code, err.hint:match "chmod 600" }, { "secret-file-shared", "chmod 600" })
  end
  equal(secret.is(secret.file(folder / "open0640", { to = { "program:sh" }, shared = true })), true)
  raises("%(mode 644%)", secret.file, "/etc/passwd", to_sh)
end)

test("what is no file with something in it is told by name", function()
  local folder <close> = fs.temporary()
  equal(raises("is empty, and a secret should stand there", secret.file, written(folder, "empty", "\n"), to_sh).code,
    "secret-missing")
  equal(raises("Is a directory", secret.file, folder.path, { to = { "program:sh" }, shared = true }).code, "file-failed")
  equal(raises("No such file", secret.file, folder / "none", to_sh).code, "file-not-found")
  raises("File too large", secret.file, written(folder, "large", ("x"):rep((1 << 20) + 1)), to_sh)
  raises("secret.file: expected a path, not a nil", secret.file)
  raises("unknown option 'share' %(expected to, name, shared%)", secret.file, "x", { to = { "x" }, share = true })
  raises("cannot be bound to '…@b'", secret.file, folder / "none", { to = { "a@b" } })
end)

test("a pipe that others would see is waited for without holding up anybody", function()
  local folder <close> = fs.temporary()
  local path, ticks = folder / "fifo", 0
  process.run { argv = { "mkfifo", "-m", "600", path } }
  local got = parallel {
    read = function() return tostring(secret.file(path, to_sh)) end,
    tick = function() for _ = 1, 5 do sleep(0.01) ticks = ticks + 1 end
      process.run { command = "echo through-a-pipe > " .. path } end,
  }
  equal({ got.read, ticks }, { "[secret fifo]", 5 })
  equal(mask.text "through-a-pipe", "***")
end)

test("reading a pipe can be cancelled", function()
  local folder <close> = fs.temporary()
  process.run { argv = { "mkfifo", "-m", "600", folder / "fifo" } }
  local err = raises("", require("task").deadline, 0.05, secret.file, folder / "fifo", to_sh)
  equal(err.code, "deadline")
end)

-- In a process of its own, which is given descriptors.
local function given(redirects, code)
  local script = ("exec %s eval '%s' %s"):format(davit, code:gsub("'", "'\\''"), redirects)
  local result = process.run { argv = { "bash", "-c", script }, check = false }
  return result.output, result.errors
end

test("a descriptor that Davit was given holds a secret, once", function()
  local read = [[local s, sh = require "secret", { to = { "program:sh" }, name = "T" }
    print(s.fd(5, sh), require "mask".text "from-descriptor")
    print(try(s.fd, 5, sh))]]
  local out = given("5< <(echo from-descriptor)", read)
  equal(out, "[secret T]\t***\nnil\teval:3: the descriptor 5 is not open, or was read before;"
    .. " start davit with it, as in: davit run … 5< FILE\n")
end)

test("a descriptor that Davit opened itself is none that it was given", function()
  local out = given("", [[for fd = 3, 40 do
    local value, err = try(require "secret".fd, fd, { to = { "program:sh" } })
    if value or err.code ~= "secret-missing" then print(fd, value, err) end
  end]])
  equal(out, "")
  raises("expected the number of a descriptor, from 3 on", secret.fd, 1, to_sh)
  raises("expected the number of a descriptor", secret.fd, "five", to_sh)
end)

test("children are not given what Davit was given", function()
  local out = given("5< <(echo from-descriptor)", [[print((require "process".run {
    command = "(cat <&5) 2>/dev/null || echo closed" }.output))]])
  equal(out, "closed\n\n")
end)

test("a program prints a secret that nobody sees", function()
  local got = secret.command({ "sh", "-c", "echo printed-by-command; echo noise >&2" },
    { name = "PRINTED", to = { "program:sh" } })
  equal(tostring(got), "[secret PRINTED]")
  equal(seen_by("sh", got), plain "printed-by-command")
  equal(mask.text "printed-by-command", "***")
end)

test("a program that fails to print a secret is told of with its last complaint, not with what it printed", function()
  local o = { name = "PRINTED", to = { "program:sh" } }
  local err = raises("reading a secret of 'sh': it exited with code 3: not logged in", secret.command,
    { "sh", "-c", "echo half-of-a-secret; echo a >&2; echo not logged in >&2; exit 3" }, o)
  equal(err.code, "secret-command")
  equal(tostring(err):find("half-of-a-secret", 1, true), nil)
  raises("it printed nothing", secret.command, { "true" }, o)
  raises("cannot start 'no%-such%-tool': not found", secret.command, { "no-such-tool" }, o)
  raises("has not ended after 0.05 s", secret.command, { "sleep", "100" },
    { name = "PRINTED", to = { "program:sh" }, timeout = 0.05 })
end)

test("misuse of command names what is wrong", function()
  raises("expected a list, the program and its arguments, not a string", secret.command, "op read x", to_sh)
  raises("option 'name' is required", secret.command, { "true" }, to_sh)
  raises("the list of places is empty", secret.command, { "true" }, { name = "X", to = {} })
  raises("cannot be bound to '…@b'", secret.command, { "true" }, { name = "X", to = { "a@b" } })
  raises("argv%[2%] cannot hold a secret", secret.command, { "true", token }, { name = "X", to = { "program:sh" } })
end)

test("a variable that was read as a secret is no plain one any more", function()
  local out = process.run { argv = { davit, "eval", [[local s = require "secret"
    s.env("ONE_SECRET", { to = { "program:sh" }, name = "ONE" })
    print(try(os.getenv, "ONE_SECRET"))]] }, env = { ONE_SECRET = "value-of-variable" } }.output
  equal(out:match "ONE_SECRET is a secret", "ONE_SECRET is a secret")
end)
