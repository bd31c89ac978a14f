---`--plan`: what a recipe would do, as text or as one JSON object a line.
local core = require "core"
local event = require "event.core"
local exit = require "cli.exit"
local json = require "json"
local plan = require "run.plan"

local told = {}

-- How each is told, in the order of the summary.
local actions = {
  { "create", "+ create", "to create" }, { "change", "~ change", "to change" }, { "keep", "= keep", "kept" },
  { "destroy", "- destroy", "to destroy" }, { "run", "> run", "to run" }, { "apply", "> apply", "to apply" },
  { "skip", "/ skip", "left out" },
  { "ask", "? ask", "to ask" }, { "stays", "! stays", "not brought back" }, { "read", ". read", "read only" },
}

-- What few plans have is not counted in the others.
local only_some = { apply = true, skip = true, stays = true }

local function count(list)
  local counts = {}
  for _, one in ipairs(actions) do counts[one[1]] = 0 end
  for _, one in ipairs(list) do counts[one.action] = counts[one.action] + 1 end
  return counts
end

local function print_text(list, counts)
  local words, summary = {}, {}
  for _, one in ipairs(actions) do
    words[one[1]] = one[2]
    local shown = counts[one[1]] > 0 or not only_some[one[1]]
    if shown then summary[#summary + 1] = ("%d %s"):format(counts[one[1]], one[3]) end
  end
  for _, one in ipairs(list) do
    print(("  %-10s %s%s"):format(words[one.action], one.name, one.why and (" (" .. one.why .. ")") or ""))
  end
  print(("plan: %s"):format(table.concat(summary, ", ")))
end

local function print_json(name, list, counts, err)
  for _, one in ipairs(list) do
    event.print(json.encode { v = 1, event = "planned", at = core.now(), data = one })
  end
  event.print(json.encode { v = 1, event = "plan", at = core.now(), data = { recipe = name, counts = counts,
    error = err and { code = err.code, message = err.message, hint = err.hint } } })
end

---@param r table       a recipe
---@param params table
---@param is_json boolean
---@return integer exit code
function told.run(r, params, is_json)
  if not r.plans then
    failure { code = "usage", class = "misuse",
      message = ("--plan is not available for '%s': the recipe does not say what it would do"):format(r.name),
      hint = "--plan is for recipes that say plans = true" }
  end
  local list, err = plan.make(r, params)
  local counts = count(list)
  if is_json then print_json(r.name, list, counts, err) else print_text(list, counts) end
  if not err then return 0 end
  io.stderr:write("davit: the run would stop here: ", tostring(err), "\n")
  return exit.code(err)
end

return told
