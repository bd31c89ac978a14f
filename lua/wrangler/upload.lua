---What an upload says beside modules and assets, as wrangler's configuration has it for an environment. Pure.
local bindings = require "wrangler.bindings"
local given_names = require "project.given"
local json = require "json"
local keys = require "wrangler.keys"

local upload = {}

local text_list = { list = "text" }
local consumers = { list = { service = "text", environment = "text" } }

-- ---- placement, as wrangler sends it ------------------------------------------------------------

local function placement_of(settings)
  local given = settings:get("placement", { mode = "text", hint = "text", region = "text", host = "text",
    hostname = "text" })
  if not given then return nil end
  if given.mode == "smart" or given.hint then return { mode = "smart", hint = given.hint } end
  for _, name in ipairs { "region", "host", "hostname" } do
    if given[name] then return { mode = "targeted", [name] = given[name] } end
  end
end

---@param settings wrangler.Resolved
---@return { command?: string, cwd?: string }|nil
function upload.build(settings)
  return settings:get("build", { command = "text", cwd = "text", watch_dir = "any" })
end

-- ---- assets --------------------------------------------------------------------------------------

local function check_run_worker_first(settings, value)
  if value == nil or type(value) == "boolean" then return end
  local is_list = type(value) == "table" and (value[1] ~= nil or next(value) == nil)
  for _, item in ipairs(is_list and value or {}) do is_list = is_list and type(item) == "string" end
  if not is_list then settings:wrong("assets.run_worker_first", "must be true, false or a list of texts") end
end

---The assets' settings: their folder, from the file's own, and what the upload says of them.
---@param settings wrangler.Resolved
---@return { directory?: string, binding?: string }|nil, table|nil config
function upload.assets(settings)
  local given = settings:get("assets", { directory = "text", binding = "text", html_handling = "text",
    not_found_handling = "text", base_path = "text", run_worker_first = "any" })
  if not given then return nil end
  check_run_worker_first(settings, given.run_worker_first)
  if not given.directory then
    settings:wrong("assets", "the key 'directory' is required", "Davit reads the folder that the build leaves")
  end
  return given, { html_handling = given.html_handling, not_found_handling = given.not_found_handling,
    base_path = given.base_path, run_worker_first = given.run_worker_first }
end

-- ---- what is not done ----------------------------------------------------------------------------

---Raises "config" for what only wrangler's bundler does, where it is not asked.
---@param settings wrangler.Resolved
---@param bundled boolean
function upload.check_bundler(settings, bundled)
  for name, what in pairs(keys.for_bundler) do
    local value = settings:get(name)
    if not bundled and type(value) == "table" and next(value) ~= nil then
      settings:wrong(name, "is done by a bundler, and the entry is uploaded as it stands", what)
    end
  end
end

local function warnings_of(settings)
  local list = json.array {}
  for _, name in ipairs { "route", "routes", "workers_dev", "preview_urls" } do
    local value = settings:get(name)
    if value ~= nil and value ~= false and value ~= "" and not (type(value) == "table" and next(value) == nil) then
      list[#list + 1] = ("%s: '%s' is not read: davit.yaml's `host` says where a Worker answers")
        :format(settings.config.path, name)
    end
  end
  return list
end

-- A preview that is given production's data or services could change them. Where the file has no section for
-- production, its top is production's.
local function check_shared(settings, list, allowed)
  if settings.environment ~= "preview" then return end
  local sections = settings.config.raw.env or {}
  local production = settings.config:resolve(sections.production and "production" or nil)
  local shared = bindings.find_shared(list, bindings.of(production).list, allowed)
  if not shared then return end
  failure {
    code = "refused", about = settings.config.path,
    message = ("%s: the binding %s (%s) of a preview would be production's"):format(settings.config.path, shared.name,
      shared.type),
    hint = ("give env.preview one of its own; if both may use it, write `shared: [%s]` into davit.yaml")
      :format(shared.name),
  }
end

local function check_python(settings)
  local main = settings:need("main", "text")
  if not main:find "%.py$" then return end
  settings:wrong("main", "is Python, and Davit deploys JavaScript", "deploy this Worker with wrangler")
end

-- Names that must be secrets of the Worker.
local function check_required(settings, worker)
  local given, there = settings:get("secrets", { required = text_list }) or {}, {}
  for _, name in ipairs(worker.settings.secrets or {}) do there[name] = true end
  for i, name in ipairs(given.required or {}) do
    if not there[name] then
      settings:wrong(("secrets.required.%d"):format(i),
        ("the secret %s is required, and davit.yaml does not give it"):format(name),
        ("write it into workers.%s.secrets"):format(worker.name))
    end
  end
end

-- Whose value a Worker would get is not left to chance. A file may well say what Davit says, too: for wrangler.
local function check_names(settings, worker, by_name)
  for _, name in ipairs(worker.settings.secrets or {}) do
    if by_name[name] then
      settings:wrong(by_name[name].path, ("is called %s, and so is a secret of davit.yaml's workers.%s.secrets")
        :format(name, worker.name), "take it out of one of them")
    end
  end
  for name in pairs(given_names.own) do
    local one = by_name[name]
    if one and not (name == "ENVIRONMENT" and one.binding.text == settings.environment) then
      settings:wrong(one.path, ("is called %s, which Davit itself gives to every Worker"):format(name),
        "give it another name, or take it out and read Davit's")
    end
  end
end

-- In a preview a service is the preview's own Worker where the project has one of that name.
local function bind_siblings(list, siblings)
  for _, binding in ipairs(list) do
    local own = binding.type == "service" and siblings[binding.service]
    if own then binding.service, binding.environment = own, nil end
  end
  return list
end

---@param settings wrangler.Resolved
---@param worker { name: string, settings: table, siblings?: table<string, string> }
---@return table upload  without modules and assets
function upload.of(settings, worker)
  check_python(settings)
  check_required(settings, worker)
  local region = settings:get("compliance_region", "text")
  if region and region ~= "public" then
    settings:wrong("compliance_region", "is not supported", "deploy this Worker with wrangler")
  end
  local found = bindings.of(settings)
  check_names(settings, worker, found.by_name)
  local list = bind_siblings(found.list, worker.siblings or {})
  check_shared(settings, list, worker.settings.shared or {})
  return {
    name = settings:get("name"), compatibility_date = settings:need("compatibility_date", "text"),
    compatibility_flags = settings:get("compatibility_flags", text_list) or json.array {}, bindings = list,
    observability = settings:get("observability", { map = "any" }), placement = placement_of(settings),
    limits = settings:get("limits", { map = "any" }), logpush = settings:get("logpush", "boolean"),
    tail_consumers = settings:get("tail_consumers", consumers),
    streaming_tail_consumers = settings:get("streaming_tail_consumers", consumers),
    cache_options = settings:get("cache", { map = "any" }),
    migrations = settings:get("migrations", { list = { map = "any" } }), warnings = warnings_of(settings),
  }
end

return upload
