---Archives: what packing promises, and what unpacking must not do, with archives made by hand.
local archive = require "archive.core"
local core = require "core"
local fs = require "fs"
local process = require "process"
local sha256 = require "sha256"
local task = require "task"
local tarball = core.load_file("tests/tarball.lua")()

local davit = os.getenv "DAVIT" or "build/davit"

local new_scratch = core.load_file("tests/scratch.lua")()

local function scratch() return new_scratch "archive" end

local function sh(command, env)
  return process.run({ argv = { "sh", "-c", command }, env = env }).output
end

local function has(program)
  return try(process.run, { argv = { "sh", "-c", "command -v " .. program } }) ~= nil
end

-- Everything in a folder, hidden or not, with its kind: "f 644 a/b", "l a -> b".
local function tree(folder)
  return sh(("cd %s && find . -mindepth 1 -printf '%%y %%m %%P %%l\\n' | sort"):format(folder))
end

local function plant(folder)
  fs.write(folder .. "/index.html", "<p>hello</p>\n")
  fs.write(folder .. "/bin/tool", "#!/bin/sh\n", { mode = "0700" })
  fs.write(folder .. "/a/b/deep.txt", ("deep "):rep(100))
  fs.write(folder .. "/a-b", "sorts behind what is in a")
  fs.make(folder .. "/empty")
  sh(("ln -s ../index.html %s/a/link; ln %s/a-b %s/twin"):format(folder, folder, folder))
end

local function pack(folder, root, more)
  local o = { root = folder / root, to = folder / "out.tar.zst" }
  for k, v in pairs(more or {}) do o[k] = v end
  return archive.pack(o)
end

local function paths_of(packed)
  local paths = {}
  for i, e in ipairs(packed.entries) do paths[i] = e.path end
  return paths
end

-- Packing ------------------------------------------------------------------------------------------

test("a tree that is packed and unpacked is the same, with modes 0644 and 0755", function()
  local folder <close> = scratch()
  plant(folder / "tree")
  local packed = pack(folder, "tree")
  equal(paths_of(packed), { "a", "a/b", "a/b/deep.txt", "a/link", "a-b", "bin", "bin/tool", "empty", "index.html", "twin" })
  equal(packed.sha256, sha256(fs.read(folder / "out.tar.zst")))
  equal(packed.size, fs.stat(folder / "out.tar.zst").size)
  equal(packed.bytes, 13 + 10 + 500 + 25 + 25)
  equal(packed.entries[7], { path = "bin/tool", kind = "file", size = 10, executable = true, sha256 = sha256 "#!/bin/sh\n" })
  equal(packed.entries[4], { path = "a/link", kind = "link", size = 0, target = "../index.html" })
  local unpacked = archive.unpack { from = packed.path, into = folder / "new", sha256 = packed.sha256 }
  equal({ unpacked.sha256, unpacked.size, unpacked.bytes }, { packed.sha256, packed.size, packed.bytes })
  equal(tree(folder / "new"), sh(([[cd %s && chmod 755 bin/tool && find . -mindepth 1 -printf '%%y %%m %%P %%l\n' | sort]])
    :format(folder / "tree")))
  equal(fs.read(folder / "new/a/b/deep.txt"), fs.read(folder / "tree/a/b/deep.txt"))
end)

test("the same files are the same archive, whatever made, named and packed them", function()
  local folder <close> = scratch()
  plant(folder / "tree")
  -- More than a job of zstd, so that threads have something to share.
  fs.write(folder / "tree/large", (sha256 "large"):rep(400000))
  local first = pack(folder, "tree").sha256
  sh(([[cd %s && mkdir other && umask 077 && for f in twin large index.html empty bin a-b a; do cp -R tree/$f other/; done
    rm other/twin && cp other/a-b other/twin && chmod 600 other/a-b && chmod 711 other/bin/tool &&
    find other -exec touch -h -d 2001-02-03 {} +]]):format(folder.path))
  for threads = 1, 4 do equal(pack(folder, "other", { threads = threads }).sha256, first) end
  local here = sh("pwd"):match "%S+" .. "/"
  local program = davit:sub(1, 1) == "/" and davit or here .. davit
  local code = ([[print(require("archive.core").pack { root = "%s", to = "%s", outside = true }.sha256)]])
    :format(here .. folder / "other", here .. folder / "again")
  for _, way in ipairs { "umask 077;", "umask 0; TZ=Asia/Tokyo", "LC_ALL=tr_TR.UTF-8", "LC_ALL=C.UTF-8 LANG=de_DE", "cd /;" } do
    equal(sh(('%s %s eval "$CODE"'):format(way, program), { CODE = code }), first .. "\n")
  end
end)

