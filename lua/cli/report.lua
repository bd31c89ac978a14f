---What a run tells while it goes on: lines for people on stderr, or JSON events on stdout.
local core = require "core"
local json = require "json"

local report = {}

local function seconds(s)
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

local function outcome(kind, data)
  if kind == "destroy-finished" then return data.result and "gone" or "was not there" end
  return nil
end

---Lines such as "  ok  Worker codex-web-preview-42  0.41 s".
---@param color boolean
---@return fun(kind: string, path: string, data: any)
function report.text(color)
  local style, made = terminal_styles(color), {}
  return function(kind, path, data)
    if kind == "created" then made[path] = true end
    if kind:find("%-finished$") and path ~= "" then
      local what = made[path] and "made" or outcome(kind, data)
      io.stderr:write(("  %s  %s%s  %s\n"):format(style.ok, path, what and (" (" .. what .. ")") or "",
        style.dim(seconds(data.seconds))))
    elseif kind:find("%-failed$") then
      local stopped = data.error.class == "cancelled"   -- something else failed, or somebody pressed Ctrl-C
      io.stderr:write(("  %s  %s  %s\n"):format(stopped and "stopped" or style.failed, path,
        style.dim(seconds(data.seconds))))
    end
  end
end

---One JSON object a line, with the version of its schema.
---@return fun(kind: string, path: string, data: any, run: string)
function report.json()
  return function(kind, path, data, run)
    print(json.encode { v = 1, run = run, event = kind, path = path, at = core.now(), data = data })
  end
end

return report
