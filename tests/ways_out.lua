---For tests that try to get a secret out: each way is tried by a davit of its own, whose outputs, files and requests are
---then searched. This process never learns the value as a secret: its own mask would hide what got out.
local base64 = require "base64"
local core = require "core"
local fs = require "fs"
local hex = require "hex"
local process = require "process"
local server = require "server"
local url = require "url"
local uuid = require "uuid"

local ways = {}

local here = process.run { argv = { "pwd" } }.output:match("[^\n]+")
ways.davit = here .. "/" .. (os.getenv "DAVIT" or "build/davit")

---The value of the variable WAY, another one in every process.
ways.value = "Wo/" .. uuid.v4() .. "+" .. core.random(6):gsub(".", function(c) return ("%02x"):format(c:byte()) end)

local forms = {
  ways.value, url.encode(ways.value), base64.encode(ways.value), base64.encode(ways.value, { url = true }),
  hex.encode(ways.value), hex.encode(ways.value):upper(), (ways.value:gsub("/", "\\/")), ways.value:sub(8, -3),
}

---Raises when a text holds the value in some form.
---@param text string
---@param where string
function ways.search(text, where)
  for i, form in ipairs(forms) do
    local at = text:find(form, 1, true)
    if at then error(("the secret got out (form %d): %s, at byte %d"):format(i, where, at), 0) end
  end
end

---The same for every file below a folder, the journal among them.
---@param folder string
function ways.search_files(folder)
  local found = process.run { argv = { "grep", "-rlaF", "-f", "-", folder }, input = table.concat(forms, "\n"), check = false }
  if found.exit ~= 1 then error("the secret got out, into files: " .. found.output .. found.errors, 0) end
end

-- ---- servers that record --------------------------------------------------------------------------------

local function text_of(request)
  local parts = { request.method, request.path, request.query, request.body }
  for name, value in pairs(request.headers) do parts[#parts + 1] = name .. ": " .. value end
  return table.concat(parts, "\n")
end

-- "/to?status=307&location=…" leads elsewhere; everything else is answered with 200.
local function answer(request)
  if request.path ~= "/to" then return 200, "{}" end
  local fields = url.fields(request.query)
  return tonumber(fields.status or "302"), "", { location = fields.location }
end

---Serves the place that WAY may go to, and another one, while f runs.
---@param f fun(home: server.Server, evil: server.Server)
---@return string at_home, string elsewhere  all that they were sent
function ways.with_servers(f)
  local at_home, elsewhere = {}, {}
  local function record(list)
    return function(request)
      list[#list + 1] = text_of(request)
      return answer(request)
    end
  end
  server.with(record(at_home), function(home)
    server.with(record(elsewhere), function(evil) f(home, evil) end)
  end)
  return table.concat(at_home, "\n"), table.concat(elsewhere, "\n")
end

-- ---- one davit that tries ----------------------------------------------------------------------------------

local BEGIN = [[
local secret, http, process = require "secret", require "http", require "process"
local HOME, EVIL = os.getenv "HOME_URL", os.getenv "EVIL_URL"
local WAY = secret.env("WAY", { to = { HOME, "program:cksum" } })
local function tell(...)
  local value, err = try(...)
  print(value, err)
end
]]

---@class ways.Options
---@field recipe? boolean   a run of a recipe, with a journal; the text is its body
---@field arguments? string[]
---@field env? table<string, string>
---@field at_home? boolean  it has to arrive at home
---@field reached? boolean  the other place has to be asked, without it

local function prepare(folder, text, o)
  fs.make(folder / "tmp", { outside = true })
  local code = BEGIN:gsub("\n", " ") .. text
  if not o.recipe then return { ways.davit, "eval", code } end
  fs.write(folder / "davit.yaml", "version: 1\nproject: ways\n", { outside = true })
  fs.write(folder / "recipes/way.lua", 'return { summary = "A way", run = function(_, run) ' .. code .. "\nend }\n",
    { outside = true })
  return { ways.davit, "run", "way", table.unpack(o.arguments or {}) }
end

local function environment(folder, home, evil, o)
  local env = { WAY = ways.value, HOME_URL = home.url, EVIL_URL = evil.url, TMPDIR = folder / "tmp", NO_COLOR = "1",
    CI = false, XDG_STATE_HOME = folder / "state", HERE = folder.path }
  for name, value in pairs(o.env or {}) do env[name] = value end
  return env
end

-- GitHub's runner, which reads standard error there, is told what to mask, and takes the line out.
local function without_masks(text) return (("\n" .. text):gsub("\n::add%-mask::[^\n]*", "")) end

---Lets a davit try it, and searches all that came of it.
---@param text string  Lua; WAY is the secret, HOME and EVIL are URLs, tell(f, …) prints what comes of a call
---@param o? ways.Options
---@return process.Result
function ways.try(text, o)
  o = o or {}
  local folder <close> = fs.temporary()
  local result
  local at_home, elsewhere = ways.with_servers(function(home, evil)
    result = process.run { argv = prepare(folder, text, o), cwd = folder.path, env = environment(folder, home, evil, o),
      check = false, timeout = 60 }
  end)
  ways.search(result.output, "standard output")
  ways.search(without_masks(result.errors), "standard error")
  ways.search(elsewhere, "a request to another place")
  ways.search_files(folder.path)
  if o.at_home and not at_home:find(ways.value, 1, true) then error("it did not arrive where it may go: " .. at_home, 0) end
  if o.reached and elsewhere == "" then error("the other place was not asked: " .. result.output .. result.errors, 0) end
  return result
end

return ways
