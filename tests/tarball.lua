---Archives byte by byte, as no packer would write them: for tests, and for the fuzzer's corpus
---(tests/fuzz/archives.lua).
local tarball = {}

local BLOCK <const> = 512

local function field(text, width) return (text .. ("\0"):rep(width)):sub(1, width) end

local function octal(n, width) return ("%0" .. width - 1 .. "o\0"):format(n) end

---@class tests.TarHeader
---@field name string      up to 100 bytes
---@field type? string     ustar's letter: "0" a file, "1" hard link, "2" link, "3" "4" devices, "5" folder, "6" pipe
---@field size? integer    what the header says, whatever follows
---@field link? string
---@field mode? integer
---@field magic? string

---@param o tests.TarHeader
---@return string  512 bytes
function tarball.header(o)
  local head = field(o.name, 100) .. octal(o.mode or 420, 8) .. octal(0, 8) .. octal(0, 8) .. octal(o.size or 0, 12)
    .. octal(0, 12)
  local tail = (o.type or "0") .. field(o.link or "", 100) .. field(o.magic or "ustar\00000", 8) .. ("\0"):rep(BLOCK - 265)
  local sum = 8 * 32
  for _, part in ipairs { head, tail } do
    for i = 1, #part do sum = sum + part:byte(i) end
  end
  return head .. ("%06o\0 "):format(sum) .. tail
end

local function pad(data) return data .. ("\0"):rep(-#data % BLOCK) end

---@param name string
---@param data? string
---@param o? table  of the header
---@return string
function tarball.file(name, data, o)
  local h = { name = name, size = #(data or "") }
  for k, v in pairs(o or {}) do h[k] = v end
  return tarball.header(h) .. pad(data or "")
end

function tarball.folder(name) return tarball.header { name = name, type = "5", mode = 493 } end

function tarball.link(name, target) return tarball.header { name = name, type = "2", link = target } end

function tarball.hard_link(name, target) return tarball.header { name = name, type = "1", link = target } end

---A pax header for the entry behind it.
---@param records table<string, string>
---@param kind? "x"|"g"
function tarball.pax(records, kind)
  local text = ""
  for key, value in pairs(records) do
    local rest, n = (" %s=%s\n"):format(key, value), 0
    repeat
      local before = n
      n = #rest + #tostring(n)
    until n == before
    text = text .. n .. rest
  end
  return tarball.file("pax", text, { type = kind or "x" })
end

tarball.END = ("\0"):rep(2 * BLOCK)

-- zstd --------------------------------------------------------------------------------------------

local FRAME <const> = "\x28\xb5\x2f\xfd\x00\x58"   -- a window of 2 MiB, no size, no checksum
local BLOCK_MAX <const> = 1 << 17

local function block(kind, size, last, content)
  return ("<I3"):pack(size << 3 | kind << 1 | (last and 1 or 0)) .. content
end

---A frame in which nothing is compressed.
---@param data string
---@return string
function tarball.zstd(data)
  local parts = { FRAME }
  for at = 1, #data, BLOCK_MAX do
    local piece = data:sub(at, at + BLOCK_MAX - 1)
    parts[#parts + 1] = block(0, #piece, at + BLOCK_MAX > #data, piece)
  end
  if #data == 0 then parts[2] = block(0, 0, true, "") end
  return table.concat(parts)
end

---A frame that becomes the data and so many zeros, four bytes for each 128 KiB of them.
---@param data string
---@param zeros integer
---@return string
function tarball.bomb(data, zeros)
  local parts = { FRAME, block(0, #data, false, data) }
  for _ = 1, zeros // BLOCK_MAX do parts[#parts + 1] = block(1, BLOCK_MAX, false, "\0") end
  parts[#parts + 1] = block(1, zeros % BLOCK_MAX, true, "\0")
  return table.concat(parts)
end

---@param ... string  entries
---@return string
function tarball.archive(...)
  return tarball.zstd(table.concat { ... } .. tarball.END)
end

return tarball
