---The view of GitHub's runner: what a job's steps print and write becomes what its later steps, the jobs after it and
---a reader of its log see. The rules are those of actions/runner; what is not known is marked "assumed".
---
---A step's two streams are read by two readers, and which line comes first nobody knows. The view reads standard
---output before standard error, the order that is worst for masks, which are told on the latter.
local fs = require "fs"
local load_file = require("core").load_file
local process = require "process"

local masker = assert(load_file "tests/runner/masker.lua")()
local step = assert(load_file "tests/runner/step.lua")()
local text = assert(load_file "tests/runner/text.lua")()

local runner = {}

local OUTPUTS_MOST <const> = 1024 * 1024   -- bytes of UTF-16 a job
local SUMMARIES_SHOWN <const> = 20         -- of a job's steps
local PRINTED_MOST <const> = 16 << 20      -- bytes of a stream that are judged

---@class runner.Job
---@field env table<string, string>    what later steps find in their environment
---@field path string[]                folders before PATH, the first one first
---@field steps runner.Step[]
---@field log string[]                 of all steps and of the job's end
local Job = {}
Job.__index = Job

---@class runner.Job.Options
---@field secrets? table<string, string>  by name; masked from the beginning
---@field outputs? table<string, { [1]: string, [2]: string }>  of the job: which step's output each is
---@field environment_url? { [1]: string, [2]: string }

---@param o? runner.Job.Options
---@return runner.Job
function runner.job(o)
  o = o or {}
  local self = setmetatable({ env = {}, path = {}, steps = {}, by_id = {}, log = {}, masker = masker.new(),
    wanted = o.outputs or {}, environment_url = o.environment_url }, Job)
  for _, value in pairs(o.secrets or {}) do self.masker:add_secret(value) end
  return self
end

---A folder comes once, before the older ones.
function Job:add_path(folder)
  for i, known in ipairs(self.path) do
    if known == folder then table.remove(self.path, i) break end
  end
  table.insert(self.path, 1, folder)
end

-- ---- steps ------------------------------------------------------------------------------------

-- The log of a step begins with the environment that it is given.
local function show_environment(job, one)
  if not next(job.env) then return end
  one:show "##[group]env:"
  for name, value in pairs(job.env) do one:show(("  %s: %s"):format(name, value)) end
  one:show "##[endgroup]"
end

---@class runner.Step.Options
---@field id? string      by which the job's outputs name it
---@field output? string  what it printed on standard output
---@field errors? string  and on standard error
---@field files? table<string, string>  what it left: output, env, path, state, step_summary
---@field exit? integer   (0)

---A step that has run.
---@param o runner.Step.Options
---@return runner.Step
function Job:step(o)
  local one = step.new(self)
  show_environment(self, one)
  one:print(o.output or "")
  one:print(o.errors or "")
  one:read_files(o.files or {})
  if (o.exit or 0) ~= 0 then
    one:annotate("error", ("Process completed with exit code %d."):format(o.exit))
    one.failed = true
  end
  self.steps[#self.steps + 1] = one
  if o.id then self.by_id[o.id] = one end
  table.move(one.log, 1, #one.log, #self.log + 1, self.log)
  return one
end

local function environment(self, folder, given)
  local env = { CI = "true", GITHUB_ACTIONS = "true", RUNNER_TEMP = folder }
  for name, value in pairs(self.env) do env[name] = value end
  for name, value in pairs(given or {}) do env[name] = value end
  for _, name in ipairs(step.FILES) do env["GITHUB_" .. name:upper()] = ("%s/%s"):format(folder, name) end
  if #self.path > 0 then
    env.PATH = table.concat(self.path, ":") .. ":" .. (env.PATH or os.getenv "PATH")
  end
  return env
end

local function left_files(folder)
  local contents = {}
  for _, name in ipairs(step.FILES) do contents[name] = fs.read(("%s/%s"):format(folder, name)) end
  return contents
end

---@class runner.Run.Options
---@field id? string
---@field argv? string[]     the program
---@field command? string    or a command of the shell
---@field cwd? string
---@field env? table<string, string|false>
---@field input? string

---Runs a program as a step, each stream a pipe of its own.
---@param o runner.Run.Options
---@return runner.Step step
---@return table result  of process.run
function Job:run(o)
  local folder = process.run({ argv = { "mktemp", "-d" } }).output:match "[^\n]+"
  local _ <close> = setmetatable({}, { __close = function() fs.remove(folder) end })
  for _, name in ipairs(step.FILES) do fs.write(("%s/%s"):format(folder, name), "") end
  local result = process.run { argv = o.argv, command = o.command, cwd = o.cwd, input = o.input,
    env = environment(self, folder, o.env), check = false, max_output = PRINTED_MOST }
  if result.dropped > 0 then error("the step printed more than the view judges", 2) end
  return self:step { id = o.id, output = result.output, errors = result.errors, files = left_files(folder),
    exit = result.exit or 1 }, result
end

-- ---- the end of the job -----------------------------------------------------------------------

---@class runner.Ending
---@field outputs table<string, string>  that the jobs after it get
---@field dropped string[]               names of outputs that were taken for secrets
---@field summaries string[]             that are shown
---@field environment_url? string
---@field annotations runner.Annotation[]  of all steps and of the job's end
---@field failed boolean

local function holds_secret(self, value) return self.masker:mask(value) ~= value end

local function value_of(self, place)
  local one = self.by_id[place[1]]
  return one and one.outputs[place[2]:lower()] or ""
end

local function collect_outputs(self, ending, report)
  local size = 0
  for name, place in pairs(self.wanted) do
    local value = value_of(self, place)
    if value ~= "" and holds_secret(self, value) then
      report:annotate("warning", ("Skip output '%s' since it may contain secret."):format(name))
      ending.dropped[#ending.dropped + 1] = name
    elseif value ~= "" then
      report:show(("Set output '%s'"):format(name))
      ending.outputs[name] = value
      size = size + 2 * text.units(value)
    end
  end
  if size > OUTPUTS_MOST then   -- assumed: what the service does then
    report:annotate("error", ("The job's outputs have %d bytes, more than %d."):format(size, OUTPUTS_MOST))
    ending.failed, ending.outputs = true, {}
  end
end

local function collect_url(self, ending, report)
  local value = self.environment_url and value_of(self, self.environment_url) or ""
  if value == "" then return end
  if holds_secret(self, value) then
    report:annotate("warning", "Skip setting environment url as environment may contain secret.")
  else
    ending.environment_url = value
  end
end

---Ends the job.
---@return runner.Ending
function Job:finish()
  local ending = { outputs = {}, dropped = {}, summaries = {}, annotations = {}, failed = false }
  local report = step.new(self)
  for _, one in ipairs(self.steps) do
    ending.failed = ending.failed or one.failed
    table.move(one.annotations, 1, #one.annotations, #ending.annotations + 1, ending.annotations)
    if one.summary and #ending.summaries < SUMMARIES_SHOWN then ending.summaries[#ending.summaries + 1] = one.summary end
  end
  collect_outputs(self, ending, report)
  collect_url(self, ending, report)
  table.move(report.log, 1, #report.log, #self.log + 1, self.log)
  table.move(report.annotations, 1, #report.annotations, #ending.annotations + 1, ending.annotations)
  return ending
end

return runner
