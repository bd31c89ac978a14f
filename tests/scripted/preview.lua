---The world of the two recipes: the local cloud's models in this process, a ledger for each
---database, builds that leave a module, files read from the project and written to memory.
local cloudflare = require "cloud.cloudflare"
local cloud = require "cloud.world"

local tokens = {
  workers = "fake-cloudflare-workers-token-0001", dns = "fake-cloudflare-dns-token-0002",
  neon = "fake-neon-api-key-0003", github = "fake-github-token-0004",
}
local state = cloud.new {
  account_id = "0000000000000000000000000000c0de", tokens = tokens,
  pull_requests = { { number = 42, title = "A shop", head = "shop" } },
}

local script = { state = state, requests = 0, ledger = {}, builds = 0 }
local written = {}

-- HTTP: the services by their hosts, everything else through the edge -----------------------

local function plain_value(version, name)
  for _, binding in ipairs(version.bindings) do
    if binding.name == name then return binding.text end
  end
end

local function edge(request, now)
  local served = cloudflare.serve(state, request.host, now)
  if served.kind == "no-certificate" then
    return { fault = { "http-tls", "pending", request.host .. ": no certificate yet" }, delay = 0.01 }
  elseif served.kind ~= "worker" then
    return { status = served.status, headers = {}, body = served.body, delay = 0.01 }
  end
  local body = ('{"status":"ok","version":"%s","environment":"%s"}'):format(
    plain_value(served.version, "VERSION"), plain_value(served.version, "ENVIRONMENT"))
  return { status = 200, headers = { ["content-type"] = "application/json" }, body = body, delay = 0.01 }
end

function script.http(request, now)
  script.requests = script.requests + 1
  local response = cloud.handle(request, state, now) or edge(request, now)
  response.delay = response.delay or 0.05
  return response
end

-- DNS, SQL, processes, files ------------------------------------------------------------------

function script.dns(name, kind, now)
  return cloudflare.resolve(state, name, kind, now).answers
end

function script.sql(url, text, params)
  local host = url:match("@([^/:]+)")
  local rows = script.ledger[host] or {}
  script.ledger[host] = rows
  if text:find("^insert into") then
    rows[#rows + 1] = { params[2], params[1] }
  elseif text:find("select created_at as key, hash") then
    return { columns = { "key:20", "hash" }, rows = rows, delay = 0.001 }
  end
  return { columns = {}, rows = {}, affected = 0, delay = 0.001 }
end

function script.process(argv, cwd)
  assert(table.concat(argv, " "):find("node build.mjs", 1, true), "an unexpected command")
  script.builds = script.builds + 1
  written[cwd .. "/dist/index.js"] = "export default {} // " .. cwd
  written[cwd .. "/dist/_worker.js"] = "export default {} // " .. cwd
  written[cwd .. "/dist/client/style.css"] = "body{}"
  return 0, "built\n", ""
end

local actions = {}

function actions.read(path)
  if written[path] then return written[path] end
  local file = io.open(path, "rb")
  return file and file:read("a")
end

function actions.write(path, data)
  written[path] = data
  return true
end

function actions.list(path)
  local names = {}
  for name in pairs(written) do
    names[#names + 1] = name:match("^" .. path:gsub("%p", "%%%0") .. "/([^/]+)$")
  end
  return names
end

function actions.stat(path)
  if written[path] then return #written[path] end
  local file = io.open(path, "rb")
  return file and 1
end

function actions.make() return true end

function actions.remove(path)
  written[path] = nil
  return true
end

function script.file(action, path, data)
  return actions[action](path, data)
end

return script
