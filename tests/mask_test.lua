---The masker as recipes see it.
local mask = require "mask"
local core = require "secret.core"

core.new("MASKED", "correct-horse-battery", { "api.github.com" })

test("a text comes back with *** for every secret in it", function()
  equal(mask.text("a correct-horse-battery b"), "a *** b")
  equal(mask.text(""), "")
  equal(mask.text("\0\xff"), "\0\xff")
end)

test("a stream finds a secret wherever it is cut", function()
  local text = "a correct-horse-battery b"
  for cut = 0, #text do
    local stream = mask.stream()
    local masked = stream:feed(text:sub(1, cut)) .. stream:feed(text:sub(cut + 1)) .. stream:finish()
    equal(masked, "a *** b")
  end
end)

test("a stream holds back only what may become a secret", function()
  local stream = mask.stream()
  equal(stream:feed("plain correct-h"), "plain ")
  equal(stream:feed("at "), "correct-hat ")
  equal(stream:finish(), "")
end)

test("a stream learns of a secret while it runs", function()
  local stream = mask.stream()
  local before = stream:feed("brave-new-")   -- its end may be the beginning of another test's random secret
  core.new("LATER", "world-of-tomorrow", { "api.github.com" })
  equal(before .. stream:feed("world-of-tomorrow") .. stream:finish(), "brave-new-***")
end)

test("misuse names function and type", function()
  raises("mask.text: expected a string, not a nil", mask.text)
  raises("mask.text: expected a string, not a secret", mask.text,
    core.new("X", "some-secret", { "api.github.com" }))
  local stream = mask.stream()
  raises("stream:feed: expected a string, not a number", stream.feed, stream, 1)
  raises("stream:feed: expected a stream of mask.stream, not a string; call it with ':'", stream.feed, "x")
  raises("stream:finish: expected a stream", stream.finish, {})
end)

-- Maskers of their own ------------------------------------------------------------------------------

test("a masker knows its own list and nothing else, and nobody else knows its list", function()
  local masker = mask.new { "only-of-this-one", "and-that-one" }
  equal(masker:text("only-of-this-one and-that-one correct-horse-battery"), "*** *** correct-horse-battery")
  equal(mask.text("only-of-this-one"), "only-of-this-one")
  equal(mask.new():text("only-of-this-one"), "only-of-this-one")
end)

test("a masker is a stream, which begins again after its end", function()
  local masker = mask.new { "only-of-this-one" }
  equal(masker:feed("a only-of"), "a ")
  equal(masker:text("only-of-this-one"), "***")
  equal(masker:feed("-this-one !"), "*** !")
  equal(masker:feed("only"), "")
  equal(masker:finish(), "only")
  equal(masker:feed("only-of-this-one"), "***")
  equal(masker:finish(), "")
end)

test("what is added to a masker counts from then on, what is held back included", function()
  local masker = mask.new()
  equal(masker:feed("first-one "), "first-one ")
  equal(masker:add("first-one"), true)
  equal(masker:add("first-one"), true)
  equal(masker:feed("first-one first"), "*** ")
  equal(masker:add("first!"), true)
  equal(masker:feed("! only"), "*** only")
end)

test("a masker takes any bytes, and secrets, each that one is put together of", function()
  local key = core.new("KEY", "some-secret-key-1", { "api.github.com" })
  local masker = mask.new { "\0\255\0\254", "Bearer " .. key, key }
  equal(masker:text("x\0\255\0\254y some-secret-key-1 Bearer some-secret-key-1"), "x***y *** ***")
  masker = mask.new { "user:" .. key }
  equal(masker:text("dXNlcjpzb21lLXNlY3JldC1rZXktMQ== some-secret-key-1"), "*** ***")
end)

test("a masker refuses what is too short, and says so", function()
  local masker = mask.new { "abc", "", "      ", "abcd" }
  equal(masker:text("abc abcd"), "abc ***")
  equal(masker:add("xyz"), false)
  equal(masker:add("xyz1"), true)
end)

test("misuse of a masker names function and type", function()
  raises("mask.new: expected a list of strings and secrets, not a string", mask.new, "x")
  raises("mask.new: value 2: expected a string or a secret, not a number", mask.new, { "some-text", 1 })
  local masker = mask.new()
  raises("masker:add: the value: expected a string or a secret, not a nil", masker.add, masker)
  raises("masker:add: the value: larger than 1 MiB", masker.add, masker, ("x"):rep(1048577))
  raises("masker:feed: expected a string, not a secret", masker.feed, masker,
    core.new("Y", "some-secret", { "api.github.com" }))
  raises("masker:text: expected a masker of mask.new, not a table; call it with ':'", masker.text, {}, "x")
  raises("stream:feed: expected a stream", mask.stream().feed, masker, "x")
end)

test("a value of a mebibyte is masked whole", function()
  local state, parts = 1, {}
  for i = 1, 1 << 16 do
    state = (state * 1103515245 + 12345) & 0x7fffffff
    parts[i] = ("%08x%08x"):format(state, state ~ 0x5a5a5a5a)
  end
  local value = table.concat(parts)
  equal(#value, 1 << 20)
  equal(mask.new({ value }):text("<" .. value .. ">"), "<***>")
end)

test("a masker works in a rehearsal as it does outside", function()
  local world = assert(require("core").load_file("tests/health_world.lua"))()
  equal(world.play({}, [[
    local masker = require("mask").new { "only-of-this-one" }
    masker:add("and-that-one")
    return masker:feed("a only-of") .. masker:feed("-this-one! ") .. masker:finish() .. masker:text("and-that-one")
  ]]), "a ***! ***")
end)
