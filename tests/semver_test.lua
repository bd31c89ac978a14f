local semver = require "semver"

-- The examples of semver.org.
local valid = { "0.0.4", "1.2.3", "10.20.30", "1.1.2-prerelease+meta", "1.1.2+meta", "1.1.2+meta-valid", "1.0.0-alpha",
  "1.0.0-beta", "1.0.0-alpha.beta", "1.0.0-alpha.beta.1", "1.0.0-alpha.1", "1.0.0-alpha0.valid", "1.0.0-alpha.0valid",
  "1.0.0-alpha-a.b-c-somethinglong+build.1-aef.1-its-okay", "1.0.0-rc.1+build.1", "2.0.0-rc.1+build.123", "1.2.3-beta",
  "10.2.3-DEV-SNAPSHOT", "1.2.3-SNAPSHOT-123", "1.0.0", "2.0.0", "1.1.7", "2.0.0+build.1848", "2.0.1-alpha.1227",
  "1.0.0-alpha+beta", "1.2.3----RC-SNAPSHOT.12.9.1--.12+788", "1.2.3----R-S.12.9.1--.12+meta", "1.2.3----RC-SNAPSHOT.12.9.1--.12",
  "1.0.0+0.build.1-rc.10000aaa-kk-0.1", "1.0.0-0A.is.legal" }

local invalid = { "1", "1.2", "1.2.3-0123", "1.2.3-0123.0123", "1.1.2+.123", "+invalid", "-invalid", "-invalid+invalid",
  "-invalid.01", "alpha", "alpha.beta", "alpha.beta.1", "alpha.1", "alpha+beta", "alpha_beta", "alpha.", "alpha..", "beta",
  "1.0.0-alpha_beta", "-alpha.", "1.0.0-alpha..", "1.0.0-alpha..1", "1.0.0-alpha...1", "1.0.0-alpha....1", "01.1.1", "1.01.1",
  "1.1.01", "1.2.3.DEV", "1.2-SNAPSHOT", "1.2.31.2.3----RC-SNAPSHOT.12.09.1--..12+788", "1.2-RC-SNAPSHOT",
  "-1.0.3-gamma+b7718", "+justmeta", "9.8.7+meta+meta", "9.8.7-whatever+meta+meta", "", "1.2.3-", "1.2.3+", " 1.2.3",
  "1.2.3 ", "99999999999999999999.0.0", "1.2.3\0" }

test("semver.parse reads what semver.org calls valid, and writes it again", function()
  for _, text in ipairs(valid) do equal(tostring(semver.parse(text)), text) end
  local v = semver.parse "v1.2.3-beta.1+x.5"
  equal({ v.major, v.minor, v.patch, v.prerelease, v.build }, { 1, 2, 3, { "beta", "1" }, { "x", "5" } })
end)

test("semver.parse refuses what semver.org calls invalid", function()
  for _, text in ipairs(invalid) do
    local err = raises("is no version", semver.parse, text)
    equal({ err.code, err.class }, { "semver-invalid", "fatal" })
  end
end)

test("semver.compare keeps the order of semver.org", function()
  local order = { "0.9.9", "1.0.0-0", "1.0.0-alpha", "1.0.0-alpha.1", "1.0.0-alpha.beta", "1.0.0-beta", "1.0.0-beta.2", "1.0.0-beta.11",
    "1.0.0-beta.99999999999999999999", "1.0.0-rc.1", "1.0.0", "1.0.1", "1.2.0", "1.10.0", "2.0.0", "2.1.0", "2.1.1" }
  for i, a in ipairs(order) do
    for j, b in ipairs(order) do
      equal({ a, b, semver.compare(a, b) }, { a, b, i < j and -1 or i > j and 1 or 0 })
    end
  end
  equal(semver.compare("1.0.0+a", "1.0.0+b"), 0)
  equal(semver.compare(semver.parse "1.0.0", "v1.0.0"), 0)
end)

