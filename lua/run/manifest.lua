---What a recipe may do: the list that `davit rehearse --manifest` prints, people review, and `davit run --manifest`
---holds a run to. One thing a line, in the names of host/permit.h, with "*" for numbers and ids.
local core = require "permit.core"
local json = require "json"
local shape = require "project.shape"

local manifest = {}

manifest.kinds = { "commands", "databases", "lookups", "reads", "requests", "secrets", "writes" }

-- ---- general names -----------------------------------------------------------------------------

local UUID <const> = ("%x"):rep(8) .. ("%-" .. ("%x"):rep(4)):rep(3) .. "%-" .. ("%x"):rep(12)

-- What a service makes up: Neon calls branches, endpoints and computes by words and a number, in a region of its own;
-- Cloudflare gives a zone two of its name servers.
local made_up = {
  { "%f[%w]" .. UUID .. "%f[%W]", "*" },
  { "%f[%w](br%-)%l+%-[%w-]+", "%1*" }, { "%f[%w](ep%-)%l+%-[%w-]+", "%1*" },
  { "%f[%w](compute%-)%l+%-[%w-]+", "%1*" },
  { "%.[%w-]+%.(%l+%.neon%.tech)", ".*.%1" }, { "%f[%w]%l+(%.ns%.cloudflare%.com)", "*%1" },
}

local function without_made_up(text)
  for _, entry in ipairs(made_up) do text = text:gsub(entry[1], entry[2]) end
  return text
end

-- A file with a number in its name is one of a series: whatever the others are called.
local function without_series(path)
  return (path:gsub("[^/]*%*[^/]*$", function(name)
    if name ~= "**" then return "*" .. (name:match "^.*(%.[^.*]+)$" or "") end
  end))
end

-- Digits alone, or with the letters of a hash or an id.
local function is_id(word)
  if not word:find "%d" then return false end
  if not word:find "%D" then return true end
  return #word >= 6 and not word:find "%X" or #word >= 16
end

---The name that stands for all of its kind: ids, numbers and what holds them are "*".
---@param kind string  of host/permit.h
---@param what string
---@return string
function manifest.general(kind, what)
  local text = without_made_up(what):gsub("%w+", function(word)
    if is_id(word) then return "*" end
  end)
  local joined
  repeat text, joined = text:gsub("%*[-_]%*", "*") until joined == 0
  return (kind == "reads" or kind == "writes") and without_series(text) or text
end

-- ---- writing -----------------------------------------------------------------------------------

local HEAD <const> = [[
# What the recipe '%s' may do: what it did in all of its rehearsals.
# 'davit rehearse %s --manifest' writes this, 'davit run %s --manifest FILE' holds a run to it.
version: 1
recipe: %s
]]

