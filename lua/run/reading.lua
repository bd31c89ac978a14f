---The net below a plan: while it is made, whatever would change something is refused by the world itself
---(host/reading.h), wherever a recipe does it. This module says what goes through beside reading: questions to git, the
---commands of davit.yaml that a plan runs, and temporary files.
local core = require "reading.core"
local fs = require "fs.core"
local scratch = require "run.scratch"

local reading = {}

-- What git is asked (flow/commit.lua), by the first words. `symbolic-ref` with one more word would write.
local QUIET <const> = { "git", "-c", "core.quotepath=off" }
local questions = { { "rev-parse" }, { "symbolic-ref", "--quiet", "--short", "HEAD" }, { "status" },
  { "cat-file" }, { "diff", "--name-only" }, { "log" }, { "show" }, { "ls-files" }, { "merge-base" }, { "rev-list" },
  { "describe" } }

local net   -- of the plan that is being made

local function joined(a, b)
  local list = table.move(a, 1, #a, 1, {})
  return table.move(b, 1, #b, #list + 1, list)
end

local function allow_git()
  for _, words in ipairs(questions) do
    net:allow_command(joined({ "git" }, words))
    net:allow_command(joined(QUIET, words))
  end
end

---Lets programs run whose argv begins with these words. Nothing where no plan is made.
---@param argv string[]
function reading.allow(argv)
  if net then net:allow_command(argv) end
end

---The same for a command of the shell, by its whole text.
---@param command string
function reading.allow_shell(command) reading.allow { "/bin/sh", "-c", command } end

---Lets files be written below a folder.
---@param folder string
function reading.allow_folder(folder)
  if net then net:allow_folder(folder) end
end

-- A recipe names its own programs as one would type them.
local function allow_named(programs)
  for _, text in ipairs(programs) do
    local words = {}
    for word in text:gmatch "%S+" do words[#words + 1] = word end
    if words[1] then reading.allow(words) end
    reading.allow_shell(text)
  end
end

-- What is written at all is temporary (fs.temporary).
local function begin(programs)
  net = core.begin()
  allow_git()
  allow_named(programs)
  if fs.root() then net:allow_folder(scratch.folder(fs.root())) end
end

-- What a recipe caught has not happened all the same: the plan is none of the run that would.
local function check_refused(refused)
  if not refused then return end
  failure { code = "plan-effect", class = "misuse", message = refused .. ", and the recipe went on",
    hint = "do it in a run.step: a plan names it and goes on" }
end

---Runs f above the net.
---@param f fun()
---@param programs? string[]  commands of the recipe's own that only read
function reading.only(f, programs)
  begin(programs or {})
  local _, err = try(f)
  local refused = net:refused()
  net:close()
  net = nil
  if err then error(err, 0) end
  check_refused(refused)
end

return reading
