local base64 = require "base64"
local blake3 = require "blake3"
local sha256 = require "sha256"

test("sha256 gives the hash of the standard's examples", function()
  equal(sha256 "", "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855")
  equal(sha256 "abc", "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad")
  equal(sha256 "abcdbcdecdefdefgefghfghighijhijkijkljklmklmnlmnomnopnopq",
    "248d6a61d20638b8e5c026930c3e6039a33ce45964ff2167f6ecedd419db06c1")
  equal(sha256(("a"):rep(1000000)), "cdc76e5c9914fb9281a1c7e284d73e67f1809a48a497200e046d39ccc7112cd0")
end)

test("sha256 refuses a misuse", function()
  raises("sha256: text is required, a string", sha256)
  raises("sha256: text must be a string, not a number", sha256, 1)
end)

test("blake3 hashes a text, and the same in pieces", function()
  local text = ("0123456789"):rep(1000)
  equal(blake3.hash "", "af1349b9f5f9a1a6a0404dea36dcc9499bcb25c9adc112b7cc9a93cae41f3262")
  local stream = blake3.stream()
  equal(stream:hash(), blake3.hash "")
  for i = 1, #text, 777 do stream:add(text:sub(i, i + 776)) end
  equal({ stream:hash(), #blake3.hash(text) }, { blake3.hash(text), 64 })
end)

test("blake3 refuses a misuse", function()
  raises("blake3.hash: text is required, a string", blake3.hash)
  raises("blake3.stream: add: text must be a string, not a number", blake3.stream().add, blake3.stream(), 1)
  raises("blake3.stream expected", blake3.stream().hash, io.stdout)
end)

test("base64 goes both ways for every length and byte", function()
  local bytes = {}
  for i = 0, 255 do bytes[#bytes + 1] = string.char(i) end
  bytes = table.concat(bytes):rep(13)
  for _, n in ipairs { 0, 1, 2, 3, 4, 255, 767, 768, 769, 3327, 3328 } do
    local part = bytes:sub(1, n)
    equal(base64.decode(base64.encode(part)), part)
    equal(base64.decode(base64.encode(part, { url = true }), { url = true }), part)
  end
end)

test("base64 with url has its own alphabet and no padding", function()
  equal(base64.encode "\xfb\xff\xfe\xfb", "+//++w==")
  equal(base64.encode("\xfb\xff\xfe\xfb", { url = true }), "-__--w")
  equal(base64.decode("-__--w", { url = true }), "\xfb\xff\xfe\xfb")
  equal(base64.decode("-__--w==", { url = true }), "\xfb\xff\xfe\xfb")
end)

test("base64.decode refuses all but the one way to write it", function()
  for _, text in ipairs { "Zg", "Zg=", "Zg===", "Z", "====", "Zg==Zg==", "Zm 9v", "Zm9v\n", "Zh==", "Zm9=",
    "-__-", "Zm9v=", "\0\0\0\0", "=Zg=" } do
    equal(raises("not base64 at byte", base64.decode, text).code, "base64-invalid")
  end
  for _, text in ipairs { "+//+", "Zh", "Z", "Zg=" } do
    equal(raises("not base64 at byte", base64.decode, text, { url = true }).code, "base64-invalid")
  end
end)

test("base64 refuses a misuse", function()
  raises("base64.encode: bytes is required, a string", base64.encode)
  raises("base64.decode: text must be a string, not a boolean", base64.decode, true)
  raises("base64.encode: unknown option 'uri' %(expected url%)", base64.encode, "", { uri = true })
  raises("base64.decode: option 'url' must be true or false", base64.decode, "", { url = 1 })
  raises("base64.encode: expected a table of options", base64.encode, "", "url")
end)

test("sha256 refuses a secret, base64 of one is a secret", function()
  local token = require "secret.core".new("TOKEN", "hunter2hunter2", { "program:cat" })
  raises("sha256: text cannot be a secret", sha256, token)
  equal(tostring(base64.encode(token, { url = true })), "[secret TOKEN (base64)]")
  raises("base64.decode: text cannot be a secret", base64.decode, token)
end)