---A rehearsal has stand-ins for what commands tell of secrets; a run starts those that davit.yaml names.
---@param uses string[]  "KIND NAME"
---@param project table
---@return string[]
function manifest.with_commands(uses, project)
  local list = table.move(uses, 1, #uses, 1, {})
  for _, use in ipairs(uses) do
    local secret = project.secrets[use:match "^secrets (.*)$"]
    if secret and secret.command then
      list[#list + 1] = "commands " .. manifest.general("commands", core.command(secret.command, project.root))
    end
  end
  return list
end

local meant_otherwise = { ["true"] = true, ["false"] = true, null = true, yes = true, no = true, on = true, off = true,
  y = true, n = true }

-- A text that YAML reads as itself.
local function scalar(text)
  local plain = text:find "^[%a./][^%c\"\\]*$" and not text:find ":%s" and not text:find "%s#"
    and not text:find "[:%s]$" and not tonumber(text) and not meant_otherwise[text:lower()]
  if plain then return text end
  return '"' .. text:gsub('[%c"\\]', function(c)
    return (c == '"' or c == "\\") and "\\" .. c or ("\\x%02x"):format(c:byte())
  end) .. '"'
end

-- A folder that is listed stands for what is in it.
local function is_within(list, what)
  for _, other in ipairs(list) do
    if other ~= what and other:sub(-2) == "**" and core.matches(other, what) then return true end
  end
  return false
end

local function add_kind(lines, kind, list)
  lines[#lines + 1] = kind .. ":" .. (#list == 0 and " []" or "")
  for _, what in ipairs(list) do lines[#lines + 1] = "  - " .. scalar(what) end
end

---@param recipe string
---@param uses string[]  "KIND NAME", in any order
---@return string
function manifest.text(recipe, uses)
  local by_kind, seen = {}, {}
  for _, kind in ipairs(manifest.kinds) do by_kind[kind] = {} end
  for _, use in ipairs(uses) do
    local kind, what = use:match "^(%l+) (.*)$"
    if not seen[use] then table.insert(by_kind[kind], what) end
    seen[use] = true
  end
  local lines = {}
  for _, kind in ipairs(manifest.kinds) do
    local list = {}
    for _, what in ipairs(by_kind[kind]) do
      if not is_within(by_kind[kind], what) then list[#list + 1] = what end
    end
    table.sort(list)
    add_kind(lines, kind, list)
  end
  return (HEAD:gsub("%%s", recipe)) .. table.concat(lines, "\n") .. "\n"
end

-- ---- holding a run to it -------------------------------------------------------------------------

local keys = { version = "integer", recipe = "text" }
for _, kind in ipairs(manifest.kinds) do keys[kind] = "any" end

-- What Davit itself reads and writes for GitHub's runner, which names the files anew for each step.
local runner = {
  reads = { "GITHUB_EVENT_PATH" },
  writes = { "GITHUB_OUTPUT", "GITHUB_ENV", "GITHUB_STATE", "GITHUB_STEP_SUMMARY" },
}

local function add_runner(m)
  for kind, names in pairs(runner) do
    for _, name in ipairs(names) do
      local path = os.getenv(name)
      if path and path ~= "" then table.insert(m[kind], path) end
    end
  end
end

---Raises "config" where the file is none, or is the manifest of another recipe.
---@param file string
---@param recipe string
---@return table manifest  lists of patterns by kind
function manifest.read(file, recipe)
  local text, err = try(require("fs.core").read, file)
  if not text then
    failure { code = "config", class = "misuse", about = file, message = err.message,
      hint = ("davit rehearse %s --manifest > %s"):format(recipe, file) }
  end
  local m, where = shape.read(text, file, keys, "davit rehearse RECIPE --manifest writes one")
  shape.require_keys(where, m, "", { "version", "recipe" })
  if m.version ~= 1 then shape.wrong(where, "version", "this davit reads version 1") end
  if m.recipe ~= recipe then
    shape.wrong(where, "recipe", ("is the manifest of '%s', and this is '%s'"):format(m.recipe, recipe))
  end
  for _, kind in ipairs(manifest.kinds) do
    local none = m[kind] == nil or m[kind] == json.null   -- a kind of which the last line was taken away
    m[kind] = none and {} or shape.check(where, m[kind], { list = "text" }, kind)
  end
  return m
end

-- The local cloud's databases are on this machine, and it tells their addresses.
local function lead_to_loopback(databases)
  for i = 1, #databases do
    local local_one, mapped = databases[i]:gsub("@ep%-[^/]*%.neon%.tech", "@127.*")
    if mapped > 0 then databases[#databases + 1] = local_one end
  end
end

---From here on this process does what the manifest has, and everything else is refused.
---@param file string
---@param recipe string
---@param where { root: string, is_local: boolean|nil }  the project's folder; whether all leads to the local cloud
---@return { refused: fun(self): string|nil }
function manifest.hold(file, recipe, where)
  local m = manifest.read(file, recipe)
  add_runner(m)
  if where.is_local then lead_to_loopback(m.databases) end
  local o = { root = where.root, file = file:match "[^/]*$" }
  for _, kind in ipairs(manifest.kinds) do o[kind] = m[kind] end
  return core.hold(o)
end

return manifest
