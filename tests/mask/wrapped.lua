---What encoders break into lines: base64 and hexadecimal digits at their widths, and dumps.
local process = require "process"

local FILL <const> = "The quick brown fox jumps over the lazy dog; pack my box with five dozen liquor jugs!! "

-- A text with the secret in it at an offset, so that it lies across line ends in every way.
local function around(secret, offset)
  return FILL:rep(3):sub(1, offset), secret, "~" .. FILL
end

-- The logical text cut into lines, with what is covered in each replaced.
local function lines(text, first, last, width, line_end)
  local plain, masked = {}, {}
  for from = 1, #text, width do
    local to = math.min(from + width - 1, #text)
    local a, b = math.max(from, first), math.min(to, last)
    plain[#plain + 1] = text:sub(from, to)
    masked[#masked + 1] = a > b and text:sub(from, to) or text:sub(from, a - 1) .. "***" .. text:sub(b + 1, to)
  end
  return table.concat(plain, line_end), table.concat(masked, line_end)
end

local endings = { LF = "\n", CRLF = "\r\n", indented = "\n    " }
local offsets = { 0, 5, 17, 30, 40, 41, 42, 43, 50, 70, 111 }

local function base64(add, o)
  for _, name in ipairs { "token", "dashed", "url", "password", "eight" } do
    local secret = o.secrets[name]
    for _, offset in ipairs(offsets) do
      local before, value, after = around(secret, offset)
      local text = o.encoders.common.base64(before .. value .. after)
      local first, last = (8 * #before + 5) // 6 + 1, 8 * (#before + #value) // 6
      for _, width in ipairs { 48, 60, 64, 76, 100 } do
        for ending, line_end in pairs(endings) do
          local plain, masked = lines(text, first, last, width, line_end)
          add(("%s at %d, %d columns, %s"):format(name, offset, width, ending),
            { secrets = { secret }, text = "data:\n" .. plain .. "\nend.\n", exact = "data:\n" .. masked .. "\nend.\n" })
        end
      end
    end
  end
end

local function hex(add, o)
  for _, name in ipairs { "token", "password" } do
    for _, offset in ipairs(offsets) do
      local before, value, after = around(o.secrets[name], offset)
      for _, width in ipairs { 60, 64, 80 } do
        local text = o.encoders.common.hex_lower(before .. value .. after)
        local plain, masked = lines(text, 2 * #before + 1, 2 * (#before + #value), width, "\n")
        add(("%s at %d, %d columns"):format(name, offset, width),
          { secrets = { o.secrets[name] }, text = plain .. "\n", exact = masked .. "\n" })
      end
    end
  end
end

-- A text that a terminal or fold broke is no different.
local function folded(add, o)
  local secret = o.secrets.token
  for offset = 30, 80, 5 do
    local text = ("x"):rep(offset) .. secret .. ("y"):rep(60)
    local plain, masked = lines(text, offset + 1, offset + #secret, 72, "\n")
    add("at " .. offset, { secrets = { secret }, text = plain .. "\n", exact = masked .. "\n" })
  end
end

local function not_joined(add, o)
  local secret = o.secrets.token
  local long = ("A"):rep(60)
  local cut = { secret:sub(1, 20), secret:sub(21) }
  for name, text in pairs {
    ["a short line"] = "xx" .. cut[1] .. "\n" .. cut[2] .. "\n",
    ["an empty line between"] = long .. cut[1] .. "\n\n" .. cut[2] .. "\n",
    ["a mark between"] = long .. cut[1] .. "\n> " .. cut[2] .. "\n",
    ["a carriage return alone"] = long .. cut[1] .. "\r" .. cut[2] .. "\n",
    ["digests"] = ("e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855\n"):rep(5),
    ["a certificate"] = "-----BEGIN CERTIFICATE-----\n" .. (("MIIDdzCCAl+gAwIBAgIEAgAAuTANBgkqhkiG9w0BAQUFADBaMQswCQYDVQQGEwJJ"):rep(1)
      .. "\n"):rep(8) .. "-----END CERTIFICATE-----\n",
  } do
    add(name, { secrets = { secret }, text = text, exact = text })
  end
end

-- Secrets of capitals and digits among small letters: whatever number is left can be told by its value.
local CAPITALS <const> = { "Q7W2E9R4T6Y1U8I3", "KLMNPQRSTUVWXYZ2345678KLMNPQRSTUVWXYZ" }
local SMALL <const> = ("the quick brown fox jumps over a lazy dog and runs away "):rep(3)

local function is_secret(byte) return byte >= 0x30 and byte <= 0x39 or byte >= 0x47 and byte <= 0x5A end

-- A number or character that the secret has, left in a line after its offset.
local function left_over(out, base, width, swapped)
  for line in out:gmatch("[^\n]+") do
    local rest = line:gsub("^%x%x%x%x%x%x+:?", "")
    if rest:find("[G-Z]") then return "a character is left" end
    for number in rest:gmatch("%f[%w]%x+%f[%W]") do
      local value = #number == width and tonumber(number, base)
      for shift = 0, value and (swapped and 8 or 0) or -1, 8 do
        if is_secret(value >> shift & 0xFF) then return number .. " is left" end
      end
    end
  end
end

local dumpers = {
  ["xxd -g1"] = { 16, 2 }, ["xxd -g1 -u"] = { 16, 2 }, ["xxd -g1 -c 12"] = { 16, 2 }, ["xxd"] = { 16, 4, true },
  ["hexdump -C"] = { 16, 2 }, ["hexdump"] = { 16, 4, true }, ["hexdump -b"] = { 8, 3 }, ["od -tx1"] = { 16, 2 },
  ["od -An -tx1"] = { 16, 2 }, ["od -A x -t x1z"] = { 16, 2 }, ["od -x"] = { 16, 4, true }, ["od"] = { 8, 6, true },
  ["od -b"] = { 8, 3 }, ["od -An -b"] = { 8, 3 }, ["od -v -tx1 -w8"] = { 16, 2 },
  ["hexdump -x"] = { 16, 4, true }, ["hexdump -o"] = { 8, 6, true }, ["hexdump -d"] = { 10, 5, true }, ["xxd -b"] = { 2, 8 },
}

local function dump_case(add, name, secret, offset, text, how)
  local function check(out) return left_over(out, how[1], how[2], how[3]) end
  if not check(text) then error("the check does not see the secret in " .. name .. ":\n" .. text, 0) end
  add(("%s, %d bytes at %d"):format(name, #secret, offset), { secrets = { secret }, text = text, check = check })
end

local function dumps(add)
  for name, how in pairs(dumpers) do
    local program = name:match("^%w+")
    local found = process.run { command = "command -v " .. program, check = false }.exit == 0
    for _, secret in ipairs(found and CAPITALS or {}) do
      for _, offset in ipairs { 0, 1, 7, 13, 15, 16, 29, 50 } do
        local plain = SMALL:sub(1, offset) .. secret .. SMALL
        dump_case(add, name, secret, offset, process.run { command = name, input = plain, pty = false }.output, how)
      end
    end
  end
end

-- Characters in columns: of this secret each is in no other text, but for its blanks.
local STRANGE <const> = "Q7 W2\n\t\\E9  R4'\"T6\r@Y1\a\1%\xFF\x7FZ"

local function left_character(out)
  for line in out:gmatch("[^\n]+") do
    local left = line:gsub("^%x%x%x%x%x%x+", ""):match("[^%l%s*]")
    if left then return ("%q is left"):format(left) end
  end
end

local function characters(add)
  for _, name in ipairs { "od -c", "od -An -c", "od -A x -c", "od -v -c -w32", "hexdump -c" } do
    local found = process.run { command = "command -v " .. name:match("^%w+"), check = false }.exit == 0
    for _, secret in ipairs(found and { CAPITALS[1], CAPITALS[2], STRANGE } or {}) do
      for _, offset in ipairs { 0, 1, 7, 13, 15, 16, 29, 50 } do
        local plain = SMALL:sub(1, offset) .. secret .. SMALL
        local text = process.run { command = name, input = plain, pty = false }.output
        if not left_character(text) then error("the check does not see the secret in " .. name, 0) end
        add(("%s, %d bytes at %d"):format(name, #secret, offset), { secrets = { secret }, text = text, check = left_character })
      end
    end
  end
end

-- As openssl prints a modulus.
local function colons(add)
  for _, secret in ipairs(CAPITALS) do
    for offset = 0, 31 do
      local plain, text = SMALL:sub(1, offset) .. secret .. SMALL, {}
      for from = 1, #plain, 15 do
        text[#text + 1] = "    " .. plain:sub(from, from + 14):gsub(".", function(c) return ("%02x:"):format(c:byte()) end)
      end
      dump_case(add, "colons", secret, offset, "modulus:\n" .. table.concat(text, "\n") .. "\n", { 16, 2 })
    end
  end
end

local function dumps_that_stay(add)
  local list = { "token-of-it-1", "another-secret-2" }
  for i, text in ipairs {
    "00000000: 7468 6520 7175 6963 6b20 6272 6f77 6e20  the quick brown \n00000010: 666f 780a                                fox.\n",
    "00000000  74 68 65 20 71 75 69 63  6b 20 62 72 6f 77 6e 20  |the quick brown |\n*\n00000020\n",
    "0000000 064164 020145 072561 061551 020153 071142 073557 020156\n0000020\n",
    "12:30:45 started\n12:30:46 done\n", "10 20 30 40 50 60 70 80 90 10 20 30 40 50 60 70 80\n", "42\n", "  7 files\n",
    "deadbeef cafe babe\n", "    00:c3:4f:\n    01\n", "2026-11-21 10:00:00 0 0 0 0 0 0 0 0 0 0 0 0 0 0\n", "00000000\n",
    "127.0.0.1 10.0.0.1\n", "aa:bb:cc:dd:ee:ff  eth0\n", "1 2 3 4 5 6 7 8 9 10 11 12 13 14 15 16 17 18 19 20 21\n",
    "   t   o   k   e   n\n   a   n   d   s   o   o   n\n", "   3   files\n   4   more\n", "1234567 tests: a word\n",
    "0000000   t   h   e   \\   q  \\n  \\q  001 400\n", "1234567   another   table   of   words   of   it\n",
    "total 8\n   4 -rw-r--r--   1 root root   12 x\n   8 drwxr-xr-x   2 root root 4096 y\n",
  } do
    add("text " .. i, { secrets = list, text = text, exact = text })
  end
end

local function moments_of_dumps(add)
  local list = { "Q7W2E9R4T6Y1U8I3" }
  local function moment(name, feeds, rest) add(name, { secrets = list, feeds = feeds, rest = rest }) end
  moment("a number at a prompt", { { "42", "42" }, { "\n", "\n" } })
  moment("an indented prompt", { { "   >", "   >" }, { " ", " " } })
  moment("what may begin one waits", { { "0000000   a   Q", "0000000   a   " }, { "   ~ ", "Q   ~ " } })
  moment("the time", { { "12:30", "12:30" }, { ":01", ":01" }, { " ok", " ok" } })
  moment("percents", { { "7", "7" }, { "%", "%" }, { "\r12", "\r12" }, { "%", "%" } })
  moment("a line of a dump", { { "00000000: 7468 6520\n", "00000000: 7468 6520\n" } })
  moment("what continues a secret waits", { { "00000000: 7468 5137 57", "00000000: 7468 " }, { "32\n", "" } },
    "5137 5732\n")
  moment("and leaves when it does not", { { "00000000: 7468 5137 5732 ", "00000000: 7468 " }, { "6161 ", "5137 5732 6161 " } })
  moment("a secret leaves with its last digit",
    { { "00000000: 5137 5732 4539 5234 5436 5931 5538 4933 ", "00000000: *** " } })
end

local function moments(add, o)
  local token = o.secrets.token
  local line = ("A"):rep(60)
  add("a long line leaves with its end", { secrets = { token }, feeds = { { line .. "\n", line .. "\n" } } })
  add("what reaches over the end waits", { secrets = { token },
    feeds = { { line .. token:sub(1, 8) .. "\n", line }, { token:sub(9), "***\n***" }, { "\n", "\n" } } })
  add("and no longer than it must", { secrets = { token },
    feeds = { { line .. token:sub(1, 8) .. "\n", line }, { "?", token:sub(1, 8) .. "\n?" } } })
  add("the end releases it", { secrets = { token }, feeds = { { line .. token:sub(1, 8) .. "\n", line } },
    rest = token:sub(1, 8) .. "\n" })
end

return function(class, o)
  local function with(f) return function(add) f(add, o) end end
  class("base64 in lines", with(base64))
  class("hexadecimal digits in lines", with(hex))
  class("folded text", with(folded))
  class("lines that are not joined", with(not_joined))
  class("moments of lines", with(moments))
  class("dumps", dumps)
  class("dumps of characters", characters)
  class("numbers between colons", colons)
  class("dumps and numbers that stay", dumps_that_stay)
  class("moments of dumps", moments_of_dumps)
end
