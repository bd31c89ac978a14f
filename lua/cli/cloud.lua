---`davit cloud`: the local cloud on this machine, as its flags say. A project is welcome, not needed.
local core = require "core"
local flags = require "cli.flags"
local fs = require "fs.core"
local options = require "options"
local project = require "project"

local cloud = {}

local usage = options.usage

local HELP = [[
Serves Cloudflare, Neon and GitHub on this machine: no account, no network. Ctrl-C ends it.

Usage: davit cloud [FLAG]…
       eval "$(davit cloud --print-env)"

  --project DIR        the folder that holds davit.yaml; without any the cloud has a world of its own
  --state DIR          where it keeps what was deployed (.davit/local of the project, or of this folder)
  --reset              begins anew: forgets what was deployed and removes the local databases
  --seed FILE          what a new world begins with: YAML (docs/local-cloud.md)
  --port N             of http (any free one)
  --https-port N       of https (any free one)
  --listen ADDRESS     where to listen (127.0.0.1); any other address is open to other machines
  --github-socket PATH the socket for gh (github.sock below the state's folder)
  --awake N            processes of Workers at most (16); the one asked longest ago makes room
  --computes N         PostgreSQL servers awake at most (24); one that is idle makes room
  --no-workers         Workers are answered by a stand-in, without workerd
  --no-databases       branches have no PostgreSQL
  --no-data-plane      both: the APIs alone, which start at once
  --print-env          the lines that point clients at the cloud that runs here, for a shell

What goes wrong, and how slowly:
  --fault RULE         may be repeated: 'SERVICE [METHOD] [PATH] [FAULT] [applied] [KEY=VALUE]…'
  --faults FILE        rules from a file of YAML: { seed: TEXT, faults: [RULE, …] }
  --latency TIME       before each answer of an API, such as 50ms
  --dns-delay TIME     until a new name resolves (0.5s)
  --tls-delay TIME     until a custom domain has its certificate (1s)
  --propagation-delay TIME   until an upload is what the edge serves (0.5s)

What it tells:
  --record FILE        appends every exchange with an API, a line of JSON each, without secrets
  --verbose            a line for every request, and what workerd and PostgreSQL print, on standard error

  davit cloud --no-data-plane --fault 'cloudflare POST /accounts/*/workers/scripts/*/versions 500 times=2'
  davit cloud --fault 'neon POST /projects/{}/branches drop applied' --fault 'github limit retry-after=2s'

A fault is a status (500), drop, cut, truncated, html, limit, secondary-limit or locked; the keys are code,
message, status, delay, retry-after, nth, times and probability. Rules may come and go while the cloud runs:
GET, POST and DELETE http://127.0.0.1:PORT/_davit/faults.

Exit code 0: ended by a signal; 2: usage, or a file that is not well formed; 6: a cloud runs on that folder.]]

local function text() return { type = "string" } end

local params = {
  project = text(), state = text(), seed = text(), faults = text(), record = text(), listen = text(), latency = text(),
  ["github-socket"] = text(), ["dns-delay"] = text(), ["tls-delay"] = text(), ["propagation-delay"] = text(),
  port = { type = "integer" }, ["https-port"] = { type = "integer" },
  awake = { type = "integer" }, computes = { type = "integer" },
  reset = { type = "boolean" }, verbose = { type = "boolean" }, ["print-env"] = { type = "boolean" },
  workers = { type = "boolean", default = true }, databases = { type = "boolean", default = true },
  ["data-plane"] = { type = "boolean", default = true }, fault = { type = "texts", many = true },
}

-- ---- values -----------------------------------------------------------------------------------

local function check_texts(values)
  for name, value in pairs(values) do
    if value == "" then usage(("--%s expects a value"):format(name)) end
  end
end

local function port_of(values, name)
  local port = values[name]
  if port and (port < 0 or port > 65535) then
    usage(("--%s expects a number from 0 to 65535, not '%d'"):format(name, port))
  end
  return port
end

-- Zero is any free one.
local function ports_of(values)
  local http, https = port_of(values, "port"), port_of(values, "https-port")
  if http and http ~= 0 and http == https then usage(("--port and --https-port are both %d"):format(http)) end
  return http, https
end

local function count_of(values, name)
  local count = values[name]
  if count and count < 1 then usage(("--%s expects a number from 1 on, not '%d'"):format(name, count)) end
  return count
end

local function address_of(values)
  local address = values.listen
  if not address or address:find "^%d+%.%d+%.%d+%.%d+$" or address:find "^[%x:.]*:[%x:.]*$" then return address end
  usage(("--listen expects an address, not '%s'"):format(address), "127.0.0.1, 0.0.0.0 (all of IPv4), ::1 or :: (IPv6)")
end

local function read_file(flag, name)
  local found, err = try(fs.read, name)
  return found or usage(("--%s: %s"):format(flag, err.message))
end

local function world_of(values)
  local name = values.seed
  return name and require("cloud.seed_file").read(read_file("seed", name), name)
end

local function faults_of(values)
  local reader, set = require "cloud.faults_file", nil
  if values.faults then set = reader.read(read_file("faults", values.faults), values.faults) end
  return reader.add(set, values.fault or {})
end

local function settings_of(values)
  return { dns_delay = flags.duration(values, "dns-delay"), tls_delay = flags.duration(values, "tls-delay"),
    propagation_delay = flags.duration(values, "propagation-delay") }
end

-- ---- where ------------------------------------------------------------------------------------

-- Without a davit.yaml there is nothing to be wrong with; one that was named must be there.
local function project_of(values)
  if values.project or project.root() then return project.read(values.project) end
end

local function folder_of(p, values)
  return values.state or (p and p.root or ".") .. "/.davit/local"
end

local function print_environment(folder)
  local facts = require("local").running(folder)
  for _, line in ipairs(facts.environment or {}) do print(line) end
  return 0
end

local function plane(values, flag)
  if not values["data-plane"] or not values[flag] then return false end
end

local function serve(p, values)
  local http, https = ports_of(values)
  return require("cloud.serve").run {
    state = folder_of(p, values), project = p or {}, port = http, https_port = https,
    listen = address_of(values), github_socket = values["github-socket"], verbose = values.verbose,
    awake = count_of(values, "awake"), computes = count_of(values, "computes"), reset = values.reset,
    latency = flags.duration(values, "latency"),
    record = values.record, settings = settings_of(values),
    world = world_of(values), faults = faults_of(values), workerd = plane(values, "workers"),
    postgres = plane(values, "databases"),
  }
end

---@param arguments string[]
---@return integer exit code
function cloud.run(arguments)
  if flags.asks_for_help(arguments) then
    print(HELP)
    return 0
  end
  local values, rest = flags.parse(arguments, params)
  check_texts(values)
  if rest[1] then usage(("davit cloud: unexpected argument '%s'"):format(rest[1]), "davit cloud --help") end
  local p = project_of(values)
  if values["print-env"] then return print_environment(folder_of(p, values)) end
  if not p and not values.state and core.is_terminal(2) then
    io.stderr:write("davit cloud: no davit.yaml here: a world of its own, kept in .davit/local\n")
  end
  return serve(p, values)
end

return cloud
