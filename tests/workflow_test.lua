---What the runner of GitHub reads: foreign text gives it no command, Davit's own do.
local process = require "process"
local workflow = require "workflow"

local files = assert(require("core").load_file "tests/runner/files.lua")()

-- The parent of a child is Davit's own program.
local function davit(code, github, redirect)
  return process.run {
    command = '/proc/$PPID/exe eval "$CODE"' .. (redirect or ""), check = false,
    env = { CODE = code, GITHUB_ACTIONS = github and "true" or false },
  }
end

test("under GitHub a child's output gives the runner no command", function()
  local code = [[require("process").run { output = "stream",
    command = "printf '  ::add-mask::a\\nx ##[group]b\\n50\\r::error::c\\n'" }]]
  equal(davit(code, true).errors, "  : :add-mask::a\nx ## [group]b\n: :error::c\n")
  equal(davit(code, false).errors, "  ::add-mask::a\nx ##[group]b\n::error::c\n")
end)

test("nor does what is printed, logged or told as an error", function()
  local r = davit([[print "::set-output name=a::b" io.write("a\n#", "#", "[x]\n") require("log").info "##[x]"
    require("process").run { command = "echo; echo '::error::why'; echo '##[error]so'; exit 3" }]], true)
  equal(r.output, ": :set-output name=a::b\na\n## [x]\n")
  equal(("\n" .. r.errors):find("\n%s*::"), nil)
  equal(r.errors:find("##[", 1, true), nil)
  equal(r.errors:find("## [error]so", 1, true) ~= nil, true)
end)

test("a file is no runner", function()
  local r = davit([[print "::data::" ]], true, " >/tmp/$$; cat /tmp/$$; rm /tmp/$$")
  equal(r.output, "::data::\n")
end)

test("Davit's own commands arrive, escaped and on lines of their own", function()
  local code = [[local w = require "workflow"
    io.stderr:write "half a line"
    do local g <close> = w.group "build\n::error::x" end
    w.warning("100 %\nsure", { title = "a:b,c", file = "x.lua", line = 3, end_line = 4, column = 5 })
    w.notice "plain" w.error "bad" io.stderr:write "::after::\n"]]
  equal(davit(code, true).errors, "half a line\n::group::build%0A::error::x\n::endgroup::\n" ..
    "::warning col=5,endLine=4,file=x.lua,line=3,title=a%3Ab%2Cc::100 %25%0Asure\n" ..
    "::notice::plain\n::error::bad\n: :after::\n")
  equal(davit(code, false).errors, "half a line::after::\n")
end)

test("a secret in a command is masked", function()
  local code = [[local s = require("secret.core").new("TOKEN", "wf-token-5839201", { "program:sh" })
    require("workflow").notice "it is wf-token-5839201"]]
  equal(davit(code, true).errors, "\n::add-mask::wf-token-5839201\n::notice::it is ***\n")
end)

-- What a file of the runner's holds after Lua ran as another davit.
local function written(variable, code)
  local r = process.run {
    command = ('export %s=$(mktemp); /proc/$PPID/exe eval "$CODE"; code=$?; cat $%s; rm $%s; exit $code'):format(variable,
      variable, variable),
    check = false, env = { GITHUB_ACTIONS = "false",
      CODE = [[local w = require "workflow"
        local token = require("secret.core").new("TOKEN", "wf-token-5839201", { "api.github.com" })
        ]] .. code },
  }
  return r.output, r.errors, r.exit
end

test("outputs, variables and states are written so that no value adds another", function()
  for variable, name in pairs { GITHUB_OUTPUT = "output", GITHUB_ENV = "env", GITHUB_STATE = "state" } do
    local text = written(variable, ([[w.%s("branch_id", "br-1") w.%s("n", 3) w.%s("text", "a\nx=y\nb<<c\n") ]]):format(name,
      name, name))
    local values = {}
    for _, pair in ipairs(files.pairs(text)) do values[pair[1]] = pair[2] end
    equal(select(2, text:gsub("<<ghadelimiter_" .. ("%x"):rep(32) .. "\n", "")), 3)
    equal(values, { branch_id = "br-1", n = "3", text = "a\nx=y\nb<<c\n" })
  end
end)

