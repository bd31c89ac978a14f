local secret = require "secret.core"
local url = require "url"

-- RFC 3986, 5.4, on "http://a/b/c/d;p?q"
local normal = {
  { "g:h", "g:h" }, { "g", "http://a/b/c/g" }, { "./g", "http://a/b/c/g" }, { "g/", "http://a/b/c/g/" },
  { "/g", "http://a/g" }, { "//g", "http://g" }, { "?y", "http://a/b/c/d;p?y" }, { "g?y", "http://a/b/c/g?y" },
  { "#s", "http://a/b/c/d;p?q#s" }, { "g#s", "http://a/b/c/g#s" }, { "g?y#s", "http://a/b/c/g?y#s" },
  { ";x", "http://a/b/c/;x" }, { "g;x", "http://a/b/c/g;x" }, { "g;x?y#s", "http://a/b/c/g;x?y#s" },
  { "", "http://a/b/c/d;p?q" }, { ".", "http://a/b/c/" }, { "./", "http://a/b/c/" }, { "..", "http://a/b/" },
  { "../", "http://a/b/" }, { "../g", "http://a/b/g" }, { "../..", "http://a/" }, { "../../", "http://a/" },
  { "../../g", "http://a/g" },
}

local abnormal = {
  { "../../../g", "http://a/g" }, { "../../../../g", "http://a/g" }, { "/./g", "http://a/g" }, { "/../g", "http://a/g" },
  { "g.", "http://a/b/c/g." }, { ".g", "http://a/b/c/.g" }, { "g..", "http://a/b/c/g.." }, { "..g", "http://a/b/c/..g" },
  { "./../g", "http://a/b/g" }, { "./g/.", "http://a/b/c/g/" }, { "g/./h", "http://a/b/c/g/h" },
  { "g/../h", "http://a/b/c/h" }, { "g;x=1/./y", "http://a/b/c/g;x=1/y" }, { "g;x=1/../y", "http://a/b/c/y" },
  { "g?y/./x", "http://a/b/c/g?y/./x" }, { "g?y/../x", "http://a/b/c/g?y/../x" }, { "g#s/./x", "http://a/b/c/g#s/./x" },
  { "g#s/../x", "http://a/b/c/g#s/../x" }, { "http:g", "http:g" },
}

test("url.join gives all examples of RFC 3986, 5.4", function()
  for _, list in ipairs { normal, abnormal } do
    for _, case in ipairs(list) do equal(url.join("http://a/b/c/d;p?q", case[1]), case[2]) end
  end
end)

test("url.join works on bases of other shapes", function()
  equal(url.join("http://a", "g"), "http://a/g")
  equal(url.join("http://a?q", "g"), "http://a/g")
  equal(url.join("http://u:p@a:8080/x/", "../y#z"), "http://u:p@a:8080/y#z")
  equal(url.join("http://[::1]:80/x", "y"), "http://[::1]:80/y")
  equal(url.join("file:///a/b", "c"), "file:///a/c")
  equal(url.join("urn:a:b", "#c"), "urn:a:b#c")
  equal(raises("it has no scheme", url.join, "/a/b", "c").code, "url-invalid")
end)

test("url.parse takes all parts apart and decodes none", function()
  equal(url.parse "https://us%20er:p%40ss@example.com:8443/a%2Fb/?q=%26#f%20",
    { scheme = "https", userinfo = "us%20er:p%40ss", host = "example.com", port = 8443, path = "/a%2Fb/", query = "q=%26",
      fragment = "f%20" })
  equal(url.parse "http://[2001:db8::7]:81/c?", { scheme = "http", host = "2001:db8::7", port = 81, path = "/c", query = "" })
  equal(url.parse "http://[v1.fe80::a+en1]/", { scheme = "http", host = "v1.fe80::a+en1", path = "/" })
  equal(url.parse "mailto:John.Doe@example.com", { scheme = "mailto", path = "John.Doe@example.com" })
  equal(url.parse "urn:oasis:names", { scheme = "urn", path = "oasis:names" })
  equal(url.parse "file:///etc/fstab", { scheme = "file", host = "", path = "/etc/fstab" })
  equal(url.parse "//host/path", { host = "host", path = "/path" })
  equal(url.parse "a/b?c", { path = "a/b", query = "c" })
  equal(url.parse "", { path = "" })
  equal(url.parse "https://bücher.example/ü", { scheme = "https", host = "bücher.example", path = "/ü" })
  equal(url.parse "http://h:/x", { scheme = "http", host = "h", path = "/x" })
end)

test("url.parse refuses what is no URL, and says what is wrong with it", function()
  local bad = {
    { "byte 9 may not stand there", "http://a b/" }, { "byte 2 may not stand there", "a\nb" },
    { "byte 10 may not stand there", "http://a/\\b" }, { "byte 3 may not stand there", "a/{b}" },
    { "'%%' at byte 2 begins no %%XX", "a%zz" }, { "'%%' at byte 5 begins no", "%41a%4" },
    { "'1a' is no scheme", "1a:b" }, { "'' is no scheme", ":b" }, { "'x' is no port", "http://a:x/" },
    { "'65536' is no port", "http://a:65536/" }, { "'%-1' is no port", "http://a:-1/" },
    { "host cannot be read", "http://::1/" }, { "host cannot be read", "http://[::1/" },
    { "only a port may follow", "http://[::1]x/" }, { "'@' stands twice", "http://a@b@c/" },
    { "the host cannot be read", "http://[127.0.0.1]/" }, { "brackets stand around", "http://a/[b]" }, { "'#' stands twice", "a#b#c" },
  }
  for _, case in ipairs(bad) do
    local err = raises(case[1], url.parse, case[2])
    equal({ err.code, err.class }, { "url-invalid", "fatal" })
  end
end)

