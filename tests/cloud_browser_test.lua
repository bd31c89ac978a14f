---What a browser on NAME.localhost sends and gets, without any cloud.
local browser = require "cloud.browser"

local function request(headers)
  headers.host = "shop.example.com.localhost:4000"
  return { scheme = "http", host = "shop.example.com.localhost", headers = headers }
end

local function serves(host) return host == "shop.example.com" or host == "api.example.com" end

-- The headers of an answer as the browser gets them.
local function led_back(headers)
  local place = browser.arrive(request {})
  return browser.leave({ status = 200, headers = headers }, place, serves).headers
end

test("a request to NAME.localhost is one to NAME over https", function()
  local r = request { origin = "http://shop.example.com.localhost:4000",
    referer = "http://api.example.com.localhost:4000/page?a=1" }
  equal(browser.arrive(r), { scheme = "http", port = ":4000" })
  equal({ r.host, r.scheme, r.headers.host }, { "shop.example.com", "https", "shop.example.com" })
  equal(r.headers.origin, "https://shop.example.com")
  equal(r.headers.referer, "https://api.example.com/page?a=1")
end)

test("a request to any other name stays as it is", function()
  local r = { scheme = "http", host = "shop.example.com", headers = { host = "shop.example.com", origin = "null" } }
  equal(browser.arrive(r), nil)
  equal({ r.host, r.scheme, r.headers.origin }, { "shop.example.com", "http", "null" })
end)

test("redirects to what the local cloud serves are led back, others are not", function()
  local function location(url) return led_back({ location = url }).location end
  equal(location "https://shop.example.com/a?b=1#c", "http://shop.example.com.localhost:4000/a?b=1#c")
  equal(location "http://api.example.com:443/", "http://api.example.com.localhost:4000/")
  equal(location "https://accounts.example.org/login", "https://accounts.example.org/login")
  equal(location "/relative", "/relative")
end)

test("cookies of a domain are for the domain where the browser is", function()
  local cookies = led_back({ ["set-cookie"] = { "a=1; domain=example.com; Path=/", "b=2; Path=/" } })["set-cookie"]
  equal(cookies, { "a=1; domain=example.com.localhost; Path=/", "b=2; Path=/" })
end)

test("the origin that may read an answer is the browser's", function()
  equal(led_back({ ["access-control-allow-origin"] = "https://shop.example.com" })["access-control-allow-origin"],
    "http://shop.example.com.localhost:4000")
  equal(led_back({ ["access-control-allow-origin"] = "*" })["access-control-allow-origin"], "*")
end)
