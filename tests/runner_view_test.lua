---The view of GitHub's runner (tests/runner.lua): its rules, one by one.
local base64 = require "base64"
local runner = assert(require("core").load_file("tests/runner.lua"))()

local SECRET = "s3cret-value-of-a-job"

-- A step that printed this, in a job with the secret.
local function printed(output, errors)
  return runner.job({ secrets = { TOKEN = SECRET } }):step { output = output, errors = errors }
end

local function wrote(name, bytes)
  local job = runner.job()
  return job:step { id = "one", files = { [name] = bytes } }, job
end

local function log(step) return table.concat(step.log, "\n") end

-- ---- what is masked ---------------------------------------------------------------------------

test("a secret of the job is masked, trimmed, whole and line by line", function()
  local job = runner.job { secrets = { KEY = "  first line\n second line \n" } }
  equal(job:step({ output = "a first line b\nsecond line\n" }).log, { "a *** b", "***" })
end)

test("the forms that the runner derives are masked, and no others", function()
  local value = [["pass word/ü&<it's>\end"]]
  local function shown(text)
    return log(runner.job({ secrets = { P = value } }):step { output = text })
  end
  for _, form in ipairs {
    base64.encode(value), base64.encode(value:sub(2)), base64.encode(value:sub(3)), (value:gsub('"', '\\"')),
    (value:gsub("'", "''")), [[\"pass word/ü&<it's>\\end\"]], "%22pass%20word%2F%C3%BC%26%3Cit%27s%3E%5Cend%22",
    "&quot;pass word/ü&amp;&lt;it&apos;s&gt;\\end&quot;", value:sub(2, -2), [["pass word/ü&]], [[<it's>\end"]],
  } do
    equal({ form, shown("a " .. form .. " b") }, { form, "a *** b" })
  end
  equal(shown "%22pass+word%2F":find("***", 1, true), nil)
  equal(shown(value:upper()):find("***", 1, true), nil)
end)

test("what overlaps or touches is one mark", function()
  local job = runner.job { secrets = { A = "aab", B = "bcc", C = "dd" } }
  equal(job:step({ output = "xaabccddy aabaab\n" }).log, { "x***y ***" })
end)

test("one character is enough to be masked: there is no shortest secret", function()
  equal(runner.job({ secrets = { A = "1" } }):step({ output = "v1.2.1" }).log, { "v***.2.***" })
end)

test("a connection string is masked although nobody said that it is a secret", function()
  equal(printed "at postgresql://u:p@db.example/d now" .log, { "at *** now" })
  equal(printed "postgresql://db.example/d" .log, { "postgresql://db.example/d" })
end)

-- ---- commands ---------------------------------------------------------------------------------

test("a mask counts from its command on, and never shows", function()
  equal(printed "hidden-1\n::add-mask::hidden-1\nhidden-1\n" .log, { "hidden-1", "***" })
  equal(printed("hidden-1\n", "::add-mask::hidden-1\nhidden-1\n").log, { "hidden-1", "***" })
end)

test("a mask of several lines masks each of them, and what is escaped is taken back, the percent sign last", function()
  equal(printed "::add-mask::one%0Atwo%0D%0A%250Athree\none\ntwo\n%0Athree\n".log, { "***", "***", "***" })
  local step = printed "::add-mask::\n::add-mask::%20\n%20\n"
  equal({ step.log, step.failed }, { { "##[warning]Can't add secret mask for empty string in ##[add-mask] command.",
    "***" }, false })
end)

test("a command stands at the start of a line, after white space of any kind", function()
  local step = printed "  ::warning::a\n\u{3000}\t::error::b\nx ::error::c\n\r::notice::d"
  equal({ #step.annotations, step.annotations[2].message, step.log[3], step.annotations[3].message },
    { 3, "b", "x ::error::c", "d" })
end)

test("the older form is one anywhere in a line", function()
  local step = printed "progress 50% ##[error file=a.lua;line=3]it%3B%5D broke\n##[nothing]stays\n"
  equal({ step.annotations, step.log }, {
    { { level = "error", message = "it;] broke", file = "a.lua", line = "3" } },
    { "##[error]it;] broke", "##[nothing]stays" } })
end)

test("names are told without regard to case, and unknown ones are text", function()
  equal(printed "::WARNING::a\n::unknown::b\n::warning:c\n".log, { "##[warning]a", "::unknown::b", "::warning:c" })
end)

test("properties are read with their escapes; what has no value is none", function()
  equal(printed "::notice title=a%3Ab%2Cc,file=,=x,line==2,Col=3::m".annotations,
    { { level = "notice", message = "m", title = "a:b,c", line = "2", col = "3" } })
end)

test("an annotation's message is masked, its title is not", function()
  local step = printed("::error title=" .. SECRET .. "::it is " .. SECRET)
  equal(step.annotations, { { level = "error", message = "it is ***", title = SECRET } })
end)

test("ten annotations of a level are kept, the log has all", function()
  local step = printed(("::error::e\n"):rep(12) .. ("::notice::n\n"):rep(11))
  equal({ #step.annotations, #step.log }, { 20, 23 })
  equal(#printed("::error::" .. ("ü"):rep(5000)).annotations[1].message, 2 * 4096)
end)

test("groups are lines of the log; an end takes no text", function()
  equal(printed "::group::Build it\nx\n::endgroup::y\n".log, { "##[group]Build it", "x", "##[endgroup]" })
end)

test("debug lines and what echo does not show are not in the log", function()
  equal(printed "::debug::a\n::echo::on\n::group::g\n::add-mask::abc\n::echo::off\nb\n".log,
    { "::group::g", "##[group]g", "::add-mask::***", "::echo::off", "b" })
  equal(printed "::echo::maybe\n".failed, true)
end)

test("commands that were taken away fail the step", function()
  for _, line in ipairs { "::set-env name=A::b", "##[add-path]/tmp" } do
    local step, count = printed(line), 0
    for _, annotation in ipairs(step.annotations) do count = count + (annotation.level == "error" and 1 or 0) end
    equal({ step.failed, count, step.log[1] },
      { true, 2, ("##[error]Unable to process command '%s' successfully."):format(line) })
  end
end)

test("commands of former times still work, and are named", function()
  local step = printed "::set-output name=Url::x%0Ay\n::save-state name=pid::7\n::set-output ::x\n"
  equal({ step.outputs, step.state, step.deprecated, step.failed },
    { { url = "x\ny" }, { pid = "7" }, { "set-output", "save-state" }, true })
end)

-- ---- stopping ---------------------------------------------------------------------------------

test("between stop-commands and its token nothing is a command, in either form", function()
  local step = printed "::stop-commands::t0k3n-42\n::error::a\nx ##[error]b\n::T0K3N-42::\n::error::c\n"
  equal({ #step.annotations, step.annotations[1].message }, { 1, "c" })
  equal(step.log, { "::stop-commands::***", "::error::a", "x ##[error]b", "::T0K3N-42::", "##[error]c" })
end)

test("masks go on while commands are stopped; a short token is not masked itself", function()
  equal(printed("::stop-commands::abc\n" .. SECRET .. "\nabc\n::abc::\n").log,
    { "::stop-commands::abc", "***", "abc", "::abc::" })
end)

test("who knows the token lets commands in again", function()
  local step = printed "::stop-commands::fixed-token\nsomebody says ##[fixed-token]\n::error::in\n"
  equal(#step.annotations, 1)
end)

test("a token that is empty or a command's name fails the step", function()
  for _, token in ipairs { "", "error", "Pause-Logging" } do
    local step = printed("::stop-commands::" .. token .. "\n::notice::still\n")
    equal({ step.failed, step.annotations[#step.annotations].message }, { true, "still" })
  end
end)

test("commands are stopped in one step only", function()
  local job = runner.job()
  job:step { output = "::stop-commands::forgotten\n" }
  equal(#job:step({ output = "::error::a\n" }).annotations, 1)
end)

-- ---- files ------------------------------------------------------------------------------------

test("outputs are lines or texts between markers; the last of a name counts, names have no case", function()
  equal(wrote("output", "a=1=2<<3\n\nB<<EOF\nx\n\ny=z\nEOF\nb=last\nc<<E\nE\nd= blanks \r\n").outputs,
    { a = "1=2<<3", b = "last", c = "", d = " blanks \r" })
end)

test("what cannot be read fails the step, and what stood before it counts", function()
  for bytes, reason in pairs {
    ["a=1\nnothing\n"] = "Invalid format 'nothing'", ["a=1\nb<<EOF\nx\n"] = "Matching delimiter not found 'EOF'",
    ["a=1\nb<<EOF\nx"] = "EOF marker missing new line", ["a=1\n<<EOF\nEOF\n"] = "Name must not be empty",
    ["a=1\nb<<\n"] = "delimiter must not be empty", ["a=1\n=x\n"] = "cannot be empty",
  } do
    local step = wrote("output", bytes)
    equal({ step.failed, step.outputs, step.annotations[2].message:find(reason, 1, true) ~= nil }, { true, { a = "1" }, true })
  end
  equal(wrote("output", "a<<EOF\nx\nEOF").outputs, { a = "x" })
end)

test("a value that knows the marker adds names of its own", function()
  equal(wrote("output", "body<<EOF\nhello\nEOF\nurl=https://evil.example\nEOF<<EOF\nEOF\n").outputs.url, "https://evil.example")
end)

test("variables are for the steps after, which show them; NODE_OPTIONS is refused", function()
  local step, job = wrote("env", "A=" .. "plain" .. "\nnode_options=--require ./x\nPATH=/elsewhere\n")
  equal({ step.failed, job.env, #step.annotations }, { false, { A = "plain", PATH = "/elsewhere" }, 1 })
  equal(job:step({ output = "x" }).log, { "##[group]env:", "  A: plain", "  PATH: /elsewhere", "##[endgroup]", "x" })
end)

test("folders come before the path, the newest first and each once", function()
  local _, job = wrote("path", "/a\r\n/b\n\n/a\n")
  equal(job.path, { "/a", "/b" })
end)

test("state is kept apart from outputs", function()
  local step = wrote("state", "pid=1\n")
  equal({ step.state, step.outputs }, { { pid = "1" }, {} })
end)

test("a summary is masked by lines; one of more than 1 MiB is refused whole, and the step goes on", function()
  local job = runner.job { secrets = { T = SECRET } }
  equal(job:step({ files = { step_summary = "# It\r\nis " .. SECRET } }).summary, "# It\nis ***\n")
  local step = job:step { files = { step_summary = ("x"):rep(1024 * 1024 + 1) } }
  equal({ step.summary, step.failed, step.annotations[1].level }, { nil, false, "error" })
  for _ = 1, 20 do job:step { files = { step_summary = "another\n" } } end
  equal(#job:finish().summaries, 20)
end)

test("a byte order mark at the beginning of a stream says how all of it is read", function()
  local line = "::error::\u{1F600} in\n"
  for mark, format in pairs { ["\xFF\xFE"] = "<I2", ["\xFE\xFF"] = ">I2" } do
    local units = {}
    for _, code in utf8.codes(line) do
      local pair = code > 0xFFFF and { 0xD800 + ((code - 0x10000) >> 10), 0xDC00 + (code & 0x3FF) } or { code }
      for _, unit in ipairs(pair) do units[#units + 1] = format:pack(unit) end
    end
    equal(printed(mark .. table.concat(units)).annotations, { { level = "error", message = "\u{1F600} in" } })
    equal(#printed("x" .. mark .. table.concat(units)).annotations, 0)
  end
  equal(#printed "\u{FEFF}::error::a\n\u{FEFF}::error::b\n".annotations, 1)
end)

test("bytes that are no UTF-8 are shown as such", function()
  equal(printed "a\xffb\n".log, { "a\u{FFFD}b" })
end)

-- ---- what a later job gets --------------------------------------------------------------------

local function ended(outputs, o)
  o = o or {}
  local wanted = {}
  for name in pairs(outputs) do wanted[name] = { "one", name } end
  local job = runner.job { secrets = { TOKEN = SECRET }, outputs = wanted, environment_url = o.environment_url }
  local lines = {}
  for name, value in pairs(outputs) do lines[#lines + 1] = ("%s<<EOF\n%s\nEOF\n"):format(name, value) end
  job:step { id = "one", output = o.output, files = { output = table.concat(lines) } }
  return job:finish(), job
end

test("an output that holds a secret in any form is dropped with a warning, and the job is green", function()
  for _, value in ipairs { "x" .. SECRET, base64.encode(SECRET), SECRET:gsub("-", "%%2D"), "postgres://u:p@h/db",
    "Authorization: Bearer abc.def", "Host=h;Password=p" } do
    local ending = ended { url = value, id = "br-1" }
    if value:find "%%" then
      equal(ending.outputs, { url = value, id = "br-1" })
    else
      equal(ending, { outputs = { id = "br-1" }, dropped = { "url" }, summaries = {}, failed = false, annotations = {
        { level = "warning", message = "Skip output 'url' since it may contain secret." } } })
    end
  end
end)

test("a mask that a step told drops outputs, too, whatever it is of", function()
  local ending = ended({ version = "1.20.3" }, { output = "::add-mask::20\n" })
  equal(ending.dropped, { "version" })
end)

test("a password alone crosses to the next job, where nothing masks it", function()
  local ending = ended { password = "npg_Abc123" }
  equal(ending.outputs.password, "npg_Abc123")
  equal(runner.job():step({ output = ending.outputs.password }).log, { "npg_Abc123" })
end)

test("an output that nobody wrote is no output, and nobody says so", function()
  local job = runner.job { outputs = { a = { "one", "missing" }, b = { "nobody", "x" } } }
  job:step { id = "one" }
  equal({ job:finish().outputs, job.log }, { {}, {} })
end)

test("the URL of an environment goes through the same test", function()
  equal(ended({ url = "https://a.example" }, { environment_url = { "one", "url" } }).environment_url, "https://a.example")
  equal(ended({ url = "https://" .. SECRET .. ".example" }, { environment_url = { "one", "url" } }).environment_url, nil)
end)

test("outputs of more than a megabyte, counted in UTF-16, fail the job", function()
  equal(ended({ a = ("x"):rep(524288) }).failed, false)
  equal({ ended({ a = ("x"):rep(524288), b = "y" }).failed, ended({ a = ("😀"):rep(262145) }).failed }, { true, true })
end)

test("a program is run as a step: its files, its two pipes and its environment", function()
  local job = runner.job { outputs = { a = { "make", "a" } } }
  local step, result = job:run { id = "make", command = [[echo "a=$CI" >>"$GITHUB_OUTPUT"; echo B=2 >>"$GITHUB_ENV"
    echo /opt/here >>"$GITHUB_PATH"; echo '# Done' >>"$GITHUB_STEP_SUMMARY"; echo out; echo err >&2; exit 3]] }
  equal({ step.log, result.exit }, { { "out", "err", "##[error]Process completed with exit code 3." }, 3 })
  job:run { id = "later", command = [[echo "$B" "${PATH%%:*}"]] }
  equal(job.steps[2].log[4], "2 /opt/here")
  local ending = job:finish()
  equal({ ending.outputs, ending.summaries, ending.failed }, { { a = "true" }, { "# Done\n" }, true })
end)
