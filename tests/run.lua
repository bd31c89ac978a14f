---Runs the Lua tests inside the host: davit tests/run.lua [FILE_test.lua…]
---A test file calls test(name, function); a test passes when its function returns. It may
---call skip(reason). The last line counts them.
local fs = require "fs"

local passed, failed, skipped, skipping = 0, 0, 0, {}

local function show(value, indent)
  if type(value) ~= "table" or getmetatable(value) and getmetatable(value).__tostring then
    return type(value) == "string" and ("%q"):format(value) or tostring(value)
  end
  local parts = {}
  for k, v in pairs(value) do
    parts[#parts + 1] = ("%s  [%s] = %s"):format(indent, show(k, ""), show(v, indent .. "  "))
  end
  return #parts == 0 and "{}" or "{\n" .. table.concat(parts, ",\n") .. "\n" .. indent .. "}"
end

local function same(a, b)
  if type(a) ~= "table" or type(b) ~= "table" then
    return a == b and math.type(a) == math.type(b)
  end
  for k, v in pairs(a) do
    if not same(v, b[k]) then return false end
  end
  for k in pairs(b) do
    if a[k] == nil then return false end
  end
  return true
end

local env = setmetatable({}, { __index = _G })

function env.equal(got, expected)
  if not same(got, expected) then
    error(("expected %s\n  got %s"):format(show(expected, "  "), show(got, "  ")), 2)
  end
end

function env.raises(pattern, f, ...)
  local results = table.pack(pcall(f, ...))
  if results[1] then error("expected an error like " .. pattern .. ", and it returned", 2) end
  local text = tostring(results[2])
  if not text:find(pattern) then error(("expected an error like %s\n  got %s"):format(pattern, text), 2) end
  return results[2]
end

function env.skip(reason)
  error(setmetatable({ reason = reason }, skipping), 0)
end

function env.test(name, f)
  local ok, err = xpcall(f, function(e)
    if getmetatable(e) == skipping then return e end
    return tostring(e) .. "\n" .. (type(e) == "table" and e.trace or "")
  end)
  if ok then
    passed = passed + 1
  elseif getmetatable(err) == skipping then
    skipped = skipped + 1
    print("skipped: " .. name .. ": " .. err.reason)
  else
    failed = failed + 1
    print("FAILED: " .. name .. "\n  " .. err)
  end
end

local files = { ... }
if #files == 0 then
  for _, name in ipairs(fs.list("tests")) do
    if name:find("_test%.lua$") then files[#files + 1] = "tests/" .. name end
  end
end
for _, file in ipairs(files) do
  local chunk, err = load(fs.read(file), "@" .. file, "t", env)
  if not chunk then error(err, 0) end
  chunk()
end
print(("%d passed, %d failed, %d skipped"):format(passed, failed, skipped))
return failed == 0 and 0 or 1
