---How the benches write numbers: three digits and the unit that suits the size.
local units = {}

local scales = {
  s = { { 1, "s" }, { 1e-3, "ms" }, { 1e-6, "µs" }, { 1e-9, "ns" } },
  B = { { 1e9, "GB" }, { 1e6, "MB" }, { 1e3, "kB" }, { 1, "B" } },
  ["B/s"] = { { 1e9, "GB/s" }, { 1e6, "MB/s" }, { 1e3, "kB/s" }, { 1, "B/s" } },
}

local function grouped(n)
  local text = ("%.0f"):format(n)
  local rest
  repeat text, rest = text:gsub("^(-?%d+)(%d%d%d)", "%1,%2") until rest == 0
  return text
end

-- 1234.5 -> 1,230; 12.345 -> 12.3; 0.012345 -> 0.0123
local function digits(n)
  local size = math.abs(n)
  if size == 0 then return "0" end
  local shift = 10 ^ (math.floor(math.log(size, 10)) - 2)
  local rounded = math.floor(n / shift + 0.5) * shift
  if size >= 100 then return grouped(rounded) end
  return ("%.3g"):format(rounded)
end

local function scale_of(value, unit)
  local scale = scales[unit]
  for _, step in ipairs(scale or {}) do
    if math.abs(value) >= step[1] * 0.9995 then return step[1], step[2] end
  end
  return 1, scale and (scale[1][1] == 1 and scale[1][2] or scale[#scale][2]) or unit
end

---@param value number
---@param unit? string  "s", "B", "B/s" find their own size; any other stands as it is
---@return string
function units.format(value, unit)
  local size, name = scale_of(value, unit)
  local text = digits(value / size)
  return name and name ~= "" and text .. " " .. name or text
end

---The median with its range, in one unit: "6.12 ms (5.9 to 7.1)".
---@param stat number[]  median, lowest, highest
---@param unit? string
---@return string
function units.range(stat, unit)
  if stat[2] == stat[3] then return units.format(stat[1], unit) end
  local size = scale_of(stat[1], unit)
  return ("%s (%s to %s)"):format(units.format(stat[1], unit), digits(stat[2] / size), digits(stat[3] / size))
end

return units
