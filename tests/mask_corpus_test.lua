---The masker against every form of a secret that we know of: written by hand, and printed by the tools that are
---here. A class is a test; the last one says the score.
local load_file = require("core").load_file

local encoders = assert(load_file("tests/mask/encoders.lua"))()
local judge = assert(load_file("tests/mask/judge.lua"))()
local secrets = assert(load_file("tests/mask/secrets.lua"))()

-- A class is judged by what its function adds to it.
local function class(name, f)
  test("mask corpus: " .. name, function()
    f(function(case_name, case) judge.case(name, case_name, case) end)
    local misses = judge.classes[name] and judge.classes[name].misses or {}
    local shown = table.move(misses, 1, math.min(#misses, 12), 1, {})
    if #misses > 0 then error(("%d misses:\n  %s"):format(#misses, table.concat(shown, "\n  ")), 0) end
  end)
end

-- Forms at every place -----------------------------------------------------------------------------

local places = {
  alone = "%s",
  at_the_start = "%s is what came",
  at_the_end = "the answer: %s",
  in_the_middle = "2026-01-02 INFO value=\"%s\" took 3 ms\nnext line\n",
  twice = "%s%s",
  between = "a,%s;%s|b",
}

-- The text with the form put in, without the form becoming a pattern.
local function put(place, form)
  return (place:gsub("%%s", function() return form end))
end

local function trimmed(text) return text:match("^%s*(.-)%s*$") end

local function forms_at_places(add, list, names)
  for encoder, encode in pairs(list) do
    for _, name in ipairs(names) do
      local form = encode(trimmed(secrets[name]))
      for place, text in pairs(places) do
        if form then
          add(("%s of %s, %s"):format(encoder, name, place),
            { secrets = { secrets[name] }, text = put(text, form), exact = put(text, "***") })
        end
      end
    end
  end
end

class("forms", function(add)
  forms_at_places(add, encoders.common, { "token", "password", "shellish", "quotes", "controls", "url", "tildes" })
end)

class("forms of unusual values", function(add)
  forms_at_places(add, encoders.common, { "eight", "dashed", "digits", "hexkey", "base64key", "utf8" })
end)

class("rare forms", function(add)
  forms_at_places(add, encoders.rare, { "token", "password", "quotes", "dashed", "eight", "base64key", "utf8" })
end)

-- base64 inside something longer ----------------------------------------------------------------------

-- What the secret alone determines becomes ***, what its neighbours share stays. Where the neighbour's bits
-- are zeros the character that they share may go, too: that is how the secret ends when it stands alone.
local function masked_base64(before, secret, after)
  local text = encoders.common.base64(before .. secret .. after)
  local first = (8 * #before + 5) // 6
  local last = 8 * (#before + #secret) // 6
  if after == "" and #before % 3 == 0 then last = #text end
  return text, text:sub(1, first) .. "***" .. text:sub(last + 1), text:sub(1, first) .. "***" .. text:sub(last + 2)
end

class("base64 at every alignment", function(add)
  for _, name in ipairs { "token", "password", "eight", "dashed", "url", "digits", "utf8" } do
    for _, before in ipairs { "", "a", "ab", "abc", "user:", "\0", "{\"x\":\"", "Bearer " } do
      for _, after in ipairs { "", "~", "~z", "~zz", "\n", "\"}" } do
        local text, exact, also = masked_base64(before, secrets[name], after)
        also = #before % 3 == 0 and also or nil
        add(("%q before %s, %q after"):format(before, name, after),
          { secrets = { secrets[name] }, text = text, exact = exact, also = also })
        local url = function(s) return (s:gsub("[+/]", { ["+"] = "-", ["/"] = "_" }):gsub("=+$", "")) end
        add(("%q before %s, %q after, for URLs"):format(before, name, after),
          { secrets = { secrets[name] }, text = url(text), exact = url(exact), also = also and url(also) })
      end
    end
  end
end)

-- Texts that must not change -----------------------------------------------------------------------------

local ordinary = {
  "true false null none yes no 0 1 42 3.14 1e9\n",
  "NODE_ENV=production\nDEBUG=false\nPORT=8080\n",
  "-----BEGIN CERTIFICATE-----\nMIIBszCCAVmgAwIBAgIUQ3p\n-----END CERTIFICATE-----\n",
  "-----BEGIN PRIVATE KEY-----\n", "-----END PRIVATE KEY-----\n",
  "-----BEGIN RSA PRIVATE KEY-----\nProc-Type: 4,ENCRYPTED\n\n",
  "{\n  \"a\": [\n    1\n  ]\n}\n", "[]\n{}\n()\n", "\n\n\n", "", " ", "\t\n", "\r\n\r\n", "\0\0\0", "\xff\xfe\xfd",
  "https://example.com/path?x=1&y=2#z and postgres://localhost:5432/db\n",
  "commit 9fceb02d0ae598e95dc970b74767f19372d61af8\n",
  "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855  -\n",
  "*** already masked *** and **bold** and *\n", "******", "***\n***\n",
  "  50%\r  75%\r 100%\n", "C:\\Users\\me\\file.txt\n", "it's \"quoted\" & <tagged> $HOME `cmd`\n",
  "user owner on ep-cool-1.neon.tech, database main, sslmode=require\n",
  "postgresql://owner@ep-cool-1.neon.tech/main\n", "GET / HTTP/1.1\r\nHost: example.com\r\n\r\n",
  "ghp_ sk-live_ AKIA eyJ0 xoxb-\n", "token password secret key\n", "aGVsbG8gd29ybGQ=\n", "%20%2F%3D\n",
  "\27[31mred\27[0m\n", "日本語 ünïcödé ✓\n", "==========\n----------\n", "a b c d e f g h i j k l m n o p\n",
  "0000000 1111111 2222222\n", "00:11:22:33:44:55\n", "127.0.0.1:5432 ::1\n", "2026-11-21T18:43:57.123Z\n",
}

class("ordinary text stays", function(add)
  local all = {}
  for _, value in pairs(secrets) do all[#all + 1] = value end
  for i, text in ipairs(ordinary) do
    add("all secrets, text " .. i, { secrets = all, text = text, exact = text })
    for name, value in pairs(secrets) do
      add(("%s, text %d"):format(name, i), { secrets = { value }, text = text, exact = text })
    end
  end
end)

-- Near misses: all but one byte of a form is no secret.
class("nearly a secret stays", function(add)
  for _, name in ipairs { "token", "dashed", "hexkey", "password", "digits", "eight" } do
    local value = secrets[name]
    local texts = { value:sub(1, -2), value:sub(2), value:sub(1, 5) .. "\n" .. value:sub(6) .. "\n",
      value:sub(1, 3) .. "\0" .. value:sub(4), value:reverse(), value:sub(1, #value // 2) }
    if value:upper() ~= value then texts[#texts + 1] = value:upper() end
    for i, text in ipairs(texts) do
      add(("%s, %d"):format(name, i), { secrets = { value }, text = "<" .. text .. ">", exact = "<" .. text .. ">" })
    end
  end
end)

for _, file in ipairs { "derived", "lines", "engine", "wrapped", "tools" } do
  local more = assert(load_file(("tests/mask/%s.lua"):format(file)))
  more()(class, { encoders = encoders, secrets = secrets, trimmed = trimmed, put = put })
end

test("mask corpus: the score", function()
  local text, count, passed = judge.score()
  io.stderr:write(("mask corpus: %d of %d cases\n%s\n"):format(passed, count, text))
  equal(passed, count)
  equal(count >= 1500, true)
end)
