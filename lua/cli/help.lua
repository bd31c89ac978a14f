---The texts of help: made from the verbs and from the recipes themselves.
local deadline = require "run.deadline"
local recipe = require "recipe"

local help = {}

local verbs = {
  { "run RECIPE [--NAME VALUE]…", "run a recipe (also: davit RECIPE …)" },
  { "resume [RUN]", "finish a run that was interrupted (--accept-changes: after an edit)" },
  { "undo RUN", "take back what a run made (--accept-left: what cannot be stays); undo RECIPE …: what lives" },
  { "approve RUN [--why TEXT]", "answer what a run asked, and go on with it (--deny, --digest)" },
  { "cancel RUN [--why TEXT]", "stop a run, wherever it runs" },
  { "runs [--limit 50 | --all]", "the runs of this project, newest first" },
  { "show RUN", "what a run did, on its time line (--json: event by event)" },
  { "gc [--keep 30d] [--dry-run]", "forget runs that are over, and artifacts that have expired" },
  { "rehearse [RECIPE [--NAME VALUE]…]", "run a recipe offline, and disturb it at every point" },
  { "check [RECIPE…]", "whether davit.yaml and the recipes are well formed, and which are not rehearsed" },
  { "wait URL… [--deadline 5m] …", "wait until services are healthy (wait --help)" },
  { "mask [--secret-env NAME]… …", "a filter: standard input without the secrets in it (mask --help)" },
  { "artifact put|get|list|rm|key …", "what one job makes and another one uses (artifact --help)" },
  { "cloud [--fault RULE]… …", "the local cloud on loopback, for --local and any client (cloud --help)" },
  { "eval 'LUA'", "run a piece of Lua with Davit's modules" },
  { "FILE.lua [ARGUMENT]…", "run a script (also through a #! line)" },
  { "help [RECIPE]", "this text, or a recipe's" },
  { "version", "the version" },
}

local global_flags = {
  { "--local", "everything goes to the local cloud on this machine" },
  { "--plan", "only say what would be created, changed and destroyed (recipes with plans = true)" },
  { "--project DIR", "the folder that holds davit.yaml" },
  { "--yes", "answer approvals with yes" },
  { "--wait", "stay for approvals and for leases that somebody holds" },
  { "--keep", "a failed run is not taken back" },
  { "--break-lease NAME,…", "take leases over from who holds them" },
  { "--manifest FILE", "refuse what is not in FILE, which 'davit rehearse RECIPE --manifest' writes" },
  { "--json", "events on stdout, one JSON object a line" },
  { "--debug", "errors with the Lua traceback" },
  { "--no-color", "plain text (also: NO_COLOR)" },
}

local function rows(list)
  local width, lines = 0, {}
  for _, row in ipairs(list) do width = math.max(width, utf8.len(row[1])) end
  for _, row in ipairs(list) do
    lines[#lines + 1] = ("  %s%s  %s"):format(row[1], (" "):rep(width - utf8.len(row[1])), row[2])
  end
  return table.concat(lines, "\n")
end

---@param root string|nil
---@return string
function help.main(root)
  local recipes = {}
  for _, name in ipairs(recipe.names(root)) do
    local r, err = try(recipe.load, root, name)
    recipes[#recipes + 1] = { name, r and r.summary or ("does not load: " .. err.message) }
  end
  return table.concat({
    "davit puts releases in front of users, and takes them back.",
    "", "Usage: davit VERB …", rows(verbs), "", "Recipes here:", rows(recipes), "",
    "Flags of every run:", rows(global_flags), "",
    "Examples:", "  davit run preview --pr 42", "  davit cleanup --pr 42 --local",
  }, "\n")
end

local function flag_row(name, param)
  local flag = "--" .. name:gsub("_", "-")
  if param.type ~= "boolean" then flag = flag .. " " .. param.type:upper() end
  local notes = param.help or ""
  if param.required then
    notes = notes .. " (required)"
  elseif param.default ~= nil then
    notes = notes .. (" (default %s)"):format(tostring(param.default))
  end
  return { flag, notes }
end

---@param r table  a recipe
---@return string
function help.recipe(r)
  local list = {}
  for name, param in pairs(r.params) do list[#list + 1] = flag_row(name, param) end
  local parts = { r.summary, "", ("Usage: davit run %s [FLAG]…"):format(r.name) }
  if #list > 0 then parts[#parts + 1] = rows(list) end
  if r.deadline then parts[#parts + 1] = "\nIt is ended, and taken back, after " .. deadline.text(r.deadline) .. "." end
  parts[#parts + 1] = "\nFlags of every run:\n" .. rows(global_flags)
  if r.description then parts[#parts + 1] = "\n" .. r.description end
  return table.concat(parts, "\n")
end

return help