-- As npm's semver answers: range, then versions in it, then versions that are not.
local ranges = {
  { "1.2.3", { "1.2.3", "1.2.3+b" }, { "1.2.4", "1.2.3-a" } },
  { "=1.2.3", { "1.2.3" }, { "1.2.2" } },
  { ">1.2.3", { "1.2.4", "2.0.0" }, { "1.2.3", "1.2.4-a" } },
  { ">=1.2.3 <2", { "1.2.3", "1.9.9" }, { "2.0.0", "2.0.0-a", "1.2.2" } },
  { ">1.2", { "1.3.0" }, { "1.2.9", "1.2.0" } },
  { ">1", { "2.0.0" }, { "1.9.9" } },
  { "<1.2", { "1.1.9" }, { "1.2.0", "1.2.0-a" } },
  { "<=1.2", { "1.2.9" }, { "1.3.0", "1.3.0-a" } },
  { "<=1", { "1.9.9" }, { "2.0.0" } },
  { ">=1.2", { "1.2.0" }, { "1.1.9" } },
  { "< 2.0.0", { "1.9.9", "0.0.1" }, { "2.0.0" } },
  { "^1.2.3", { "1.2.3", "1.9.0" }, { "2.0.0", "1.2.2", "2.0.0-a", "1.3.0-a" } },
  { "^0.2.3", { "0.2.3", "0.2.9" }, { "0.3.0", "0.2.2" } },
  { "^0.0.3", { "0.0.3" }, { "0.0.4", "0.1.0" } },
  { "^1.2.x", { "1.2.0", "1.9.9" }, { "1.1.9", "2.0.0" } },
  { "^0.0.x", { "0.0.0", "0.0.9" }, { "0.1.0" } },
  { "^0.0", { "0.0.9" }, { "0.1.0" } },
  { "^1.x", { "1.0.0", "1.9.9" }, { "2.0.0" } },
  { "^0.x", { "0.0.0", "0.9.9" }, { "1.0.0" } },
  { "^0", { "0.9.9" }, { "1.0.0" } },
  { "^1.2.3-beta.2", { "1.2.3-beta.2", "1.2.3-beta.4", "1.2.3", "1.9.9" }, { "1.2.3-beta.1", "1.2.4-beta.2", "2.0.0" } },
  { "^0.0.3-beta", { "0.0.3-pr.2", "0.0.3" }, { "0.0.4", "0.0.3-alpha" } },
  { "~1.2.3", { "1.2.3", "1.2.9" }, { "1.3.0", "1.2.2", "1.3.0-a" } },
  { "~1.2", { "1.2.0", "1.2.9" }, { "1.3.0" } },
  { "~1", { "1.0.0", "1.9.9" }, { "2.0.0" } },
  { "~0.2.3", { "0.2.9" }, { "0.3.0" } },
  { "~>1.2", { "1.2.9" }, { "1.3.0" } },
  { "~ 1.0", { "1.0.9" }, { "1.1.0" } },
  { "~1.2.3-beta.2", { "1.2.3-beta.4", "1.2.9" }, { "1.2.4-beta.2" } },
  { "*", { "0.0.0", "9.9.9" }, { "1.0.0-a" } },
  { "", { "0.0.0", "9.9.9" }, { "1.0.0-a" } },
  { "x", { "1.0.0" }, {} },
  { "1.x", { "1.0.0", "1.9.9" }, { "2.0.0", "0.9.9" } },
  { "1", { "1.0.0", "1.9.9" }, { "2.0.0" } },
  { "1.2.*", { "1.2.0" }, { "1.3.0" } },
  { "1.2.X", { "1.2.9" }, { "1.3.0" } },
  { "1.2.3 - 2.3.4", { "1.2.3", "2.3.4" }, { "2.3.5", "1.2.2" } },
  { "1.2 - 2.3.4", { "1.2.0" }, { "1.1.9" } },
  { "1.2.3 - 2.3", { "2.3.9" }, { "2.4.0" } },
  { "1.2.3 - 2", { "2.9.9" }, { "3.0.0" } },
  { "* - 2", { "0.0.0", "2.9.9" }, { "3.0.0" } },
  { "1.2.7 || >=1.2.9 <2.0.0", { "1.2.7", "1.2.9", "1.4.6" }, { "1.2.8", "2.0.0" } },
  { "<1.0.0||>=2", { "0.9.0", "2.0.0" }, { "1.5.0" } },
  { "||", { "1.3.4" }, {} },
  { ">*", {}, { "1.0.0" } },
  { "<*", {}, { "0.0.0" } },
  { "v1.2.3", { "1.2.3" }, {} },
  { ">=v1.2", { "1.2.0" }, {} },
  { ">1.2.3-alpha.3", { "1.2.3-alpha.7", "3.4.5" }, { "3.4.5-alpha.9" } },
}

