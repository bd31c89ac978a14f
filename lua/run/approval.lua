---Approvals: a question with the plan it is about, an answer bound to that plan's digest. Without
---anybody to ask the run parks: it ends, gives its leases back, and is resumed by the answer.
local core = require "core"
local deadline = require "run.deadline"
local json = require "json"
local recorder = require "run.recorder"
local sha256 = require "sha256"

local approval = {}

local DAY = 86400

local function misuse(message, ...)
  failure { code = "misuse", class = "misuse", message = "run.approve: " .. message:format(...) }
end

---@class run.Question
---@field question string
---@field plan any
---@field digest string   of question and plan
---@field expires number  Unix seconds

local options = { [1] = true, plan = true, expires = true }

local function check(o)
  if type(o[1]) ~= "string" or o[1] == "" then misuse("expected a question, not %s", tostring(o[1])) end
  for field in pairs(o) do
    if not options[field] then misuse("unknown option '%s' (expected plan, expires)", tostring(field)) end
  end
  if o.expires ~= nil and (type(o.expires) ~= "number" or o.expires <= 0) then
    misuse "'expires' is a number of seconds above 0"
  end
end

-- The question as it stands now: a plan that is a function is computed each time.
---@return run.Question
local function question_of(o)
  local plan = o.plan
  if type(plan) == "function" then plan = plan() end
  local text = recorder.encode("the plan of run.approve", plan)
  return {
    question = o[1], plan = plan, digest = sha256(o[1] .. "\n" .. text):sub(1, 16),
    expires = core.now() + (o.expires or DAY),
  }
end

-- Where it stands ---------------------------------------------------------------------------

---@param past table|nil     the approval in the history
---@param asked run.Question
---@return "ask"|"approved"|"denied"|"waiting"
local function standing(past, asked)
  if not past or past.digest ~= asked.digest then return "ask" end
  if past.state == "denied" then return "denied" end
  if past.state == "approved" then return past.answer.digest == asked.digest and "approved" or "ask" end
  return core.now() < past.expires and "waiting" or "ask"
end

local function raise_denied(past)
  local answer = past.answer
  failure {
    code = "denied", message = ("'%s' was denied by %s%s"):format(past.question, answer.by or "?",
      answer.why and ": " .. answer.why or ""),
  }
end

local function park(run, asked)
  run.recorder:note("run-parked", "", { question = asked.question }, "waiting")
  failure {
    code = "approval-needed", message = ("waiting for approval: %s"):format(asked.question),
    hint = ("'davit approve %s' approves and goes on, 'davit show %s' has the plan"):format(run.id, run.id),
  }
end

-- Asking ----------------------------------------------------------------------------------------

local function find_answer(run, path, past)
  for _, kind in ipairs { "approved", "approval-denied" } do
    for _, event in ipairs(run.recorder.store:events { run = run.id, kind = kind }) do
      local data = json.decode(event.data)
      if event.path == path and data.digest == past.digest then
        return { kind = kind, path = path, data = data, at = event.at }
      end
    end
  end
end

-- Polls until somebody answers or the question expires. The leases are free for others meanwhile.
local function await(run, path, past)
  local take_again, pause = run.leases:lay_down(), 0.5
  local answer
  run.recorder.report("approval-awaited", path, { question = past.question }, run.id)
  repeat
    sleep(pause)
    pause = math.min(2 * pause, 5)
    answer = find_answer(run, path, past)
  until answer or core.now() >= past.expires
  take_again()
  if not answer then return end
  run.recorder.history:add(answer)
  run.recorder:note("run-continued", "", { answer = answer.kind }, "running")
end

local function note_answer(run, path, asked, yes, how, why)
  run.recorder:note(yes and "approved" or "approval-denied", path,
    { by = run.options.user, how = how, why = why, digest = asked.digest }, "running")
end

local function ask(run, path, asked)
  if run.options.yes then return note_answer(run, path, asked, true, "--yes") end
  local _ <close> = deadline.pause(run.limit)
  local answer, why = run.options.ask(asked)
  if answer then return note_answer(run, path, asked, answer == "yes", "terminal", why) end
  if not run.options.wait then park(run, asked) end
  await(run, path, run.recorder.history.approvals[path])
end

---Returns once somebody has approved the question with the plan as it is now.
---@param run run.Run
---@param path string
---@param o string|{ [1]: string, plan?: any, expires?: number }
function approval.approve(run, path, o)
  o = type(o) == "table" and o or { o }
  check(o)
  local approvals = run.recorder.history.approvals
  while true do
    local asked = question_of(o)
    local state = standing(approvals[path], asked)
    if state == "approved" then return end
    if state == "denied" then
      run.news = true
      raise_denied(approvals[path])
    end
    run:refuse_new()
    if state == "ask" then
      run.recorder:write("approval-asked", path,
        { question = asked.question, plan = asked.plan, digest = asked.digest, expires = asked.expires }, "waiting")
    end
    ask(run, path, asked)
  end
end

return approval