test("url.build writes what url.parse reads", function()
  for _, text in ipairs { "https://u:p@example.com:8443/a%2Fb/?q=%26#f", "http://[2001:db8::7]/c?", "mailto:a@b", "//h/p",
    "a/b?c", "", "file:///etc", "urn:a:b", "?q", "#", "http://h" } do
    equal(url.build(url.parse(text)), text)
  end
end)

test("url.build writes what may not stand in a part as %XX", function()
  equal(url.build { scheme = "https", host = "h", path = "/a b?c#d%zz%41", query = "x y#", fragment = "a#b" },
    "https://h/a%20b%3Fc%23d%25zz%41?x%20y%23#a%23b")
  equal(url.build { scheme = "https", host = "h", segments = { "a/b", 42, "...", "ü" } }, "https://h/a%2Fb/42/.../%C3%BC")
  for _, name in ipairs { ".", ".." } do
    equal(raises("the segment '%.+' is no name", url.build, { segments = { "repos", name } }).code, "url-invalid")
  end
  equal(url.build { scheme = "https", host = "::1", port = 80, path = "x" }, "https://[::1]:80/x")
  equal(url.build { scheme = "https", host = "h", userinfo = "a@b:c" }, "https://a%40b:c@h")
  equal(url.build { host = "h", query = { a = { 1, 2 }, b = "x&y" } }, "//h?a=1&a=2&b=x%26y")
end)

test("a path cannot turn into a host or a scheme", function()
  equal(url.build { path = "//evil/x" }, "/.//evil/x")
  equal(url.build { path = "a:b" }, "./a:b")
  equal(url.build { scheme = "x", path = "//evil" }, "x:/.//evil")
end)

test("url.build refuses parts that are none", function()
  raises("'a/b' is no host", url.build, { host = "a/b" })
  raises("'h:1:z' is no host", url.build, { host = "h:1:z" })
  raises("70000 is no port", url.build, { host = "h", port = 70000 })
end)

test("url.normalise writes equivalent URLs the same", function()
  equal(url.normalise "HTTP://www.Example.COM:80/%7Esmith/a%2fb/./c/../d?x=%7e%2f#%7e", "http://www.example.com/~smith/a%2Fb/d?x=~%2F#~")
  equal(url.normalise "https://h:443", "https://h/")
  equal(url.normalise "https://h:8443/", "https://h:8443/")
  equal(url.normalise "example://a/b/c/%7Bfoo%7D", url.normalise "eXAMPLE://a/./b/../b/%63/%7bfoo%7d")
  equal(url.normalise "//H/x", "//h/x")
  equal(url.normalise "../a/./b", "../a/./b")
end)

test("percent-encoding goes both ways for every byte", function()
  local all = {}
  for i = 0, 255 do all[#all + 1] = string.char(i) end
  all = table.concat(all)
  equal(url.decode(url.encode(all)), all)
  equal(url.encode "AZaz09-._~ /é", "AZaz09-._~%20%2F%C3%A9")
  equal(url.decode "a+b%20c", "a+b c")
  equal(raises("'%%' at byte 2", url.decode, "a%2").code, "url-invalid")
end)

test("the fields of a query are read as forms write them", function()
  equal(url.fields "a=1&b=x+y%26&c&d=&%C3%A9=%3D", { a = "1", b = "x y&", c = "", d = "", ["é"] = "=" })
  equal(url.fields("a=1&a=2&b=3", { lists = true }), { a = { "1", "2" }, b = { "3" } })
  equal(raises("'a' stands twice", url.fields, "a=1&a=2").code, "url-invalid")
  equal(url.fields(url.query { a = "ä &=", b = true, c = 1.5 }), { a = "ä &=", b = "true", c = "1.5" })
  equal(url.fields "", {})
end)

test("a secret in a part gives a template, encoded when it is resolved", function()
  local key = secret.new("KEY", "pass word/long", { "program:cat" })
  local text = url.build { scheme = "https", host = "h", segments = { "v1", key }, query = { t = key, x = 1 } }
  equal(tostring(text), "[secret template: KEY]")
  equal(tostring(url.encode(key)), "[secret KEY]")
  equal(tostring(url.query { k = key }), "[secret template: KEY]")
  local seen = require("process").run { argv = { "cat" }, input = text }
  equal(seen.output:find("^https://h/v1/%*+%?t=%*+&x=1$") ~= nil, true)
  for _, f in ipairs { url.parse, url.decode, url.normalise, url.fields } do raises("a secret cannot be read", f, text) end
end)

test("url refuses a misuse", function()
  raises("url.encode: expected a text, not a nil", url.encode)
  raises("url.query: expected a table", url.query, "a")
  raises("url.query: 'a' must be a text, a number or a boolean, not a function", url.query, { a = print })
  raises("url.build: unknown option 'hosts'", url.build, { hosts = "x" })
  raises("path and segments exclude each other", url.build, { path = "a", segments = {} })
  raises("a port and a user need a host", url.build, { port = 1 })
  raises("'a b' is no scheme", url.build, { scheme = "a b" })
end)
