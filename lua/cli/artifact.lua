---`davit artifact put|get|list|rm|key`: artifacts for shell scripts and CI steps. Data goes to stdout, the rest to
---stderr. Paths count from the working folder and may lead anywhere, as they do in a shell.
local artifact = require "artifact"
local core = require "core"
local declared = require "artifact.declared"
local event = require "event.core"
local flags = require "cli.flags"
local fs = require "fs.core"
local json = require "json"
local options = require "options"
local process = require "process"
local project = require "project"
local seal = require "seal.core"
local secret = require "secret"

local verb = {}

local usage = options.usage

local HELP = [[
Artifacts: what one job makes and another one uses. They are in the project's .davit/artifacts, or in the folder
that DAVIT_ARTIFACTS names.

Usage: davit artifact put NAME PATH… [FLAG]…    makes one of a folder's content, of files, or of several paths
       davit artifact put NAME --value-env VARIABLE,… --sealed-to KEY,… --to PLACE,…   of secrets in the environment
       davit artifact get NAME [FLAG]…          extracts its files
       davit artifact get NAME [FLAG]… -- COMMAND…   runs a command with its values in the environment
       davit artifact list [NAME] [FLAG]…
       davit artifact rm NAME [FLAG]…
       davit artifact key FILE                  makes a private key in a new file, and prints its public key;
                                                of a file that is there, it prints that key's
  --run ID, --attempt N       which (default: GITHUB_RUN_ID and GITHUB_RUN_ATTEMPT, else local and 1 for put, any
                              for the others; list shows all)
  --json                      JSON, one object a line
  --project DIR               the folder that holds davit.yaml

  put
  --root DIR                  several paths are below it, and keep their names (default .)
  --except PATH,…             left out; below the root
  --retention TIME            how long it is kept: 12h, 30d (default 7d; sealed 1d)
  --replace                   another content under this name, run and attempt gives way
  --sealed-to KEY,…           for these keys alone: names in davit.yaml (artifacts.keys), or public keys
  --value-env VARIABLE,…      values instead of files; each is a secret
  --to PLACE,…                where the values may go later, as in davit.yaml: sql:*, program:psql, api.example.com
  --level N                   of compression, 1 to 19 (default 3)

  get
  --into DIR                  made when missing (default .)
  --digest sha256:HEX         it has to be this one
  --replace                   files that are there are replaced
  --key-file FILE             the private key of a sealed one (default: the variable DAVIT_ARTIFACT_KEY)
  --max-bytes N, --max-entries N, --max-ratio N   what may come out of it: bytes (default 16 GiB), entries (200,000),
                              bytes for each byte of the archive, from 64 MiB on (1,000)

  list
  --expired                   also what has expired and was not swept yet

A plaintext artifact holds no secret that davit.yaml declares and the environment or a file has, nor one of its
env_file, in any form; put names those that only a program or a descriptor has, and asks neither. Files that begin
with a dot are packed like all others. An artifact is never changed silently: the same content again is fine. What is
sealed has other bytes each time: say --replace to repeat it.

Exit code 0: done; 1: not found, damaged, or of other content; 2: usage; 7: it would hold a secret; 8: busy;
10: ended by a signal. get … -- COMMAND: the command's, 1 when a signal ended it.]]

-- Flags ------------------------------------------------------------------------------------------

local common = {
  project = { type = "string" }, run = { type = "string" }, attempt = { type = "integer" }, json = { type = "boolean" },
}

local function with_common(more)
  for name, param in pairs(common) do more[name] = param end
  return more
end

local params = {
  put = with_common {
    root = { type = "string" }, except = { type = "list" }, retention = { type = "string" },
    replace = { type = "boolean" }, ["sealed-to"] = { type = "list" }, ["value-env"] = { type = "list" },
    to = { type = "list" }, level = { type = "integer" },
  },
  get = with_common {
    into = { type = "string" }, digest = { type = "string" }, replace = { type = "boolean" },
    ["key-file"] = { type = "string" }, ["max-bytes"] = { type = "integer" }, ["max-entries"] = { type = "integer" },
    ["max-ratio"] = { type = "integer" },
  },
  list = with_common { expired = { type = "boolean" } },
  rm = with_common {},
  key = { project = common.project, json = common.json },
}

-- An empty one is a variable that was not set, and would mean the whole working folder.
local function check_path(path)
  if path == "" then usage("davit artifact: a path is empty", "is the variable set that it was to come from?") end
end

-- From the working folder, wherever the project is.
local function place(path)
  check_path(path)
  return path:sub(1, 1) == "/" and path or fs.real "." .. "/" .. path
end

local function enter(values)
  if values.project or project.root() then project.use(project.read(values.project)) end
end

local function one_name(what, rest)
  local name = rest[1]
  if not name then usage(("davit artifact %s: which artifact?"):format(what), "'davit artifact list' shows them") end
  if rest[2] then
    usage(("davit artifact %s: unexpected argument '%s'"):format(what, rest[2]),
      what == "get" and "a folder to extract into is --into DIR" or nil)
  end
  return name
end

-- "artifact.put: option 'retention' …" as who typed a flag reads it; a mistake there is no recipe's.
local function as_typed(message)
  return (message:gsub("^ar[tc]%l+%.[%l_]+: ", ""):gsub("option '([%w_]+)'", function(name)
    return "--" .. name:gsub("_", "-")
  end))
end

local is_mistake = { misuse = true, config = true, ["artifact-key"] = true }

local function ask(f, ...)
  local result, err = try(f, ...)
  if err and is_mistake[err.code] then usage(as_typed(err.message), err.hint) end
  if err then error(err, 0) end
  return result
end

-- Telling ----------------------------------------------------------------------------------------

local function say(...) io.stderr:write("davit: ", table.concat { ... }, "\n") end

local function files_text(count) return ("%d file%s"):format(count, count == 1 and "" or "s") end

local units = { "B", "kB", "MB", "GB", "TB" }

local function size_text(bytes)
  local n = 1
  while bytes >= 1000 and n < #units do
    bytes, n = bytes / 1000, n + 1
  end
  return n == 1 and ("%d B"):format(bytes) or ("%.1f %s"):format(bytes, units[n])
end

local function time_text(seconds)
  for _, unit in ipairs { { 86400, "d" }, { 3600, "h" }, { 60, "min" } } do
    if seconds >= 1.95 * unit[1] then return ("%.0f %s"):format(seconds / unit[1], unit[2]) end
  end
  return ("%.0f s"):format(math.max(0, seconds))
end

local function entry_json(entry)
  return {
    v = 1, name = entry.name, run = entry.run, attempt = entry.attempt, kind = entry.kind,
    digest = entry.sha256 and "sha256:" .. entry.sha256, size = entry.size, files = entry.files, bytes = entry.bytes,
    created = entry.created, expires = entry.expires, sealed_to = entry.sealed_to, damaged = entry.damaged,
  }
end

local function tell(entry, as_json, text)
  if as_json then event.print(json.encode(entry_json(entry))) else print(text) end
end

-- put ----------------------------------------------------------------------------------------------

-- One folder is its content, one file itself; several keep their names below the root.
local function files_of(values, paths)
  if values.root or #paths > 1 then return place(values.root or "."), #paths > 0 and paths or nil end
  local path = place(paths[1])
  if fs.stat(path).kind == "folder" then return path end
  local folder, name = path:match "^(.*)/([^/]+)$"
  return folder == "" and "/" or folder, { name }
end

local function check_values(values, paths)
  if #paths > 0 or values.root or values.except then usage "--value-env makes values: no files go with them" end
  if not values["sealed-to"] then
    usage("--value-env: secrets leave this job sealed only", "name whom for, with --sealed-to")
  end
  if not values.to then
    usage("--value-env: where may they go later? --to says so", "--to 'sql:*', --to program:psql, --to api.example.com")
  end
end

-- Who trusts the search should know what it did not look for.
local function tell_unasked()
  local p = try(project.current)
  local names = p and declared.unasked(p) or {}
  if #names == 0 then return end
  say(("not looked for: %s, as no program is run and no descriptor read for that"):format(table.concat(names, ", ")))
end

-- Each is sealed for whom was named, and may go later to the places that were.
local function values_of(values)
  local to, found = table.move(values.to, 1, #values.to, 1, {}), {}
  for _, key in ipairs(values["sealed-to"]) do to[#to + 1] = "sealed:" .. key end
  for _, name in ipairs(values["value-env"]) do found[name] = ask(secret.env, name, { to = to }) end
  return found
end

local function put(values, rest)
  local name = table.remove(rest, 1) or usage("davit artifact put: under which name?", "davit artifact put web dist")
  local o = {
    name = name, run = values.run, attempt = values.attempt, retention = values.retention, level = values.level,
    replace = values.replace, sealed_to = values["sealed-to"], outside = not values["value-env"] or nil,
  }
  if o.retention then o.retention = tonumber(o.retention) or o.retention end
  if values["value-env"] then
    check_values(values, rest)
    o.values = values_of(values)
  else
    if #rest == 0 and not values.root then usage("davit artifact put: which files?", "davit artifact put web dist") end
    if values.to then usage("--to is of values, and these are files", "--sealed-to says who may have them") end
    for _, path in ipairs(rest) do check_path(path) end
    o.root, o.paths = files_of(values, rest)
    o.except = values.except
  end
  local entry = ask(artifact.put, o)
  if not o.sealed_to then tell_unasked() end
  tell(entry, values.json, "sha256:" .. entry.sha256)
  if not values.json then
    say(("%s of run %s, attempt %d: %s%s, kept for %s"):format(entry.name, entry.run, entry.attempt,
      entry.files and files_text(entry.files) .. ", " or "", size_text(entry.size),
      time_text(entry.expires - core.now())))
  end
  return 0
end

-- get ----------------------------------------------------------------------------------------------

local function key_of(values)
  return values["key-file"] and secret.file(place(values["key-file"]), { to = { "sealed:*" } }) or nil
end

local function check_kind(entry, command, values)
  if entry.kind == "values" and not command then
    usage(("'%s' holds values: they are given to a command"):format(entry.name),
      ("davit artifact get %s -- COMMAND…"):format(entry.name))
  elseif entry.kind == "values" and values.into then
    usage(("'%s' holds values, which go into no folder"):format(entry.name))
  elseif entry.kind ~= "values" and command then
    usage(("'%s' holds files, which are given to no command"):format(entry.name))
  end
end

local function run_with(entry, command)
  local result = process.run { argv = command, env = entry.values, output = "stream", check = false, cwd = fs.real "." }
  if result.exit then return result.exit end
  failure { code = "process-exit", message = ("%s was ended by %s"):format(command[1], result.signal) }
end

local function get(values, rest, command)
  local name = one_name("get", rest)
  local key = { name = name, run = values.run, attempt = values.attempt }
  local there = ask(artifact.find, key)
  if there then check_kind(there, command, values) end
  local holds_files = not there or there.kind ~= "values"
  local entry = ask(artifact.get, {
    name = name, run = values.run, attempt = values.attempt, digest = values.digest, replace = values.replace,
    into = holds_files and place(values.into or ".") or nil, outside = holds_files or nil, key = key_of(values),
    max_bytes = values["max-bytes"], max_entries = values["max-entries"], max_ratio = values["max-ratio"],
  })
  if command then return run_with(entry, command) end
  tell(entry, values.json, "sha256:" .. entry.sha256)
  if not values.json then
    say(("%s of run %s, attempt %d: %s in %s"):format(name, entry.run, entry.attempt, files_text(entry.files),
      values.into or "."))
  end
  return 0
end

-- list, rm, key ----------------------------------------------------------------------------------------

local function row_of(entry)
  if entry.damaged then return { entry.name, entry.run, tostring(entry.attempt), "", "", "damaged" } end
  local now = core.now()
  local left = entry.expires - now
  return {
    entry.name, entry.run, tostring(entry.attempt), size_text(entry.size), time_text(now - entry.created),
    (left > 0 and "in " .. time_text(left) or "expired")
      .. (entry.sealed_to and ", sealed for " .. table.concat(entry.sealed_to, ", ") or ""),
  }
end

local function print_table(rows)
  local widths = {}
  for _, row in ipairs(rows) do
    for i, cell in ipairs(row) do widths[i] = math.max(widths[i] or 0, #cell) end
  end
  for _, row in ipairs(rows) do
    local cells = {}
    for i, cell in ipairs(row) do cells[i] = i == #row and cell or cell .. (" "):rep(widths[i] - #cell) end
    print(table.concat(cells, "  "))
  end
end

-- Somebody may have meant it to be an artifact.
local function tell_strays()
  local strays = artifact.strays()
  if #strays == 0 then return end
  local shown = table.concat(strays, ", ", 1, math.min(#strays, 5)):gsub("[^ -~]", "?")
  say(("in the folder of artifacts stands what is none: %s%s; who put it there? remove it"):format(shown,
    #strays > 5 and ", …" or ""))
end

local function list(values, rest)
  if rest[2] then usage(("davit artifact list: unexpected argument '%s'"):format(rest[2])) end
  local entries = ask(artifact.list,
    { name = rest[1], run = values.run, attempt = values.attempt, expired = values.expired })
  local rows = { { "NAME", "RUN", "ATTEMPT", "SIZE", "AGE", "EXPIRES" } }
  for _, entry in ipairs(entries) do
    if values.json then tell(entry, true) else rows[#rows + 1] = row_of(entry) end
  end
  if not values.json then
    if #rows == 1 then say "there are no artifacts" else print_table(rows) end
  end
  tell_strays()
  return 0
end

local function rm(values, rest)
  local name = one_name("rm", rest)
  local removed = ask(artifact.remove, { name = name, run = values.run, attempt = values.attempt })
  if #removed == 0 then
    failure {
      code = "artifact-not-found", about = name, message = ("there is no such artifact '%s'"):format(name),
      hint = "'davit artifact list' shows what there is",
    }
  end
  for _, entry in ipairs(removed) do
    tell(entry, values.json, ("%s of run %s, attempt %d is removed"):format(entry.name, entry.run, entry.attempt))
  end
  return 0
end

local function key(values, rest)
  local file = rest[1] or usage("davit artifact key: which file?", "davit artifact key deploy.key")
  if rest[2] then usage(("davit artifact key: unexpected argument '%s'"):format(rest[2])) end
  local path = place(file)
  local is_new = not fs.exists(path)
  local public = is_new and seal.new_key(path)
    or ask(seal.public_key, secret.file(path, { to = { "sealed:*" }, name = file }))
  if values.json then event.print(json.encode { v = 1, file = file, public_key = public, made = is_new })
  else print(public) end
  if is_new and not values.json then
    say(file, " holds the private key, for you alone. The public key belongs into davit.yaml, under artifacts.keys;")
    say("the private one into a secret of the environment that opens: gh secret set DAVIT_ARTIFACT_KEY < ", file)
  end
  return 0
end

-- The verb ---------------------------------------------------------------------------------------------

local actions = { put = put, get = get, list = list, rm = rm, key = key }

-- What stands behind "--" is a command's, not ours.
local function split_command(arguments)
  for i, argument in ipairs(arguments) do
    if argument == "--" then
      local command = table.move(arguments, i + 1, #arguments, 1, {})
      if #command == 0 then usage "davit artifact get: which command? none stands behind --" end
      return table.move(arguments, 1, i - 1, 1, {}), command
    end
  end
  return arguments
end

---@param arguments string[]
---@return integer exit code
function verb.run(arguments)
  local action = table.remove(arguments, 1)
  if not action or action == "--help" or action == "-h" or flags.asks_for_help(arguments) then
    print(HELP)
    return action and 0 or 2
  end
  if not actions[action] then
    usage(("davit artifact: there is no '%s'"):format(action), "put, get, list, rm and key are there")
  end
  local own, command = arguments, nil
  if action == "get" then own, command = split_command(arguments) end
  local values, rest = flags.parse(own, params[action])
  enter(values)
  return actions[action](values, rest, command)
end

return verb