test("semver.satisfies reads ranges as npm does", function()
  for _, case in ipairs(ranges) do
    for _, v in ipairs(case[2]) do equal({ case[1], v, semver.satisfies(v, case[1]) }, { case[1], v, true }) end
    for _, v in ipairs(case[3]) do equal({ case[1], v, semver.satisfies(v, case[1]) }, { case[1], v, false }) end
  end
end)

test("with prerelease = true a prerelease is a version like all others", function()
  equal(semver.satisfies("1.3.0-a", "^1.2.3", { prerelease = true }), true)
  equal(semver.satisfies("2.0.0-a", "^1.2.3", { prerelease = true }), false)
  equal(semver.satisfies("1.0.0-a", "*", { prerelease = true }), true)
end)

test("with prerelease = true a partial version begins at its first prerelease", function()
  for _, range in ipairs { "*", "1.x", "1", "^1", "~1.0", ">=1", ">0", "1 - 2", "" } do
    equal({ range, semver.satisfies("1.0.0-0", range, { prerelease = true }) }, { range, true })
    equal({ range, semver.satisfies("1.0.0-0", range) }, { range, false })
  end
  equal(semver.satisfies("1.0.0-0", ">=1.0.0", { prerelease = true }), false)
  equal(semver.satisfies("1.0.0-0", "<1", { prerelease = true }), false)
end)

test("a range that could be read in two ways is refused, as npm does", function()
  for _, text in ipairs { "2.10-0", "^1.2-beta", "1+b", "0.x.3", "x.1", "==1.2.3", "=", "vv1.2.3", "v", ">=v", "~v" } do
    equal({ text, raises("is no range of versions", semver.satisfies, "1.0.0", text).code }, { text, "semver-invalid" })
  end
end)

test("a range that is none is an error", function()
  for _, text in ipairs { "a", "1.2.3.4", "^", "1..2", ">=1.2.3 foo", "1.2.3 -", "&1", "01.2", "^1.2.3-", "1.", ("1 || "):rep(300) } do
    equal({ text, raises("is no range of versions", semver.satisfies, "1.0.0", text).code }, { text, "semver-invalid" })
  end
end)

test("semver.find gives the highest version in the range, as it was written, or nil", function()
  local tags = { "v1.0.0", "v1.10.0", "v1.9.0", "v2.0.0-rc.1", "v1.10.0-rc.1" }
  equal(semver.find(tags, "^1"), "v1.10.0")
  equal(semver.find(tags, "*", { prerelease = true }), "v2.0.0-rc.1")
  equal(semver.find(tags, "3"), nil)
end)

test("semver refuses a misuse", function()
  raises("semver.parse: a version is a string, not a number", semver.parse, 1)
  raises("semver.compare: a version is a string or what semver.parse gives, not a table", semver.compare, {}, "1.0.0")
  raises("semver.satisfies: a range is a string, not a nil", semver.satisfies, "1.0.0")
  raises("unknown option 'pre'", semver.satisfies, "1.0.0", "*", { pre = true })
  raises("semver.find: expected a list", semver.find, "1.0.0", "*")
end)
