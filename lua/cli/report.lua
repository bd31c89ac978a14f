---What a run tells while it goes on: lines for people on stderr, or JSON events on stdout.
local core = require "core"
local event = require "event.core"
local json = require "json"

local report = {}

---@param s number
---@return string  "41 ms", "2.5 s", "3.2 min"
function report.seconds(s)
  if s < 1 then return ("%.0f ms"):format(s * 1000) end
  if s < 10 then return ("%.1f s"):format(s) end
  return s < 120 and ("%.0f s"):format(s) or ("%.1f min"):format(s / 60)
end

local function terminal_styles(color)
  if not color then
    return { ok = "ok", failed = "FAILED", dim = function(text) return text end }
  end
  return {
    ok = "\27[32mok\27[0m", failed = "\27[31mFAILED\27[0m",
    dim = function(text) return "\27[2m" .. text .. "\27[0m" end,
  }
end

local function say(...)
  io.stderr:write("davit: ", ...)
  io.stderr:write("\n")
end

-- What happens to the run as a whole.
local notices = {
  ["run-interrupted"] = function(_, data, run)
    say((data.undo and "%s; nothing was taken back yet, 'davit undo %s' begins again"
      or "%s; 'davit resume %s' goes on, 'davit undo %s' takes it back"):format(data.reason, run, run))
  end,
  ["undo-accepted"] = function(path) say("it stays as it is: ", path) end,
  ["run-undo-started"] = function() say "taking back what this run made" end,
  ["lease-awaited"] = function(name, data)
    local more = data.superseded and ", which is asked to stop"
      or data.ended and (", whose process has ended: free in %.0f s"):format(data.left)
    say(("waiting for '%s', held by %s%s"):format(name, data.holder, more or ""))
  end,
  ["approval-awaited"] = function(_, data, run)
    say(("waiting for approval: %s; 'davit approve %s' in another terminal goes on"):format(data.question, run))
  end,
  ["lease-broken"] = function(name, data)
    say(("taking '%s' over from run %s (process %d on %s)"):format(name, data.run, data.pid, data.host))
  end,
}

local words = { undo = "take back " }

-- "made", "gone", …: what came of it, where that is more than "ok".
local function outcome(kind, data, made)
  if made then return "made" end
  if kind == "destroy" then return data.result and "gone" or "was not there" end
end

---Lines such as "  ok  Worker codex-web-preview-42  0.41 s".
---@param color boolean
---@return fun(kind: string, path: string, data: any, run: string)
function report.text(color)
  local style, made = terminal_styles(color), {}
  return function(kind, path, data, run)
    if notices[kind] then return notices[kind](path, data, run) end
    if kind == "create-started" then made[path] = true end
    local what, phase = kind:match("^(%a+)%-(%a+)$")
    if path == "" or type(data) ~= "table" or not data.seconds then return end
    local name = (words[what] or "") .. path
    if phase == "finished" then
      local more = outcome(what, data, what == "ensure" and made[path])
      io.stderr:write(("  %s  %s%s  %s\n"):format(style.ok, name, more and (" (" .. more .. ")") or "",
        style.dim(report.seconds(data.seconds))))
    elseif phase == "failed" then
      local stopped = data.error.class == "cancelled"   -- something else failed, or somebody pressed Ctrl-C
      io.stderr:write(("  %s  %s  %s\n"):format(stopped and "stopped" or style.failed, name,
        style.dim(report.seconds(data.seconds))))
    end
  end
end

---One JSON object a line, with the version of its schema.
---@return fun(kind: string, path: string, data: any, run: string)
function report.json()
  return function(kind, path, data, run)
    event.print(json.encode { v = 1, run = run, event = kind, path = path, at = core.now(), data = data })
    if kind == "run-interrupted" then notices[kind](path, data, run) end
  end
end

local function list(what, names)
  if #names > 0 then say(what, table.concat(names, ", ")) end
end

local function left_of(run)
  local names = {}
  for i, entry in ipairs(run.left) do
    names[i] = entry.path .. (entry.undo_error and (" (%s)"):format(entry.undo_error.message) or "")
  end
  return names
end

-- Whether it was tried to take all of it back.
local function was_tried(run)
  for _, entry in ipairs(run.left) do
    if entry.undone ~= "failed" then return false end
  end
  return true
end

-- What is left of a run that failed, or was to be taken back.
local function tell_left(run, again)
  local names = left_of(run)
  if #names == 0 then return end
  list("not taken back: ", names)
  local without = again and ("; without the journal: '%s'"):format(again) or ""
  say(("'davit undo %s' %s%s"):format(run.id, was_tried(run) and "tries again; with --accept-left it stays as it is, "
    .. "and the run is over" or "takes it back", without))
end

---The end of a run, for people: what went wrong, what was taken back, what was not, and the way on.
---@param run table  of run.start, run.resume, run.undo
---@param again string|nil  the command that takes back without a journal
---@param debug boolean
function report.ending(run, again, debug)
  local err = run.error
  if run.status == "interrupted" and err.code == "interrupted" then
    return list("made so far: ", left_of(run))   -- the checkpoint has said the rest
  end
  if err then
    say(tostring(err))
    if debug and err.trace then io.stderr:write(err.trace, "\n") end
    list("there before this run, perhaps changed by it: ", run.changed or {})
  end
  list("taken back: ", run.back or {})
  if run.status == "failed" or run.status == "undoing" then tell_left(run, again) end
  if run.status == "lost" then say(("'davit resume %s' goes on from what is recorded"):format(run.id)) end
  if err and run.status ~= "waiting" then say(("'davit show %s' has the details"):format(run.id)) end
end

return report
