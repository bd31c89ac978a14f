---Artifacts when processes are killed, disks are full and folders closed: what is there is whole, and what is left
---over goes away by itself.
local artifact = require "artifact"
local core = require "core"
local fs = require "fs"
local plain = require "fs.core"
local process = require "process"
local seal = require "seal.core"
local secret = require "secret"
local places = assert(core.load_file("tests/place.lua"))()

local HERE = process.run({ argv = { "pwd" } }).output:match "[^\n]+"

local function with_folder(f)
  local folder = process.run({ argv = { "mktemp", "-d" } }).output:match "[^\n]+"
  local _ <close> = setmetatable({}, { __close = function()
    plain.stay_in(nil)
    process.run { argv = { "chmod", "-R", "u+rwX", folder }, check = false }
    plain.remove(folder)
  end })
  plain.stay_in(folder)
  return f(folder, folder .. "/.davit/artifacts")
end

local function run_killed(folder, point, action, content)
  return process.run {
    argv = { places.program, HERE .. "/tests/artifact_killed.lua", tostring(point), action, content },
    cwd = folder, check = false,
  }
end

local function blobs(store) return plain.exists(store .. "/blobs") and plain.list(store .. "/blobs") or {} end

-- What is listed is whole, and after a sweep nothing else is there.
local function check(folder, store, key)
  local list = artifact.list()
  for _, entry in ipairs(list) do
    local into = "got-" .. entry.sha256:sub(1, 8)
    artifact.get { name = entry.name, into = into, key = key, replace = true }
    equal(fs.read(into .. "/index.js"):find "^content %d+$" ~= nil, true)
  end
  artifact.sweep()
  equal(#blobs(store), #list)
  equal(#artifact.list(), #list)
  for _, name in ipairs(plain.exists(folder .. "/.davit/tmp") and plain.list(folder .. "/.davit/tmp") or {}) do
    equal(plain.stat(folder .. "/.davit/tmp/" .. name).mode, "0700")
  end
  return list
end

-- Tries every point, until one lies beyond the end.
local function at_every_point(folder, store, action, prepare, key)
  local point, killed = 0, 0
  repeat
    point = point + 1
    prepare(point)
    local result = run_killed(folder, point, action, "content " .. point)
    if result.signal == "SIGKILL" then killed = killed + 1 end
    if result.signal ~= "SIGKILL" and result.output ~= "done\n" then error(result.errors) end
    check(folder, store, key)
  until result.output == "done\n"
  equal(killed, point - 1)
  return killed
end

test("who is killed while he puts leaves the old artifact or the new one, and nothing that stays", function()
  with_folder(function(folder, store)
    local killed = at_every_point(folder, store, "put", function() end)
    equal(killed >= 16, true)
    equal(#artifact.list(), 1)
  end)
end)

test("who is killed while he seals leaves nothing that others can read", function()
  with_folder(function(folder, store)
    plain.write(folder .. "/public", seal.new_key(folder .. "/key"))
    local killed = at_every_point(folder, store, "seal", function() end, secret.file("key", { to = { "sealed:*" } }))
    equal(killed >= 20, true)
  end)
end)

test("who is killed while he removes leaves it whole or gone", function()
  with_folder(function(folder, store)
    local killed = at_every_point(folder, store, "remove", function(point)
      fs.write("dist/index.js", "content " .. point)
      artifact.put { name = "web", root = "dist", replace = true }
    end)
    equal(killed >= 4, true)
    equal(artifact.list(), {})
  end)
end)

test("a lock goes with the process that held it", function()
  with_folder(function(folder)
    run_killed(folder, 11, "put", "content 1")   -- under the lock, before the entry is written
    fs.write("dist/index.js", "content 2")
    artifact.put { name = "web", root = "dist", replace = true }
  end)
end)

-- Several processes --------------------------------------------------------------------------------------

local function sh(folder, text, check_it)
  return process.run { command = text, cwd = folder, env = { DAVIT = places.program }, check = check_it }
end

test("processes that put, get and remove at once see whole artifacts or none", function()
  with_folder(function(folder, store)
    plain.write(folder .. "/davit.yaml", "version: 1\nproject: x\n")
    for i = 1, 3 do plain.write(("%s/d%d/index.js"):format(folder, i), ("content %d "):format(i):rep(20000)) end
    local result = sh(folder, [[
      for i in 1 2 3; do
        (for n in 1 2 3 4 5; do
          $DAVIT artifact put web d$i --replace >>log.$i 2>&1 || echo "put: $?" >>bad
          $DAVIT artifact get web --into got.$i.$n >>log.$i 2>&1; code=$?
          [ $code = 0 ] || [ $code = 1 ] || echo "get: $code" >>bad
          [ $i = 3 ] && $DAVIT artifact rm web >>log.$i 2>&1
          $DAVIT artifact list >>log.$i 2>&1 || echo "list: $?" >>bad
        done) &
      done
      wait
      grep -h damaged log.* >>bad
      cat bad 2>/dev/null; true]], false)
    equal(result.output, "")
    for i = 1, 3 do
      for n = 1, 5 do
        local file = ("%s/got.%d.%d/index.js"):format(folder, i, n)
        if plain.exists(file) then equal(#plain.read(file), 200000) end
      end
    end
    local list = artifact.list()
    equal({ #blobs(store), plain.list(store .. "/incoming") }, { #list, {} })
  end)
end)

-- Disks ----------------------------------------------------------------------------------------------------

-- A shell may bound the size of the files that its children write, as a full disk would.
test("a disk that is full is told, the old artifact stays, and nothing is left over", function()
  with_folder(function(folder, store)
    plain.write(folder .. "/davit.yaml", "version: 1\nproject: x\n")
    plain.write(folder .. "/small/a", "a")
    plain.write(folder .. "/large/a", core.random(65536):rep(2) .. core.random(65536))
    sh(folder, "$DAVIT artifact put web small")
    local result = sh(folder, "trap '' XFSZ; ulimit -f 64; exec $DAVIT artifact put web large --replace", false)
    equal({ result.exit, result.errors:find "File too large" ~= nil }, { 1, true })
    equal({ #artifact.list(), #blobs(store), plain.list(store .. "/incoming") }, { 1, 1, {} })
    artifact.get { name = "web", into = "got" }
    equal(fs.read "got/a", "a")
  end)
end)

test("so is one that is really full", function()
  with_folder(function(folder)
    plain.write(folder .. "/large/a", core.random(65536):rep(2) .. core.random(65536))
    plain.make(folder .. "/tiny")
    local mounted = sh(folder, "mount -t tmpfs -o size=100k tmpfs tiny", false)
    if mounted.exit ~= 0 then skip "nothing can be mounted here" end
    local _ <close> = setmetatable({}, { __close = function() sh(folder, "umount tiny") end })
    local result = sh(folder, "DAVIT_ARTIFACTS=$PWD/tiny $DAVIT artifact put web large", false)
    equal({ result.exit, result.errors:find "No space left on device" ~= nil }, { 1, true })
    equal(plain.list(folder .. "/tiny/incoming"), {})
    equal(sh(folder, "DAVIT_ARTIFACTS=$PWD/tiny $DAVIT artifact list --json").output, "")
  end)
end)

test("a folder that may only be read is read, and says why nothing can be put into it", function()
  with_folder(function(folder, store)
    local can = sh(folder, "setpriv --reuid=65534 --regid=65534 --clear-groups true", false)
    if can.exit ~= 0 then skip "this needs setpriv and the right to use it" end
    fs.write("dist/a", "a")
    artifact.put { name = "web", root = "dist" }
    process.run { argv = { "chmod", "-R", "a+rX,a-w", folder } }
    process.run { argv = { "chmod", "a+rx", folder } }
    local out = sh(folder, "mktemp -d").output:match "[^\n]+"
    local _ <close> = setmetatable({}, { __close = function() plain.remove(out) end })
    process.run { argv = { "chmod", "777", out } }
    local as_nobody = "DAVIT_ARTIFACTS=" .. store .. " setpriv --reuid=65534 --regid=65534 --clear-groups $DAVIT artifact "
    equal(sh(out, as_nobody .. "get web").exit, 0)
    equal(plain.read(out .. "/a"), "a")
    equal(sh(folder, as_nobody .. "list --json").output:find '"name":"web"' ~= nil, true)
    local result = sh(folder, as_nobody .. "put other dist", false)
    equal({ result.exit, result.errors:find "Permission denied" ~= nil }, { 1, true })
  end)
end)
