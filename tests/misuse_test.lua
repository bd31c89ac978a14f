---Misuse of the small modules: what a function was given by mistake is named, and never sent.
local base64 = require "base64"
local health = require "health"
local http = require "http"
local log = require "log"
local marker = require "marker"
local secret = require "secret"
local server = require "server"
local sha256 = require "sha256"
local task = require "task"
local url = require "url"

local function misused(pattern, f, ...)
  equal(raises(pattern, f, ...).class, "misuse")
end

local key = secret.generate("KEY", 16, { to = { "example.com" } })

test("url takes plain texts, and no secret", function()
  misused("url.encode: expected a text, not a nil", url.encode)
  misused("url.encode: expected a text, not a userdata", url.encode, key)
  misused("url.query: expected a table, not a string", url.query, "a=1")
  misused("url.query: 'a' must be a text, a number or a boolean, not a table", url.query, { a = {} })
  misused("url.query: 'token' must be a text.*not a userdata", url.query, { token = key })
  misused("url.query: '1' must be a text", url.query, { "a" })
end)

test("base64 and sha256 take texts", function()
  misused("base64.encode: bytes is required", base64.encode)
  misused("base64.encode: unknown option 'ur'", base64.encode, "x", { ur = true })
  misused("base64.decode: text must be a string, not a table", base64.decode, {})
  misused("sha256: text must be a string, not a table", sha256, {})
end)

test("secret.generate says what it expects", function()
  misused("secret.generate: bytes is an integer from 16 to 1024", secret.generate, "K", 15, { to = { "a.com" } })
  misused("secret.generate: expected a table of options, not a nil", secret.generate, "K", 16)
  misused("secret.generate: option 'to' is required", secret.generate, "K", 16, {})
  misused("secret.generate: unknown option 'too'", secret.generate, "K", 16, { to = { "a.com" }, too = 1 })
  misused("expected a name, not a nil", secret.generate, nil, 16, { to = { "a.com" } })
end)

test("every level of log takes a text and a table", function()
  for _, level in ipairs { "debug", "info", "warn", "error" } do
    misused(("log.%s: expected a text, not a number"):format(level), log[level], 3)
    misused(("log.%s: fields are a table, not a string"):format(level), log[level], "x", "y")
  end
end)

test("marker writes nothing but markers", function()
  for _, name in ipairs { "to_tag", "to_annotation", "to_html" } do
    misused(("marker.%s: expected a marker, not 'a b'"):format(name), marker[name], "a b")
    misused(("marker.%s: expected a marker, not 'nil'"):format(name), marker[name])
  end
  misused("marker.to_comment: expected a text, not a nil", marker.to_comment)
  misused("marker.under: expected a marker and the beginning of one", marker.under, "a/b/c")
  misused("marker.same: expected what the thing is called", marker.same, "a/b/c", "a/b/c")
  misused("f: option 'marker' must be like .*, not '3'", marker.check, "f", 3)
  equal({ marker.parse(nil), marker.of_tags { 1 }, marker.of_html(3), marker.of_comment(3) }, {})
end)

test("tasks say what they expect", function()
  misused("sleep: expected seconds", task.sleep, -1)
  misused("deadline: expected seconds", task.deadline, "x", print)
  misused("shield: expected a function", task.shield)
  misused("nursery: expected a function", task.nursery)
end)

test("http and health refuse before they ask", function()
  misused("http.expect: a status is an integer, not '200'", http.expect, { url = "https://example.com" }, "200")
  misused("http.request: option 'headers' must be a table", http.request,
    { url = "https://example.com", json = {}, headers = "x" })
  misused("url.query: expected a table, not a string", http.request, { url = "https://example.com", form = "x" })
  misused("health.wait: expect: unknown option 'jsn'", health.wait, { url = "https://example.com", expect = { jsn = {} } })
  misused("health.wait: expect: expected a table", health.wait, { url = "https://example.com", expect = 3 })
end)

test("server:serve refuses unknown options", function()
  local s <close> = server.listen {}
  misused("server:serve: unknown option 'on_eror'", s.serve, s, print, { on_eror = print })
  misused("server:serve: option 'on_error' must be a function", s.serve, s, print, { on_error = 1 })
end)
