---Hashing, packing and unpacking files: how many bytes a second.
local core = require "core"
local fs = require "fs"
local measure = core.load_file("tests/measure.lua")()
local peers = core.load_file("tests/bench/peers.lua")()
local process = require "process"

local ROUNDS <const> = measure.rounds(7)
local TREE <const> = measure.quick and "host" or "build/npm/node_modules"
local FILE <const>, SIZE <const> = measure.folder .. "/bytes", measure.quick and 4 << 20 or 1 << 30
local OURS <const>, THEIRS <const> = measure.folder .. "/ours.tar.zst", measure.folder .. "/theirs.tar.zst"
local INTO <const> = measure.folder .. "/unpacked"

local _ <close> = measure.section {
  name = "archive", title = "Files: hashing, packing, unpacking",
  about = ("Hashing is of %d MiB that are in the machine's memory. Packed is what npm installs for the tests, binaries " ..
    "and scripts, at zstd's level 3 on all processors; the peers' archive is synced when it is written, as Davit's " ..
    "is. Davit hashes each file and the archive on the way, and looks for secrets in what it packs; the archive is " ..
    "the same on every machine. What it unpacks it checks, beside the folder, before anything is seen there.")
    :format(SIZE >> 20),
}

local davit = peers.find "davit"

local function missing(program)
  return not try(process.run, { argv = { "sh", "-c", "command -v " .. program } }) and "not installed" or nil
end

local function speed(bytes, argv)
  local cost = measure.cost(argv)
  return { rate = bytes / cost.wall, cpu = cost.cpu }
end

local columns = {
  { key = "rate", title = "bytes a second", unit = "B/s", better = "higher" },
  { key = "cpu", title = "processor", unit = "s", better = "lower" },
}

-- Hashing --------------------------------------------------------------------------------------------

process.run { argv = { "sh", "-c", ("head -c %d /dev/urandom > %s"):format(SIZE, FILE) }, timeout = 60 }

local function hashes(name, ...)
  local argv = { ... }
  argv[#argv + 1] = FILE
  return { name = name, missing = missing(argv[1]), measure = function() return speed(SIZE, argv) end }
end

local hashing = measure.table {
  title = "SHA-256 of a file", rounds = ROUNDS, columns = columns,
  rows = {
    { name = "davit", ours = true, measure = function()
      return speed(SIZE, peers.call(davit, "tests/bench/clients/archive.lua", "sha256", FILE))
    end },
    hashes("openssl dgst", "openssl", "dgst", "-sha256"), hashes("sha256sum", "sha256sum"),
    hashes("b3sum (BLAKE3, all processors)", "b3sum"),
  },
  plots = { { file = "hashing", title = "Hashing a file", key = "rate" } },
}
fs.remove(FILE)

-- Packing --------------------------------------------------------------------------------------------

local SIZES <const> = ("find %s -type f -printf '%%s\\n' | awk '{ n += $1 } END { print n }'"):format(TREE)
local bytes = math.tointeger(process.run({ command = SIZES }).output:match "%d+")

local function packs(name, secrets)
  return { name = name, ours = true, measure = function()
    return speed(bytes, peers.call(davit, "tests/bench/clients/archive.lua", "pack", TREE, OURS, secrets))
  end }
end

local function shell(name, why, command, before)
  return { name = name, missing = why, measure = function()
    if before then before() end
    return speed(bytes, { "sh", "-c", command })
  end }
end

local packing = measure.table {
  title = "Packing a folder", rounds = ROUNDS, columns = columns,
  rows = {
    packs("davit", "0"), packs("davit, knowing 100 secrets", "100"),
    shell("tar | zstd -T0", missing "tar" or missing "zstd",
      ("tar -C %s -cf - . | zstd -q -f -3 -T0 -o %s && sync %s"):format(TREE, THEIRS, THEIRS)),
    shell("bsdtar --zstd", missing "bsdtar",
      ("bsdtar -C %s --zstd --options zstd:compression-level=3 -cf %s . && sync %s"):format(TREE, THEIRS, THEIRS)),
  },
  plots = { { file = "packing", title = "Packing a folder", key = "rate" } },
}

-- Unpacking ------------------------------------------------------------------------------------------

local function clear() fs.remove(INTO) end

measure.table {
  title = "Unpacking it again", rounds = ROUNDS, columns = columns,
  rows = {
    { name = "davit", ours = true, measure = function()
      clear()
      return speed(bytes, peers.call(davit, "tests/bench/clients/archive.lua", "unpack", OURS, INTO))
    end },
    shell("zstd -d | tar", missing "tar" or missing "zstd",
      ("mkdir -p %s && zstd -qdc %s | tar -C %s -xf -"):format(INTO, OURS, INTO), clear),
    shell("bsdtar", missing "bsdtar", ("mkdir -p %s && bsdtar -C %s -xf %s"):format(INTO, INTO, OURS), clear),
  },
}
for _, path in ipairs { INTO, OURS, THEIRS } do fs.remove(path) end

-- Goals ----------------------------------------------------------------------------------------------

local of_openssl = measure.ratio(hashing.davit, hashing["openssl dgst"], "rate")
measure.goal { text = "hashing, of openssl's", measured = of_openssl, at_least = 0.95 }
local of_tar = measure.ratio(packing.davit, packing["tar | zstd -T0"], "rate")
measure.goal { text = "packing, of tar and zstd's", measured = of_tar, at_least = 1 }
