local core = require "fs.core"
local fs = require "fs"
local process = require "process"
local task = require "task"

local new_scratch = require("core").load_file("tests/scratch.lua")()

local function scratch() return new_scratch "fs" end

test("what was written is read back, every byte of it", function()
  local folder <close> = scratch()
  local text = "\0\1\r\n\255" .. ("x"):rep(200000)
  fs.write(folder / "file", text)
  equal(fs.read(folder / "file"), text)
end)

test("an empty file is an empty string", function()
  local folder <close> = scratch()
  fs.write(folder / "file", "")
  equal(fs.read(folder / "file"), "")
end)

test("writing makes the folders that are missing", function()
  local folder <close> = scratch()
  fs.write(folder / "a/b/c", "deep")
  equal(fs.read(folder / "a/b/c"), "deep")
end)

test("writing again replaces the file and leaves nothing beside it", function()
  local folder <close> = scratch()
  fs.write(folder / "file", "one")
  fs.write(folder / "file", "two")
  equal(fs.read(folder / "file"), "two")
  equal(fs.list(folder.path), { "file" })
end)

test("a folder in the way of a file is an error, and nothing is left behind", function()
  local folder <close> = scratch()
  fs.make(folder / "file")
  raises("writing .*/file: Is a directory", fs.write, folder / "file", "text")
  equal(fs.list(folder.path), { "file/" })
end)

test("a pipe or a device, or a link to one, is never replaced by a file", function()
  local folder <close> = scratch()
  fs.write(folder / "file", "text")
  process.run { command = "mkfifo pipe; ln -s /dev/null null", cwd = folder.path }
  for name, kind in pairs { pipe = "a pipe", null = "a device" } do
    local place, pattern = folder / name, name .. ": " .. kind .. " stands there"
    equal(raises(pattern, fs.write, place, "text").code, "file-exists")
    raises(pattern, fs.copy, folder / "file", place)
    raises(pattern, fs.move, folder / "file", place)
  end
  local left = process.run { command = "test -p pipe && readlink null", cwd = folder.path }.output
  equal({ left, fs.list(folder.path) }, { "/dev/null\n", { "file", "null", "pipe" } })
end)

test("a file in the way of a folder is an error that names it", function()
  local folder <close> = scratch()
  fs.write(folder / "file", "text")
  local err = raises("making the folder .*/file", fs.write, folder / "file/below/x", "text")
  equal(err.code, "file-exists")
end)

test("reading what is not there says what and why", function()
  local err = raises("reading build/no%-such%-file: No such file", fs.read, "build/no-such-file")
  equal(err.code, "file-not-found")
  equal(err.class, "fatal")
  equal(err.about, "build/no-such-file")
end)

test("reading a folder is an error", function()
  raises("reading build: Is a directory", fs.read, "build")
end)

test("reading stops at the limit, and a file of just that size is fine", function()
  local folder <close> = scratch()
  fs.write(folder / "file", "12345")
  equal(fs.read(folder / "file", { max = 5 }), "12345")
  equal(raises("larger than 4 bytes", fs.read, folder / "file", { max = 4 }).code, "file-too-large")
end)

test("a list is sorted by bytes and marks folders", function()
  local folder <close> = scratch()
  for _, name in ipairs { "b", "a10", "a9", "B", "é" } do fs.write(folder / name, "") end
  fs.make(folder / "aa")
  equal(fs.list(folder.path), { "B", "a10", "a9", "aa/", "b", "é" })
end)

test("an empty folder lists as nothing", function()
  local folder <close> = scratch()
  equal(fs.list(folder.path), {})
end)

test("listing what is no folder is an error", function()
  raises("listing Makefile: Not a directory", fs.list, "Makefile")
  equal(raises("listing build/none", fs.list, "build/none").code, "file-not-found")
end)

test("removing takes a folder with all in it, and twice is fine", function()
  local folder <close> = scratch()
  fs.write(folder / "a/b/c", "")
  fs.write(folder / "a/d", "")
  fs.remove(folder / "a/")
  equal(fs.exists(folder / "a"), false)
  fs.remove(folder / "a")
end)

test("exists tells files and folders from what is not there", function()
  local folder <close> = scratch()
  fs.write(folder / "file", "")
  equal(fs.exists(folder / "file"), true)
  equal(fs.exists(folder.path), true)
  equal(fs.exists(folder / "none"), false)
  equal(fs.exists(folder / "file/none"), false)
end)

