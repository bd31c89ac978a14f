---Real runs that lack what they need: space on the disk, the right to write, a journal that can be read,
---file descriptors, a clock that goes forward. Each says in one line what is missing, nothing is lost, and
---the run goes on once it is there.
local fs = require "fs"
local json = require "json"
local places = assert(require("core").load_file("tests/place.lua"))()
local process = require "process"
local store = require "store.core"

local THINGS = 12

-- Things are files below made/; each step leaves 8 kB in the journal.
local SHIP = [[
local fs = require "fs"
local function thing(name)
  local path = "made/" .. name
  return {
    name, find = function() return fs.exists(path) and { name = name } or nil end,
    create = function() fs.write(path, name) return { name = name } end,
    destroy = function() fs.remove(path) end,
  }
end
return {
  summary = "makes things", params = { n = { type = "integer", default = 12 } },
  run = function(p, run)
    local _ <close> = run.lease "web"
    for i = 1, p.n do
      run.ensure(thing("thing " .. i))
      run.step("text " .. i, function() return ("x"):rep(8000) end)
    end
    run.output("made", p.n)
  end,
}]]

-- Starts more children than it may have descriptors for.
local CROWD = [[
local fs = require "fs"
local process = require "process"
return { summary = "starts children", run = function(_, run)
  run.ensure { "a thing", find = function() return fs.exists "made/thing" and {} or nil end,
    create = function() fs.write("made/thing", "") return {} end, destroy = function() fs.remove "made/thing" end }
  run.step("crowd", function()
    local children = {}
    local _ <close> = setmetatable({}, { __close = function()
      for _, child in ipairs(children) do local _ <close> = child end
    end })
    for i = 1, 100 do children[i] = process.start { argv = { "sleep", "100" } } end
  end)
end }]]

local function folder()
  return places.bare { ship = SHIP, crowd = CROWD }
end

local is_root = process.run({ argv = { "id", "-u" } }).output == "0\n"

local function made(where)
  return fs.exists(where.folder .. "/made") and #fs.list(where.folder .. "/made") or 0
end

-- One line about what went wrong, before those about what it means for the run.
local function says(result, exit, ...)
  local first = result.errors:gsub("^  [^\n]*\n", ""):match "davit: ([^\n]*)\n" or result.errors
  for _, part in ipairs { ... } do
    if not first:find(part, 1, true) then error(("expected %s in %s"):format(part, result.errors), 2) end
  end
  if result.exit ~= exit then error(("exit %s: %s"):format(result.exit or result.signal, result.errors), 2) end
end

local function goes_on(where)
  local resumed = where:davit "resume"
  equal({ resumed.exit, resumed.output, made(where) }, { 0, ("made: %d\n"):format(THINGS), THINGS })
  equal(resumed.errors:find("resume", 1, true), nil)
end

-- ---- a full disk ------------------------------------------------------------------------------

test("a file that may not grow stops the run before its next effect; it goes on with room", function()
  for _, blocks in ipairs { 160, 250, 340 } do
    local where <close> = folder()
    local starved = where:sh(("ulimit -f %d; exec \"$DAVIT\" ship"):format(blocks))
    says(starved, 10, "cannot write to the journal", "the disk is full; free some space")
    equal(starved.errors:find "'davit resume ship%-%S+' goes on from what is recorded" ~= nil, true)
    equal({ made(where) > 0, made(where) < THINGS }, { true, true })
    goes_on(where)
  end
end)

test("a file that may not grow at all: nothing is begun", function()
  local where <close> = folder()
  says(where:sh 'ulimit -f 8; exec "$DAVIT" ship', 1, "the journal ./.davit/journal.db: the disk is full")
  equal(made(where), 0)
  equal(where:davit("runs").output, "no runs yet\n")
end)

