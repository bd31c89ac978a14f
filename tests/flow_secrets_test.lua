---Where the secrets of an environment come from, where they may go, and that those which are made stay the same.
local flow = require "flow"
local fs = require "fs"
local mask = require "mask"
local process = require "process"
local project = require "project"
local secret = require "secret"
local core = require "secret.core"
local secrets = require "flow.secrets"

local SAMPLE = [[
version: 1
project: codex
zone: example.com
github: { repository: example/codex }
workers:
  api: { path: workers/api, entry: index.js, host: api, secrets: [KEY] }
databases:
  main: { neon: project-1, parent: production }
secrets:
  %s
environments:
  preview: { name: "{worker}-preview-{pr}", host: "{host}-preview-{pr}", database: "pr-{pr}" }
]]

local credentials = { CLOUDFLARE_API_TOKEN = true, CLOUDFLARE_DNS_API_TOKEN = true, NEON_API_KEY = true, GITHUB_TOKEN = true }

-- Opens the preview of pull request 42 of a project in that folder. `have`: the environment, by name.
local function open(folder, declared, have)
  local p = project.parse(SAMPLE:format(declared), "davit.yaml")
  p.root = folder.path
  project.use(p)
  require("fs.core").stay_in()   -- other tests write elsewhere
  local own = secret.env
  secret.env = function(variable, o)
    local value = have[variable] or credentials[variable] and "credential-" .. variable
    if not value then failure { code = "secret-missing", message = "the environment holds no " .. variable } end
    return core.new(o.name or variable, value, o.to)
  end
  local env, err = try(flow.environment, "preview", { pr = 42 })
  if err then
    secret.env = own
    error(err, 0)
  end
  return env, setmetatable({}, { __close = function() secret.env = own end })
end

-- ---- sources ---------------------------------------------------------------------------------------------

test("davit.yaml says where a secret comes from: a variable, a file, a program", function()
  local folder <close> = fs.temporary()
  fs.write(folder / "stripe.key", "from-the-file-1\n", { mode = "0600", outside = true })
  for declared, value in pairs {
    ["KEY: { from: OTHER_NAME }"] = "from-variable-2",
    ["KEY: { file: " .. folder / "stripe.key }"] = "from-the-file-1",
    ["KEY: { command: [sh, -c, echo from-a-program-3] }"] = "from-a-program-3",
  } do
    local env, _ <close> = open(folder, declared, { OTHER_NAME = "from-variable-2" })
    equal(tostring(env:secret "KEY"), "[secret KEY]")
    equal(mask.text(value), "***")
  end
end)

test("a program is asked once for a secret", function()
  local folder <close> = fs.temporary()
  local env, _ <close> = open(folder, "KEY: { command: [sh, -c, echo asked >> asked; echo program-said-it] }", {})
  for _ = 1, 2 do equal(tostring(env:secret "KEY"), "[secret KEY]") end
  equal(fs.read(folder / "asked", { outside = true }), "asked\n")
end)

test("a secret that is nowhere is told with where it was looked for", function()
  local folder <close> = fs.temporary()
  local env, _ <close> = open(folder, "KEY: { from: OTHER_NAME }", {})
  local err = raises("the secret OTHER_NAME is not set; set it in the environment, as davit.yaml takes KEY from there",
    env.secret, env, "KEY")
  equal(err.code, "secret-missing")
end)

test("davit.yaml: a secret has one source, and places that are some", function()
  for declared, pattern in pairs {
    ["KEY: { from: A, file: b }"] = "davit.yaml:10: secrets.KEY: comes from one source, not from 'from' and 'file'",
    ["KEY: { generate: 32, command: [a] }"] = "comes from one source, not from 'command' and 'generate'",
    ["KEY: { command: [] }"] = "secrets.KEY.command: is the program and its arguments",
    ["KEY: { fd: 2 }"] = "secrets.KEY.fd: must be from 3 to",
    ["KEY: { shared: true }"] = "secrets.KEY.shared: goes with 'file'",
    ["KEY: { to: [] }"] = "secrets.KEY.to: is empty",
    ["KEY: { to: [api.example.com, a@b] }"] = "secrets.KEY.to.2: 'a@b' is no place: it holds user information",
    ["KEY: { fiel: a }"] = "secrets.KEY.fiel: unknown key, did you mean 'file'",
  } do
    equal(raises(pattern, project.parse, SAMPLE:format(declared), "davit.yaml").code, "config")
  end
end)

-- ---- credentials -------------------------------------------------------------------------------------------

-- What sending it there raises, without sending anything.
local function refused(value, o)
  o.timeout, o.retry = 0.01, false
  o.headers = o.headers and o.headers(value)
  o.body = o.body and o.body(value)
  return raises("secret .* may be sent to ", require("http").request, o).message
end

test("the providers bring the places of their credentials: a path, and one header", function()
  local folder <close> = fs.temporary()
  local env, _ <close> = open(folder, "KEY: { from: A }", {})
  local message = refused(env.upload_token, { url = "https://api.cloudflare.com/client/v4/x", method = "POST",
    body = function(token) return "text " .. token end })
  equal(message, "secret CLOUDFLARE_API_TOKEN may be sent to https://api.cloudflare.com/client/v4 header:authorization"
    .. " only, not to https://api.cloudflare.com/client/v4/x (body)")
end)

