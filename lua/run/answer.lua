---An answer to what a run has asked, given by somebody who is not the process that carries it out: which question is
---open, whether it may be answered still, and its record.
local core = require "core"
local json = require "json"
local options = require "options"

local answer = {}

-- A run that has ended, or is being taken back, is not revived by an answer.
local may_answer = { running = true, interrupted = true, waiting = true }

---The question that waits for an answer; raises where none does.
---@param past run.History
---@return string path
---@return table asked  question, plan, digest, expires (Unix seconds)
function answer.open(past)
  for path, asked in pairs(may_answer[past.status] and past.approvals or {}) do
    if asked.state == "asked" and not past.undoing then return path, asked end
  end
  options.usage(("run %s does not wait for an approval: it is %s"):format(past.id, past.status))
end

---Raises unless the question may be answered still, and is the one that whoever answers has seen.
---@param past run.History
---@param asked table
---@param digest? string  of the plan that was seen
function answer.check(past, asked, digest)
  if digest and digest ~= asked.digest then
    failure {
      code = "denied",
      message = ("the plan of run %s has the digest %s, not %s"):format(past.id, asked.digest, digest),
      hint = ("nothing was approved; 'davit show %s' has the plan"):format(past.id),
    }
  end
  if core.now() >= asked.expires then
    failure {
      code = "approval-expired", hint = ("'davit resume %s' asks again"):format(past.id),
      message = ("the question of run %s expired at %s UTC"):format(past.id,
        os.date("!%Y-%m-%d %H:%M:%S", math.floor(asked.expires))),
    }
  end
end

---Records it; whoever carries the run out, or resumes it, goes by it.
---@param store userdata
---@param past run.History
---@param path string     of the question
---@param asked table
---@param given { deny?: boolean, by: string, why?: string }
function answer.record(store, past, path, asked, given)
  store:append { {
    run = past.id, at = core.now(), kind = given.deny and "approval-denied" or "approved", path = path,
    status = "interrupted",
    data = json.encode { by = given.by, why = given.why, how = "davit approve", digest = asked.digest },
  } }
end

return answer
