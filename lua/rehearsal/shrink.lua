---Finds out which of several things that went wrong are enough: the fewest with which a schedule still fails.
local shrink = {}

-- Every way to take `size` of the terms, in their order: f(id).
local function each_choice(terms, size, f)
  local chosen = {}
  local function choose(from)
    if #chosen == size then return f(table.concat(chosen, "+")) end
    for i = from, #terms do
      chosen[#chosen + 1] = terms[i]
      choose(i + 1)
      chosen[#chosen] = nil
    end
  end
  choose(1)
end

local function terms_of(id)
  local terms = {}
  for term in id:gmatch "[^+]+" do terms[#terms + 1] = term end
  return terms
end

-- The choices of this size of which nothing is known yet, each once.
local function unknown(open, size, tried)
  local ids, seen = {}, {}
  for _, terms in pairs(open) do
    if size < #terms then each_choice(terms, size, function(id)
      if tried[id] == nil and not seen[id] then ids[#ids + 1], seen[id] = id, true end
    end) end
  end
  return ids
end

-- The first choice of this size that fails.
local function failing(terms, size, tried)
  local found
  each_choice(terms, size, function(id)
    if tried[id] == false then found = found or id end
  end)
  return found
end

local function open_ones(failed)
  local open, most = {}, 1
  for _, id in ipairs(failed) do
    local terms = terms_of(id)
    if #terms > 1 then open[id], most = terms, math.max(most, #terms) end
  end
  return open, most
end

---An effect that a choice names may never be reached without the others: then it is no schedule, and nothing is
---learned of it.
---@param failed string[]              ids of schedules that failed
---@param tried table<string, boolean> by id: whether the schedule held; `run` adds to it
---@param run fun(ids: string[])       tries these schedules
---@return table<string, string>       by id, of several things: the smallest that fails, where there is a smaller one
function shrink.all(failed, tried, run)
  local smallest = {}
  local open, most = open_ones(failed)
  for size = 1, most - 1 do
    local ids = unknown(open, size, tried)
    if #ids > 0 then run(ids) end
    for id, terms in pairs(open) do
      local found = size < #terms and failing(terms, size, tried)
      if found then smallest[id], open[id] = found, nil end
    end
  end
  return smallest
end

return shrink