test("names that are long, not ASCII or no UTF-8 at all are kept as they are", function()
  local folder <close> = scratch()
  local long = ("n"):rep(255)
  for _, name in ipairs { "übung.txt", "lat\xfcn", long, ("d"):rep(200) .. "/" .. ("e"):rep(200) .. "/" .. long, "back\\slash", " " } do
    fs.write(folder / "tree/" .. name, name)
  end
  pack(folder, "tree")
  archive.unpack { from = folder / "out.tar.zst", into = folder / "new" }
  equal(tree(folder / "new"), tree(folder / "tree"))
  equal(fs.read(folder / "new/lat\xfcn"), "lat\xfcn")
end)

test("only what is asked for is packed, in any order, and what is left out is not", function()
  local folder <close> = scratch()
  plant(folder / "tree")
  local one = pack(folder, "tree", { paths = { "index.html", "a/b", "./bin/" } })
  equal(paths_of(one), { "a/b", "a/b/deep.txt", "bin", "bin/tool", "index.html" })
  equal(pack(folder, "tree", { paths = { "bin", "a/b/deep.txt", "index.html", "a/b", "bin/tool" } }).sha256, one.sha256)
  equal(paths_of(pack(folder, "tree", { except = { "a", "bin/tool", "none" } })), { "a-b", "bin", "empty", "index.html", "twin" })
  equal(paths_of(pack(folder, "tree", { paths = { "a/b", "bin" }, except = { "a" } })), { "bin", "bin/tool" })
end)

test("an empty folder is an archive with nothing in it", function()
  local folder <close> = scratch()
  fs.make(folder / "tree")
  equal(pack(folder, "tree").entries, {})
  archive.unpack { from = folder / "out.tar.zst", into = folder / "new" }
  equal(fs.list(folder / "new"), {})
end)

test("holes of a sparse file are the zeros that they stand for", function()
  local folder <close> = scratch()
  fs.make(folder / "tree")
  sh(("truncate -s 3M %s && printf end >> %s"):format(folder / "tree/sparse", folder / "tree/sparse"))
  local packed = pack(folder, "tree")
  equal(packed.entries[1].sha256, sha256(("\0"):rep(3 << 20) .. "end"))
  equal(packed.size < 4096, true)
end)

test("the digest may be part of the archive's name", function()
  local folder <close> = scratch()
  plant(folder / "tree")
  local packed = pack(folder, "tree", { to = folder / "blobs/{sha256}.tar.zst" })
  equal(packed.path, folder / "blobs/" .. packed.sha256 .. ".tar.zst")
  equal(fs.list(folder / "blobs"), { packed.sha256 .. ".tar.zst" })
  raises("{sha256} stands in the last name", archive.pack, { root = ".", to = "x{sha256}/y" })
end)

test("what was there is replaced, and nothing is left beside it", function()
  local folder <close> = scratch()
  fs.write(folder / "out/it", "old")
  fs.write(folder / "tree/file", "new")
  equal(archive.check { from = pack(folder, "tree", { to = folder / "out/it" }).path }.bytes, 3)
  equal(sh("ls -A " .. folder / "out"), "it\n")
  equal(fs.stat(folder / "out/it").mode, "0644")
end)

local function refuses(folder, code, pattern, more)
  local err = raises(pattern, pack, folder, "tree", more)
  equal(err.code, code)
  equal(fs.exists(folder / "out.tar.zst"), false)
  equal(sh(("find %s -name '.davit-*'"):format(folder.path)), "")
  return err
end

test("what is no file, folder or link is refused by its name", function()
  local folder <close> = scratch()
  fs.make(folder / "tree/sub")
  sh("mkfifo " .. folder / "tree/sub/queue")
  local err = refuses(folder, "archive-entry", "packing sub/queue: it is a pipe")
  equal(err.about, "sub/queue")
  equal(pack(folder, "tree", { except = { "sub/queue" } }).entries[1].path, "sub")
end)

test("a link that leads out is refused, whatever way it takes", function()
  for target, why in pairs {
    ["/etc/passwd"] = "absolute", ["../../secret"] = "leads out", ["../.."] = "leads out", ["x/../../.."] = "behind a name",
    ["sub/.."] = "behind a name",
  } do
    local folder <close> = scratch()
    fs.make(folder / "tree/sub")
    sh(("ln -s '%s' %s"):format(target, folder / "tree/sub/link"))
    refuses(folder, "archive-entry", "packing sub/link: .*" .. why)
  end
end)

test("a name with a control character is refused and shown in one line", function()
  local folder <close> = scratch()
  fs.write(folder / "tree/a\nb", "")
  refuses(folder, "archive-entry", [[packing a\x0ab: it holds a control character]])
end)

