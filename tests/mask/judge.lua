---Judges the masker by cases, and counts them by class.
---
---A case has `secrets` and `text`, or `feeds` where cuts matter, and what must come out: `exact` (or `also`), a
---`pattern`, `gone` (none of these may be left), `stays` (all of these must be), or what `check` says of it. A text is fed whole, cut into
---two at every byte when it is short, and byte by byte: whatever the cuts, the same must come out.
local mask = require "mask"

local judge = { classes = {} }

local SHORT <const> = 160   -- up to here every cut is tried

-- A masker begins again when it has finished.
local function fed(masker, parts)
  local out = {}
  for i, part in ipairs(parts) do out[i] = masker:feed(part) end
  out[#out + 1] = masker:finish()
  return table.concat(out)
end

local function single_bytes(text)
  local parts = {}
  for i = 1, #text do parts[i] = text:sub(i, i) end
  return parts
end

local function stars_joined(text) return (text:gsub("%*%*%*+", "***")) end

local function differs_by_cut(masker, case, whole)
  local joined = stars_joined(whole)
  local function check(parts, how)
    local got = stars_joined(fed(masker, parts))
    if got ~= joined then return ("%s: %q instead of %q"):format(how, got, joined) end
  end
  if #case.text <= SHORT then
    for at = 1, #case.text - 1 do
      local why = check({ case.text:sub(1, at), case.text:sub(at + 1) }, "cut after " .. at)
      if why then return why end
    end
  end
  return check(single_bytes(case.text), "byte by byte")
end

local function wrong_output(case, out)
  local joined = stars_joined(out)
  if case.exact and joined ~= stars_joined(case.exact) and joined ~= case.also then
    return ("expected %q, got %q"):format(case.exact, out)
  end
  if case.pattern and not stars_joined(out):find(case.pattern) then
    return ("expected %s, got %q"):format(case.pattern, out)
  end
  local why = case.check and case.check(out)
  if why then return ("%s in %q"):format(why, out) end
  for _, text in ipairs(case.gone or {}) do
    if out:find(text, 1, true) then return ("%q is left in %q"):format(text, out) end
  end
  for _, text in ipairs(case.stays or {}) do
    if not out:find(text, 1, true) then return ("%q is missing from %q"):format(text, out) end
  end
end

-- What must have left by the end of each feed, and what came later.
local function wrong_moment(case)
  local masker = mask.new(case.secrets)
  for i, step in ipairs(case.feeds) do
    local out = masker:feed(step[1])
    if out ~= step[2] then return ("feed %d: expected %q, got %q"):format(i, step[2], out) end
  end
  local rest = masker:finish()
  if rest ~= (case.rest or "") then return ("at the end: expected %q, got %q"):format(case.rest or "", rest) end
end

local function verdict(case)
  if case.feeds then return wrong_moment(case) end
  local masker = mask.new(case.secrets)
  local whole = fed(masker, { case.text })
  return wrong_output(case, whole) or differs_by_cut(masker, case, whole)
end

---@param class string
---@param name string
---@param case table
function judge.case(class, name, case)
  local c = judge.classes[class]
  if not c then
    c = { passed = 0, count = 0, misses = {} }
    judge.classes[class] = c
  end
  local why = verdict(case)
  c.count = c.count + 1
  if why then c.misses[#c.misses + 1] = name .. ": " .. why else c.passed = c.passed + 1 end
end

---One line for each class.
---@return string text, integer count, integer passed
function judge.score()
  local lines, count, passed = {}, 0, 0
  for class, c in pairs(judge.classes) do
    lines[#lines + 1] = ("  %-28s %5d of %5d"):format(class, c.passed, c.count)
    count, passed = count + c.count, passed + c.passed
  end
  return table.concat(lines, "\n"), count, passed
end

return judge
