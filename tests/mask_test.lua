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
  equal(stream:feed("brave-new-"), "brave-new-")
  core.new("LATER", "world-of-tomorrow", { "api.github.com" })
  equal(stream:feed("world-of-tomorrow"), "***")
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