test("a secret is no output, variable or state: the error names it, and nothing is written", function()
  for variable, name in pairs { GITHUB_OUTPUT = "output", GITHUB_ENV = "env", GITHUB_STATE = "state" } do
    for _, value in ipairs { '"is wf-token-5839201"', 'require("base64").encode "wf-token-5839201"' } do
      local text, errors, code = written(variable, ('w.%s("url", %s)'):format(name, value))
      equal({ text, code }, { "", 7 })
      equal(errors:find(("workflow.%s: 'url' holds the secret TOKEN; hand over"):format(name), 1, true) ~= nil, true)
      equal(errors:find("wf-tok", 1, true), nil)
    end
  end
  local text, errors, code = written("GITHUB_ENV", 'w.env("wf-token-5839201", 1)')
  equal({ text, code, errors:find "'%*%*%*' holds the secret TOKEN" ~= nil }, { "", 7, true })
  local token = require("secret.core").new("T", "wf-token-1029385", { "api.github.com" })
  for _, f in ipairs { workflow.output, workflow.summary, workflow.notice } do
    local err = raises("T may be sent to https://api.github.com only", f, f == workflow.output and "url" or token, token)
    equal(err.code, "secret-refused")
  end
  raises("'url' is a text, a number or a boolean, not a table", workflow.output, "url", {})
end)

test("what only looks like a secret to GitHub is written with a warning", function()
  for value, what in pairs {
    ["postgres://u:p@h/db"] = "a connection string", ["Authorization: Bearer abc.def"] = "an authorization",
    ["eyJhbGciOiJ9.eyJzdWIifQ.x"] = "a JSON web token", ["ghs_abcd1234"] = "a token of GitHub",
  } do
    local text, errors = written("GITHUB_OUTPUT", ("w.output('url', %q)"):format(value))
    equal(text:find(value, 1, true) ~= nil, true)
    equal(errors:find("'url' looks like " .. what, 1, true) ~= nil, true)
  end
  local _, errors = written("GITHUB_OUTPUT", [[w.output("url", "https://example.com/a:b@c")]])
  equal(errors, "")
end)

test("a summary is masked and ends before the runner's limit", function()
  equal((written("GITHUB_STEP_SUMMARY", [[w.summary "# It is wf-token-5839201" w.summary "two\n"]])), "# It is ***\ntwo\n")
  local text = written("GITHUB_STEP_SUMMARY", [[for i = 1, 3 do w.summary(("a line of text\n"):rep(40000)) end]])
  equal(#text <= 1024 * 1024, true)
  equal(#text > 1024 * 1024 - 100, true)
  equal(text:match "[^\n]*\n$", "(cut: a summary has at most 1 MiB)\n")
end)

test("without the runner's files nothing is written, and mistakes are told all the same", function()
  workflow.output("name", "value")
  workflow.summary "text"
  raises("a name has letters, digits, _ and %-, unlike 'a=b'", workflow.output, "a=b", "x")
  raises("a name has letters", workflow.output, "a\nb", "x")
  raises("PATH decides what later steps run", workflow.env, "PATH", "/tmp")
  raises("LD_PRELOAD decides", workflow.env, "LD_PRELOAD", "x")
  raises("'x' holds a zero byte", workflow.output, "x", "a\0b")
  raises("workflow.summary: expected a text, not a nil", workflow.summary)
end)

test("what is no text or no place is a misuse", function()
  raises("workflow.notice: expected a text, not a number", workflow.notice, 3)
  raises("workflow.error: unknown option 'col'", workflow.error, "x", { col = 3 })
  raises("workflow.group: expected a text, not a nil", workflow.group)
end)
