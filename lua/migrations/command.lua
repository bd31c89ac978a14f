---The project's own commands: the one that writes migrations, and the one that applies them.
---
---drizzle-kit ends with 1 and prints nothing when a migration fails. So the database is reached before (whoever runs
---the command has a session on it already), all that the command printed is told, and where its files are known they
---are carried out once more and taken back, for what the server says.
local fs = require "fs.core"
local options = require "options"
local process = require "process"
local sha256 = require "sha256"

local command = {}

local LONGEST = 8000   -- bytes of a command's output in an error

-- Colours and what a spinner wrote over.
local function plain(text)
  text = text:gsub("\27%[[0-?]*[ -/]*[@-~]", ""):gsub("[^\n]*\r([^\n])", "%1")
  return (text:gsub("[\0-\8\11\12\14-\31\127]", ""):gsub("%s+$", ""):gsub("\n%s*\n+", "\n"))
end

-- From the end when it is very long: that is where errors are.
local function told(result)
  local text = plain(result.output .. "\n" .. result.errors)
  if #text <= LONGEST then return text end
  return "…" .. text:sub(utf8.offset(text, 0, #text - LONGEST) or #text - LONGEST)
end

-- Applying -----------------------------------------------------------------------------

local SILENT = "its statements run on this database: does the command use DATABASE_URL? (pg, below drizzle-kit, takes "
  .. "sslmode=require for verify-full)"

---Runs the project's command on a database. Raises "migration-command" with everything that it printed.
---@param o { command: string, cwd: string, url: any }
---@param explain fun(): boolean, string|nil  when it fails: whether its files were tried without it, and what they met
function command.migrate(o, explain)
  local result = process.run {
    command = o.command, cwd = o.cwd, env = { DATABASE_URL = o.url }, check = false, output = "stream", pty = false,
  }
  if result.exit == 0 then return end
  local said, tried, why = told(result), explain()
  local ending = result.signal and "was ended by " .. result.signal or ("ended with %d"):format(result.exit)
  failure {
    code = "migration-command", class = "fatal", about = options.beginning(o.command, 200),
    message = ("'%s' %s%s%s"):format(options.beginning(o.command, 200), ending, why and ": " .. why or "",
      said == "" and "; it printed nothing" or "; it printed:\n" .. said),
    hint = tried and not why and SILENT or nil,
  }
end

-- Generating -----------------------------------------------------------------------------

local function files_below(folder, prefix, found)
  for _, entry in ipairs(fs.exists(folder) and fs.list(folder) or {}) do
    local inner = entry:match "^(.*)/$"
    if inner then
      files_below(folder .. "/" .. inner, prefix .. inner .. "/", found)
    else
      found[prefix .. entry] = fs.read(folder .. "/" .. entry)
    end
  end
  return found
end

-- What is different, by name.
local function changes(before, after)
  local list = {}
  for name, text in pairs(after) do
    if before[name] ~= text then list[#list + 1] = (before[name] and "changed " or "new ") .. name end
  end
  for name in pairs(before) do
    if not after[name] then list[#list + 1] = "removed " .. name end
  end
  return list
end

local function put_back(folder, before, after)
  for name in pairs(after) do
    if not before[name] then fs.remove(folder .. "/" .. name) end
  end
  for name, text in pairs(before) do
    if after[name] ~= text then fs.write(folder .. "/" .. name, text) end
  end
end

---@param o { command: string, cwd: string, folder: string, shown: string, check?: boolean }
---@return { changes: string[], digest: string }
function command.generate(o)
  local before = files_below(o.folder, "", {})
  process.run { command = o.command, cwd = o.cwd, output = "stream", pty = false }
  local after = files_below(o.folder, "", {})
  local list = changes(before, after)
  if o.check and list[1] then
    put_back(o.folder, before, after)
    failure {
      code = "migration-drift", about = o.shown,
      message = ("the schema has changes that no migration in %s has: %s"):format(o.shown, table.concat(list, ", ")),
      hint = "'davit migrate --generate' writes them: look at what it wrote, and commit it",
    }
  end
  local names = {}
  for name, text in pairs(after) do names[#names + 1] = name .. " " .. sha256(text) end
  return { changes = list, digest = sha256(table.concat(names, "\n")) }
end

return command
