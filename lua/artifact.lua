---Artifacts: what one job makes and another one uses. Content-addressed, verified, kept for a while; sealed where
---others must not read them. docs/api/artifact.lua is the reference.
---
---@class artifact.Store  where artifacts are: artifact/store_folder.lua is one, S3 or GitHub's service may be others
---@field place string    for messages
---@field entries fun(self, name?: string): artifact.Entry[]  all, or of a name; `damaged`: one that cannot be read
---@field has fun(self, entry: artifact.Entry): boolean       whether its bytes are there
---@field blob fun(self, entry: artifact.Entry): { path: string }  a file of this machine with its bytes; to be closed
---@field stage fun(self): { path: string }                   where a blob is made; to be closed
---@field put fun(self, entry: artifact.Entry, path: string, replace: boolean): artifact.Entry  takes what was staged
---@field remove fun(self, entry: artifact.Entry): boolean    the entry, and its blob when nobody else names it
---@field strays fun(self): string[]                          what stands there and is none of its, by its place
---@field sweep fun(self, is_over: fun(entry: artifact.Entry): boolean): artifact.Entry[]  also what nobody names
local archive = require "archive.core"
local core = require "core"
local declared = require "artifact.declared"
local event = require "event.core"
local files = require "fs"
local fs = require "fs.core"
local json = require "json"
local keys = require "artifact.keys"
local names = require "artifact.names"
local options = require "options"
local project = require "project"
local seal = require "seal.core"
local secret = require "secret"
local sha256 = require "sha256"
local store_folder = require "artifact.store_folder"

local artifact = {}

local VALUES <const> = "values.json"
local STATE <const> = ".davit"   -- a project's own, and no part of any artifact

local function open_store()
  local place = core.getenv "DAVIT_ARTIFACTS"
  if place and place ~= "" then return store_folder.open(fs.place(place)) end
  local root = fs.root()
  if root then return store_folder.open(root .. "/" .. STATE .. "/artifacts") end
  failure {
    code = "config", class = "misuse", message = "artifacts stand in a project, and there is none here",
    hint = "go to a project's folder, or name a folder for them in DAVIT_ARTIFACTS",
  }
end

-- A folder that nobody else looks into.
local function private_folder()
  local folder = files.temporary()
  fs.chmod(fs.place(folder.path), "0700")
  return folder
end

-- put -----------------------------------------------------------------------------------------

local put_fields = {
  { "name", "string", true }, { "run", "string" }, { "attempt", "integer" }, { "root", "string" },
  { "paths", "table" }, { "except", "table" }, { "values", "table" }, { "sealed_to", "any" }, { "retention", "any" },
  { "replace", "boolean" }, { "level", "integer" }, { "outside", "boolean" },
}

local function check_put(o)
  options.read("artifact.put", o, put_fields)
  if o.values and (o.root or o.paths or o.except) then
    options.misuse("artifact.put: it holds values or files; root, paths and except are of files")
  end
  if not o.values and not o.root and not o.paths then
    options.misuse("artifact.put: what is in it? root, paths or values say so")
  end
end

local function denied(name, err)
  failure {
    code = "denied", about = err.about, secret = err.secret,
    message = ("the artifact '%s' was not made: %s holds the secret %s"):format(name, err.about, err.secret),
    hint = "leave it out (except), or seal the artifact for who may have it (sealed_to)",
  }
end