test("paths that lead out, and those that are not there, are refused", function()
  local folder <close> = scratch()
  plant(folder / "tree")
  for _, path in ipairs { "../out", "/etc", "a/../../b" } do
    refuses(folder, "archive-entry", "packing .*: it ", { paths = { path } })
  end
  refuses(folder, "file-not-found", "packing no: No such file", { paths = { "no/such" } })
  refuses(folder, "file-not-found", "packing a/link: Not a directory", { paths = { "a/link/x" } })
  local err = raises("packing .*none: No such file", pack, folder, "none")
  equal(err.code, "file-not-found")
end)

test("a file that is no longer what it was is an error", function()
  local folder <close> = scratch()
  fs.make(folder / "tree")
  sh("truncate -s 512M " .. folder / "tree/growing")
  local err = raises("packing growing: it changed while it was read", parallel, {
    pack = function() pack(folder, "tree") end,
    grow = function()
      while true do
        fs.append(folder / "tree/growing", "more")
        sleep(0.005)
      end
    end,
  })
  equal(err.code, "archive-changed")
  equal(fs.exists(folder / "out.tar.zst"), false)
end)

test("packing is cancelled by a deadline, and leaves nothing", function()
  local folder <close> = scratch()
  fs.make(folder / "tree")
  sh("truncate -s 1T " .. folder / "tree/endless")
  local err = raises("deadline", task.deadline, 0.2, pack, folder, "tree")
  equal(err.code, "deadline")
  equal(sh("ls -A " .. folder.path), "tree\n")
end)

test("many are packed at once, and files do not wait for them", function()
  local folder <close> = scratch()
  fs.make(folder / "tree")
  sh("truncate -s 1T " .. folder / "tree/endless")
  local written
  local err = raises("enough", function()
    local tasks = { write = function()
      for i = 1, 20 do fs.write(folder / "small", tostring(i)) end
      written = fs.read(folder / "small")
      failure { code = "enough", message = "enough" }
    end }
    for i = 1, 6 do tasks["pack" .. i] = function() pack(folder, "tree", { to = folder / "out" .. i }) end end
    parallel(tasks)
  end)
  equal({ err.code, written }, { "enough", "20" })
  fs.remove(folder / "tree/endless")
  local tasks = {}
  for i = 1, 6 do tasks[i] = function() return pack(folder, "tree", { to = folder / "out" .. i }).sha256 end end
  local all = parallel(tasks)
  for i = 2, 6 do equal(all[i], all[1]) end
end)

test("a disk that is full is an error, and leaves nothing", function()
  local folder <close> = scratch()
  fs.make(folder / "tree")
  sh("head -c 1000000 /dev/urandom > " .. folder / "tree/random")
  local code = ([[local ok, err = pcall(require("archive.core").pack, { root = "%s", to = "%s" }) print(err.code, err.message)]])
    :format(folder / "tree", folder / "out.tar.zst")
  local said = sh(("ulimit -f 64; %s eval \"$CODE\""):format(davit), { CODE = code })
  equal(said:match "^file%S+\t.*File too large" ~= nil, true)
  equal(sh("ls -A " .. folder.path), "tree\n")
end)

test("options are checked", function()
  raises("archive.pack: option 'level' is 1 to 19", archive.pack, { root = ".", to = "x", level = 20 })
  raises("archive.pack: option 'threads' is 1 to 64", archive.pack, { root = ".", to = "x", threads = 65 })
  raises("archive.pack: option 'root' is an empty path", archive.pack, { root = "", to = "x" })
  raises("archive.pack: option 'paths' is a list of paths; its entry 2 is a number", archive.pack,
    { root = ".", to = "x", paths = { "a", 2 } })
  raises("archive.pack: option 'except': entry 1 is empty", archive.pack, { root = ".", to = "x", except = { "a\0b" } })
  raises("archive.unpack: option 'sha256' is 64 hexadecimal digits", archive.unpack, { from = "x", into = "y", sha256 = "0" })
  raises("archive.unpack: option 'max_bytes' is at least 1", archive.unpack, { from = "x", into = "y", max_bytes = 0 })
  raises("archive.check: unknown option 'into'", archive.check, { from = "x", into = "y" })
end)

-- Secrets ------------------------------------------------------------------------------------------

local function new_secret(name, value) return require("secret.core").new(name, value, { "https://example.com" }) end

