---Masking: bytes a second of `davit mask`, from a file to nowhere, beside `cat`, which only reads them, and what
---one would pick instead; what is hardest for maskers; small writes, additions, memory.
local core = require "core"
local fs = require "fs"
local measure = core.load_file("tests/measure.lua")()
local peers = core.load_file("tests/bench/peers.lua")()
local process = require "process"

local ROUNDS <const> = measure.rounds(5)
local MEGABYTES <const>, FEW_MEGABYTES <const> = measure.quick and 8 or 512, measure.quick and 1 or 16
local TOOL <const>, FOLDER <const> = measure.folder .. "/mask", measure.folder .. "/texts/"

local _ <close> = measure.section {
  name = "mask", title = "Masking",
  about = "Secrets of 16 to 40 characters in all the forms they take in output. The text is " .. MEGABYTES .. " MiB of " ..
    "log lines in the page cache, clean or with a secret in every hundredth line; its reader is /dev/null. `cat` only " ..
    "reads it. *The masker alone* is the same without Lua and its start-up (`tests/bench/mask.c`). Hyperscan, in " ..
    "`tests/bench/hyperscan.c`, and rg are given all forms; sed and perl, which get a text of " .. FEW_MEGABYTES ..
    " MiB, the secrets alone.",
}

local davit, hyperscan, rg = peers.find "davit", peers.find "hyperscan", peers.find "ripgrep"
local perl, sed, cat = peers.find "perl", peers.find "sed", peers.find "cat"

-- Files --------------------------------------------------------------------------------------------------

fs.make(FOLDER)

-- What the tool writes for these arguments, as a file.
local function make(name, ...)
  local path = FOLDER .. name
  process.run { argv = { "sh", "-c", 'exec "$@" >"$0"', path, TOOL, ... } }
  return path
end

-- Each form once: peers would look for doubles twice.
local function forms_of(name, secrets)
  local path = FOLDER .. name
  process.run { argv = { "sh", "-c", '"$1" forms "$2" | LC_ALL=C sort -u >"$0"', path, TOOL, secrets } }
  return path
end

local function file(name, text)
  fs.write(FOLDER .. name, text)
  return FOLDER .. name
end

