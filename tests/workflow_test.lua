---What the runner of GitHub reads: foreign text gives it no command, Davit's own do.
local process = require "process"
local workflow = require "workflow"

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
  local code = [[local s = require("secret.core").new("TOKEN", "tok-1234567890", { "program:sh" })
    require("workflow").notice "it is tok-1234567890"]]
  equal(davit(code, true).errors, "\n::add-mask::tok-1234567890\n::notice::it is ***\n")
end)

test("what is no text or no place is a misuse", function()
  raises("workflow.notice: expected a text, not a number", workflow.notice, 3)
  raises("workflow.error: unknown option 'col'", workflow.error, "x", { col = 3 })
  raises("workflow.group: expected a text, not a nil", workflow.group)
end)