test("a file that holds a secret is refused; the error names both and shows neither's value", function()
  local folder <close> = scratch()
  local _ = new_secret("DEPLOY_TOKEN", "s3cr3t-in-the-archive")
  fs.write(folder / "tree/a/env.js", "const t = 's3cr3t-in-the-" .. "archive'")
  local err = refuses(folder, "archive-secret", "packing a/env.js: it holds the secret DEPLOY_TOKEN")
  equal({ err.secret, err.about, err.class }, { "DEPLOY_TOKEN", "a/env.js", "fatal" })
  equal(#pack(folder, "tree", { scan = false }).entries, 2)
end)

test("a secret is found in every form, across pieces and at the end", function()
  local value, base64, piece = "form-of-a-secret-1234", require "base64", 256 << 10
  local _ = new_secret("FORMS", value)
  local inside = base64.encode(("x"):rep(95) .. value .. ("y"):rep(95))
  for name, text in pairs {
    base64 = "x" .. base64.encode(value), wrapped = (inside:gsub(("."):rep(76), "%0\n")),
    ending = (base64.encode(("x"):rep(50) .. value):gsub(("."):rep(76), "%0\n")),
    border = ("x"):rep(piece - 7) .. value .. ("y"):rep(piece), binary = "\0\0" .. value .. "\0",
    ["end"] = ("x"):rep(piece * 2 - 21) .. value,
  } do
    local folder <close> = scratch()
    fs.write(folder / "tree/" .. name, text)
    refuses(folder, "archive-secret", "packing " .. name .. ": it holds the secret FORMS")
  end
end)

test("half a secret at the end of one file and half at the start of the next is none", function()
  local folder <close> = scratch()
  local _ = new_secret("HALVES", "first-half-second-half")
  fs.write(folder / "tree/a", "first-half-")
  fs.write(folder / "tree/b", "second-half")
  equal(#pack(folder, "tree").entries, 2)
end)

test("a secret in a name, a folder's name or a link is refused, and not shown", function()
  local _ = new_secret("NAMED", "name-of-a-secret")
  local cases = {
    { "x-name-of-a-secret.txt", "name holds" }, { "name-of-a-secret/file", "name holds" }, { "name-of-a-secret/", "name holds" },
  }
  for _, case in ipairs(cases) do
    local folder <close> = scratch()
    if case[1]:sub(-1) == "/" then fs.make(folder / "tree/" .. case[1]) else fs.write(folder / "tree/" .. case[1], "") end
    local err = refuses(folder, "archive-secret", "packing .*%*%*%*.*: its " .. case[2] .. " the secret NAMED")
    equal(err.message:find("name-of-a-secret", 1, true), nil)
    equal(err.about:find("name-of-a-secret", 1, true), nil)
  end
  local folder <close> = scratch()
  fs.make(folder / "tree")
  sh(("ln -s name-of-a-secret %s"):format(folder / "tree/link"))
  refuses(folder, "archive-secret", "packing link: it leads to what holds the secret NAMED")
end)

test("a secret that comes while files are packed is looked for, too", function()
  local folder <close> = scratch()
  fs.write(folder / "tree/file", "this came-in-between is")
  local err = raises("it holds the secret LATE", parallel, {
    pack = function() pack(folder, "tree") end,
    remember = function() new_secret("LATE", "came-in-between") end,
  })
  equal(err.code, "archive-secret")
  equal(fs.exists(folder / "out.tar.zst"), false)
end)

-- Unpacking ----------------------------------------------------------------------------------------

-- Unpacks the bytes into a folder in which nothing may appear. The error.
local function hostile(bytes, code, pattern, more)
  local folder <close> = scratch()
  fs.write(folder / "evil", bytes)
  fs.write(folder / "outside", "as it was")
  local o = { from = folder / "evil", into = folder / "into" }
  for k, v in pairs(more or {}) do o[k] = v end
  local err = raises(pattern or "", archive.unpack, o)
  equal(err.code, code)
  equal(sh("ls -A " .. folder.path), "evil\noutside\n")
  equal(fs.read(folder / "outside"), "as it was")
  fs.make(folder / "into")
  equal(raises("", archive.unpack, o).code, code)
  equal(sh("ls -A " .. folder / "into"), "")
  return err
end

local evil_names = {
  ["../evil"] = "leads out", ["/evil"] = "absolute", ["a/../../evil"] = "leads out", ["a/.."] = "leads out", [".."] = "leads out",
  ["//evil"] = "absolute", ["a/\x1b[2J"] = "control", ["a\nb"] = "control", ["a\rb"] = "control", ["a\tb"] = "control",
  ["\x7f"] = "control",
}

for name, why in pairs(evil_names) do
  test(("the name %q is refused, as file, folder, link and in pax"):format(name):gsub("%c", "?"), function()
    local f = tarball
    hostile(f.archive(f.file("good", "x"), f.file(name, "y")), "archive-entry", why)
    hostile(f.archive(f.folder(name)), "archive-entry", why)
    hostile(f.archive(f.link(name, "x")), "archive-entry", why)
    if not name:find "\n" then hostile(f.archive(f.pax { path = name }, f.file("harmless", "y")), "archive-entry", why) end
  end)
end

test("a link that leads out is refused, symbolic or hard", function()
  local f = tarball
  for target, why in pairs {
    ["/etc/passwd"] = "absolute", ["../x"] = "leads out", ["a/../../x"] = "behind a name", [".."] = "leads out", [""] = "nowhere",
    ["sub/../x"] = "behind a name",
  } do
    if target ~= "" then hostile(f.archive(f.link("link", target)), "archive-entry", why) end
    hostile(f.archive(f.file("f", "x"), f.hard_link("link", target)), "archive-entry", "")
  end
  hostile(f.archive(f.pax { linkpath = "../../x" }, f.link("a/link", "inside")), "archive-entry", "leads out")
end)

test("nothing goes through a link that the archive brings", function()
  local f = tarball
  hostile(f.archive(f.link("a", "b"), f.file("a/x", "y")), "archive-entry", "unpacking .*evil: a/x: it lies below a link")
  hostile(f.archive(f.link("a", "."), f.link("a/x", "y")), "archive-entry", "below a link")
  hostile(f.archive(f.file("a/x", "y"), f.link("a", "b")), "archive-entry", "twice")
  hostile(f.archive(f.folder "a", f.link("a", "b"), f.file("a/x", "y")), "archive-entry", "twice")
  hostile(f.archive(f.file("a", "y"), f.file("a/x", "y")), "archive-entry", "below a file")
end)

test("a hard link goes to a file before it, and to nothing else", function()
  local f = tarball
  hostile(f.archive(f.link("l", "x"), f.hard_link("h", "l")), "archive-entry", "hard link")
  hostile(f.archive(f.folder "d", f.hard_link("h", "d")), "archive-entry", "hard link")
  hostile(f.archive(f.hard_link("h", "later"), f.file("later", "x")), "archive-entry", "hard link")
  hostile(f.archive(f.hard_link("h", "h")), "archive-entry", "hard link")
  local folder <close> = scratch()
  fs.write(folder / "a", f.archive(f.file("d/f", "text", { mode = 493 }), f.hard_link("e/h", "./d/f")))
  archive.unpack { from = folder / "a", into = folder / "into" }
  equal(fs.read(folder / "into/e/h"), "text")
end)

test("devices, pipes and what has no known type are refused", function()
  local f = tarball
  for kind, why in pairs { ["3"] = "a device", ["4"] = "a device", ["6"] = "a pipe" } do
    hostile(f.archive(f.header { name = "x", type = kind }), "archive-entry", "unpacking .*evil: x: " .. why)
  end
end)

test("a name that stands there twice is refused", function()
  local f = tarball
  hostile(f.archive(f.file("a", "1"), f.file("a", "2")), "archive-entry", "unpacking .*evil: a: it stands there twice")
  hostile(f.archive(f.file("a", "1"), f.file("./a", "2")), "archive-entry", "twice")
  hostile(f.archive(f.folder "a/", f.folder "a//"), "archive-entry", "twice")
  hostile(f.archive(f.file("a/b", "1"), f.file("a", "2")), "archive-entry", "twice")
end)

test("names that differ in case alone are two", function()
  local folder <close> = scratch()
  fs.write(folder / "a", tarball.archive(tarball.file("Name", "1"), tarball.file("name", "2")))
  archive.unpack { from = folder / "a", into = folder / "into" }
  equal(fs.list(folder / "into"), { "Name", "name" })
end)

test("setuid, setgid and sticky bits are left out, and nobody else may write", function()
  local folder <close> = scratch()
  fs.write(folder / "a", tarball.archive(tarball.file("suid", "x", { mode = tonumber("6777", 8) }),
    tarball.file("open", "x", { mode = tonumber("1666", 8) }), tarball.header { name = "d", type = "5", mode = tonumber("3777", 8) }))
  archive.unpack { from = folder / "a", into = folder / "into" }
  equal(tree(folder / "into"), "d 755 d \nf 644 open \nf 755 suid \n")
end)

test("an archive that is cut off anywhere is refused, and nothing of it appears", function()
  local folder <close> = scratch()
  plant(folder / "tree")
  pack(folder, "tree")
  local bytes = fs.read(folder / "out.tar.zst")
  for n = 0, #bytes - 1 do
    fs.write(folder / "cut", bytes:sub(1, n))
    equal(raises("unpacking .*cut: ", archive.unpack, { from = folder / "cut", into = folder / "into" }).code, "archive-damaged")
  end
  equal(sh("ls -A " .. folder.path), "cut\nout.tar.zst\ntree\n")
end)

test("a tar that is cut off inside is refused, at every block", function()
  local f = tarball
  local bytes = f.file("one", "1") .. f.file("two", ("2"):rep(600)) .. f.END
  for n = 0, #bytes - 512, 512 do hostile(f.zstd(bytes:sub(1, n)), "archive-damaged", "") end
end)

test("what stands behind the end is refused, in the tar and behind it", function()
  local f = tarball
  local whole = f.file("one", "1") .. f.END
  hostile(f.zstd(whole .. f.file("two", "2") .. f.END), "archive-damaged", "behind its end")
  hostile(f.zstd(whole .. ("\0"):rep(1 << 20) .. "x"), "archive-damaged", "behind its end")
  hostile(f.zstd(whole) .. "x", "archive-damaged", "")
  hostile(f.zstd(whole) .. "garbage", "archive-damaged", "behind its end")
  local folder <close> = scratch()
  fs.write(folder / "a", f.zstd(whole .. ("\0"):rep(9000)))
  equal(archive.check({ from = folder / "a" }).bytes, 1)
  fs.write(folder / "a", f.zstd(whole:sub(1, 700)) .. f.zstd(whole:sub(701)))
  equal(archive.check({ from = folder / "a" }).bytes, 1)
end)

test("a byte that was changed is noticed by the digest, and places nothing", function()
  local folder <close> = scratch()
  plant(folder / "tree")
  local packed = pack(folder, "tree")
  local bytes = fs.read(packed.path)
  for i = 1, #bytes do
    fs.write(folder / "flip", bytes:sub(1, i - 1) .. string.char(bytes:byte(i) ~ 1 << i % 8) .. bytes:sub(i + 1))
    local err = raises("unpacking .*flip", archive.unpack, { from = folder / "flip", into = folder / "into", sha256 = packed.sha256 })
    equal(err.code, "archive-digest")
  end
  equal(sh("ls -A " .. folder.path), "flip\nout.tar.zst\ntree\n")
end)

test("the wrong archive is told by its digest", function()
  local bytes = tarball.archive(tarball.file("a", "1"))
  local err = hostile(bytes, "archive-digest", "it has the SHA%-256 " .. sha256(bytes) .. ", not 000", { sha256 = ("0"):rep(64) })
  equal(err.hint ~= nil, true)
end)

test("no other format is read", function()
  local f = tarball
  local cpio = "070701" .. ("00000000"):rep(5) .. "00000001" .. ("0"):rep(64)
  for _, bytes in ipairs {
    "", "x", "PK\3\4" .. ("\0"):rep(100), "\x1f\x8b\8\0" .. ("\0"):rep(100), f.file("plain", "tar") .. f.END, "Rar!\26\7\0",
    "7z\xbc\xaf\x27\x1c", "\xfd7zXZ\0", "BZh9", "!<arch>\n", f.zstd(cpio), f.zstd "", f.zstd "x",
    f.zstd(("x"):rep(512)), f.zstd(f.zstd(f.file("a", "b") .. f.END)),
  } do
    hostile(bytes, "archive-damaged", "unpacking .*evil: ")
  end
end)

test("bombs are stopped by their limits", function()
  local f = tarball
  local head = f.header { name = "zeros", size = 1 << 30 }
  hostile(f.bomb(head, (1 << 30) + 1024), "archive-limit", "more than 1000 bytes for each of its own")
  hostile(f.bomb(head, 1024), "archive-limit", "more than 1000000 bytes in files", { max_bytes = 1000000 })
  hostile(f.archive(f.file("1", ""), f.file("2", ""), f.file("3", "")), "archive-limit", "more than 2 entries", { max_entries = 2 })
  hostile(f.bomb("", 1 << 30), "archive-limit", "more than 1000 bytes for each of its own")
  -- The zeros of a sparse file are nowhere in the archive.
  hostile(f.zstd(f.pax { ["GNU.sparse.major"] = "1", ["GNU.sparse.minor"] = "0", ["GNU.sparse.name"] = "sparse",
    ["GNU.sparse.realsize"] = tostring(1 << 33) } .. f.file("s", "1\n8589934591\n1\n" .. ("\0"):rep(497) .. "x") .. f.END),
    "archive-limit", "more than 1000 bytes for each of its own")
  local folder <close> = scratch()
  fs.write(folder / "a", f.bomb(f.header { name = "zeros", size = 32 << 20 }, (32 << 20) + 1024))
  equal(archive.check({ from = folder / "a" }).bytes, 32 << 20)
end)

test("files that are there are refused unless they are to be replaced, before anything is placed", function()
  local folder <close> = scratch()
  fs.write(folder / "a", tarball.archive(tarball.file("new", "n"), tarball.file("sub/old", "from the archive"), tarball.file("sub/x", "")))
  fs.write(folder / "into/sub/old", "mine")
  fs.write(folder / "into/sub/other", "stays")
  local err = raises("unpacking into .*into: sub/old is there already", archive.unpack, { from = folder / "a", into = folder / "into" })
  equal(err.code, "file-exists")
  equal(tree(folder / "into"), "d 755 sub \nf 644 sub/old \nf 644 sub/other \n")
  archive.unpack { from = folder / "a", into = folder / "into", replace = true }
  equal(fs.read(folder / "into/sub/old"), "from the archive")
  equal(tree(folder / "into"), "d 755 sub \nf 644 new \nf 644 sub/old \nf 644 sub/other \nf 644 sub/x \n")
end)

test("a folder in the way of a file, a file in the way of a folder, and links are never gone through", function()
  local folder <close> = scratch()
  fs.write(folder / "a", tarball.archive(tarball.file("x", "file"), tarball.file("d/y", "deep")))
  fs.make(folder / "one/x")
  raises("x is a folder there", archive.unpack, { from = folder / "a", into = folder / "one", replace = true })
  fs.write(folder / "two/d", "a file")
  raises("d is there already, and no folder", archive.unpack, { from = folder / "a", into = folder / "two", replace = true })
  fs.make(folder / "elsewhere")
  fs.make(folder / "three")
  sh(("ln -s ../elsewhere %s; ln -s ../elsewhere/z %s"):format(folder / "three/d", folder / "three/x"))
  raises("d is there already, and no folder", archive.unpack, { from = folder / "a", into = folder / "three", replace = true })
  equal(sh("ls -A " .. folder / "elsewhere"), "")
  fs.remove(folder / "three/d")
  archive.unpack { from = folder / "a", into = folder / "three", replace = true }
  equal({ fs.read(folder / "three/x"), sh("ls -A " .. folder / "elsewhere") }, { "file", "" })
end)

test("unpacking is cancelled by a deadline, and leaves nothing", function()
  local folder <close> = scratch()
  fs.write(folder / "a", tarball.bomb(tarball.header { name = "zeros", size = 4 << 30 }, (4 << 30) + 1024))
  local err = raises("deadline", task.deadline, 0.1, archive.unpack,
    { from = folder / "a", into = folder / "into", max_ratio = 1 << 40, max_bytes = 1 << 40 })
  equal(err.code, "deadline")
  repeat sleep(0.01) until sh("ls -A " .. folder.path) == "a\n"
end)

test("a full disk is an error, and leaves nothing", function()
  local folder <close> = scratch()
  fs.write(folder / "a", tarball.archive(tarball.file("big", ("x"):rep(100000))))
  local code = ([[local ok, err = pcall(require("archive.core").unpack, { from = "%s", into = "%s" }) print(err.code, err.message)]])
    :format(folder / "a", folder / "into")
  local said = sh(("ulimit -f 64; %s eval \"$CODE\""):format(davit), { CODE = code })
  equal(said:match "unpacking .*a: big: File too large" ~= nil, true)
  equal(sh("ls -A " .. folder.path), "a\n")
end)

test("a folder that is not to be written to is an error", function()
  local folder <close> = scratch()
  if sh "id -u" == "0\n" then skip "the administrator may write everywhere" end
  fs.write(folder / "a", tarball.archive(tarball.file("f", "x")))
  fs.make(folder / "into")
  fs.chmod(folder / "into", "0555")
  local err = raises("unpacking into .*Permission denied", archive.unpack, { from = folder / "a", into = folder / "into" })
  equal(err.code, "file-denied")
  fs.chmod(folder / "into", "0755")
end)

test("the root and the target stay inside of the project's folder", function()
  local folder <close> = scratch()
  local files = require "fs.core"
  fs.write(folder / "project/tree/a", "x")
  fs.write(folder / "outside/secret", "x")
  sh(("ln -s ../outside %s; ln -s ../outside/new %s"):format(folder / "project/out", folder / "project/fresh"))
  local blob = sh("pwd"):match "%S+" .. "/" .. folder / "blob"
  files.stay_in(folder / "project")
  local _ <close> = setmetatable({}, { __close = function() files.stay_in() end })
  local packed = archive.pack { root = "tree", to = blob }
  for _, path in ipairs { "..", "out", "../outside", "/tmp", "tree/../.." } do
    equal(raises("packing .*it leads out of the project's folder", archive.pack, { root = path, to = blob }).code, "file-outside")
  end
  for _, path in ipairs { "../new", "out", "out/new", "fresh", "/tmp/davit-never" } do
    local err = raises("unpacking into .*it leads out", archive.unpack, { from = blob, into = path })
    equal(err.code, "file-outside")
  end
  archive.unpack { from = blob, into = "sub/new", sha256 = packed.sha256 }
  equal(archive.pack({ root = "../outside", to = blob, outside = true }).entries[1].path, "secret")
  archive.unpack { from = blob, into = "../new", outside = true }
  files.stay_in()
  equal(fs.read(folder / "new/secret") .. fs.read(folder / "project/sub/new/a"), "xx")
end)

test("devices, pipes and sockets are never replaced", function()
  local folder <close> = scratch()
  fs.write(folder / "tree/queue", "x")
  fs.make(folder / "into")
  sh(("mkfifo %s %s"):format(folder / "out", folder / "into/queue"))
  equal(raises("a pipe stands there", pack, folder, "tree", { to = folder / "out" }).code, "file-exists")
  pack(folder, "tree")
  local o = { from = folder / "out.tar.zst", into = folder / "into", replace = true }
  equal(raises("queue is a device, pipe or socket there", archive.unpack, o).code, "file-exists")
  equal(tree(folder / "into"):sub(1, 2), "p ")
end)

test("where nothing can be made, nothing is packed or unpacked", function()
  if not fs.exists("/sys/kernel", { outside = true }) then skip "there is no /sys here" end
  local folder <close> = scratch()
  fs.write(folder / "tree/a", "x")
  equal(raises("writing /sys/kernel/a: ", pack, folder, "tree", { to = "/sys/kernel/a" }).code, "file-denied")
  pack(folder, "tree")
  local o = { from = folder / "out.tar.zst", into = "/sys/kernel/new" }
  equal(raises("unpacking into /sys/kernel/new: ", archive.unpack, o).code, "file-denied")
end)

test("an archive that is not there, or is a folder, says so", function()
  local folder <close> = scratch()
  equal(raises("unpacking .*none: No such file", archive.unpack, { from = folder / "none", into = folder / "x" }).code, "file-not-found")
  raises("unpacking .*: Is a directory", archive.check, { from = folder.path })
  equal(sh("ls -A " .. folder.path), "")
end)

-- Other programs --------------------------------------------------------------------------------------

test("tar, zstd and bsdtar read what Davit packs", function()
  if not (has "tar" and has "zstd") then skip "there is no tar or no zstd here" end
  local folder <close> = scratch()
  plant(folder / "tree")
  fs.write(folder / "tree/" .. ("long/"):rep(40) .. ("n"):rep(200), "long")
  pack(folder, "tree")
  archive.unpack { from = folder / "out.tar.zst", into = folder / "ours" }
  sh(("cd %s && mkdir theirs && zstd -qdc out.tar.zst | tar -C theirs -xpf -"):format(folder.path))
  equal(tree(folder / "theirs"), tree(folder / "ours"))
  if not has "bsdtar" then return end
  sh(("cd %s && mkdir bsd && bsdtar -C bsd -xpf out.tar.zst"):format(folder.path))
  equal(tree(folder / "bsd"), tree(folder / "ours"))
end)

test("Davit unpacks what tar, zstd and bsdtar pack", function()
  if not (has "tar" and has "zstd") then skip "there is no tar or no zstd here" end
  local folder <close> = scratch()
  plant(folder / "tree")
  sh(("cd %s && truncate -s 2M tree/sparse && printf x >> tree/sparse"):format(folder.path))
  local makers = {
    "tar -C tree -cf - . | zstd -q", "tar -C tree --format=pax -cf - . | zstd -q -19",
    "tar -C tree --format=v7 -cf - bin index.html | zstd -q",
    "tar -C tree -S -cf - . | zstd -q", "tar -C tree --format=gnu -cf - . | zstd -q -T2",
  }
  if has "bsdtar" then makers[#makers + 1] = "bsdtar -C tree --zstd -cf bsd . && cat bsd" end
  for i, make in ipairs(makers) do
    sh(("cd %s && { %s; } > a%d"):format(folder.path, make, i))
    archive.unpack { from = folder / "a" .. i, into = folder / "new" .. i }
    if not make:find "v7" then sh(("cd %s && diff -r new%d tree"):format(folder.path, i)) end
    equal(fs.read(folder / "new" .. i .. "/bin/tool"), "#!/bin/sh\n")
  end
end)

-- Digests of files ---------------------------------------------------------------------------------------

test("fs.sha256 is the hash of a file's bytes", function()
  local folder <close> = scratch()
  for _, n in ipairs { 0, 1, 262143, 262144, 262145, 1000000 } do
    fs.write(folder / "file", ("x"):rep(n))
    equal(fs.sha256(folder / "file"), sha256(("x"):rep(n)))
  end
  equal(raises("reading .*none: No such file", fs.sha256, folder / "none").code, "file-not-found")
  raises("reading .*: Is a directory", fs.sha256, folder.path)
end)

test("fs.sha256 is cancelled by a deadline", function()
  local folder <close> = scratch()
  sh("truncate -s 1T " .. folder / "endless")
  equal(raises("deadline", task.deadline, 0.1, fs.sha256, folder / "endless").code, "deadline")
end)

