---Keys and names of a configuration of wrangler's: none is passed over, and none is given twice.
local flow = require "flow"
local fs = require "fs"
local json = require "json"
local project = require "project"
local worlds = assert(require("core").load_file "tests/wrangler_place.lua")()
local place, base = worlds.new, worlds.base

test("a name is given once, be it by the file, by davit.yaml or by Davit", function()
  local function at(config, why, more, environment)
    local here <close> = place(base(config), nil, more)
    local err = raises(why, function() here:bundle(environment) end)
    equal(err.code, "config")
  end
  at({ vars = { KEY = "x" } }, "wrangler.json: vars.KEY: is called KEY, and so is a secret of davit.yaml's workers.web.secrets",
    ", secrets: [KEY]")
  at({ env = { preview = { kv_namespaces = { { binding = "KEY", id = "1" } } } } },
    "env.preview.kv_namespaces.1: is called KEY, and so is a secret", ", secrets: [KEY]", "preview")
  at({ vars = { VERSION = "1" } }, "vars.VERSION: is called VERSION, which Davit itself gives")
  at({ vars = { ENVIRONMENT = "staging" } }, "vars.ENVIRONMENT: is called ENVIRONMENT", "", "preview")
  local same <close> = place(base { vars = { ENVIRONMENT = "preview" } })
  equal(#same:bundle("preview").bindings, 1)
end)

test("what a file asks for and cannot have is said before anything is made", function()
  local here <close> = place(base { vars = { KEY = "x" } }, nil, ", secrets: [KEY]")
  fs.remove(here.root .. "/apps/web/dist")   -- nothing is built yet
  raises("vars.KEY: is called KEY", require("flow.workers").require_secrets, { workers = { here:worker() } })
end)

test("in production what belongs to no version comes with its deployment", function()
  local here <close> = place(base { observability = { enabled = true }, logpush = true,
    streaming_tail_consumers = { { service = "s" } }, limits = { cpu_ms = 5 }, env = { production = {} } })
  local given
  local env = { version = function() return "1" end, worker_version = function() return { "version" } end, cloudflare = {
    deployment = function(o)
      given = o.settings
      return { "deployment", find = function() return {} end, create = function() end }
    end } }
  local run = { ensure = function() return { id = "v" } end, step = function(_, _, f) return f() end }
  flow.deploy(run, env, here:worker "production", { branch = {}, secrets = {} })
  equal(given, { observability = { enabled = true }, logpush = true })   -- no section inherits consumers
end)

-- What wrangler's schema has: RawConfig at the top, RawEnvironment in sections.
local SCHEMA = "build/clients-npm/node_modules/wrangler/config-schema.json"

-- Every key that is asked for while a Worker is read.
local function keys_read()
  local here <close> = place(base { assets = { directory = "dist" } })
  local resolved = getmetatable(project.read(here.root).workers.web.config:resolve())
  local get, asked = resolved.get, {}
  local _ <close> = setmetatable({}, { __close = function() resolved.get = get end })
  function resolved.get(self, name, ...)
    asked[name] = true
    return get(self, name, ...)
  end
  here:bundle()
  flow.build(here:worker())
  return asked
end

test("every key of wrangler's own schema is read, refused by name, or one that does not concern a deploy", function()
  if not fs.exists(SCHEMA) then skip "wrangler is not in build/clients-npm" end
  local keys, asked = require "wrangler.keys", keys_read()
  local schema = json.decode(fs.read(SCHEMA)).definitions
  for scope, definition in pairs { top = "RawConfig", section = "RawEnvironment" } do
    for name in pairs(schema[definition].properties) do
      local ways = (asked[name] and 1 or 0) + (keys.refused[name] and 1 or 0) + (keys.ignored[name] and 1 or 0)
      equal({ scope, name, name == "env" or ways == 1 }, { scope, name, true })
      if scope == "section" and not keys.refused[name] then
        equal({ name, keys.scope[name] ~= "top" and keys.scope[name] ~= nil }, { name, true })
      end
    end
  end
  for name in pairs(keys.ignored) do equal({ name, schema.RawConfig.properties[name] ~= nil }, { name, true }) end
end)
