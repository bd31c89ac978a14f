---One step of a job as GitHub's runner sees it: what it printed, line by line, and what it wrote into the runner's
---files. What a reader would find in the log, in the annotations and in the summary stands in its fields.
local load_file = require("core").load_file

local commands = assert(load_file "tests/runner/commands.lua")()
local files = assert(load_file "tests/runner/files.lua")()
local text = assert(load_file "tests/runner/text.lua")()

local step = {}

local ANNOTATIONS_MOST <const> = 10          -- of each level a step; further ones are only in the log
local MESSAGE_LONGEST <const> = 4096         -- units of an annotation's message
local SUMMARY_MOST <const> = 1024 * 1024     -- bytes
local TOKEN_MASKED_FROM <const> = 7          -- units of a stop token

---@class runner.Annotation
---@field level string      error, warning or notice
---@field message string    masked
---@field [string] string   its properties, which the runner does not mask: title, file, line, endLine, col, endColumn

---@class runner.Step
---@field log string[]      its lines for a reader, masked
---@field annotations runner.Annotation[]
---@field outputs table<string, string>  by names in lower case
---@field state table<string, string>    for the same action's later parts
---@field matchers string[]              files of problem matchers that were added
---@field summary? string   masked; nil where none is shown
---@field failed boolean
---@field deprecated string[]            commands of former times that it used
local Step = {}
Step.__index = Step

-- ---- what is shown ----------------------------------------------------------------------------

