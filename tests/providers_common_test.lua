---What the providers share: markers, retries, options.
local core = require "core"
local marker = require "marker"
local retry = require "retry"
local provider_world = assert(core.load_file("tests/provider_world.lua"))()

test("a marker has three parts of plain characters", function()
  local text = marker.new { project = "codex", environment = "preview", key = 42 }
  equal(text, "codex/preview/42")
  equal(marker.parse(text), { project = "codex", environment = "preview", key = "42" })
  for _, wrong in ipairs { "codex/preview", "a/b/c/d", "a//c", "a/b/", "a/b/c d",
    ("x"):rep(90) .. "/b/c" } do
    equal(marker.parse(wrong), nil)
  end
end)

test("marker.new says what is wrong with its parts", function()
  raises("marker.new: option 'key' is required", marker.new, { project = "a", environment = "b" })
  raises("option 'key' must be a string or an integer, not a boolean", marker.new,
    { project = "a", environment = "b", key = true })
  raises("unknown option 'pr'", marker.new, { project = "a", environment = "b", key = 1, pr = 1 })
  raises("'a b/c/d' has other characters", marker.new, { project = "a b", environment = "c",
    key = "d" })
end)

test("a marker is read back from each place that keeps it, and from nothing else", function()
  local text = "codex/preview/42"
  equal(marker.of_comment(marker.to_comment(text)), text)
  equal(marker.of_tags { "cf:service=x", marker.to_tag(text) }, text)
  equal(marker.of_annotation(marker.to_annotation(text)), text)
  equal(marker.of_html("hello\n" .. marker.to_html(text) .. "\nthere"), text)
  equal({ marker.of_comment("davit was here"), marker.of_tags({ "davit:x" }),
    marker.of_annotation(nil),
    marker.of_html("<!-- davit:x -->") }, {})
end)

test("a prefix ends where a part ends", function()
  equal(marker.under("codex/preview/42", "codex/preview/4"), false)
  equal(marker.under("codex/preview/42", "codex/preview/42"), true)
  equal(marker.under("codex/preview/42", "codex/preview/"), true)
  equal(marker.under("codex/preview/42", ""), true)
end)

local function failing(times, class, retry_after)
  return function(attempt)
    if attempt <= times then
      failure { code = "x", class = class, message = "broken", retry_after = retry_after }
    end
    return attempt
  end
end

test("a failure is retried when the policy names its class", function()
  local w <close> = provider_world.open()
  local policies = retry.policies
  equal(retry.run(policies.repeatable, failing(2, "unknown")), 3)
  equal(retry.run(policies.once, failing(1, "throttled")), 2)
  raises("^[^(]*broken$", retry.run, policies.once, failing(1, "unknown"))
  raises("broken", retry.run, policies.repeatable, failing(1, "fatal"))
  equal(#w.pauses, 3)
end)

test("what the service asks to wait is waited in full", function()
  local w <close> = provider_world.open()
  retry.run(retry.policies.repeatable, failing(1, "throttled", 20))
  equal(w.pauses, { 20 })
  raises("broken", retry.run, retry.policies.repeatable, failing(1, "throttled", 200))
end)

test("Retry-After is seconds or a date", function()
  local w <close> = provider_world.open()
  w.now = 1800000000   -- Fri, 15 Jan 2027 08:00:00 GMT
  equal(retry.after("7"), 7)
  equal(retry.after("Fri, 15 Jan 2027 08:01:30 GMT"), 90)
  equal(retry.after("Fri, 15 Jan 2027 07:00:00 GMT"), 0)
  equal({ retry.after(nil), retry.after("soon"), retry.after("Fri, 15 Foo 2027 08:00:00 GMT") }, {})
end)

-- ---- rate budgets ------------------------------------------------------------------------

local askers = {
  cloudflare = function()
    return require("cloudflare").client({ token = "workers-token", account = "acc" }).worker({ name = "w", marker = "a/b/c" }).find()
  end,
  github = function() return require("github").client({ repository = "example/codex", token = "t" }).open_pulls() end,
  neon = function() return require("neon").client({ project = "p", key = "k" }).branch({ name = "b", marker = "a/b/c" }).find() end,
}

for name, ask in pairs(askers) do
  test(("what the service says is left holds the next request of %s"):format(name), function()
    local w <close> = provider_world.open()
    local spent = { ["ratelimit-remaining"] = "0", ["ratelimit-reset"] = "40" }
    w:fail(".", { status = 404, headers = spent, body = "{}" })
    try(ask)
    equal(#w.pauses, 0)
    try(ask)
    local waited = 0
    for _, pause in ipairs(w.pauses) do waited = waited + pause end
    equal({ name, waited >= 40 }, { name, true })
  end)

  test(("a long hold fails a call of %s at once, saying until when"):format(name), function()
    local w <close> = provider_world.open()
    w:fail(".", { status = 429, headers = { ["retry-after"] = "900" }, body = "{}" })
    try(ask)
    local sent = w:count "."
    local _, err = try(ask)
    equal({ err.code, err.class, w:count "." - sent, #w.pauses }, { "http-budget", "throttled", 0, 0 })
    equal(err.message:find("the service turned the credential away until 08:15:00 UTC", 1, true) ~= nil, true)
  end)
end
