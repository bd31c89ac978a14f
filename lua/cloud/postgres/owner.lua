---Who PostgreSQL's programs run as, and the folder that is theirs: PostgreSQL refuses to run as root, so for
---root everything here is done as nobody, in a folder that nobody may enter.
local fs = require "fs.core"
local process = require "process"
local sha256 = require "sha256"

local owner = {}

local NOBODY = "65534"

---@class cloud.postgres.Owner
---@field binaries string  the folder of PostgreSQL's programs
---@field folder string    where all the data is
---@field root boolean
---@field squeeze string   the program that compresses, with its arguments
local Owner = {}
Owner.__index = Owner

-- ---- where ------------------------------------------------------------------------------------

local FIND = [[
bin=$(command -v pg_basebackup initdb postgres | head -n 1)
[ -n "$bin" ] && bin=$(dirname "$(readlink -f "$bin")")
for dir in "$bin" $(ls -d /usr/lib/postgresql/*/bin /usr/pgsql-*/bin 2>/dev/null | sort -rV); do
  [ -x "$dir/initdb" ] && [ -x "$dir/postgres" ] && [ -x "$dir/pg_basebackup" ] || continue
  echo "$dir"
  exit
done
]]

---@return string|nil folder  of PostgreSQL's programs, where the system keeps them
function owner.find()
  return process.run({ command = FIND, check = false }).output:match("[^\n]+")
end

-- Makes a folder that belongs to nobody. Anyone may write to /var/tmp, so a link that stands
-- there already is not followed.
local OWN = [[
mkdir -p -m 700 "$1" && [ ! -L "$1" ] && chown -h "$2:$2" "$1" || exit 1
setpriv --reuid="$2" --regid="$2" --clear-groups -- test -w "$1" || { rmdir "$1"; exit 1; }
]]

-- Where anyone may make a folder, one that is there must be ours: whoever made it could change what is in it.
local OURS = [[
mkdir -m 700 "$1" 2>/dev/null && exit
case $(stat -c "%u %a %F" "$1") in "0 700 directory" | "$2 700 directory") ;; *) exit 1 ;; esac
]]

local function own(folder, shared)
  for _, script in ipairs { shared and OURS or "true", OWN } do
    local result = process.run { argv = { "sh", "-c", script, "sh", folder, NOBODY }, check = false }
    if result.exit ~= 0 then return false end
  end
  return true
end

local function elsewhere(folder)
  return "/var/tmp/davit-" .. sha256(folder):sub(1, 16)
end

-- Below a folder that only root may enter nobody finds nothing.
local function choose_folder(root, folder)
  local inside, outside = folder .. "/postgres", elsewhere(folder)
  if not root then
    fs.make(inside)
    fs.chmod(inside, "0700")
    return inside
  end
  if own(inside) then return inside end
  if own(outside, true) then return outside end
  failure {
    code = "postgres-folder", about = outside,
    message = ("neither %s nor %s can be given to an unprivileged user for PostgreSQL"):format(inside, outside),
    hint = "choose a project folder that other users may enter, or do not run Davit as root; "
      .. "what somebody else made in /var/tmp is not taken",
  }
end

-- Somebody may have given it a disk of its own: then it stays, and is empty. A link is removed, not followed.
local function clear(folder)
  if not select(2, try(fs.remove, folder)) then return end
  for _, name in ipairs(fs.list(folder)) do fs.remove(("%s/%s"):format(folder, name)) end
end

---Removes all data that belongs to a local cloud that does not run.
---@param folder string  of the local cloud, absolute
function owner.reset(folder)
  clear(folder .. "/postgres")
  clear(elsewhere(folder))
end

---@param binaries string
---@param folder string  of the local cloud, absolute
---@param root boolean   whether Davit runs as root
---@return cloud.postgres.Owner
function owner.new(binaries, folder, root)
  local has_zstd = process.run({ command = "command -v zstd", check = false }).exit == 0
  return setmetatable({ binaries = binaries, root = root, folder = choose_folder(root, folder),
    squeeze = has_zstd and "zstd -q -1" or "gzip -1" }, Owner)
end

-- ---- running ----------------------------------------------------------------------------------

---@param argv string[]
---@return string[]  the same as the data's owner
function Owner:argv(argv)
  if not self.root then return argv end
  return table.move(argv, 1, #argv, 6,
    { "setpriv", "--reuid=" .. NOBODY, "--regid=" .. NOBODY, "--clear-groups", "--" })
end

---@param name string
---@return string  the path of one of PostgreSQL's programs
function Owner:program(name) return ("%s/%s"):format(self.binaries, name) end

local function full(message)
  return message:find("No space left on device", 1, true) or message:find "[Qq]uota exceeded"
end

-- A disk that is full is the reason, whatever is said of it at last.
local function last_line(result)
  local last
  for line in (result.output .. "\n" .. result.errors):gmatch "[^\n]*%S[^\n]*" do
    if full(line) then return line end
    last = line:find "removing" and last or line   -- what programs say while they tidy up
  end
  return last or result.signal or ("exit code %d"):format(result.exit)
end

local function hint_of(message, folder)
  if full(message) then return ("make room for %s: it is tried again when the branch is used next"):format(folder) end
end

---Runs a program to its end as the data's owner.
---@param what string     for the error: "copying branch main"
---@param argv string[]
---@param o? { input?: string, env?: table<string, string> }
---@return string output  raises "postgres-failed" with the program's last line
function Owner:run(what, argv, o)
  o = o or {}
  local result = process.run { argv = self:argv(argv), cwd = self.folder, check = false, input = o.input,
    env = o.env, output = "capture" }
  if result.exit == 0 then return result.output end
  local said = last_line(result)
  failure { code = "postgres-failed", class = "transient", about = what, message = ("%s: %s"):format(what, said),
    hint = hint_of(result.errors .. said, self.folder) }
end

---Runs a shell script likewise.
---@param what string
---@param script string
---@param ... string  its $1, $2, …
---@return string output
function Owner:shell(what, script, ...)
  return self:run(what, { "sh", "-ceu", script, "sh", ... }, { env = { SQUEEZE = self.squeeze, LC_ALL = "C" } })
end

---Writes a file that only the owner may read; never half of it.
---@param path string
---@param text string
function Owner:write(path, text)
  self:run("writing " .. path, { "sh", "-ceu", 'umask 077; cat > "$1.new"; mv "$1.new" "$1"', "sh", path },
    { input = text })
end

return owner