local function sed_script(secrets)
  local list = {}
  for secret in fs.read(secrets):gmatch "%Z+" do list[#list + 1] = secret:gsub("[][\\/.*^$+?(){}|]", "\\%0") end
  return file("sed", ("s/%s/***/g\n"):format(table.concat(list, "|")))
end

local function secrets_of(count)
  local secrets = make("secrets", "secrets", tostring(count))
  return { secrets = secrets, forms = forms_of("forms", secrets), sed = sed_script(secrets) }
end

local size = {}   -- bytes, by path

local function text(name, megabytes, ...)
  local path = make(name, ...)
  size[path] = megabytes << 20
  return path
end

local function log(name, megabytes, secrets)
  return text(name, megabytes, "log", tostring(megabytes), secrets, secrets and "1")
end

-- Filters: how each is told to mask a text ----------------------------------------------------------------------

local PERL <const> = [[
open my $file, "<", shift; { local $/; @secrets = split /\0/, <$file> }
$any = join "|", map quotemeta, sort { length $b <=> length $a } @secrets;
while (<>) { s/$any/***/go; print }]]

local function call_davit(set, path)
  return { "sh", "-c", 'exec "$0" mask --secrets-fd 3 3<"$1" <"$2"', peers.davit(), set.secrets, path }
end

local function call_alone(set, path)
  return { TOOL, "filter", set.secrets, path }
end

local function call_cat(_, path)
  return peers.call(cat, path)
end

local function call_hyperscan(set, path)
  return peers.call(hyperscan, set.forms, path)
end

local function call_rg(set, path)
  return peers.call(rg, "--no-config", "--text", "--no-line-number", "--no-filename", "--passthru", "--fixed-strings",
    "--file", set.forms, "--replace", "***", path)
end

local function call_sed(set, path)
  return peers.call(sed, "-E", "-f", set.sed, path)
end

local function call_perl(set, path)
  return peers.call(perl, "-e", PERL, set.secrets, path)
end

-- rg ends with 1 when there was nothing to replace.
local function rate(call, set, path)
  return size[path] / measure.cost(call(set, path), { any_ending = call == call_rg }).wall
end

-- Clean, and with one line in a hundred ------------------------------------------------------------------------------

local columns = {
  { key = "clean", title = "clean", unit = "B/s", better = "higher" },
  { key = "hits", title = "1 % of the lines", unit = "B/s", better = "higher" },
}

local function rows_of(set, texts, few)
  local function row(name, peer, call, ours, slow)
    local t = slow and few or texts
    return { name = name, ours = ours, missing = peer.missing, rounds = slow and 1 or nil, measure = function()
      return { clean = rate(call, set, t.clean), hits = rate(call, set, t.hits) }
    end }
  end
  return {
    row("cat", cat, call_cat), row("davit mask", davit, call_davit, true), row("the masker alone", {}, call_alone, true),
    row("hyperscan", hyperscan, call_hyperscan), row("rg --passthru", rg, call_rg),
    row("perl", perl, call_perl, false, true), row("sed", sed, call_sed, false, true),
  }
end

local wanted = { [10] = 0.6, [100] = 0.45, [1000] = 0.3 }

local function tell_goals(count, rows)
  local ours = rows["davit mask"]
  if wanted[count] then
    measure.goal {
      text = ("%d secrets, a clean text: bytes a second, to cat's"):format(count), at_least = wanted[count],
      measured = measure.ratio(ours, rows.cat, "clean"),
    }
  end
  local clean, hits = measure.median(ours, "clean"), measure.median(ours, "hits")
  measure.goal {
    text = ("%d secret%s: per cent that are lost when 1 %% of the lines are masked"):format(count, count > 1 and "s" or ""),
    at_most = 15,
    measured = clean and hits and math.max(0, 100 * (1 - hits / clean)),
  }
end

local clean, few_clean = log("clean", MEGABYTES), log("few-clean", FEW_MEGABYTES)

for _, count in ipairs { 1, 10, 100, 1000 } do
  local set = secrets_of(count)
  local texts = { clean = clean, hits = log("hits", MEGABYTES, set.secrets) }
  local few = { clean = few_clean, hits = log("few-hits", FEW_MEGABYTES, set.secrets) }
  tell_goals(count, measure.table {
    title = count == 1 and "1 secret" or count .. " secrets", rounds = ROUNDS, columns = columns,
    rows = rows_of(set, texts, few),
    plots = count == 100 and { { file = "mask", title = "Masking 100 secrets: bytes a second", key = "clean" } } or nil,
  })
end

-- Through a pipe -------------------------------------------------------------------------------------------------------

do
  local set = secrets_of(100)
  local function row(name, ours, command)
    return { name = name, ours = ours, measure = function()
      local argv = { "sh", "-c", "cat \"$2\" | " .. command, peers.davit(), set.secrets, clean }
      return { rate = size[clean] / measure.cost(argv).wall }
    end }
  end
  local rows = measure.table {
    title = "Behind a pipe from cat, 100 secrets", rounds = ROUNDS,
    columns = { { key = "rate", title = "clean", unit = "B/s", better = "higher" } },
    rows = { row("cat", false, "cat"), row("davit mask", true, '"$0" mask --secrets-fd 3 3<"$1"') },
  }
  measure.goal {
    text = "behind a pipe, 100 secrets: bytes a second, to cat's", at_least = 0.9,
    measured = measure.ratio(rows["davit mask"], rows.cat, "rate"),
  }
end

-- The worst there is ---------------------------------------------------------------------------------------------------

-- Peers get less: some take seconds for a megabyte of these.
local WORST_MEGABYTES <const>, LESS_MEGABYTES <const> = measure.quick and 1 or 64, measure.quick and 1 or 4

local worst = {
  { "ends", "a…a, and a³¹b", { ("a"):rep(31) .. "b" }, "a" },
  { "begins", "a…a, and ba³¹", { "b" .. ("a"):rep(31) }, "a" },
  { "all", "a…a, and a³²", { ("a"):rep(32) }, "a" },
  { "long", "a…a, and a²⁵⁵b, a²⁰⁰c", { ("a"):rep(255) .. "b", ("a"):rep(200) .. "c" }, "a" },
  { "pairs", "ab…ab, and (ab)¹⁶c", { ("ab"):rep(16) .. "c" }, "ab" },
  { "matches", "ab…ab, and (ab)¹⁶", { ("ab"):rep(16) }, "ab" },
}

do
  local worst_columns, sets, texts, less = {}, {}, {}, {}
  for i, case in ipairs(worst) do
    local key, title, list, unit = table.unpack(case)
    worst_columns[i] = { key = key, title = title, unit = "B/s", better = "higher" }
    local secrets = file("secrets-" .. key, table.concat(list, "\0") .. "\0")
    sets[key] = { secrets = secrets, forms = forms_of("forms-" .. key, secrets) }
    texts[key] = text("text-" .. key, WORST_MEGABYTES, "repeat", tostring(WORST_MEGABYTES), unit)
    less[key] = text("less-" .. key, LESS_MEGABYTES, "repeat", tostring(LESS_MEGABYTES), unit)
  end
  local function row(name, peer, call, ours)
    return { name = name, ours = ours, missing = peer.missing, measure = function()
      local rates = {}
      for key, set in pairs(sets) do rates[key] = rate(call, set, (ours and texts or less)[key]) end
      return rates
    end }
  end
  local rows = measure.table {
    title = "Texts and secrets made to hurt", rounds = measure.rounds(3), columns = worst_columns,
    about = "Repetitions that nearly match, or match, at every place.",
    rows = {
      row("davit mask", davit, call_davit, true), row("the masker alone", {}, call_alone, true),
      row("hyperscan", hyperscan, call_hyperscan), row("rg --passthru", rg, call_rg),
    },
  }
  local slowest
  for key in pairs(sets) do
    local median = measure.median(rows["davit mask"], key)
    slowest = median and math.min(median, slowest or median)
  end
  measure.goal { text = "the slowest of these", at_least = 0.15e9, unit = "B/s", measured = slowest }
end

-- What it costs --------------------------------------------------------------------------------------------------------

local function tool(...)
  return tonumber(process.run({ argv = { TOOL, ... } }).output)
end

do
  local rows = {}
  for i, count in ipairs { 1, 10, 100, 1000 } do
    local secrets = make("secrets-" .. count, "secrets", tostring(count))
    rows[i] = { name = ("%d secret%s"):format(count, count > 1 and "s" or ""), ours = true, measure = function()
      return { write = tool("write", secrets, "100"), add = tool("add", secrets), memory = tool("memory", secrets) }
    end }
  end
  rows = measure.table {
    title = "What the masker alone costs", rounds = ROUNDS, rows = rows,
    about = "A write of 100 bytes in which nothing matches; one more secret, added and used; all memory by the secret.",
    columns = {
      { key = "write", title = "100 bytes", unit = "s", better = "lower" },
      { key = "add", title = "one more secret", unit = "s", better = "lower" },
      { key = "memory", title = "memory a secret", unit = "B", better = "lower" },
    },
  }
  local hundred = rows["100 secrets"]
  measure.goal { text = "a write of 100 bytes, 100 secrets", at_most = 150e-9, unit = "s", measured = measure.median(hundred, "write") }
  measure.goal { text = "one more secret beside 100", at_most = 5e-3, unit = "s", measured = measure.median(hundred, "add") }
  measure.goal { text = "memory a secret, of 100", at_most = 20e3, unit = "B", measured = measure.median(hundred, "memory") }
end

fs.remove(FOLDER)