test("making a folder that is there is fine", function()
  local folder <close> = scratch()
  fs.make(folder / "a/b")
  fs.make(folder / "a/b/")
  equal(fs.list(folder.path), { "a/" })
end)

test("a path that would take the working folder along is refused", function()
  for _, path in ipairs { ".", "..", "/", "//", "./", "build/..", "build/../" } do
    raises("fs.remove: will not remove", fs.remove, path)
  end
end)

test("files are read side by side", function()
  local folder <close> = scratch()
  local branches = {}
  for i = 1, 20 do
    fs.write(folder / i, ("%d"):format(i))
    branches["f" .. i] = function() return fs.read(folder / i) end
  end
  equal(parallel(branches).f17, "17")
end)

test("a read that a deadline cuts short raises the deadline", function()
  raises("deadline", task.deadline, 0, function()
    for _ = 1, 1000 do fs.read("Makefile") end
  end)
end)

test("stat tells what stands there, how large it is, since when and for whom", function()
  local folder <close> = scratch()
  fs.write(folder / "file", "12345", { mode = "0640" })
  local s = fs.stat(folder / "file")
  equal({ s.kind, s.size, s.mode }, { "file", 5, "0640" })
  equal(math.abs(s.mtime - os.time()) < 86400, true)
  equal(fs.stat(folder.path).kind, "folder")
  equal(raises("looking at .*/none: No such file", fs.stat, folder / "none").code, "file-not-found")
end)

-- ---- more than one ---------------------------------------------------------------------------------

test("appending makes the file and puts texts one behind the other", function()
  local folder <close> = scratch()
  fs.append(folder / "a/log", "one\n")
  fs.append(folder / "a/log", "two\n")
  equal(fs.read(folder / "a/log"), "one\ntwo\n")
  raises("writing .*/a: Is a directory", fs.append, folder / "a", "x")
  raises("fs.append: a file that is not sealed cannot hold a secret", fs.append, folder / "x",
    require "secret.core".new("T", "hunter2hunter2", { "program:cat" }))
end)

test("chmod changes permissions, of folders too", function()
  local folder <close> = scratch()
  fs.write(folder / "run.sh", "")
  fs.chmod(folder / "run.sh", "0755")
  fs.chmod(folder.path, "0700")
  equal({ fs.stat(folder / "run.sh").mode, fs.stat(folder.path).mode }, { "0755", "0700" })
  raises("changing .*/none: No such file", fs.chmod, folder / "none", "0755")
  raises("fs.chmod: the mode must be octal digits", fs.chmod, folder / "run.sh", "+x")
end)

local function tree(folder, paths)
  for _, path in ipairs(paths) do fs.write(folder / path, "text of " .. path) end
end

