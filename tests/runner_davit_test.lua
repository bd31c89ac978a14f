---Davit as a step of a job, judged by the view of GitHub's runner: what comes out of it for a reader of the log, for
---later steps and for later jobs. And @actions/core beside it, which must be read the same.
local core = require "core"
local fs = require "fs"
local json = require "json"
local places = assert(core.load_file "tests/place.lua")()
local process = require "process"
local runner = assert(core.load_file "tests/runner.lua")()

local encoders = assert(core.load_file "tests/runner/encoders.lua")()

-- None of these is known to this process, so that nothing is masked before the view sees it.
local URL = "postgresql://app:s3cr%40t-pass-word@db.example/main"
local TOKEN = "tok-7f3a99c1-&+rest-of-it"

-- ---- what a reader finds ----------------------------------------------------------------------

local function all_texts(job)
  local texts = { table.concat(job.log, "\n") }
  for _, step in ipairs(job.steps) do
    texts[#texts + 1] = step.summary
    for _, annotation in ipairs(step.annotations) do
      for _, value in pairs(annotation) do texts[#texts + 1] = value end
    end
  end
  return table.concat(texts, "\n")
end

-- Raises when a reader of the job would find a value, in any form that the runner knows.
local function hides(job, ...)
  local text = all_texts(job)
  for _, value in ipairs { ... } do
    local forms = { value }
    for _, encode in ipairs(encoders) do forms[#forms + 1] = encode(value) end
    for _, form in ipairs(forms) do
      local at = form ~= "" and text:find(form, 1, true)
      if at then error(("a reader finds %q: %s"):format(form, text:sub(math.max(1, at - 80), at + 80)), 2) end
    end
  end
end

local function has(job, line)
  for _, one in ipairs(job.log) do if one == line then return end end
  error(("%q is no line of:\n%s"):format(line, table.concat(job.log, "\n")), 2)
end

local function levels(step)
  local list = {}
  for i, annotation in ipairs(step.annotations) do list[i] = annotation.level end
  return list
end

-- A job with a project of this one recipe; its body is Lua.
local function project(body, o)
  local folder = places.bare { it = ([[
    local workflow, process, log, secret = require "workflow", require "process", require "log", require "secret"
    local function known(name) return secret.env(name, { to = { "program:sh", "program:printenv" } }) end
    return { summary = "it", run = function(p, run) %s end }]]):format(body) }
  return runner.job(o), folder
end

local function run(job, folder, o)
  o = o or {}
  return job:run { id = o.id or "davit", argv = { places.program, "run", "it", table.unpack(o.arguments or {}) },
    cwd = folder.folder, env = o.env }
end

local SECRETS = { URL = URL, TOKEN = TOKEN }

-- ---- the log ----------------------------------------------------------------------------------

test("whatever a recipe does with a secret's text, nobody reads it, and the runner was told in time", function()
  local job, folder <close> = project([[
    local text = os.getenv "URL" .. " " .. os.getenv "TOKEN"   -- as a service would have said it
    known "URL" known "TOKEN"
    local child = 'printf "%s %s\n" "$URL" "$TOKEN"; printf "%s\n" "$URL" >&2'
    local env = { URL = known "URL", TOKEN = known "TOKEN" }
    process.run { command = child, env = env, output = "stream" }
    print(process.run { command = child, env = env }.output)
    print(text) io.stderr:write(text) log.warn("said", { text = text })
    do local _ <close> = workflow.group("g " .. text) end
    workflow.error("e " .. text, { title = "t " .. text })
    workflow.summary("# S " .. text)
    run.step("s", { text = text }, function() return text end)
    run.output("o", text)
    error("failed with " .. text)]])
  local step = run(job, folder, { env = SECRETS })
  equal({ step.failed, step.outputs }, { true, {} })
  hides(job, URL, TOKEN, "s3cr@t-pass-word", "s3cr%40t-pass-word")
  -- A later step that knows nothing of Davit prints them: the runner masks them by itself.
  job:run { command = [[echo "a $URL b"; echo "c s3cr@t-pass-word d"; printf %s "$TOKEN" | base64 -w0; echo]], env = SECRETS }
  equal({ job.steps[2].log[1], job.steps[2].log[2], job.steps[2].log[3] }, { "a *** b", "c *** d", "***" })
end)

test("with --json, too", function()
  local job, folder <close> = project [[
    local text = os.getenv "TOKEN"
    process.run { command = "printenv TOKEN", env = { TOKEN = known "TOKEN" }, output = "stream" }
    run.output("o", text) error("failed with " .. text)]]
  run(job, folder, { env = SECRETS, arguments = { "--json" } })
  hides(job, TOKEN)
  has(job, "##[error]Process completed with exit code 1.")
end)

test("a secret of the job that the recipe never opened is masked by the runner alone", function()
  local job, folder <close> = project([[print "it is not-opened-by-davit"]], { secrets = { OTHER = "not-opened-by-davit" } })
  run(job, folder)
  has(job, "it is ***")
end)

-- ---- foreign text -----------------------------------------------------------------------------

local HOSTILE <const> = table.concat({
  "::error::why", "  ::warning file=x::so", "\u{3000}::notice::here", "x ##[error]old", "##[add-mask]log",
  "::add-mask::the", "::set-output name=url::https://evil.example", "::set-env name=PATH::/tmp", "::add-path::/tmp",
  "::save-state name=a::b", "::stop-commands::everything", "::echo::on", "::group::never ends", "50%\r::error::after a return",
  "::add-matcher::/tmp/m.json", "last ::error::inside", ":\u{200d}::error::joined", "###[error]more", "##[##[error]nested",
}, "\n")

test("no text of others is a command to the runner, however it comes out", function()
  for _, way in ipairs {
    [[process.run { command = 'printf "%s\n" "$TEXT"', env = { TEXT = text }, output = "stream" }]],
    [[process.run { command = 'printf "%s\n" "$TEXT"', env = { TEXT = text }, output = "stream", prefix = "db: " }]],
    [[process.run { command = 'printf "%s\n" "$TEXT" >&2', env = { TEXT = text }, output = "stream", merge = true }]],
    [[print(text)]], [[io.stderr:write(text, "\n")]], [[log.error(text, { text = text })]], [[error(text)]],
    [[process.run { command = 'printf "%s\n" "$TEXT"; exit 3', env = { TEXT = text } }]],
    [[for i = 1, #text do io.stdout:write(text:sub(i, i)) end print ""]],
    [[run.step(text, function() error(text) end)]], [[run.output("o", text)]],
  } do
    local job, folder <close> = project(("local text = os.getenv 'TEXT' %s"):format(way))
    local step, result = run(job, folder, { env = { TEXT = HOSTILE } })
    local failed = result.exit ~= 0
    equal({ way, levels(step), step.outputs, step.state, step.matchers, step.deprecated, job.path },
      { way, failed and { "error" } or {}, {}, {}, {}, {}, {} })
    job:step { output = "the log goes on\n::notice::and commands count\n" }
    equal(job.steps[2].log, { "the log goes on", "##[notice]and commands count" })
  end
end)

-- A command in units of some bytes behind a mark that says so, as printf of the shell writes it.
local marked = {}
for mark, unit in pairs { [ [[\357\273\277]] ] = "%s", [ [[\377\376]] ] = [[%s\000]], [ [[\376\377]] ] = [[\000%s]],
  [ [[\377\376\000\000]] ] = [[%s\000\000\000]], [ [[\000\000\376\377]] ] = [[\000\000\000%s]] } do
  marked[#marked + 1] = mark .. ("::error::in\n"):gsub(".", function(c) return unit:format(([[\%03o]]):format(c:byte())) end)
end

test("nor does a byte order mark make the runner read what follows otherwise", function()
  for _, text in ipairs(marked) do
    local job, folder <close> = project [[process.run { command = "printf \"$TEXT\"", env = { TEXT = os.getenv "TEXT" },
      output = "stream" } print "after it"]]
    equal({ text, levels(run(job, folder, { env = { TEXT = text } })) }, { text, {} })
    has(job, "after it")
    equal(levels(job:run { command = [[printf "$TEXT"]], env = { TEXT = text } }), { "error" })   -- as it does by itself
  end
end)

test("Davit's own annotations arrive as they were meant, whatever is in them", function()
  local job, folder <close> = project [[
    workflow.warning("100 % sure\nsecond ::error::line %0A", { title = "a:b, c%2C", file = "x,y.lua", line = 3, end_line = 4,
      column = 5 })
    local _ <close> = workflow.group "build %0A ##[error]x"
    print "inside"]]
  local step = run(job, folder)
  equal(step.annotations, { { level = "warning", message = "100 % sure\nsecond ::error::line %0A", title = "a:b, c%2C",
    file = "x,y.lua", line = "3", endline = "4", col = "5" } })
  has(job, "##[group]build %0A ##[error]x")
  has(job, "##[endgroup]")
end)

-- ---- what is handed on ------------------------------------------------------------------------

local VALUES <const> = { plain = "br-cool-1", lines = "a\nb=c\nd<<EOF\nEOF\n", equals = "=x<<y=", percent = "%0A%25 ::error::",
  blanks = "  x \t", returns = "a\rb\r\n", unicode = "ü😀\u{2028}", number = "3" }

local function body_of(kind)
  return ([[for name, value in pairs(require("json").decode(os.getenv "VALUES")) do workflow.%s(name, value) end]]):format(kind)
end

test("outputs, variables and states are to the byte what the recipe said", function()
  for kind, found in pairs {
    output = function(step) return step.outputs end, state = function(step) return step.state end,
    env = function(step) return step.job.env end,
  } do
    local job, folder <close> = project(body_of(kind))
    local step = run(job, folder, { env = { VALUES = json.encode(VALUES) } })
    equal({ kind, step.failed, found(step) }, { kind, false, VALUES })
  end
end)

test("an output that holds a secret fails the step and says why, instead of being dropped in silence", function()
  local wanted = { url = { "davit", "url" }, id = { "davit", "id" } }
  local job, folder <close> = project([[
    local text = os.getenv "URL"
    known "URL"
    workflow.output("id", "br-1")
    workflow.output("url", text)]], { outputs = wanted })
  local step, result = run(job, folder, { env = SECRETS })
  equal({ result.exit, step.failed, result.errors:find("workflow.output: 'url' holds the secret URL", 1, true) ~= nil },
    { 7, true, true })
  local ending = job:finish()
  equal({ ending.outputs, ending.dropped }, { { id = "br-1" }, {} })
end)

test("an output that only looks like a secret is dropped by the runner, and Davit said so before", function()
  local job, folder <close> = project([[workflow.output("url", "postgres://u:p@h/db")]], { outputs = { url = { "davit", "url" } } })
  run(job, folder)
  has(job, "davit: workflow.output: 'url' looks like a connection string: the runner may empty it; hand over what leads to it, "
    .. "such as the id of a branch, or a sealed artifact")
  equal(job:finish().dropped, { "url" })
end)

test("a summary is within the limit and without secrets, whatever is added to it", function()
  local job, folder <close> = project [[
    local text = os.getenv "TOKEN"
    known "TOKEN"
    for i = 1, 3 do workflow.summary(text .. ("line of a report\n"):rep(30000)) end]]
  local step = run(job, folder, { env = SECRETS })
  hides(job, TOKEN)
  equal({ #step.summary > 1024 * 1024 - 100, step.annotations }, { true, {} })
end)

test("a step after it gets the variables, none of which runs other programs", function()
  local job, folder <close> = project [[
    workflow.env("BRANCH_ID", "br-1")
    for _, name in ipairs { "NODE_OPTIONS", "PATH", "LD_PRELOAD", "BASH_ENV", "GITHUB_TOKEN" } do
      if pcall(workflow.env, name, "x") then error(name) end
    end]]
  equal(run(job, folder).failed, false)
  equal(job.env, { BRANCH_ID = "br-1" })
  equal(job:run({ command = "echo $BRANCH_ID" }).log[4], "br-1")
end)

-- ---- from job to job --------------------------------------------------------------------------

local GIVE <const> = [[
  local seal, artifact = require "seal.core", require "artifact"
  artifact.hand_over { name = "db", sealed_to = os.getenv "PUBLIC", values = { branch = "br-1",
    DATABASE_URL = secret.env("URL", { to = { "sealed:" .. os.getenv "PUBLIC", "program:printenv" } }) } }]]

local TAKE <const> = [[
  local handed = require("artifact").take_over { name = "db", expect = { "branch", "DATABASE_URL" },
    given = { state = os.getenv "DB_STATE", branch = os.getenv "DB_BRANCH", sealed = os.getenv "DB_SEALED" },
    key = secret.file(os.getenv "KEY", { to = { "sealed:*" } }) }
  print(handed.branch)
  process.run { argv = { "printenv", "DATABASE_URL" }, env = { DATABASE_URL = handed.DATABASE_URL }, output = "stream" }]]

local function handed_over(names)
  local keys <close> = places.bare {}
  local public = require("seal.core").new_key(keys.folder .. "/key")
  local wanted = {}
  for _, name in ipairs(names) do wanted[name] = { "davit", name } end
  local giving, giver <close> = project(GIVE, { outputs = wanted, secrets = { URL = URL } })
  equal(run(giving, giver, { env = { URL = URL, PUBLIC = public, DAVIT_ARTIFACTS = giver.folder .. "/store" } }).failed, false)
  hides(giving, URL)
  local ending = giving:finish()
  local taking, taker <close> = project(TAKE)
  local step, result = run(taking, taker, { env = { KEY = keys.folder .. "/key", DAVIT_ARTIFACTS = taker.folder .. "/store",
    DB_STATE = ending.outputs.db_state or "", DB_BRANCH = ending.outputs.db_branch or "", DB_SEALED = ending.outputs.db_sealed or "" } })
  hides(taking, URL)
  return ending, step, result, taking
end

test("what is handed over sealed is no secret to the runner, crosses to the next job, and is masked there", function()
  local ending, step, _, taking = handed_over { "db_state", "db_branch", "db_sealed" }
  equal({ ending.dropped, step.failed, ending.outputs.db_branch }, { {}, false, "br-1" })
  has(taking, "br-1")
  has(taking, "***")
end)

test("an output that nobody wired is loud in the next job", function()
  local _, step, result = handed_over { "db_state", "db_branch" }
  equal({ step.failed, result.errors:find("'db' was handed over without its value DATABASE_URL", 1, true) ~= nil }, { true, true })
end)

-- ---- the whole flow ---------------------------------------------------------------------------

test("a preview under GitHub shows no credential and no connection string, and gives the runner no command but masks", function()
  local why_not = places.missing()
  if why_not then skip(why_not) end
  local place <close> = places.new()
  place:start()
  local secrets = {}
  for name, value in fs.read(place.folder .. "/secrets.env"):gmatch "([%u%d_]+)=([^\n]+)" do secrets[name] = value end
  local job = runner.job()   -- whose workflow forgot to declare them
  local step = job:run { argv = { places.program, "run", "preview", "--untested", "--pr", "42", "--local" }, cwd = place.folder,
    env = { PATH = os.getenv "PWD" .. "/build/npm/node_modules/.bin:" .. os.getenv "PATH" } }
  equal({ step.failed, step.annotations, step.matchers }, { false, {}, {} })
  for _, value in pairs(secrets) do if #value > 7 then hides(job, value) end end
  places.check_secrets(all_texts(job))
  has(job, "codex-web: https://codex-preview-42.revelations.studio")
end)

-- ---- @actions/core ----------------------------------------------------------------------------

local PARTS <const> = "build/clients-npm/node_modules"
local NODE <const> = "build/npm/node_modules/.bin/node"

local CORE <const> = PARTS .. "/@actions/core"

if fs.exists(CORE) then print("clients: @actions/core " .. json.decode(fs.read(CORE .. "/package.json")).version) end

local function actions_core(job, request)
  if not fs.exists(CORE) then skip "@actions/core is not in build/clients-npm" end
  local folder <close> = places.bare {}   -- a module is looked for beside the script
  fs.write(folder.folder .. "/core.mjs", fs.read "tests/clients/actions_core.mjs")
  process.run { argv = { "ln", "-s", os.getenv "PWD" .. "/" .. PARTS, folder.folder .. "/node_modules" } }
  return job:run { id = "core", argv = { os.getenv "PWD" .. "/" .. NODE, folder.folder .. "/core.mjs", json.encode(request) },
    env = request.env }
end

test("@actions/core and Davit hand on the same values, in files that the view reads alike", function()
  for kind, name in pairs { output = "setOutput", state = "saveState", env = "exportVariable" } do
    local calls = {}
    for key, value in pairs(VALUES) do calls[#calls + 1] = { name, key, value } end
    local job = runner.job()
    local step = actions_core(job, { calls = calls })
    equal(step.failed, false)
    equal({ kind, kind == "env" and job.env or kind == "output" and step.outputs or step.state }, { kind, VALUES })
  end
end)

test("@actions/core reads back what Davit wrote", function()
  local job, folder <close> = project(body_of "output" .. "\n" .. body_of "state")
  local step = run(job, folder, { env = { VALUES = json.encode(VALUES) } })
  local names, env = {}, {}
  for name in pairs(VALUES) do
    names[#names + 1] = name
    env["STATE_" .. name], env["INPUT_" .. name:upper()] = step.state[name], step.outputs[name]
  end
  local action = actions_core(job, { states = names, inputs = names, env = env })
  local read = json.decode(action.log[1])
  equal({ read.states, read.inputs }, { VALUES, VALUES })
end)

test("what Davit had masked stays masked when an action prints it and hands it on with @actions/core", function()
  local job, folder <close> = project([[known "URL" known "TOKEN"
    process.run { command = "true", env = { URL = known "URL", TOKEN = known "TOKEN" } }]], { outputs = { token = { "core", "token" } } })
  equal(run(job, folder, { env = SECRETS }).failed, false)
  local step = actions_core(job, { calls = { { "info", "a " .. TOKEN .. " b" }, { "error", URL }, { "summary", "# " .. URL .. "\n" },
    { "setOutput", "token", TOKEN } } })
  hides(job, URL, TOKEN, "s3cr@t-pass-word")
  equal({ step.log[1], step.annotations[1].message }, { "a *** b", "***" })
  local ending = job:finish()
  equal({ ending.outputs, ending.dropped }, { {}, { "token" } })
end)

test("@actions/core and Davit say the same to the runner", function()
  local o = { title = "a:b, c%2C", file = "x,y.lua", startLine = 3, endLine = 4, startColumn = 5 }
  local text = "100 % sure\nsecond ::error::line %0A"
  local job = runner.job()
  local theirs = actions_core(job, { calls = { { "warning", text, o }, { "setSecret", "one%0A\ntwo" }, { "info", "one%0A and two" },
    { "startGroup", "g" }, { "endGroup" }, { "summary", "# It\n" } } })
  local mine_job, folder <close> = project [[
    workflow.warning("100 % sure\nsecond ::error::line %0A", { title = "a:b, c%2C", file = "x,y.lua", line = 3, end_line = 4,
      column = 5 })
    do local _ <close> = workflow.group "g" end
    workflow.summary "# It\n"]]
  local mine = run(mine_job, folder)
  equal({ theirs.annotations, theirs.summary }, { mine.annotations, mine.summary })
  has(job, "*** and ***")
  has(job, "##[group]g")
  has(mine_job, "##[group]g")
end)
