---UUIDs (RFC 9562), made of the world's chance and clock.
local core = require "core"
local hex = require "hex"
local options = require "options"

local uuid = {}

uuid.null = "00000000-0000-0000-0000-000000000000"

local function written(bytes)
  local digits = hex.encode(bytes)
  return ("%s-%s-%s-%s-%s"):format(digits:sub(1, 8), digits:sub(9, 12), digits:sub(13, 16), digits:sub(17, 20),
    digits:sub(21))
end

-- The 16-bit word with version and the byte with the variant, where the RFC wants them.
local function variant(byte) return byte & 0x3f | 0x80 end

local function random()
  local b = core.random(16)
  return written(b:sub(1, 6) .. string.char(b:byte(7) & 0x0f | 0x40) .. b:sub(8, 8)
    .. string.char(variant(b:byte(9))) .. b:sub(10))
end

---A run that is resumed gets the same one again.
function uuid.v4()
  return core.observe("random", random)
end

-- The millisecond of the last one and its counter: within one they go up.
local last, counter = -1, 0

local function tick()
  local now = math.floor(core.now() * 1000)
  if now > last then
    last, counter = now, string.unpack(">I2", core.random(2)) & 0x7ff
  elseif counter < 0xfff then
    counter = counter + 1
  else
    last, counter = last + 1, 0
  end
  return last, counter
end

local function ordered()
  local ms, count = tick()
  local b = core.random(8)
  return written(string.pack(">I6 I2", ms, 0x7000 | count) .. string.char(variant(b:byte(1))) .. b:sub(2))
end

function uuid.v7()
  return core.observe("random", ordered)
end

local FORM = "^" .. ("%x"):rep(8) .. ("%-" .. ("%x"):rep(4)):rep(3) .. "%-" .. ("%x"):rep(12) .. "$"

function uuid.is(text)
  return type(text) == "string" and text:find(FORM) ~= nil
end

local GREGORIAN = 12219292800   -- seconds from 15 October 1582 to 1970

-- Seconds, where the version keeps a time.
local function time_of(version, bytes)
  if version == 7 then return string.unpack(">I6", bytes) / 1000 end
  local low, middle, high = string.unpack(">I4 I2 I2", bytes)
  local ticks
  if version == 1 then
    ticks = (high & 0xfff) << 48 | middle << 32 | low
  elseif version == 6 then
    ticks = low << 28 | middle << 12 | high & 0xfff
  end
  return ticks and ticks / 1e7 - GREGORIAN
end

function uuid.parse(text)
  if type(text) ~= "string" then options.misuse("uuid.parse: expected a string, not a %s", type(text)) end
  if not uuid.is(text) then
    failure { code = "uuid-invalid", about = text, message = ("'%s' is no UUID"):format(options.beginning(text, 60)),
      hint = "its form is xxxxxxxx-xxxx-xxxx-xxxx-xxxxxxxxxxxx, of hexadecimal digits" }
  end
  local bytes = hex.decode((text:gsub("%-", "")))
  local standard = bytes:byte(9) & 0xc0 == 0x80
  local version = standard and bytes:byte(7) >> 4 or 0
  return { text = text:lower(), version = version, bytes = bytes, time = time_of(version, bytes) }
end

return uuid
