---Programs in a rehearsal: none is started. A stand-in for a program says how it ends, what it
---prints, and which files it leaves.
local checkout = require "rehearsal.checkout"

local programs = {}

local SECONDS = 1

local UNREADABLE = "cannot start '%s': its input '%s' cannot be read: No such file or directory"
local ENTRY = "// stands in for what the build makes of %s\nexport default {};\n"
local FORM = "--form\r\nContent-Disposition: form-data; name=\"metadata\"\r\n\r\n{\"main_module\":\"index.js\"}\r\n"
  .. "--form\r\nContent-Disposition: form-data; name=\"index.js\"; filename=\"index.js\"\r\n"
  .. "Content-Type: application/javascript+module\r\n\r\nexport default {};\n\r\n--form--\r\n"
local PAGE = "<!DOCTYPE html>\n<title>stands in for what the build makes of %s</title>\n"

local function exists(files, path)
  return not files:act("stat", path).fault
end

-- What a build leaves: the project's own files where they are there, else ones that stand in.
local function build(files, worker)
  local entry = worker.folder .. "/" .. worker.entry
  if not exists(files, entry) then files:act("write", entry, ENTRY:format(worker.name)) end
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

---Stand-ins, tried in order: each is { matches = function(command, argv), run = function(context) }, where run
---returns what differs from a program that ends well. The last one is for every program.
programs.stand_ins = {
  { matches = function(_, argv) return argv[1] == "git" end,
    run = function(context) return checkout.run(context.here, context.argv) end },
  { matches = function(command) return command:find "^exit %d+$" end,   -- of a check that fails
    run = function(context) return { exit = tonumber(context.command:match "%d+"), output = "" } end },
  { matches = function() return true end, run = function() return {} end },
}

---@param files table      the rehearsal's files
---@param workers table[]  name, folder, entry, assets, build: whose builds these may be
---@param argv string[]
---@param cwd string
---@param input? string    the file it reads
---@param here? table      what is checked out, of rehearsal.checkout
---@return table answer    exit, output, errors, delay
function programs.run(files, workers, argv, cwd, input, here)
  if input and not exists(files, input) then
    return { fault = { "process-failed", "fatal", UNREADABLE:format(argv[1], input) } }
  end
  local command = command_of(argv)
  local answer = { exit = 0, output = "rehearsed\n", errors = "", delay = SECONDS }
  for _, worker in ipairs(workers) do
    if worker.folder == cwd then build(files, worker) end
  end
  bundle(files, argv)
  for _, stand_in in ipairs(programs.stand_ins) do
    if stand_in.matches(command, argv) then
      local own = stand_in.run { files = files, command = command, argv = argv, cwd = cwd, here = here }
      for field, value in pairs(own) do answer[field] = value end
      return answer
    end
  end
end

return programs