local function except_of(o)
  local except = table.move(o.except or {}, 1, #(o.except or {}), 1, {})
  except[#except + 1] = STATE
  return except
end

local function pack(o, to, scan)
  local packed, err = try(archive.pack, {
    root = o.root or ".", paths = o.paths, except = except_of(o), to = to, scan = scan, level = o.level,
    outside = o.outside,
  })
  if packed then return packed end
  if err.code == "archive-secret" then denied(o.name, err) end
  error(err, 0)
end

-- What is in it may be seen by nobody, and for a moment is there unsealed.
local function pack_sealed(o, to, public)
  local folder <close> = private_folder()
  local plain = fs.place(folder / "archive")
  local packed = pack(o, plain, false)
  local sealed = seal.seal_file { from = plain, to = to, keys = public.keys }
  packed.sha256, packed.size = sealed.sha256, sealed.size
  return packed
end

local function check_values(values)
  for name, value in pairs(values) do
    if type(name) ~= "string" or name == "" then options.misuse("artifact.put: every value has a name") end
    if name:find "%c" then
      options.misuse("artifact.put: the name '%s' of a value holds control characters", name:gsub("%c", "?"))
    end
    if type(value) ~= "string" and not secret.is(value) then
      options.misuse("artifact.put: the value %s is a string or a secret, not a %s", name, type(value))
    end
    if value == "" then
      failure {
        code = "artifact-empty", about = name, message = ("artifact.put: the value %s is empty"):format(name),
        hint = "whoever gets it would take it for one that was never made",
      }
    end
  end
  if next(values) == nil then options.misuse("artifact.put: there are no values") end
end

local function refuse_secrets(o)
  for name, value in pairs(o.values) do
    if secret.is(value) then
      failure {
        code = "denied", about = name, secret = secret.names(value)[1],
        message = ("the artifact '%s' was not made: its value %s holds the secret %s"):format(o.name, name,
          secret.names(value)[1]),
        hint = "seal the artifact for who may have it (sealed_to)",
      }
    end
  end
end

local function pack_values(o, to)
  refuse_secrets(o)
  local folder <close> = private_folder()
  fs.write(fs.place(folder / VALUES), json.encode(o.values))
  return pack({ name = o.name, root = folder.path, paths = { VALUES } }, to, true)
end

local function seal_values(o, to, public)
  local text = seal.seal_values(o.values, public.keys, public.names)
  fs.write(to, text)
  return { sha256 = sha256(text), size = #text }
end

local function make(o, to, public)
  if o.values then return (public and seal_values or pack_values)(o, to, public) end
  if public then return pack_sealed(o, to, public) end
  return pack(o, to, true)
end

-- Names can be read by everybody, in the store and in every list of it.
local function refuse_names(entry)
  for _, text in ipairs { entry.name, entry.run } do
    local name = event.secret_in(text)
    if name then
      failure {
        code = "denied", secret = name,
        message = ("the artifact was not made: its name or run holds the secret %s"):format(name),
        hint = "give it another name: everybody can read it",
      }
    end
  end
end

local function count(contents)
  local n = 0
  for _, entry in ipairs(contents or {}) do
    if entry.kind == "file" then n = n + 1 end
  end
  return n
end

-- What the project declares is looked for whether or not somebody has read it yet.
local function know_secrets()
  local p = try(project.current)
  if p then declared.learn(p) end
end

function artifact.put(o)
  check_put(o)
  know_secrets()
  local entry = names.of("artifact.put", o)
  refuse_names(entry)
  local seconds = names.seconds("artifact.put", o.retention, o.sealed_to ~= nil)
  local public = o.sealed_to ~= nil and keys.public("artifact.put", o.sealed_to) or nil
  if o.values then check_values(o.values) end
  local store = open_store()
  local stage <close> = store:stage()
  local made = make(o, stage.path, public)
  entry.v, entry.kind, entry.sha256, entry.size = 1, o.values and "values" or "files", made.sha256, made.size
  entry.sealed_to = public and json.array(public.names) or nil
  if not o.values then entry.files, entry.bytes = count(made.entries), made.bytes end
  entry.created = core.now()
  entry.expires = entry.created + seconds
  local put = store:put(entry, stage.path, o.replace or false)
  put.contents = not o.values and made.entries or nil
  return put
end

-- find, list --------------------------------------------------------------------------------------

local key_fields = { { "name", "string", true }, { "run", "string" }, { "attempt", "integer" } }
local list_fields = { { "name", "string" }, { "run", "string" }, { "attempt", "integer" }, { "expired", "boolean" } }

local function is_over(entry)
  return not entry.damaged and entry.expires <= core.now()
end

local function fits(entry, wanted)
  return (not wanted.run or entry.run == wanted.run) and (not wanted.attempt or entry.attempt == wanted.attempt)
end

-- The newest attempt of a run; of several runs, what was put last.
local function is_newer(a, b)
  if a.run == b.run and a.attempt ~= b.attempt then return a.attempt > b.attempt end
  return a.order > b.order
end

-- The newest that fits, and what else has the name.
local function pick(store, wanted)
  local best, others = nil, {}
  for _, entry in ipairs(store:entries(wanted.name)) do
    if fits(entry, wanted) and not is_over(entry) and (not best or is_newer(entry, best)) then
      best = entry
    end
    others[#others + 1] = entry
  end
  return best, others
end

function artifact.find(o)
  options.read("artifact.find", o, key_fields)
  local found = pick(open_store(), names.wanted("artifact.find", o))
  return found and not found.damaged and found or nil
end

-- What is not there any more needs nobody's leave to go; who may not write here still sees the list.
local function sweep_quietly(store)
  try(store.sweep, store, is_over)
end

function artifact.list(o)
  o = options.read("artifact.list", o or {}, list_fields)
  local wanted = { name = o.name, run = o.run, attempt = o.attempt }
  names.wanted("artifact.list", o)
  local store, list, over = open_store(), {}, false
  for _, entry in ipairs(store:entries(wanted.name)) do
    over = over or is_over(entry)
    if fits(entry, wanted) and (o.expired or not is_over(entry)) then list[#list + 1] = entry end
  end
  if over and not o.expired then sweep_quietly(store) end
  table.sort(list, function(a, b)
    if a.name ~= b.name then return a.name < b.name end
    if a.order ~= b.order then return a.order < b.order end
    return names.text(a) < names.text(b)
  end)
  return list
end

function artifact.strays()
  return open_store():strays()
end

function artifact.sweep()
  return open_store():sweep(is_over)
end

function artifact.remove(o)
  options.read("artifact.remove", o, key_fields)
  local wanted, store, removed = names.wanted("artifact.remove", o), open_store(), {}
  for _, entry in ipairs(store:entries(wanted.name)) do
    if fits(entry, wanted) and store:remove(entry) then removed[#removed + 1] = entry end
  end
  return removed
end

-- get -----------------------------------------------------------------------------------------------

local get_fields = {
  { "name", "string", true }, { "run", "string" }, { "attempt", "integer" }, { "into", "string" },
  { "digest", "string" }, { "key", "text" }, { "replace", "boolean" }, { "outside", "boolean" },
  { "max_bytes", "integer" }, { "max_entries", "integer" }, { "max_ratio", "integer" },
}

local function tell_others(others)
  local list = {}
  for i, entry in ipairs(others) do
    if i > 5 then
      list[#list + 1] = "…"
      break
    end
    list[#list + 1] = ("run %s, attempt %d%s"):format(entry.run, entry.attempt, is_over(entry) and " (expired)" or "")
  end
  return #list == 0 and "none was put, or it was removed" or "there is " .. table.concat(list, "; ")
end

local function not_found(store, wanted, others)
  local run = wanted.run and (" of run " .. wanted.run) or ""
  local attempt = wanted.attempt and (", attempt %d"):format(wanted.attempt) or ""
  failure {
    code = "artifact-not-found", about = wanted.name,
    message = ("there is no artifact '%s'%s%s in %s: %s"):format(wanted.name, run, attempt, store.place,
      tell_others(others)),
    hint = "did the job that makes it succeed, and share this folder (DAVIT_ARTIFACTS)? 'davit artifact list' shows",
  }
end

local function damaged(store, entry, why)
  failure {
    code = "artifact-damaged", about = entry.name,
    message = ("the artifact %s in %s is damaged, nothing was taken from it: %s"):format(names.tell(entry), store.place,
      why),
    hint = "make it again (replace), or remove it",
  }
end

local function read_digest(digest)
  local wanted = digest:gsub("^sha256:", ""):lower()
  if wanted:find "^%x+$" and #wanted == 64 then return wanted end
  options.misuse("artifact.get: option 'digest' is sha256: and 64 hexadecimal digits, not '%s'", digest)
end

local function check_digest(entry, wanted)
  if wanted == entry.sha256 then return end
  failure {
    code = "artifact-digest", about = entry.name,
    message = ("the artifact %s has the digest sha256:%s, not sha256:%s"):format(names.tell(entry), entry.sha256,
      wanted),
    hint = "another one was put under its name: was that meant?",
  }
end

local is_damage = { ["archive-digest"] = true, ["archive-damaged"] = true, ["artifact-damaged"] = true }

-- Faults that say of the bytes that they are not those that were put.
local function read_blob(store, entry, f)
  local result, err = try(function()
    local blob <close> = store:blob(entry)
    return f(blob.path)
  end)
  if not err then return result end
  if is_damage[err.code] then damaged(store, entry, err.message) end
  error(err, 0)
end

local function unpack(path, o, digest)
  return archive.unpack {
    from = path, into = o.into, sha256 = digest, replace = o.replace, outside = o.outside,
    max_bytes = o.max_bytes, max_entries = o.max_entries, max_ratio = o.max_ratio,
  }
end

-- Opened into a folder that nobody else looks into, and extracted from there.
local function unpack_sealed(path, entry, o)
  local folder <close> = private_folder()
  local plain = fs.place(folder / "archive")
  seal.open_file { from = path, to = plain, key = keys.private(o.key, entry), sha256 = entry.sha256 }
  return unpack(plain, o)
end

local function read_values(path, entry)
  local folder <close> = private_folder()
  unpack(path, { into = folder.path, replace = true }, entry.sha256)
  return json.decode(fs.read(fs.place(folder / VALUES)))
end

local function open_values(path, entry, o)
  local text = fs.read(path)
  local digest = sha256(text)
  if digest ~= entry.sha256 then
    failure { code = "artifact-damaged", message = ("its SHA-256 is %s, not %s"):format(digest, entry.sha256) }
  end
  return seal.open_values(text, keys.private(o.key, entry), ("the artifact '%s'"):format(entry.name))
end

local function take(store, entry, o)
  return read_blob(store, entry, function(path)
    if entry.kind == "values" then
      entry.values = entry.sealed_to and open_values(path, entry, o) or read_values(path, entry)
    elseif entry.sealed_to then
      entry.contents = unpack_sealed(path, entry, o).entries
    else
      entry.contents = unpack(path, o, entry.sha256).entries
    end
    return entry
  end)
end

local function check_kind(entry, o)
  if entry.kind == "values" and o.into then
    options.misuse("artifact.get: '%s' holds values, which go into no folder", entry.name)
  elseif entry.kind ~= "values" and not o.into then
    options.misuse("artifact.get: '%s' holds files: option 'into' says where they go", entry.name)
  end
end

-- The blob of an entry that was removed, or replaced, after it was looked up is gone: then it is looked up anew.
local function get_again(store, wanted, entry, o, err)
  local now, others = pick(store, wanted)
  if not now then not_found(store, wanted, others) end
  if now.damaged or now.sha256 == entry.sha256 then damaged(store, entry, err.message) end
  return take(store, now, o)
end

function artifact.get(o)
  options.read("artifact.get", o, get_fields)
  local wanted, store = names.wanted("artifact.get", o), open_store()
  local digest = o.digest and read_digest(o.digest)
  local entry, others = pick(store, wanted)
  if not entry then not_found(store, wanted, others) end
  if entry.damaged then damaged(store, entry, "its entry cannot be read") end
  if digest then check_digest(entry, digest) end
  check_kind(entry, o)
  local got, err = try(take, store, entry, o)
  if got then return got end
  local gone = err.code == "file-not-found" and not store:has(entry)
  if gone then return get_again(store, wanted, entry, o, err) end
  error(err, 0)
end

-- What a job hands over to another one ---------------------------------------------------------------

require "artifact.hand_over"(artifact)

return artifact
