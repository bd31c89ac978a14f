---Workflow commands of GitHub Actions: annotations and groups in the log of a step, and what it hands on. Whatever
---else is printed under GitHub can give the runner no command (host/workflow.h); elsewhere these do nothing.
local core = require "workflow.core"
local files = require "workflow.files"
local options = require "options"

local workflow = { env = files.env, output = files.output, state = files.state, summary = files.summary }

local FIELDS = {
  { "title", "string" }, { "file", "string" }, { "line", "integer" },
  { "end_line", "integer" }, { "column", "integer" },
}
local NAMES = { title = "title", file = "file", line = "line", end_line = "endLine", column = "col" }

-- The runner takes these back, "%25" last, so "%" goes first.
local function escape(text, also)
  return (text:gsub("[%%\r\n\0" .. (also or "") .. "]", function(c) return ("%%%02X"):format(c:byte()) end))
end

local function properties(o)
  local list = {}
  for key, value in pairs(o) do
    list[#list + 1] = ("%s=%s"):format(NAMES[key], escape(tostring(value), ":,"))
  end
  return (#list == 0 and "" or " ") .. table.concat(list, ",")
end

local function check_text(what, text)
  options.no_secret(text, what)
  if type(text) ~= "string" then options.misuse("%s: expected a text, not a %s", what, type(text)) end
end

local function annotate(level)
  local what = "workflow." .. level
  workflow[level] = function(text, o)
    check_text(what, text)
    local place = properties(options.read(what, o or {}, FIELDS))
    core.command(("::%s%s::%s"):format(level, place, escape(text)))
  end
end

for _, level in ipairs { "notice", "warning", "error" } do annotate(level) end

local Group = { __close = function() core.command "::endgroup::" end }

function workflow.group(name)
  check_text("workflow.group", name)
  core.command("::group::" .. escape(name))
  return setmetatable({}, Group)
end

return workflow