-- Masked as one, also where it has several lines.
function Step:show(message)
  for _, line in ipairs(text.lines(self.masker:mask(message))) do self.log[#self.log + 1] = line end
end

local function cut(message)
  if text.units(message) <= MESSAGE_LONGEST then return message end
  local length = utf8.offset(message, MESSAGE_LONGEST + 1)
  return length and message:sub(1, length - 1) or message
end

---Shows a line of an annotation's level, and keeps the annotation while there is room.
function Step:annotate(level, message, properties)
  if message ~= "" then self:show(("##[%s]%s"):format(level, message)) end
  self.counts[level] = (self.counts[level] or 0) + 1
  if self.counts[level] > ANNOTATIONS_MOST then return end
  local annotation = { level = level, message = cut(self.masker:mask(message)) }
  for name, value in pairs(properties or {}) do annotation[name] = value end
  self.annotations[#self.annotations + 1] = annotation
end

-- What a command or a file does wrong fails the step, whatever it exits with.
local function fail(self, what, reason)
  self:annotate("error", what)
  self:annotate("error", reason)
  self.failed = true
end

-- ---- commands ---------------------------------------------------------------------------------

local handlers = {}

for _, level in ipairs { "error", "warning", "notice" } do
  handlers[level] = function(self, command) self:annotate(level, command.data, command.properties) end
end

handlers["add-mask"] = function(self, command)
  if text.trim(command.data) == "" then
    self:annotate("warning", "Can't add secret mask for empty string in ##[add-mask] command.")
    return
  end
  if self.echo then self:show "::add-mask::***" end
  self.masker:add(command.data)
  for line in command.data:gmatch "[^\r\n]+" do self.masker:add(line) end
end

function handlers.group(self, command) self:show("##[group]" .. command.data) end

function handlers.endgroup(self) self:show "##[endgroup]" end

function handlers.debug() end

function handlers.echo(self, command)
  local value = text.trim(command.data):lower()
  if value ~= "on" and value ~= "off" then
    return ("Invalid echo command value. Possible values can be: 'on', 'off'. Current value is: '%s'."):format(command.data)
  end
  self.echo = value == "on"
end

local function named(what, keep)
  return function(self, command)
    local name = command.properties.name
    if not name then return ("Required field 'name' is missing in ##[%s] command."):format(what) end
    self.deprecated[#self.deprecated + 1] = what
    keep(self, name, command.data)
  end
end

handlers["set-output"] = named("set-output", function(self, name, value) self.outputs[name:lower()] = value end)
handlers["save-state"] = named("save-state", function(self, name, value) self.state[name] = value end)

for _, name in ipairs { "set-env", "add-path" } do
  handlers[name] = function() return ("The `%s` command is disabled."):format(name) end
end

handlers["add-matcher"] = function(self, command)
  if command.data == "" then self:annotate("warning", "File path must be specified.") end
  self.matchers[#self.matchers + 1] = command.data
end

handlers["remove-matcher"] = function() end

-- Whose line is in the log only when `echo` is on.
local quiet = { ["add-mask"] = true, debug = true, error = true, warning = true, notice = true }

local function registered_commands()
  local names = { ["stop-commands"] = true }
  for name in pairs(handlers) do names[name] = true end
  return names
end

-- ---- stopping commands ------------------------------------------------------------------------

-- Assumed: that a token which may not be one fails the step.
local function stop(self, line, token)
  local key = token:lower()
  if key == "" or key == "pause-logging" or self.registered[key] then
    fail(self, "Unable to process command 'stop-commands' successfully.", "Invalid stop token.")
    return
  end
  self.token, self.registered[key] = key, true
  if text.units(token) >= TOKEN_MASKED_FROM then self.masker:add(token) end
  self:show(line)
end

local function resume(self, line)
  self.registered[self.token], self.token = nil, nil
  self:show(line)
end

-- ---- lines ------------------------------------------------------------------------------------

local function obey(self, line, command)
  local name = command.name:lower()
  if self.echo and not quiet[name] then self:show(line) end
  local reason = handlers[name](self, command)
  if not reason then return end
  fail(self, ("Unable to process command '%s' successfully."):format(quiet[name] and name or line), reason)
end

---One line that the step printed.
function Step:line(line)
  local command = commands.parse(line, self.registered)
  local name = command and command.name:lower()
  if self.token then
    if name == self.token then resume(self, line) else self:show(line) end
  elseif not command then
    self:show(line)
  elseif name == "stop-commands" then
    stop(self, line, command.data)
  else
    obey(self, line, command)
  end
end

---All that the step printed on one of its streams.
---@param bytes string
function Step:print(bytes)
  for _, line in ipairs(text.lines(text.decode(bytes))) do
    if line == "" then self.log[#self.log + 1] = "" else self:line(line) end
  end
end

-- ---- files ------------------------------------------------------------------------------------

local function broken_file(self, name, reason)
  fail(self, ("Unable to process file command '%s' successfully."):format(name), reason)
end

local function read_pairs(self, name, bytes, keep)
  local list, reason = files.pairs(bytes)
  for _, pair in ipairs(list) do
    local refused = keep(pair[1], pair[2])
    if refused then
      broken_file(self, name, refused)
      return
    end
  end
  if reason then broken_file(self, name, reason) end
end

local file_handlers = {}

function file_handlers.path(self, bytes)
  for _, folder in ipairs(files.folders(bytes)) do self.job:add_path(folder) end
end

function file_handlers.env(self, bytes)
  read_pairs(self, "env", bytes, function(name, value)
    if name:upper() == "NODE_OPTIONS" then
      self:annotate("error", "Can't store NODE_OPTIONS output parameter using '$GITHUB_ENV' command.")
    else
      self.job.env[name] = value
    end
  end)
end

function file_handlers.step_summary(self, bytes)
  if #bytes > SUMMARY_MOST then
    self:annotate("error", ("$GITHUB_STEP_SUMMARY upload aborted, supports content up to a size of %dk, got %dk."):format(
      SUMMARY_MOST // 1024, #bytes // 1024))
    return
  end
  local lines = {}
  for i, line in ipairs(text.lines(text.decode(bytes))) do lines[i] = self.masker:mask(line) .. "\n" end
  self.summary = table.concat(lines)
end

function file_handlers.state(self, bytes)
  read_pairs(self, "state", bytes, function(name, value) self.state[name] = value end)
end

function file_handlers.output(self, bytes)
  read_pairs(self, "output", bytes, function(name, value)
    if name == "" then return "Value cannot be empty. (Parameter 'name')" end
    self.outputs[name:lower()] = value
  end)
end

step.FILES = { "path", "env", "step_summary", "state", "output" }

---What the step left in the files, by the names of step.FILES. They are read also when it has failed.
---@param contents table<string, string>
function Step:read_files(contents)
  for _, name in ipairs(step.FILES) do
    local bytes = contents[name]
    if bytes and bytes ~= "" then file_handlers[name](self, bytes) end
  end
end

---@param job runner.Job  that it belongs to
---@return runner.Step
function step.new(job)
  return setmetatable({ job = job, masker = job.masker, log = {}, annotations = {}, counts = {}, outputs = {}, state = {},
    matchers = {}, deprecated = {}, failed = false, echo = false, registered = registered_commands() }, Step)
end

return step