local function walked(root, o)
  local list = {}
  for path, kind in fs.walk(root, o) do list[#list + 1] = kind == "folder" and path .. "/" or path end
  return list
end

test("walking gives every path below, folders before what is in them", function()
  local folder <close> = scratch()
  tree(folder, { "b", "a/y", "a/x/1", "a/x/2", "c/d" })
  equal(walked(folder.path), { "a/", "a/x/", "a/x/1", "a/x/2", "a/y", "b", "c/", "c/d" })
  equal(walked(folder.path, { except = { "a/x", "**/d" } }), { "a/", "a/y", "b", "c/" })
  raises("listing .*/none", fs.walk, folder / "none")
  raises("option 'except' must be a pattern", fs.walk, folder.path, { except = 1 })
end)

test("walking does not follow links, so it ends", function()
  local folder <close> = scratch()
  fs.write(folder / "a/file", "")
  process.run { argv = { "ln", "-s", "..", folder / "a/up" } }
  equal(walked(folder.path), { "a/", "a/file", "a/up" })
end)

test("a glob finds files in folders of every depth", function()
  local folder <close> = scratch()
  tree(folder, { "a.c", "src/b.c", "src/b.h", "src/x/c.c", "src/x/y/d.c", "lib/e.c" })
  local function found(pattern, o)
    local list = fs.glob(folder / pattern, o)
    for i, path in ipairs(list) do list[i] = path:sub(#folder.path + 2) end
    return list
  end
  equal(found "**/*.c", { "a.c", "lib/e.c", "src/b.c", "src/x/c.c", "src/x/y/d.c" })
  equal(found "src/*.{c,h}", { "src/b.c", "src/b.h" })
  equal(found "src/**/*.c", { "src/b.c", "src/x/c.c", "src/x/y/d.c" })
  equal(found("**/*.c", { except = { "src/x", "lib/**" } }), { "a.c", "src/b.c" })
  equal(found "src/b.c", { "src/b.c" })
  equal(found "none/*", {})
  equal(fs.glob "tests/fs_tes?.lua", { "tests/fs_test.lua" })
  equal(fs.glob "Make*ile", { "Makefile" })
  equal(raises("is missing", fs.glob, "a[").code, "glob-invalid")
end)

test("copying takes contents and permissions along, of files and of folders", function()
  local folder <close> = scratch()
  tree(folder, { "from/a", "from/b/c" })
  fs.write(folder / "from/run.sh", ("x"):rep(200000), { mode = "0750" })
  fs.make(folder / "from/empty")
  fs.copy(folder / "from", folder / "to/here")
  equal(walked(folder / "to/here"), { "a", "b/", "b/c", "empty/", "run.sh" })
  equal({ #fs.read(folder / "to/here/run.sh"), fs.stat(folder / "to/here/run.sh").mode }, { 200000, "0750" })
  fs.copy(folder / "from/a", folder / "to/here/b/c")
  equal(fs.read(folder / "to/here/b/c"), "text of from/a")
  equal(walked(folder / "from"), { "a", "b/", "b/c", "empty/", "run.sh" })
end)

test("a copy that cannot be made leaves what was there", function()
  local folder <close> = scratch()
  tree(folder, { "a", "d/x" })
  equal(raises("looking at .*/none: No such file", fs.copy, folder / "none", folder / "b").code, "file-not-found")
  raises("writing .*/d: Is a directory", fs.copy, folder / "a", folder / "d")
  raises("lies in", fs.copy, folder / "d", folder / "d/inner")
  raises("reading /dev/null: Invalid argument", fs.copy, "/dev/null", folder / "null")
  equal(walked(folder.path), { "a", "d/", "d/x" })
  raises("fs.copy: where to", fs.copy, folder / "a")
end)

test("moving renames files and folders and replaces files", function()
  local folder <close> = scratch()
  tree(folder, { "a", "b", "d/x", "e/y" })
  fs.move(folder / "a", folder / "b")
  fs.move(folder / "d", folder / "new/place")
  equal(walked(folder.path), { "b", "e/", "e/y", "new/", "new/place/", "new/place/x" })
  equal(fs.read(folder / "b"), "text of a")
  equal(raises("moving .*/new: Directory not empty", fs.move, folder / "new", folder / "e").code, "file-exists")
  raises("moving .*/none: No such file", fs.move, folder / "none", folder / "made/here")
  equal(fs.exists(folder / "made"), false)
  raises("fs.move: will not move \"%.\"", fs.move, ".", folder / "x")
end)

test("what is moved to another disk is copied and removed", function()
  if not try(fs.stat, "/dev/shm") or process.run({ argv = { "stat", "-c", "%d", "/dev/shm" } }).output
    == process.run({ argv = { "stat", "-c", "%d", "." } }).output then
    skip "there is no other disk to write to"
  end
  local folder <close> = scratch()
  tree(folder, { "d/x", "d/y/z" })
  local there = "/dev/shm/davit-fs-test-" .. require("uuid").v4()
  fs.move(folder / "d", there)
  equal(walked(there), { "x", "y/", "y/z" })
  equal(fs.exists(folder / "d"), false)
  fs.remove(there)
end)

test("a temporary folder is empty, its own, and gone with its scope", function()
  local path
  do
    local one <close> = fs.temporary()
    local two <close> = fs.temporary()
    path = one.path
    equal(one.path ~= two.path, true)
    fs.write(one / "a/b", "text")
    equal({ fs.read(one.path .. "/a/b"), tostring(one), fs.stat(one.path).mode }, { "text", path, "0700" })
  end
  equal(fs.exists(path), false)
end)

-- ---- inside the project ----------------------------------------------------------------------------

---A project's folder with something beside it; fenced / "name" is a path in it, from the root on. The fence
---goes with the scope.
local function fenced()
  local path = core.real "build" .. "/scratch-fenced"
  core.remove(path)
  core.make(path .. "/project/inner")
  core.write(path .. "/beside", "outside")
  core.stay_in(path .. "/project")
  return setmetatable({ path = path, root = path .. "/project" }, {
    __div = function(_, name) return path .. "/project/" .. name end,
    __close = function()
      core.stay_in()
      core.remove(path)
    end,
  })
end

local function link(target, at)
  process.run { argv = { "ln", "-s", "--", target, at } }
end

local function refused(f, ...)
  equal(raises("it leads out of the project's folder .*outside = true", f, ...).code, "file-outside")
end

test("a path that leads out of the project is refused, whatever is asked of it", function()
  local p <close> = fenced()
  refused(fs.read, p / "../beside")
  refused(fs.read, "/etc/hostname")
  refused(fs.stat, p / "../beside")
  refused(fs.list, p / "..")
  refused(fs.exists, p / "../none")
  refused(fs.make, p / "../made/here")
  refused(fs.write, p / "../written", "text")
  refused(fs.write, "/davit-must-not-write", "text")
  refused(fs.remove, p / "../beside")
  refused(fs.remove, p / "inner/../../beside")
  refused(fs.remove, p.root)
  equal(core.list(p.path), { "beside", "project/" })
end)

test("nothing outside is told: not even whether it is there", function()
  local p <close> = fenced()
  refused(fs.exists, "/etc")
  refused(fs.exists, "/no-such-folder/at/all")
  refused(fs.read, p / "../no/such/file")
end)

test("what leads out and in again stays inside", function()
  local p <close> = fenced()
  fs.write(p / "inner/../inner/file", "text")
  equal(fs.read(p / "../project/inner/file"), "text")
  equal(fs.read "../project/inner/file", "text")
  equal(fs.list(p.root), { "inner/" })
  equal(fs.stat(p.root).kind, "folder")
end)

test("a link is followed inside the project and refused when it leads out of it", function()
  local p <close> = fenced()
  fs.write(p / "inner/file", "text")
  link("inner/file", p / "near")
  link(p / "inner", p / "absolute")
  link("../beside", p / "far")
  link("..", p / "up")
  link("/etc", p / "etc")
  equal(fs.read(p / "near"), "text")
  equal(fs.read(p / "absolute/file"), "text")
  refused(fs.read, p / "far")
  refused(fs.read, p / "up/beside")
  refused(fs.write, p / "up/written", "text")
  refused(fs.list, p / "etc")
  refused(fs.make, p / "up/made")
  refused(fs.remove, p / "up/beside")
end)

test("a link in the place of a file is replaced, and removed, never what it leads to", function()
  local p <close> = fenced()
  link("../beside", p / "link")
  fs.write(p / "link", "mine")
  equal({ fs.read(p / "link"), core.read(p.path .. "/beside") }, { "mine", "outside" })
  fs.remove(p / "link")
  link("../beside", p / "link")
  fs.remove(p / "link")
  equal({ fs.exists(p / "link"), core.read(p.path .. "/beside") }, { false, "outside" })
end)

test("links that go in circles end", function()
  local p <close> = fenced()
  link("b", p / "a")
  link("a", p / "b")
  raises("reading .*/a: Too many levels", fs.read, p / "a")
end)

test("what is made of several calls stays inside, too", function()
  local p <close> = fenced()
  fs.write(p / "inner/file", "text")
  link("../../beside", p / "inner/link")
  refused(fs.append, p / "../beside", "x")
  refused(fs.append, p / "inner/link", "x")
  refused(fs.chmod, p / "../beside", "0600")
  refused(fs.copy, p / "../beside", p / "here")
  refused(fs.copy, p / "inner/link", p / "here")
  refused(fs.copy, p / "inner/file", p / "../there")
  refused(fs.move, p / "inner/file", p / "../there")
  refused(fs.move, p / "../beside", p / "here")
  refused(fs.walk, p / "..")
  refused(fs.glob, p / "../*")
  fs.move(p / "inner/link", p / "link")
  equal(fs.glob(p / "**"), { p / "inner/file", p / "link" })
  fs.copy(p / "../beside", p / "here", { outside = true })
  equal({ fs.read(p / "here"), core.read(p.path .. "/beside") }, { "outside", "outside" })
  equal(core.list(p.path), { "beside", "project/" })
end)

test("in a project a temporary folder stands inside of it", function()
  local p <close> = fenced()
  do
    local folder <close> = fs.temporary()
    fs.write(folder / "x", "text")
    equal(fs.glob(p / ".davit/tmp/*/x")[1]:sub(-2), "/x")
  end
  equal(fs.list(p / ".davit/tmp"), {})
end)

test("whoever says outside may go anywhere", function()
  local p <close> = fenced()
  equal(fs.read(p / "../beside", { outside = true }), "outside")
  fs.write(p / "../other/file", "text", { outside = true })
  equal(fs.list(p / "../other", { outside = true }), { "file" })
  equal(fs.exists(p / "../other/file", { outside = true }), true)
  fs.remove(p / "../other", { outside = true })
  equal(core.list(p.path), { "beside", "project/" })
end)

test("the errors of files inside are those of files", function()
  local p <close> = fenced()
  fs.write(p / "file", "text")
  raises("reading .*/none: No such file", fs.read, p / "none")
  raises("reading .*/file/x: Not a directory", fs.read, p / "file/x")
  raises("making the folder .*/file: File exists", fs.make, p / "file")
  raises("writing .*: File exists", fs.write, p / "file/x", "text")
  raises("listing .*/file: Not a directory", fs.list, p / "file")
  raises("reading .*: File name too long", fs.read, p / ("x"):rep(300))
  fs.remove(p / "none/below")
end)

test("in a project a relative path counts from its folder, wherever Davit was started", function()
  local p <close> = fenced()
  fs.write("inner/file", "text")
  equal({ core.read(p / "inner/file"), fs.read "./inner/../inner/file", fs.exists "inner" }, { "text", "text", true })
  fs.copy("inner/file", "copy")
  fs.move("copy", "moved")
  equal({ fs.glob "**", fs.list "." }, { { "inner/file", "moved" }, { "inner/", "moved" } })
  equal(fs.read("../beside", { outside = true }), "outside")
  refused(fs.read, "../beside")
  fs.remove "moved"
  equal(core.list(p.root), { "inner/" })
end)

test("in a project a program runs in its folder, and what it is given counts from there", function()
  local p <close> = fenced()
  local function output(o) return (process.run(o).output:gsub("\n$", "")) end
  core.write(p / "inner/file", "text")
  equal(output { argv = { "pwd", "-P" } }, p.root)
  equal(output { argv = { "pwd", "-P" }, cwd = "inner" }, p / "inner")
  equal(output { argv = { "pwd", "-P" }, cwd = "/" }, "/")
  equal(output { argv = { "cat" }, cwd = "inner", input = { file = "inner/file" } }, "text")
end)

test("without a project there is no folder to stay in", function()
  equal(core.root(), nil)
  equal(fs.exists "/etc", true)
end)

test("misuse names the function and the argument", function()
  raises("fs.read: the path must be a string, not a nil", fs.read)
  raises("fs.read: the path is empty", fs.read, "")
  raises("fs.write: the path names a file, not a folder: \"a/\"", fs.write, "a/", "x")
  raises("fs.append: the path names a file, not a folder", fs.append, "a/", "x")
  raises("fs.read: the path is empty or holds a zero byte", fs.read, "a\0b")
  raises("fs.read: unknown option 'maximum' %(expected max, outside%)", fs.read, "x", { maximum = 1 })
  raises("fs.read: option 'max' must be an integer", fs.read, "x", { max = "1" })
  raises("fs.read: option 'max' must be 0 to", fs.read, "x", { max = -1 })
  raises("fs.write: the text must be a string, not a nil", fs.write, "x")
  raises("fs.write: unknown option 'modes'", fs.write, "x", "", { modes = "0600" })
  raises("fs.write: option 'mode' must be a string", fs.write, "x", "", { mode = 420 })
  raises("fs.write: option 'mode' must be octal digits", fs.write, "x", "", { mode = "rw" })
  raises("fs.list: the path must be a string, not a table", fs.list, {})
  raises("fs.make: the path must be a string, not a boolean", fs.make, true)
  raises("fs.remove: the path must be a string, not a nil", fs.remove)
  raises("fs.exists: the path must be a string, not a number", fs.exists, 1)
end)
