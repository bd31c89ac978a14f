---The local cloud: the models of Cloudflare, Neon and GitHub behind real sockets on loopback, and
---what follows them: workerd for the Workers, PostgreSQL for the database branches.
---
---The state changes only here and inside one turn of the loop: a request is answered, then whoever
---follows the state is told. Followers wait for the real thing and report back as events.
---Everything that runs is a task of one nursery, so ending the cloud is cancelling that.
local authority = require "authority"
local blobs = require "cloud.github.blobs"
local certificates = require "cloud.certificates"
local cloudflare = require "cloud.cloudflare"
local core = require "core"
local dispatch = require "cloud.dispatch"
local environment = require "cloud.environment"
local faults = require "cloud.faults"
local follower = require "cloud.follower"
local fs = require "fs.core"
local github_secrets = require "cloud.github.secrets"
local github_socket = require "cloud.github_socket"
local hosts = require "cloud.neon.hosts"
local nameserver = require "nameserver"
local neon = require "cloud.neon"
local outbound = require "cloud.outbound"
local postgres = require "cloud.postgres"
local presence = require "cloud.presence"
local recorder = require "cloud.recorder"
local results = require "cloud.github.results"
local runtime = require "cloud.github.runtime"
local saver = require "cloud.saver"
local seed = require "cloud.seed"
local server = require "server"
local store = require "cloud.store"
local task = require "task"
local workers = require "cloud.workers"

local serve = {}

local ADDRESS = "127.0.0.1"
local TICK = 0.5               -- seconds between looks at what time alone changes
local LARGEST_BODY = 256 << 20

---@class cloud.Cloud
---@field folder string       absolute
---@field root boolean        whether Davit runs as root
---@field state table         the world
---@field now fun(): number
---@field changed fun()       to be called after every change of the state
---@field crew cloud.Crew
---@field saver cloud.Saver
---@field workers cloud.Workers
---@field outbound cloud.Outbound
---@field error_page fun(code: integer, request: table): table  of the edge
---@field postgres cloud.Postgres
---@field faults cloud.faults.Set
---@field latency number      seconds before each answer of an API
---@field recorder? cloud.Recorder
---@field open boolean        whether other machines may reach it
---@field http_port integer
---@field https_port integer

---@class cloud.Options
---@field state string           folder of the cloud; made when missing
---@field project? table         as davit.yaml has it
---@field port? integer          of http (any free one)
---@field https_port? integer    of https (any free one)
---@field workerd? string|false  its path; false: do without (looked for)
---@field postgres? string|false folder of its programs; false: do without (looked for)
---@field pull_requests? table[] that a new world begins with
---@field tokens? table          workers, dns, neon, github (from the environment and the env file)
---@field settings? table        of the world: delays and limits
---@field world? table           what a new world begins with: of cloud.seed_file
---@field faults? cloud.faults.Set
---@field latency? number        seconds before each answer of an API (0)
---@field record? string         file that every exchange with an API is appended to
---@field listen? string         address ("127.0.0.1")
---@field github_socket? string  path of the socket for gh (github.sock in the folder of the cloud)
---@field awake? integer         processes of Workers at most (16)
---@field reset? boolean         begin anew
---@field verbose? boolean       a line for every request, and what the children print
---@field ready? fun(facts: table)  told where it listens, instead of printing it

local known = {
  state = "string", project = "table", port = "integer", https_port = "integer",
  workerd = "string", postgres = "string", pull_requests = "table", tokens = "table",
  settings = "table", world = "table", faults = "table", latency = "number", record = "string", listen = "string",
  github_socket = "string",
  awake = "integer", computes = "integer", reset = "boolean", verbose = "boolean", ready = "function",
}
local may_be_false = { workerd = true, postgres = true }

local function misuse(message)
  failure { code = "misuse", class = "misuse", message = "cloud.serve.run: " .. message }
end

