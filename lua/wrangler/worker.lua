---What davit.yaml's `wrangler: PATH` brings into the settings of a Worker: what the flows ask for before anything is
---built.
local config = require "wrangler.config"
local path = require "path"
local shape = require "project.shape"
local upload = require "wrangler.upload"

local worker = {}

-- What stands in the file is not repeated.
local in_file = {
  path = "it is the file's folder", entry = "main", assets = "assets", vars = "vars", crons = "triggers",
  compatibility_date = "compatibility_date",
}

---Raises "config" for keys of davit.yaml that do not go with `wrangler`. Pure.
---@param file table     davit.yaml's, of shape.read
---@param place string   "workers.api"
---@param given table    the Worker as it stands there
function worker.check(file, place, given)
  for name, key in pairs(in_file) do
    if given[name] ~= nil then
      shape.wrong(file, place .. "." .. name, ("does not go with 'wrangler: %s'"):format(given.wrangler),
        name == "path" and key or ("there it is '%s'"):format(key))
    end
  end
  if given.bundler and given.bundler ~= "wrangler" and given.bundler ~= "none" then
    shape.wrong(file, place .. ".bundler", ("'%s' is none of wrangler, none"):format(given.bundler))
  end
  if given.wrangler:find "^/" or ("/" .. given.wrangler .. "/"):find("/../", 1, true) then
    shape.wrong(file, place .. ".wrangler", "is a path in the project's folder")
  end
end

-- The crons of each environment. A preview runs at no time unless its own section says so (project/crons.lua).
local function crons_of(settings)
  local triggers = { crons = { list = "text" } }
  local lists, sections = {}, settings.config.raw.env or {}
  local top = settings:get("triggers", triggers)
  lists.production = not sections.production and next(sections) == nil and top and top.crons or nil
  for name, section in pairs(sections) do
    local own = settings.config:resolve(name):get("triggers", triggers)
    if own and (name ~= "preview" or section.triggers) then lists[name] = own.crons end
  end
  return (top or next(lists)) and lists or nil
end

local function check_account(settings, account)
  local other = settings:get("account_id", "text")
  if account and other and other ~= "" and other ~= account then
    settings:wrong("account_id", ("is %s, and davit.yaml's cloudflare.account is %s"):format(other, account))
  end
end

local function set_build(given, settings, file, place)
  local build = upload.build(settings) or {}
  if not build.command then return end
  if given.build then
    shape.wrong(file, place .. ".build", ("stands in %s already, as build.command"):format(given.wrangler))
  end
  given.build = build.command
end

---Reads the file and fills the settings in: `config` (wrangler.Config), and what the top of the file says of `name`,
---`path`, `entry`, `assets`, `build` and `crons` by environment.
---@param root string
---@param file table
---@param place string
---@param given table
---@param account? string  of davit.yaml
function worker.fill(root, file, place, given, account)
  local own = config.read(root, path.normalise(given.wrangler))
  local settings = own:resolve()
  check_account(settings, account)
  given.config, given.path = own, own.folder
  given.name, given.entry = settings:get("name", "text"), settings:need("main", "text")
  given.assets = (settings:get("assets", { map = "any" }) or {}).directory
  given.crons = crons_of(settings)
  set_build(given, settings, file, place)
end

return worker
