---The reading of workflows (tests/runner/workflow.lua): its rules, one by one, without Davit.
local core = require "core"
local expressions = assert(core.load_file "tests/runner/expressions.lua")()
local json = require "json"
local workflow = assert(core.load_file "tests/runner/workflow.lua")()

local function scope(ok)
  return {
    contexts = { github = { event = { number = 7, action = "Opened", nothing = json.null } }, env = { EMPTY = "" } },
    functions = { success = function() return ok ~= false end, failure = function() return ok == false end,
      always = function() return true end },
  }
end

test("an expression compares as GitHub does, and what is not there is empty", function()
  for text, expected in pairs {
    ["github.event.action == 'opened'"] = true, ["github.event.number != 7"] = false, ["github.event.nobody.knows == ''"] = true,
    ["github.event.nothing == ''"] = true, ["!env.EMPTY && 'a' || 'b'"] = "a", ["'a' == 'b' || 1 == 1 && 2 == 3"] = false,
    ["(1 == 1 || 2 == 3) && !(1 == 2)"] = true,
  } do equal({ text, expressions.value(text, scope()) }, { text, expected }) end
end)

test("texts are filled with values, and an unknown word is an error and not empty", function()
  equal(expressions.fill("pr-${{ github.event.number }}-${{ github.event.no }}.", scope()), "pr-7-.")
  raises("there is no context gitub", expressions.fill, "${{ gitub.event }}", scope())
  raises("there is no function hashFiles", expressions.fill, "${{ hashFiles() }}", scope())
  raises("nobody expects", expressions.value, "1 == 1 'x'", scope())
end)

test("a condition wants success unless it asks for a status itself", function()
  local function holds(text) return { expressions.holds(text, scope(true)), expressions.holds(text, scope(false)) } end
  equal({ holds(nil), holds "1 == 1", holds "${{ always() }}", holds "failure() && 1 == 1" },
    { { true, false }, { true, false }, { true, true }, { false, true } })
end)

local SECRET <const> = "value-of-a-secret"

local function run(text, event)
  return workflow.read(text):run { event = event or { name = "push", payload = { ref = "refs/heads/main" }, sha = "1" },
    event_file = "/nowhere", repository = "a/b", secrets = { KEY = SECRET }, token = "token-of-the-job", workspaces = "/",
    actions = {}, env = {} }
end

local function job(steps) return "on: { push: { branches: [main] } }\njobs:\n  tmp:\n    steps:\n" .. steps end

test("only what a workflow names starts it", function()
  local text = job "      - run: 'true'\n"
  equal(run(text, { name = "push", payload = { ref = "refs/heads/other" }, sha = "1" }), {})
  equal(run(text, { name = "schedule", payload = {}, sha = "1" }), {})
  equal(run(text).tmp.result, "success")
end)

test("a step sees the environment of all levels, and a reader no secret of it", function()
  local one = run([[
on: { push: }
env: { A: workflow, B: "${{ secrets.KEY }}" }
jobs:
  tmp:
    env: { A: "${{ env.A }}, job" }
    steps: [{ env: { A: "${{ env.A }}, step" }, run: 'echo "$A: $B ${{ github.token }}"' }]
]]).tmp
  equal(one.job.log, { "workflow, job, step: *** ***" })
end)

test("what follows a step that failed is left out, but for what asks for that", function()
  local one = run(job "      - run: exit 3\n      - run: echo no\n      - { if: failure(), run: echo sad }\n").tmp
  equal({ one.result, one.job.log }, { "failure", { "##[error]Process completed with exit code 3.", "sad" } })
end)

test("a job comes after those that it needs, gets their outputs, and is skipped when they failed", function()
  local text = [[
on: { push: }
jobs:
  opt:
    needs: tmp
    steps: [{ run: 'echo got ${{ needs.tmp.outputs.name }}; %s' }]
  srv:
    needs: [opt]
    steps: [{ run: echo last }]
  tmp:
    outputs: { name: "${{ steps.one.outputs.id }}" }
    steps: [{ id: one, run: 'echo id=br-1 >>"$GITHUB_OUTPUT"' }]
]]
  local good, bad = run(text:format "true"), run(text:format "exit 1")
  equal({ good.opt.job.log[1], good.srv.result }, { "got br-1", "success" })
  equal({ bad.opt.result, bad.srv.result }, { "failure", "skipped" })
end)
