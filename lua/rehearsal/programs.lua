---Programs in a rehearsal: none is started. A stand-in for a program says how it ends, what it
---prints, and which files it leaves.
local checkout = require "rehearsal.checkout"

local programs = {}

local SECONDS = 1
local MOST <const> = 1 << 30   -- bytes of an entry

local UNREADABLE = "cannot start '%s': its input '%s' cannot be read: No such file or directory"
local ENTRY = "// stands in for what the build makes of %s\nexport default {};\n"
local FORM = "--form\r\nContent-Disposition: form-data; name=\"metadata\"\r\n\r\n{\"main_module\":\"index.js\"}\r\n"
  .. "--form\r\nContent-Disposition: form-data; name=\"index.js\"; filename=\"index.js\"\r\n"
  .. "Content-Type: application/javascript+module\r\n\r\nexport default {};\n\r\n--form--\r\n"
local PAGE = "<!DOCTYPE html>\n<title>stands in for what the build makes of %s</title>\n"

local function exists(files, path)
  return not files:act("stat", path).fault
end

local COMMIT <const> = "\n// of the commit %s\n"

-- A later commit has other code; how it differs does not matter.
local function write_entry(files, worker, commit)
  local entry = worker.folder .. "/" .. worker.entry
  local text = files:act("read", entry, nil, MOST).data
  if commit.parents[1] then
    text = (text or ENTRY:format(worker.name)):gsub("\n// of the commit %x+\n$", "") .. COMMIT:format(commit.sha)
  elseif text then
    return
  end
  files:act("write", entry, text or ENTRY:format(worker.name))
end

-- What a build leaves: the project's own files where they are there, else ones that stand in.
local function build(files, worker, commit)
  write_entry(files, worker, commit)
  local assets = worker.assets and worker.folder .. "/" .. worker.assets
  if assets and not exists(files, assets) then
    files:act("write", assets .. "/index.html", PAGE:format(worker.name))
  end
end

-- What wrangler's bundler leaves, where it is told to.
local function bundle(files, argv)
  for i = 2, #argv - 1 do
    if argv[i] == "--outfile" and not exists(files, argv[i + 1]) then files:act("write", argv[i + 1], FORM) end
  end
end

-- The command as it was given: of `sh -c COMMAND` that is its last word.
local function command_of(argv)
  return argv[2] == "-c" and argv[3] or table.concat(argv, " ")
end

---Stand-ins, tried in order: each is { matches = function(command, argv), run = function(program) }, where run
---returns what differs from a program that ends well. The last one is for every program.
programs.stand_ins = {
  { matches = function(_, argv) return argv[1] == "git" end,
    run = function(program) return checkout.run(program.here, program.argv, program.push) end },
  { matches = function(command) return command:find "^exit %d+$" end,   -- of a check that fails
    run = function(program) return { exit = tonumber(program.command:match "%d+"), output = "" } end },
  { matches = function() return true end, run = function() return {} end },
}

---@class rehearsal.Program
---@field argv string[]
---@field cwd string
---@field input? string    the file it reads
---@field files table      the rehearsal's
---@field workers table[]  name, folder, entry, assets, build: whose builds these may be
---@field here rehearsal.Checkout
---@field push fun()       adds a commit to the branch that is checked out
---@field command? string  as it was given: for stand-ins

---@param program rehearsal.Program
---@return table answer  exit, output, errors, delay
function programs.run(program)
  local files, argv, input = program.files, program.argv, program.input
  if input and not exists(files, input) then
    return { fault = { "process-failed", "fatal", UNREADABLE:format(argv[1], input) } }
  end
  program.command = command_of(argv)
  local answer = { exit = 0, output = "rehearsed\n", errors = "", delay = SECONDS }
  for _, worker in ipairs(program.workers) do
    if worker.folder == program.cwd then build(files, worker, program.here.commit) end
  end
  bundle(files, argv)
  for _, stand_in in ipairs(programs.stand_ins) do
    if stand_in.matches(program.command, argv) then
      for field, value in pairs(stand_in.run(program)) do answer[field] = value end
      return answer
    end
  end
end

return programs
