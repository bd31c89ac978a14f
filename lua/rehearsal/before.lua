---What comes before a rehearsed run: recipes, with parameters of their own or shared with it, and pushes.
local flags = require "cli.flags"
local recipe = require "recipe"

local before = {}

local PUSH <const> = "push"   -- no recipe, another commit

---@alias rehearsal.Before { recipe: string, params: table } | { push: true }

-- What is not given is no mistake yet: it may be shared.
local function optional(params)
  local list = {}
  for name, param in pairs(params) do list[name] = { type = param.type, least = param.least } end
  return list
end

-- Its own parameters, else those that it shares with the one that is rehearsed.
local function params_of(r, own, given, wrong)
  local values, rest = flags.parse(own, optional(r.params))
  if rest[1] then wrong(("unexpected argument '%s'"):format(rest[1]), "parameters are flags: --name value") end
  local params = {}
  for key, param in pairs(r.params) do
    params[key] = values[key]
    if params[key] == nil then params[key] = given[key] end
    if params[key] == nil then params[key] = param.default end
    if params[key] == nil and param.required then
      wrong(("its parameter --%s is required, and the rehearsed recipe has none"):format(key),
        ("'%s --%s …' gives it one"):format(r.name, key))
    end
  end
  return params
end

local function one(root, words, given, wrong)
  local name = table.remove(words, 1)
  if name == PUSH and not words[1] then return { push = true } end
  local r = recipe.load(root, name)
  return { recipe = name, params = params_of(r, words, given, function(what, hint) wrong(name, what, hint) end) }
end

---Adds what a text says: names between commas, or with blanks one recipe and its parameters.
---@param list rehearsal.Before[]
---@param root string|nil
---@param text string
---@param given table         parameters of the one that is rehearsed
---@param wrong fun(name: string, what: string, hint?: string)  raises
function before.add(list, root, text, given, wrong)
  for part in (text:find " " and text or text:gsub(",", "\0")):gmatch "%Z+" do
    local words = {}
    for word in part:gmatch "%S+" do words[#words + 1] = word end
    if words[1] then list[#list + 1] = one(root, words, given, wrong) end
  end
end

return before
