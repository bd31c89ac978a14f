local hex = require "hex"
local hmac = require "hmac"
local secret = require "secret.core"

local function bytes(digits) return hex.decode(digits) end

-- RFC 4231 (SHA-256, SHA-512) and RFC 2202 (SHA-1): key, text, code.
local sha256 = {
  { ("\x0b"):rep(20), "Hi There", "b0344c61d8db38535ca8afceaf0bf12b881dc200c9833da726e9376c2e32cff7" },
  { "Jefe", "what do ya want for nothing?", "5bdcc146bf60754e6a042426089575c75a003f089d2739839dec58b964ec3843" },
  { ("\xaa"):rep(20), ("\xdd"):rep(50), "773ea91e36800e46854db8ebd09181a72959098b3ef8c122d9635514ced565fe" },
  { bytes "0102030405060708090a0b0c0d0e0f10111213141516171819", ("\xcd"):rep(50),
    "82558a389a443c0ea4cc819899f2083a85f0faa3e578f8077a2e3ff46729665b" },
  { ("\xaa"):rep(131), "Test Using Larger Than Block-Size Key - Hash Key First",
    "60e431591ee0b67f0d8a26aacbf5b77f8e0bc6213728c5140546040f0ee37f54" },
  { ("\xaa"):rep(131), "This is a test using a larger than block-size key and a larger than block-size data. "
    .. "The key needs to be hashed before being used by the HMAC algorithm.",
    "9b09ffa71b942fcb27635fbcd5b0e944bfdc63644f0713938a7f51535c3a35e2" },
}

test("hmac.sha256 gives the codes of RFC 4231", function()
  for _, case in ipairs(sha256) do equal(hmac.sha256(case[1], case[2]), case[3]) end
end)

test("hmac.sha512 and hmac.sha1 give the codes of RFC 4231 and RFC 2202", function()
  equal(hmac.sha512("Jefe", "what do ya want for nothing?"), "164b7a7bfcf819e2e395fbe73b56e0a387bd64222e831fd610270cd7ea250554"
    .. "9758bf75c05a994a6d034f65f8f0e6fdcaeab1a34d4a6b4b636e070a38bce737")
  equal(hmac.sha1(("\x0b"):rep(20), "Hi There"), "b617318655057264e28bc0b6fb378c8ef146be00")
  equal(hmac.sha1("Jefe", "what do ya want for nothing?"), "effcdf6ae5eb2fa2d27416d5f184df9c259a7c79")
end)

test("a code is written in the encoding that was asked for", function()
  equal(hmac.sha1("Jefe", "what do ya want for nothing?", { encoding = "base64" }), "7/zfauXrL6LSdBbV8YTfnCWafHk=")
  equal(hmac.sha1("Jefe", "what do ya want for nothing?", { encoding = "base64url" }), "7_zfauXrL6LSdBbV8YTfnCWafHk")
  equal(#hmac.sha256("", "", { encoding = "bytes" }), 32)
  raises("option 'encoding' is one of base64, base64url, bytes, hex, not 'b64'", hmac.sha256, "", "", { encoding = "b64" })
end)

test("hmac.verify knows the right code in every encoding, and no other", function()
  local code = sha256[2][3]
  equal(hmac.verify("Jefe", "what do ya want for nothing?", code), true)
  equal(hmac.verify("Jefe", "what do ya want for nothing?", code:upper()), true)
  equal(hmac.verify("Jefe", "what do ya want for nothing!", code), false)
  equal(hmac.verify("jefe", "what do ya want for nothing?", code), false)
  for _, wrong in ipairs { "", "xyz", code:sub(1, -3), code .. "00", (code:gsub("^5", "6")) } do
    equal(hmac.verify("Jefe", "what do ya want for nothing?", wrong), false)
  end
  equal(hmac.verify("Jefe", "what do ya want for nothing?", "7/zfauXrL6LSdBbV8YTfnCWafHk=",
    { hash = "sha1", encoding = "base64" }), true)
end)

local function token() return secret.new("SIGNING_KEY", "Jefe-but-longer", { "program:cat" }) end

test("of a key that is a secret comes a secret, which goes where it was said and is masked", function()
  local key = token()
  local code = hmac.sha256(key, "text", { to = { "program:cat" }, name = "signature" })
  equal(tostring(code), "[secret signature]")
  local plain = hmac.sha256("Jefe-but-longer", "text")
  local seen = require("process").run { argv = { "cat" }, input = "x" .. code }
  equal(seen.output:find(plain, 1, true), nil)
  equal(seen.output:find("^x%*+$") ~= nil, true)
  raises("secret signature may be sent to program:cat only", require("process").run, { argv = { "env" }, env = { A = code } })
end)

test("a chain of codes stays secret", function()
  local to = { to = { "program:cat" }, encoding = "bytes" }
  local chained = hmac.sha256(hmac.sha256(token(), "20260101", to), "region", { to = { "program:cat" } })
  equal(secret.is(chained), true)
  local plain = hmac.sha256(hmac.sha256("Jefe-but-longer", "20260101", { encoding = "bytes" }), "region")
  equal(hmac.verify(hmac.sha256(token(), "20260101", to), "region", plain), true)
end)

test("a code may go where key and text may both go, unless something else is said", function()
  local run, echo = require("process").run, secret.new("OTHER", "quite-another", { "program:printenv", "program:cat" })
  local code = hmac.sha256(token(), "some " .. echo)
  equal(run { argv = { "cat" }, input = code }.output, "***")
  raises("secret SIGNING_KEY may be sent to program:cat only, not to program:", run, { argv = { "printenv" }, env = { A = code } })
  raises("secret hmac.sha256 is bound already", require("secret").bind, code, "X", { to = { "evil.test" } })
end)

test("a secret key verifies without showing anything", function()
  equal(hmac.verify(token(), "text", hmac.sha256("Jefe-but-longer", "text")), true)
  equal(hmac.verify(token(), "other", hmac.sha256("Jefe-but-longer", "text")), false)
end)

test("hmac refuses a misuse, without the key in the error", function()
  local err = raises("'to' is empty: where may the code go", hmac.sha256, token(), "text", { to = {} })
  equal(tostring(err):find("Jefe", 1, true), nil)
  raises("'to' is for a key that is a secret", hmac.sha256, "key", "text", { to = { "program:cat" } })
  raises("hmac.sha256: key is required", hmac.sha256)
  raises("hmac.sha1: text must be a string, not a table", hmac.sha1, "k", {})
  raises("hmac.verify: the code must be a string, not a nil", hmac.verify, "k", "t")
  raises("option 'hash' is one of sha1, sha256, sha512, not 'md5'", hmac.verify, "k", "t", "c", { hash = "md5" })
end)

test("hex goes both ways for every byte, and reads both cases", function()
  local all = {}
  for i = 0, 255 do all[#all + 1] = string.char(i) end
  all = table.concat(all)
  equal(hex.decode(hex.encode(all)), all)
  equal(hex.encode "", "")
  equal(hex.encode "foobar", "666f6f626172")
  equal(hex.decode "DeadBEEF", "\xde\xad\xbe\xef")
end)

test("hex.decode refuses what is no hexadecimal text", function()
  equal(raises("not hexadecimal at byte 3", hex.decode, "00g0").code, "hex-invalid")
  raises("not hexadecimal at byte 1", hex.decode, " 00")
  raises("not hexadecimal at byte 2", hex.decode, "0\0")
  raises("has 3 digits, and a byte takes two", hex.decode, "000")
  raises("hex.decode: text is required", hex.decode)
  raises("hex.encode: bytes cannot be a secret", hex.encode, token())
end)
