---Where files are: in the project, wherever Davit is started; and what killed runs leave there.
local fs = require "fs"
local places = assert(require("core").load_file("tests/place.lua"))()

local recipes = {
  look = [[local fs, process = require "fs", require "process"
    return { summary = "s", run = function(_, run)
      run.step("write", function() fs.write("out/made", "x") end)
      run.output("here", process.run({ argv = { "pwd", "-P" } }).output:gsub("\n", ""))
      run.output("there", process.run({ argv = { "ls" }, cwd = "out" }).output:gsub("\n", ""))
      run.step("stop", function() if not fs.exists "go" then process.run { argv = { "false" } } end end)
    end }]],
  hold = [[local fs = require "fs"
    return { summary = "s", run = function(_, run)
      local folder <close> = fs.temporary()
      fs.write(folder / "x", "")
      fs.write("held", folder.path)
      while not fs.exists "door" do sleep(0.02) end
      run.output("kept", fs.exists(folder / "x"))
    end }]],
  pass = [[return { summary = "s", run = function(_, run)
      local folder <close> = require("fs").temporary()
      run.output("in", folder.path:match "%.davit/tmp/(.*)/davit%-%x+$")
    end }]],
}

local function says(result, exit, text)
  if result.exit ~= exit or not result.output:find(text, 1, true) then
    error(("exit %s: %s%s"):format(result.exit or result.signal, result.output, result.errors), 2)
  end
end

test("wherever Davit is started, paths of recipes count from the project, and its sources have the same names", function()
  local where <close> = places.bare(recipes)
  fs.make(where.folder .. "/deep/er")
  local root = fs.read(where.folder .. "/davit.yaml") and require("fs.core").real(where.folder)
  for _, line in ipairs {
    "$DAVIT look --keep", "cd deep/er && $DAVIT look --keep", ("cd / && $DAVIT look --keep --project '%s'"):format(root),
    "cd deep && $DAVIT look --keep --project ..", "cd .. && $DAVIT look --keep --project=\"$(basename \"$OLDPWD\")\"",
  } do
    fs.remove(where.folder .. "/out")
    local result = where:sh(line)
    equal({ line, result.exit, fs.exists(where.folder .. "/out/made") }, { line, 1, true })
  end
  fs.write(where.folder .. "/go", "")
  local result = where:sh("cd / && $DAVIT look --project '" .. root .. "'")
  says(result, 0, "here: " .. root)
  says(result, 0, "there: made")
end)

test("a run that was begun in one folder is resumed from another", function()
  local where <close> = places.bare(recipes)
  fs.make(where.folder .. "/deep")
  local child <close> = where:begin "hold"
  while not fs.exists(where.folder .. "/held") do sleep(0.02) end
  child:kill "KILL"
  child:wait()
  fs.write(where.folder .. "/door", "")
  says(where:sh "cd deep && $DAVIT resume", 0, "kept: true")
  equal(fs.list(where.folder .. "/.davit/tmp"), {})
end)

test("the temporary folders of a killed run go with the next one, those of a living run stay", function()
  local where <close> = places.bare(recipes)
  local function held()
    while not fs.exists(where.folder .. "/held") do sleep(0.02) end
    local path = fs.read(where.folder .. "/held")
    fs.remove(where.folder .. "/held")
    return path
  end
  local killed <close> = where:begin "hold"
  local dead = held()
  killed:kill "KILL"
  killed:wait()
  local child <close> = where:begin "hold"
  local living = held()
  equal({ fs.exists(dead), fs.exists(living) }, { false, true })
  equal(where:davit("pass").output:find("in: pass-", 1, true) ~= nil, true)
  equal(fs.exists(living), true)
  fs.write(where.folder .. "/door", "")
  equal(child:wait().exit, 0)
  equal(fs.list(where.folder .. "/.davit/tmp"), {})
end)
