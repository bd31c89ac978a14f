---Signed requests, as a service of that kind would check them: from what arrived, with nothing of the code
---that signs. The published signatures are in test_sigv4.c.
local fs = require "fs"
local http = require "http"
local secret = require "secret.core"
local server = require "server"
local sha256 = require "sha256"

local KEY_ID, KEY = "AKIDEXAMPLE", "a-signing-key-that-nobody-may-see"

-- A checker of its own ------------------------------------------------------------------------

local function unhex(text) return (text:gsub("%x%x", function(h) return string.char(tonumber(h, 16)) end)) end

-- RFC 2104.
local function hmac(key, text)
  key = #key > 64 and unhex(sha256(key)) or key
  key = key .. ("\0"):rep(64 - #key)
  local function pad(byte) return (key:gsub(".", function(c) return string.char(c:byte() ~ byte) end)) end
  return unhex(sha256(pad(0x5c) .. unhex(sha256(pad(0x36) .. text))))
end

local function hex(bytes) return (bytes:gsub(".", function(c) return ("%02x"):format(c:byte()) end)) end

local function unescape(text) return (text:gsub("%%(%x%x)", function(h) return string.char(tonumber(h, 16)) end)) end

local function escape(text)
  return (text:gsub("[^%w%-._~]", function(c) return ("%%%02X"):format(c:byte()) end))
end

local function canonical_path(path)
  local parts = {}
  for part in (path .. "/"):gmatch "([^/]*)/" do parts[#parts + 1] = escape(unescape(part)) end
  return table.concat(parts, "/")
end

local function canonical_query(query, without)
  local pairs_of = {}
  for item in query:gmatch "[^&]+" do
    local name, value = item:match "^([^=]*)=?(.*)$"
    if name ~= without then pairs_of[#pairs_of + 1] = { escape(unescape(name)), escape(unescape(value)) } end
  end
  table.sort(pairs_of, function(a, b)
    if a[1] == b[1] then return a[2] < b[2] end
    return a[1] < b[1]
  end)
  local items = {}
  for i, item in ipairs(pairs_of) do items[i] = item[1] .. "=" .. item[2] end
  return table.concat(items, "&")
end

local function canonical_headers(request, names)
  local lines = {}
  for name in names:gmatch "[^;]+" do
    lines[#lines + 1] = ("%s:%s\n"):format(name, (request.headers[name]:gsub("^%s+", ""):gsub("%s+$", ""):gsub("%s+", " ")))
  end
  return table.concat(lines)
end

local function signature(request, date, scope, names, payload, without)
  local canonical = table.concat({ request.method, canonical_path(request.path),
    canonical_query(request.query, without), canonical_headers(request, names), names, payload }, "\n")
  local text = table.concat({ "AWS4-HMAC-SHA256", date, scope, sha256(canonical) }, "\n")
  local key = "AWS4" .. KEY
  for part in scope:gmatch "[^/]+" do key = hmac(key, part) end
  return hex(hmac(key, text))
end

-- What is wrong with a request, or nil.
local function check(request)
  local id, scope, names, got = (request.headers.authorization or ""):match
    "^AWS4%-HMAC%-SHA256 Credential=([^/]+)/([^,]+), SignedHeaders=([^,]+), Signature=(%x+)$"
  if id ~= KEY_ID then return "no authorization: " .. tostring(request.headers.authorization) end
  local date, payload = request.headers["x-amz-date"], request.headers["x-amz-content-sha256"]
  if scope ~= date:sub(1, 8) .. "/auto/s3/aws4_request" then return "scope " .. scope end
  if math.abs(os.time() - os.time { year = date:sub(1, 4), month = date:sub(5, 6), day = date:sub(7, 8),
      hour = date:sub(10, 11), min = date:sub(12, 13), sec = date:sub(14, 15) }) > 26 * 3600 then return "date " .. date end
  for _, name in ipairs { "host", "x-amz-date", "x-amz-content-sha256" } do
    if not (";" .. names .. ";"):find(";" .. name .. ";", 1, true) then return "not signed: " .. name end
  end
  if payload ~= sha256(request.body) then return "payload " .. payload end
  if signature(request, date, scope, names, payload) ~= got then return "signature of " .. names end
end

local function with_service(f)
  local seen
  server.with(function(request)
    seen = request
    local wrong = check(request)
    return wrong and 403 or 200, wrong or "signed"
  end, function(s) f(s, function() return seen end) end)
end

local function sign(o)
  local s = { region = "auto", key_id = KEY_ID, key = KEY }
  for name, value in pairs(o or {}) do s[name] = value end
  return s
end

-- Requests -----------------------------------------------------------------------------------------

test("the checker finds a signature that is wrong", function()
  with_service(function(s)
    local answer = http.request { url = s.url, sigv4 = sign { key = "another-key" } }
    equal(answer.body, "signature of host;x-amz-content-sha256;x-amz-date")
    equal(http.request { url = s.url }.status, 403)
  end)
end)

test("paths and queries of every kind are signed as they are sent", function()
  with_service(function(s, seen)
    for url, sent in pairs {
      [""] = "/", ["/bucket/key"] = "/bucket/key", ["/a b/ü"] = "/a%20b/%C3%BC", ["/a+b~c"] = "/a%2Bb~c",
      ["//x///y/"] = "//x///y/", ["/a/./b/../c"] = "/a/./b/../c", ["/%41%7E%2f%zz"] = "/A~%2F%25zz",
      ["/!$&'()*,;=:@[]"] = "/%21%24%26%27%28%29%2A%2C%3B%3D%3A%40%5B%5D", ["/日本/😀"] = "/%E6%97%A5%E6%9C%AC/%F0%9F%98%80",
    } do
      local answer = http.request { url = s.url .. url, sigv4 = sign() }
      equal({ url, answer.body, seen().path }, { url, "signed", sent })
    end
    for query, sent in pairs {
      ["list-type=2&prefix=a/b&delimiter=/"] = "delimiter=%2F&list-type=2&prefix=a%2Fb", ["uploads"] = "uploads=",
      ["b=2&a=3&b=1&a"] = "a=&a=3&b=1&b=2", ["q=a+b%20c%2Bd"] = "q=a%20b%20c%2Bd", ["x==&&ü=é"] = "%C3%BC=%C3%A9&x=%3D",
      ["a-b=1&a=2&a.c=3"] = "a=2&a-b=1&a.c=3",
    } do
      local answer = http.request { url = s.url .. "/bucket?" .. query .. "#part", sigv4 = sign() }
      equal({ query, answer.body, seen().query }, { query, "signed", sent })
    end
  end)
end)

test("bodies, headers and tokens are signed", function()
  with_service(function(s, seen)
    local function put(o)
      o.url, o.method, o.sigv4 = s.url .. "/bucket/key", "PUT", o.sigv4 or sign()
      return http.request(o).body
    end
    equal(put { body = "text" }, "signed")
    equal(put { body = "" }, "signed")
    equal(put { json = { a = 1 } }, "signed")
    equal(put { body = "x", headers = {
      ["Content-Type"] = "text/plain", ["X-Amz-Meta-A"] = "  a   b  ", ["x-amz-acl"] = "private" } }, "signed")
    equal(seen().headers.authorization:match "SignedHeaders=([^,]+)",
      "content-type;host;x-amz-acl;x-amz-content-sha256;x-amz-date;x-amz-meta-a")
    equal(put { body = "x", sigv4 = sign { token = "a/session+token==" } }, "signed")
    equal(seen().headers["x-amz-security-token"], "a/session+token==")
    equal(seen().headers.authorization:find "x%-amz%-security%-token" ~= nil, true)
    equal(put { body = "x", headers = { range = "bytes=0-9", ["user-agent"] = "own" } }, "signed")
    equal(put { body = "x", headers = { host = "bucket.example.com" } }, "signed")
    for _, method in ipairs { "GET", "HEAD", "DELETE", "POST" } do
      equal(http.request { url = s.url .. "/k", method = method, sigv4 = sign() }.status, 200)
    end
  end)
end)

test("a file is hashed, then sent, and may not change between the two", function()
  local path = "build/scratch-sigv4"
  fs.write(path, ("0123456789abcdef"):rep(100000))
  local _ <close> = setmetatable({}, { __close = function() fs.remove(path) end })
  with_service(function(s, seen)
    equal(http.request { url = s.url .. "/k", method = "PUT", from = path, sigv4 = sign() }.body, "signed")
    equal({ #seen().body, seen().headers["content-length"] }, { 1600000, "1600000" })
    equal(raises("No such file", http.request,
      { url = s.url, method = "PUT", from = "build/no-such-file", sigv4 = sign() }).about, "build/no-such-file")
  end)
end)

test("an answer in pieces is asked for with a signature, too", function()
  with_service(function(s)
    local stream <close> = http.stream { url = s.url .. "/log?x", sigv4 = sign() }
    equal(stream:read(), "signed")
  end)
end)

test("at another origin only a key that is bound to it signs", function()
  with_service(function(there)
    server.with(function() return 307, "", { location = there.url .. "/moved" } end, function(s)
      equal(http.request { url = s.url, sigv4 = sign() }.body, "no authorization: nil")
      local key = secret.new("R2_SECRET_4", KEY, { s.url, there.url })
      equal(http.request { url = s.url, sigv4 = sign { key = key } }.body, "signed")
      local here = secret.new("R2_SECRET_5", KEY, { s.url })
      equal(http.request { url = s.url, sigv4 = sign { key = here } }.body, "no authorization: nil")
    end)
  end)
end)

-- Secrets --------------------------------------------------------------------------------------------

test("a key that is a secret signs where it belongs, and nowhere else", function()
  with_service(function(s)
    local key = secret.new("R2_SECRET", KEY, { s.url })
    equal(http.request { url = s.url .. "/k", sigv4 = sign { key = key } }.body, "signed")
    local elsewhere = secret.new("OTHER_KEY", "another-key-of-ours", { "https://example.com" })
    local err = raises("secret OTHER_KEY may be sent to", http.request, { url = s.url, sigv4 = sign { key = elsewhere } })
    equal(err.code, "secret-refused")
    equal(tostring(err):find("another-key-of-ours", 1, true), nil)
  end)
end)

test("no error shows what was signed", function()
  local key = secret.new("R2_SECRET_2", KEY .. "-2", { "http://127.0.0.1:9" })
  local err = raises("127%.0%.0%.1", http.request, { url = "http://127.0.0.1:9/k?x=1", sigv4 = sign { key = key } })
  for _, value in pairs(err) do
    if type(value) == "string" then equal(value:find "Signature" or value:find "AWS4" or value:find(KEY, 1, true), nil) end
  end
end)

test("what cannot be signed is refused with the option's name", function()
  local function refused(pattern, o)
    o.url, o.sigv4 = o.url or "http://127.0.0.1:9/", o.sigv4 or sign()
    equal(raises(pattern, http.request, o).code, "misuse")
  end
  refused("unknown option 'keyid'", { sigv4 = { region = "a", keyid = "b", key = "c" } })
  refused("'region'", { sigv4 = { key_id = "b", key = "c" } })
  refused("'us east' is no region", { sigv4 = sign { region = "us east" } })
  refused("'a/b' is no service", { sigv4 = sign { service = "a/b" } })
  refused("sigv4 key is empty", { sigv4 = sign { key = "" } })
  refused("sigv4 key_id holds a control character", { sigv4 = sign { key_id = "a\nb" } })
  refused("makes the header 'authorization' itself", { headers = { Authorization = "x" } })
  refused("a multipart body cannot be signed", { method = "POST", multipart = { { name = "a", data = "b" } } })
  refused("a body goes unsigned over https only", { sigv4 = sign { unsigned = true } })
  refused("without a user's name", { url = "http://u@127.0.0.1:9/" })
end)

-- Links ----------------------------------------------------------------------------------------------

test("a presigned URL opens what it was made for, and nothing else", function()
  local function wrong_with(request)
    local parts = {}
    for name, value in request.query:gmatch "([^&=]+)=([^&]*)" do parts[name] = unescape(value) end
    local id, scope = (parts["X-Amz-Credential"] or ""):match "^([^/]+)/(.+)$"
    if id ~= KEY_ID or parts["X-Amz-Expires"] ~= "60" then return "credential" end
    local expected = signature(request, parts["X-Amz-Date"], scope, parts["X-Amz-SignedHeaders"], "UNSIGNED-PAYLOAD", "X-Amz-Signature")
    return expected ~= parts["X-Amz-Signature"] and "signature" or nil
  end
  server.with(function(request)
    local wrong = wrong_with(request)
    return wrong and 403 or 200, wrong or "open"
  end, function(s)
    local key = secret.new("R2_SECRET_3", KEY, { s.url })
    local link = http.presign { url = s.url .. "/bucket/a%20b?versionId=1", expires = 60, sigv4 = sign { key = key, token = "t/=" } }
    equal(http.request { url = link }.body, "open")
    equal(http.request { url = link, method = "DELETE" }.status, 403)
    equal(http.request { url = (link:gsub("versionId=1", "versionId=2")) }.status, 403)
    equal(require("mask").text(link), (link:gsub("(X%-Amz%-Signature=)%x+", "%1***")))
    local upload = http.presign { url = s.url .. "/k", method = "PUT", expires = 60, sigv4 = sign { key = key } }
    equal(http.request { url = upload, method = "PUT", body = "x" }.body, "open")
    raises("expires is 1 to 604800", http.presign, { url = s.url, sigv4 = sign { key = key }, expires = 0 })
    raises("they cannot be secrets", http.presign, { url = s.url, sigv4 = sign { key = key, token = key } })
  end)
end)
