---What encoders break into lines: base64 and hexadecimal digits at their widths, and dumps.
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
end