test("where davit.yaml says less, that holds, and the header all the same", function()
  local folder <close> = fs.temporary()
  local env, _ <close> = open(folder, "CLOUDFLARE_API_TOKEN: { to: [api.cloudflare.com/client/v4/accounts/a1, program:wrangler] }", {})
  local message = refused(env.upload_token, { url = "https://api.cloudflare.com/client/v4/zones",
    headers = function(token) return { authorization = "Bearer " .. token } end })
  equal(message:match "may be sent to (.-) only", "https://api.cloudflare.com/client/v4/accounts/a1 header:authorization"
    .. " and program:wrangler")
end)

test("a comment holds no secret, its writer's token neither", function()
  local folder <close> = fs.temporary()
  local env, _ <close> = open(folder, "KEY: { from: A }", {})
  local token = core.new("GITHUB_TOKEN", "ghp_a-token-of-ours", { "api.github.com" })
  local err = raises("github.comment: option 'body' cannot hold a secret: secret GITHUB_TOKEN may be sent to https://api.github.com",
    env.comment, env, "the token is " .. token)
  equal(err.code, "secret-refused")
end)

-- ---- generated ones -------------------------------------------------------------------------------------------

local GENERATED = "KEY: { generate: 32 }"
local judge = core.new("JUDGE", "a-key-to-compare-with", { "sealed:*" })

-- What a run would upload: the choice as a journal keeps it, and a mark that is the same for the same value.
local function chosen(env, has)
  env.cloudflare.has_secret = function(script) return has[script] or false end
  return secrets.choose(env).KEY
end

local function mark(env, choice, branch)
  local value = secrets.generate(env, "KEY", choice, { id = branch or "br-1" })
  return value == "keep" and value or secret.fingerprint(value, judge)
end

test("a generated secret is made once: a run that is resumed makes the same, also with another upload token", function()
  local folder <close> = fs.temporary()
  local choice, first
  do
    local env, _ <close> = open(folder, GENERATED, {})
    choice = chosen(env, {})
    first = mark(env, choice)
  end
  local env, _ <close> = open(folder, GENERATED, { CLOUDFLARE_API_TOKEN = "rotated-in-the-middle" })
  equal(mark(env, choice), first)
end)

test("a later push keeps it, and a Worker that joins later gets the same", function()
  local folder <close> = fs.temporary()
  local first
  do
    local env, _ <close> = open(folder, GENERATED, {})
    first = mark(env, chosen(env, {}))
  end
  local env, _ <close> = open(folder, GENERATED, { CLOUDFLARE_API_TOKEN = "rotated-since-then" })
  equal(mark(env, chosen(env, { ["api-preview-42"] = true })), "keep")
  table.insert(env.workers, { script = "web-preview-42", settings = { secrets = { "KEY" } } })
  equal(mark(env, chosen(env, { ["api-preview-42"] = true })), first)
end)

test("with DAVIT_GENERATE_KEY every machine makes the same, without a journal", function()
  local here <close> = fs.temporary()
  local there <close> = fs.temporary()
  local key = { DAVIT_GENERATE_KEY = "a-long-key-of-the-project" }
  local marks = {}
  for i, folder in ipairs { here, there } do
    local env, _ <close> = open(folder, GENERATED, key)
    marks[i] = mark(env, chosen(env, {}))
    equal(fs.exists(folder.path .. "/.davit/generate.key", { outside = true }), false)
  end
  equal(marks[1], marks[2])
end)

test("another environment, another database branch and another machine make another one", function()
  local here <close> = fs.temporary()
  local there <close> = fs.temporary()
  local env, _ <close> = open(here, GENERATED, {})
  local choice = chosen(env, {})
  local first = mark(env, choice)
  equal(mark(env, choice, "br-2") ~= first, true)
  env.marker = "codex/preview/43"
  equal(mark(env, choice) ~= first, true)
  local other, _ <close> = open(there, GENERATED, {})
  equal(mark(other, chosen(other, {})) ~= first, true)
end)

test("where the journal is shared the upload token is the key, and a run whose token was changed is told so", function()
  local folder <close> = fs.temporary()
  local shared = { DAVIT_STORE = "postgresql://u:a-store-password@h/d" }
  local choice, first
  do
    local env, _ <close> = open(folder, GENERATED, shared)
    choice = chosen(env, {})
    first = mark(env, choice)
    equal(fs.exists(folder.path .. "/.davit", { outside = true }), false)
  end
  do
    local env, _ <close> = open(folder, GENERATED, shared)
    equal(mark(env, choice), first)
  end
  shared.CLOUDFLARE_API_TOKEN = "rotated-in-the-middle"
  local env, _ <close> = open(folder, GENERATED, shared)
  local err = raises("the secret KEY of this run was made with a key that is not here", mark, env, choice)
  equal({ err.code, err.hint:find("DAVIT_GENERATE_KEY", 1, true) ~= nil }, { "secret-key-changed", true })
end)

test("the key's file is private, whole or not there, and the same for who comes at the same moment", function()
  local folder <close> = fs.temporary()
  local path, nowhere = folder / "generate.key", { "sealed:*" }
  equal(core.key_file(path, "K", nowhere, false), nil)
  local one, two = core.key_file(path, "K", nowhere, true), core.key_file(path, "K", nowhere, true)
  equal(secret.fingerprint(one, judge), secret.fingerprint(two, judge))
  equal(fs.stat(path, { outside = true }).mode, "0600")
  equal(process.run { argv = { "ls", folder.path } }.output, "generate.key\n")
  process.run { argv = { "chmod", "640", path } }
  equal(raises("is not this user's alone %(mode 640%)", core.key_file, path, "K", nowhere, true).code, "secret-file-shared")
  raises("No such file or directory", core.key_file, folder / "none/generate.key", "K", nowhere, true)
end)