test("children have the limit's own signal", function()
  local where <close> = folder()
  local result = where:sh [[ulimit -f 8; exec "$DAVIT" eval '
    local ended = require("process").run { command = "exec head -c 100000 /dev/zero > big", check = false }
    print(ended.signal)']]
  equal(result.output, "SIGXFSZ\n")
end)

-- A small file system of its own below the project's .davit/.
local function small_disk(where, size)
  fs.make(where.folder .. "/.davit")
  local mounted = process.run {
    argv = { "mount", "-t", "tmpfs", "-o", "size=" .. size, "none", where.folder .. "/.davit" }, check = false,
  }
  if mounted.exit ~= 0 then skip "only root may mount a file system" end
  return setmetatable({}, { __close = function()
    process.run { argv = { "umount", where.folder .. "/.davit" } }
  end })
end

test("a disk that is full in mid-run, and has room again", function()
  for _, kilobytes in ipairs { 800, 850, 880 } do
    local where <close> = folder()
    local _ <close> = small_disk(where, "1m")
    local ballast = where.folder .. "/.davit/ballast"
    process.run { argv = { "dd", "if=/dev/zero", "of=" .. ballast, "bs=1k", "count=" .. kilobytes }, output = "discard" }
    local starved = where:davit "ship"
    says(starved, 10, "the disk is full")
    equal(made(where) < THINGS, true)
    fs.remove(ballast)
    goes_on(where)
  end
end)

-- ---- a journal that cannot be used --------------------------------------------------------------

-- Runs davit as somebody who may read the folder only.
local function as_stranger(where, command)
  local argv = is_root and "setpriv --reuid=nobody --regid=nogroup --clear-groups " or ""
  return where:sh(("chmod 755 .; chmod a+x recipes; %s\"$DAVIT\" %s"):format(argv, command))
end

test("a folder that may not be written is named, and nothing is begun", function()
  local where <close> = folder()
  where:sh "mkdir .davit; chmod 555 .davit"
  says(as_stranger(where, "ship"), 1, "the journal ./.davit/journal.db", "Permission denied")
  equal(made(where), 0)
  where:sh "chmod 755 .davit"
  says(where:davit "ship", 0)
  where:sh "chmod 444 .davit/*; chmod 555 .davit"
  local strange = as_stranger(where, "runs")
  says(strange, 1, "the journal ./.davit/journal.db", "give this user the right")
  where:sh "chmod 755 .davit; chmod 600 .davit/*"
  equal(where:davit("runs").output:find("done", 1, true) ~= nil, true)
end)

local function interrupted()
  local where = folder()
  local run <close> = where:begin("ship", "--json")
  for _ = 1, 12 do run:line() end
  run:kill "KILL"
  run:wait()
  return where
end

local function read_journal(where)
  return fs.read(where.folder .. "/.davit/journal.db")
end

-- What makes the journal unusable, and what every verb then says; it is left as it was.
local function refused(how, ...)
  local where <close> = interrupted()
  local before = made(where)
  where:sh "cd .davit; mkdir ../kept; cp -p * ../kept"
  where:sh("cd .davit; " .. how)
  local bad = fs.exists(where.folder .. "/.davit/journal.db/") and "" or read_journal(where)
  for _, command in ipairs { { "ship" }, { "resume" }, { "runs" } } do
    says(where:davit(table.unpack(command)), 1, "the journal ./.davit/journal.db", ...)
  end
  equal({ made(where), bad == "" or read_journal(where) == bad }, { before, true })
  where:sh "rm -rf .davit; mv kept .davit"
  goes_on(where)
end

test("a journal that is no database is named and left alone", function()
  refused("rm -f journal.db*; head -c 9000 /dev/urandom > journal.db", "file is not a database", "move the file away")
end)

-- Whoever closes the journal last leaves all of it in the one file.
local settle = '(cd ..; "$DAVIT" runs >/dev/null); '

test("a journal that was cut off is named and left alone", function()
  refused(settle .. "truncate -s 9000 journal.db",
    "malformed", "move the file away")
end)

test("a journal of a newer davit is named and left alone", function()
  refused(settle .. "printf '\\0\\0\\0\\143' | dd of=journal.db bs=1 seek=60 conv=notrunc status=none",
    "has schema 99", "nothing was changed")
end)

test("a folder in the place of the journal is named", function()
  refused("rm -f journal.db*; mkdir journal.db", "a directory", "move it away")
end)

-- ---- file descriptors ------------------------------------------------------------------------------

test("too few file descriptors: it does not start, and says so", function()
  local where <close> = folder()
  for _, n in ipairs { 5, 12, 31 } do
    local result = where:sh(("ulimit -n %d; exec \"$DAVIT\" ship"):format(n))
    says(result, 1, ("cannot start with %d file descriptors; it needs 32: see 'ulimit -n'"):format(n))
  end
  says(where:sh 'ulimit -n 32; exec "$DAVIT" ship', 0)
end)

test("out of file descriptors in mid-run: the run fails by name and takes back what it made", function()
  local where <close> = folder()
  local result = where:sh 'ulimit -n 64; exec "$DAVIT" crowd'
  equal({ result.exit, made(where) }, { 1, 0 })
  equal(result.errors:find("Too many open files", 1, true) ~= nil, true)
  equal(result.errors:find("davit: taken back: a thing", 1, true) ~= nil, true)
  equal(where:processes(), "")
end)

-- ---- a clock that goes backwards ---------------------------------------------------------------------

test("a run that was recorded when the clock was an hour ahead is shown and resumed", function()
  local where <close> = interrupted()
  local id
  do
    local s <close> = store.open(where.folder .. "/.davit/journal.db")
    local row = s:runs({})[1]
    local events = s:events { run = row.run }
    id = row.run
    s:forget(id)
    for _, event in ipairs(events) do
      s:append { { run = id, at = event.at + 3600, kind = event.kind, path = event.path, data = event.data } }
    end
  end
  goes_on(where)
  local shown = where:davit("show", id)
  equal({ shown.exit, shown.output:find "thing 1  ok" ~= nil }, { 0, true })
  local lengths = {}
  for bar in shown.output:gmatch "|([^|]*)|" do lengths[#bar] = true end
  equal(lengths, { [24] = true })
  for line in where:davit("show", id, "--json").output:gmatch "[^\n]+" do equal(json.decode(line).v, 1) end
  equal(where:davit("gc", "--keep", "0s").exit, 0)
end)

-- Memory -----------------------------------------------------------------------------------------------

test("short of memory it says so on one line, wherever it runs out", function()
  if places.program:find("san/", 1, true) then skip "the sanitizer itself needs more" end
  local place <close> = places.bare {}
  local said = 0
  for kilobytes = 56000, 116000, 6000 do   -- from where the program cannot be loaded to where there is enough
    local r = place:sh(("ulimit -v %d; exec $DAVIT artifact list"):format(kilobytes))
    local lines = select(2, r.errors:gsub("\n", ""))
    equal({ kilobytes, r.signal, lines }, { kilobytes, nil, 1 })
    if r.errors == "davit: not enough memory\n" then said = said + 1 end
  end
  equal(said > 0, true)
end)
