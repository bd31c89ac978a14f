---Writes the corpus of the target "archive": davit tests/fuzz/archives.lua
---Tars without their end, which the target mends and packs, and a few whole archives: small real ones as Davit,
---tar and bsdtar make them, and the tricks of tests/archive_test.lua.
local archive = require "archive.core"
local core = require "core"
local fs = require "fs"
local process = require "process"
local f = core.load_file("tests/tarball.lua")()

local FOLDER <const> = "tests/fuzz/corpus/archive/"

local tars = {
  ["absolute"] = f.file("/evil", "x"),
  ["above"] = f.file("a/../../evil", "x"),
  ["pax-above"] = f.pax { path = "../evil" } .. f.file("good", "x"),
  ["pax-link"] = f.pax { linkpath = "../../evil" } .. f.link("a/l", "in"),
  ["global-pax"] = f.pax({ path = "all" }, "g") .. f.file("one", "1"),
  ["link-out"] = f.link("l", "../outside"),
  ["link-absolute"] = f.link("l", "/etc/passwd"),
  ["link-through"] = f.link("a", ".") .. f.file("a/b", "x"),
  ["link-chain"] = f.folder "d" .. f.link("d/up", "..") .. f.link("l", "d/up/d/up"),
  ["link-twice"] = f.file("a", "x") .. f.link("a", "b"),
  ["hard-link"] = f.file("a", "text") .. f.hard_link("d/b", "a"),
  ["hard-link-out"] = f.hard_link("b", "../outside"),
  ["hard-link-to-link"] = f.link("l", "a") .. f.hard_link("b", "l"),
  ["device"] = f.header { name = "null", type = "3" },
  ["pipe"] = f.header { name = "pipe", type = "6" },
  ["setuid"] = f.file("suid", "x", { mode = tonumber("6777", 8) }),
  ["twice"] = f.file("a", "1") .. f.file("./a", "2"),
  ["below-file"] = f.file("a", "1") .. f.file("a/b", "2"),
  ["control"] = f.file("a\27[2Jb", "x"),
  ["no-name"] = f.file("", "x"),
  ["dots"] = f.folder "." .. f.folder "./a/" .. f.file("./a/./b", "x"),
  ["large-size"] = f.header { name = "a", size = 8589934591 } .. "x",
  ["gnu-long"] = f.file("././@LongLink", ("long/"):rep(30) .. "\0", { type = "L", magic = "ustar  \0" })
    .. f.file("short", "x", { magic = "ustar  \0" }),
  ["sparse"] = f.pax { ["GNU.sparse.major"] = "1", ["GNU.sparse.minor"] = "0", ["GNU.sparse.name"] = "s",
    ["GNU.sparse.realsize"] = "5000" } .. f.file("x", "1\n4999\n1\n" .. ("\0"):rep(503) .. "x"),
  ["v7"] = f.file("old", "x", { magic = "" }),
}

local whole = {
  ["bomb"] = f.bomb(f.header { name = "zeros", size = 1 << 26 }, 1 << 26),
  ["behind"] = f.archive(f.file("a", "x")) .. "behind",
  ["frames"] = f.zstd(f.file("a", "x")) .. f.zstd(f.END),
  ["no-tar"] = f.zstd "x",
}

-- Small real ones.
local function pack_real(name, command)
  local bytes = process.run({ command = command }).output
  if #bytes <= 4096 then whole[name] = bytes end
end

local tree <close> = fs.temporary()
fs.write(tree / "a/b.txt", "text\n")
fs.write(tree / "tool", "#!/bin/sh\n", { mode = "0755" })
fs.write(tree / "ü", "not ASCII")
fs.make(tree / "empty")
process.run { argv = { "ln", "-s", "../tool", tree / "a/link" } }
whole["davit"] = fs.read(archive.pack({ root = tree.path, to = tree / "out", except = { "out" }, outside = true }).path, { outside = true })
fs.remove(tree / "out", { outside = true })
pack_real("gnu-tar", "tar -C " .. tree.path .. " --owner=0 --group=0 --mtime=@0 -cf - . | zstd -q")
pack_real("bsdtar", ("cd %s && bsdtar --uid 0 --gid 0 --exclude bsd --zstd -cf bsd . && cat bsd && rm bsd"):format(tree.path))

for name, bytes in pairs(tars) do fs.write(FOLDER .. name .. ".tar", bytes) end
for name, bytes in pairs(whole) do fs.write(FOLDER .. name .. ".tar.zst", bytes) end