local function names(fields)
  local list = {}
  for name in pairs(fields) do list[#list + 1] = name end
  return list
end

local function check_options(o)
  if type(o) ~= "table" then misuse("expected a table of options, not a " .. type(o)) end
  for name, value in pairs(o) do
    local wanted = known[name]
    if not wanted then
      local near = core.nearest(tostring(name), names(known))
      misuse(("unknown option '%s'%s"):format(tostring(name), near and (", did you mean '%s'?"):format(near) or ""))
    end
    local fits = type(value) == wanted or math.type(value) == wanted
      or value == false and may_be_false[name]
    if not fits then misuse(("option '%s' must be a %s, not a %s"):format(name, wanted, type(value))) end
  end
  if not o.state then misuse("option 'state' is required: the folder of the cloud") end
end

-- ---- the ground it stands on ------------------------------------------------------------------

-- The folder as an absolute path, since children run elsewhere, and who runs it.
local function ground(folder)
  local _, err = try(fs.make, folder)
  if err then
    err.hint = "the local cloud keeps its state there: name a folder that can be written with --state"
    error(err, 0)
  end
  return fs.real(folder), fs.read("/proc/self/status"):match("\nUid:%s+(%d+)") == "0"
end

local function log(text) io.stderr:write("davit cloud: ", text, "\n") end

local function missing(what, consequence)
  log(("%s was not found: %s"):format(what, consequence))
end

local function find_workerd(o)
  if o.workerd ~= nil then return o.workerd or nil end
  local found = workers.find(o.project and o.project.root or ".")
  if not found then
    missing("workerd", "Workers are answered by a stand-in, marked x-davit-stand-in; "
      .. "'npm install workerd' in the project brings it, or put it on PATH")
  end
  return found
end

local function find_postgres(o)
  if o.postgres ~= nil then return o.postgres or nil end
  local found = postgres.find()
  if not found then
    missing("PostgreSQL", "database branches cannot be created; install its server, or put its programs on PATH")
  end
  return found
end

-- ---- telling who follows ----------------------------------------------------------------------

-- Whoever asked for none has the model alone, whose operations end by the time.
local function follow_databases(cloud)
  if not cloud.state.neon.follow then return true end
  local plan = neon.follow(cloud.state, cloud.now())
  local all = cloud.postgres:follow(plan)
  cloud.postgres:sweep(plan)
  return all
end

local function databases(cloud)
  return follower.new(function() follow_databases(cloud) end)
end

local function changed(cloud)
  cloud.certificates:update(cloud.state, cloud.now())
  cloud.tell_databases()
  cloud.saver.tell()
end

-- Certificates are issued, versions spread and branches expire without any request.
local function watch_time(cloud)
  while true do
    sleep(TICK)
    local now = cloud.now()
    cloud.certificates:update(cloud.state, now)
    cloud.workers:sweep(cloudflare.versions(cloud.state, now))
    cloud.tell_databases()
  end
end

-- ---- listening --------------------------------------------------------------------------------

local function handler(cloud)
  return function(request)
    local began = core.monotonic()
    local response = dispatch.answer(cloud, request)
    if cloud.crew.verbose then
      log(("%s %s://%s%s %d, %.0f ms"):format(request.method, request.scheme, request.host, request.path,
        response.status, (core.monotonic() - began) * 1000))
    end
    return response
  end
end

-- Who talked over a WebSocket may leave without a word.
local function report(err, request)
  if err.code == "websocket-lost" then return end
  log(("%s %s%s: %s"):format(request.method, request.host, request.path, tostring(err)))
end

local listen_hints = {
  { "in use", "another program may listen there: see 'ss -ltnp', or choose another port (0 takes a free one)" },
  { "denied", "ports below 1024 are not everybody's: choose another one" },
  { "assign requested address", "no such address on this machine: see 'ip address'" },
  { "Invalid argument", "that is no address" },
}

local function open_port(o)
  local listening, err = try(server.listen, o)
  if listening then return listening end
  if o.path then err.hint = "--github-socket PATH puts the socket elsewhere; what stands there is left alone" end
  for _, entry in ipairs(err.code == "server-failed" and not o.path and listen_hints or {}) do
    if err.message:find(entry[1], 1, true) then err.hint = entry[2] end
  end
  error(err, 0)
end

local function listen(cloud, name, o)
  local listening = open_port(o)
  cloud.crew.spawn(name, function()
    local s <close> = listening
    s:serve(handler(cloud), { on_error = report })
  end)
  return listening.port
end

-- Where a browser and --local come from is always listened to; the port is the same.
local function listen_everywhere(cloud, name, address, o)
  local function at(where, port)
    return listen(cloud, name, { address = where, port = port, tls = o.tls, max_body = LARGEST_BODY })
  end
  local port = at(address, o.port)
  if address ~= ADDRESS and address ~= "0.0.0.0" then at(ADDRESS, port) end
  return port
end

-- gh speaks to api.github.com there, like everybody else on the other sockets.
local function listen_for_gh(cloud, wanted)
  return github_socket.open(cloud.folder, wanted, function(path)
    return listen(cloud, "gh", { path = path, max_body = LARGEST_BODY })
  end, cloud.crew.log)
end

local function warn_of_strangers(address)
  log(("WARNING: listening on %s: whoever reaches this machine can change what lives here, and run code in its Workers")
    :format(address))
end

local function listen_dns(cloud)
  local listening = nameserver.listen { address = ADDRESS }
  cloud.crew.spawn("dns", function()
    local s <close> = listening
    s:serve(function(name, kind)
      return hosts.resolve(cloud.state, name, kind) or cloudflare.resolve(cloud.state, name, kind, cloud.now())
    end)
  end)
  return ("%s:%d"):format(ADDRESS, listening.port)
end

local function hosts_of(state)
  local list = { "api.cloudflare.com", "console.neon.tech", "*.aws.neon.tech", "api.github.com",
    results.HOST, blobs.HOST, "*.workers.dev" }
  list[#list + 1] = state.webhooks.host
  for _, zone in ipairs(state.cloudflare.zones) do
    list[#list + 1] = zone.name
    list[#list + 1] = "*." .. zone.name
  end
  return list
end

local function environment_of(cloud, ca_file)
  local state = cloud.state
  return environment.lines { http_port = cloud.http_port, ca_file = ca_file, made_up = cloud.made_up,
    account_id = state.cloudflare.account_id, repository = state.github.repository,
    neon_project = state.neon.project_id, tokens = cloud.tokens, gh = cloud.gh and cloud.gh.configuration,
    run = runtime.MADE_UP, runtime_token = runtime.made_up(state, cloud.now()) }
end

local function print_all(facts)
  print(("http://%s:%d  what lives in the local cloud"):format(ADDRESS, facts.http_port))
  print(("https://%s:%d  the same services with TLS"):format(ADDRESS, facts.https_port))
  print(("%s  the certificate to trust for https"):format(facts.ca_file))
  print ""
  for _, line in ipairs(facts.environment) do print(line) end
  print "ready"
end

local function announce(cloud, o, dns, ca_file)
  local facts = { http_port = cloud.http_port, https_port = cloud.https_port, dns = dns, ca_file = ca_file,
    github_socket = cloud.gh and cloud.gh.path, hosts = hosts_of(cloud.state), started = cloud.now(),
    environment = environment_of(cloud, ca_file) }
  presence.announce(cloud.folder, facts)
  local tell = o.ready or print_all
  tell(facts)
end

-- ---- the whole --------------------------------------------------------------------------------

-- Names of tasks are their owner's; two requests for one Worker must not collide.
local function crew_of(o, spawn)
  local count = 0
  return { log = log, verbose = o.verbose or false, spawn = function(name, f)
    count = count + 1
    spawn(("%s %d"):format(name, count), f)
  end }
end

local function is_loopback(address)
  return address:find "^127%." ~= nil or address == "::1"
end

local function new_cloud(folder, root, o)
  local cloud = { folder = folder, root = root, now = core.now, store = store.new(folder),
    faults = o.faults or faults.new(), latency = o.latency or 0, open = not is_loopback(o.listen or ADDRESS) }
  cloud.outbound = outbound.new()
  function cloud.changed() changed(cloud) end
  function cloud.error_page(code, request)
    local page = cloudflare.error(code, { host = request.host, headers = request.headers }, cloud.now())
    return { status = page.status, headers = page.headers, body = page.body .. "\n" }
  end
  cloud.saver = saver.new(cloud.store, function()
    return { world = seed.without_tokens(cloud.state), password = cloud.password }
  end, log)
  return cloud
end

-- Credentials that come from the environment are somebody's real ones.
local function hide(cloud)
  for name, value in pairs(cloud.tokens) do
    if type(value) == "string" and not cloud.made_up[name] then core.announce(name .. " token", value) end
  end
end

-- What is no failure with a name is a fault, here of a state that somebody has changed.
local function world_of(cloud, saved, from)
  local state, err = try(seed.world, saved.world, from)
  if state then return state end
  if saved.world and err.code == "error" then cloud.store:broken(err.message) end
  error(err, 0)
end

local function load(cloud, o)
  local from = seed.of(o.project or {}, o, cloud.folder)
  cloud.tokens, cloud.made_up = from.tokens, seed.made_up(from)
  if not o.tokens then hide(cloud) end
  local saved = cloud.store:load()
  if not saved then   -- clusters that a removed state left behind have another password
    postgres.reset(cloud.folder)
    saved = {}
  end
  cloud.state = world_of(cloud, saved, from)
  cloud.state.neon.follow = o.postgres ~= false
  cloud.password = saved.password or core.random(16):gsub(".", function(c) return ("%02x"):format(c:byte()) end)
end

local function prepare_followers(cloud, o)
  fs.remove(cloud.folder .. "/workers")   -- of a cloud that was killed
  cloud.workers = workers.new { binary = find_workerd(o), folder = cloud.folder .. "/workers",
    crew = cloud.crew, awake = o.awake, failed = cloud.error_page,
    asset = function(hash) return (cloudflare.asset(cloud.state, hash)) end,
    find = function(name) return cloudflare.bound(cloud.state, name, cloud.now()) end,
    latest = function(name, preview) return cloudflare.newest(cloud.state, name, preview) end,
    caller = function(name, version) return cloud.outbound:caller(name, version) end,
    present = function(text) return hosts.present(cloud.state, text) end,
    cloud = function() return ("%s:%d"):format(ADDRESS, cloud.http_port) end }
end

local function report_to_model(cloud)
  return function(event)
    neon.event(cloud.state, event, cloud.now())
    cloud.saver.tell()
  end
end

local function prepare_databases(cloud, o, ca)
  cloud.postgres = postgres.new { binaries = find_postgres(o), folder = cloud.folder, root = cloud.root,
    password = cloud.password, network = cloud.state.settings.network, authority = ca, awake = o.computes,
    rest = cloud.state.settings.pack_seconds, saved = function() cloud.saver:save_if_possible() end,
    again = function() cloud.tell_databases() end,
    now = cloud.now, report = report_to_model(cloud), crew = cloud.crew }
  if cloud.postgres.binaries then cloud.saver:save() end   -- the databases are made with the password that stands in it
end

local function prepare_certificates(cloud)
  local ca = authority.new { directory = cloud.folder .. "/ca" }
  ca:pem()   -- makes it now, so that its file can be named
  cloud.certificates = certificates.new(ca)
  return ca
end

-- The databases come first: whoever is told "ready" may connect to production.
local function start_followers(cloud)
  local run_databases
  run_databases, cloud.tell_databases = databases(cloud)
  if cloud.state.neon.follow then cloud.postgres:resume(neon.follow(cloud.state, cloud.now())) end
  repeat
    local all = follow_databases(cloud)
    cloud.postgres:wait()
  until all
  cloud.crew.spawn("saver", cloud.saver.run)
  cloud.crew.spawn("databases", run_databases)
end

local function live(cloud, o, spawn)
  cloud.crew = crew_of(o, spawn)
  prepare_followers(cloud, o)
  local ca = prepare_certificates(cloud)
  prepare_databases(cloud, o, ca)
  start_followers(cloud)
  cloud.changed()
  local address = o.listen or ADDRESS
  cloud.http_port = listen_everywhere(cloud, "http", address, { port = o.port })
  cloud.https_port = listen_everywhere(cloud, "https", address, { port = o.https_port, tls = ca })
  if cloud.open then warn_of_strangers(address) end
  cloud.gh = listen_for_gh(cloud, o.github_socket)
  local dns = listen_dns(cloud)
  cloud.crew.spawn("time", function() watch_time(cloud) end)
  announce(cloud, o, dns, cloud.folder .. "/ca/ca.pem")
end

-- Before anything is begun: whoever asked for a record does not want to go on without one.
local function begin_record(cloud, path)
  local secrets = {}
  for _, token in ipairs(cloud.state.neon.tokens) do secrets[#secrets + 1] = token.value end
  for _, value in pairs(cloud.tokens) do secrets[#secrets + 1] = type(value) == "table" and value.value or value end
  for _, token in ipairs(cloud.state.github.tokens) do secrets[#secrets + 1] = token.value end
  cloud.recorder = recorder.new(path, { now = cloud.now, log = log, secrets = secrets,
    opened = function() return github_secrets.everywhere(cloud.state) end })
end

local function finish(cloud)
  presence.withdraw(cloud.folder)
  local _, err = try(cloud.saver.save, cloud.saver)
  if not err then return end
  err.hint = "what was changed since the last save is lost; the state of then is whole"
  error(err, 0)
end

local function reset(folder)
  store.reset(folder)
  postgres.reset(folder)
end

---Serves the local cloud until the task is cancelled, which is its ordinary end.
---@param o cloud.Options
---@return integer exit code  0; raises "cloud-running", "cloud-state-broken", "cloud-state-differs"
function serve.run(o)
  check_options(o)
  local folder, root = ground(o.state)
  local _ <close> = presence.claim(folder)
  presence.withdraw(folder)   -- what one that was killed left
  if o.reset then reset(folder) end
  local cloud = new_cloud(folder, root, o)
  load(cloud, o)
  if o.record then begin_record(cloud, o.record) end
  local _, err = try(task.nursery, function(spawn) live(cloud, o, spawn) end)
  task.shield(finish, cloud)
  if err.class ~= "cancelled" then error(err, 0) end
  return 0
end

return serve
