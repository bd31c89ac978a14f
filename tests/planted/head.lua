-- luacheck: ignore 211 (no recipe needs all of it)
-- What the planted recipes have in common: the services' APIs as they are, without a provider's care.
local cloudflare, fs, health, http, json = require "cloudflare", require "fs", require "health", require "http", require "json"
local secret, sql = require "secret", require "sql"

local ZONE, ACCOUNT = "revelations.studio", "0000000000000000000000000000c0de"
local function github_token() return secret.env("GITHUB_TOKEN", { to = { "api.github.com" } }) end
local function neon_key() return secret.env("NEON_API_KEY", { to = { "console.neon.tech" } }) end
local function dns_token() return secret.env("CLOUDFLARE_DNS_API_TOKEN", { to = cloudflare.places.dns_token }) end
local function workers_token() return secret.env("CLOUDFLARE_API_TOKEN", { to = cloudflare.places.token }) end

local function send(base, token, method, path, body)
  return http.request { url = base .. path, method = method, json = body, headers = { authorization = "Bearer " .. token } }
end

local classes = { [409] = "converge", [423] = "transient", [429] = "throttled" }

local function good(answer)
  if answer.status >= 300 then
    failure { code = "http-status", class = classes[answer.status] or answer.status >= 500 and "unknown" or "fatal",
      message = ("status %d of %s"):format(answer.status, answer.url), status = answer.status }
  end
  local value, err = try(json.decode, answer.body)
  if err and answer.body ~= "" then failure { code = "unreadable", class = "unknown", message = "no JSON" } end
  return value
end

-- ---- GitHub --------------------------------------------------------------------------------------

local REPOSITORY = "https://api.github.com/repos/example/codex"
local function github(method, path, body) return good(send(REPOSITORY, github_token(), method, path, body)) end

local function comments()
  local all, page = {}, 1
  repeat
    local list = github("GET", "/issues/42/comments?per_page=100&page=" .. page)
    table.move(list, 1, #list, #all + 1, all)
    page = page + 1
  until #list < 100
  return all
end

local function find(text)
  for _, c in ipairs(comments()) do
    if c.body == text then return c.id end
  end
end

local function comment(text) return github("POST", "/issues/42/comments", { body = text }).id end
local function remove(id) github("DELETE", "/issues/comments/" .. id) end
local function remove_text(text) local id = find(text) if id then remove(id) end end

-- A comment as a resource; what is given replaces a function of it.
local function the_comment(text, more)
  local r = { "comment " .. text, find = function() return find(text) end, create = function() return comment(text) end,
    destroy = function() remove_text(text) end }
  for name, value in pairs(more or {}) do r[name] = value end
  return r
end

-- As a flow begins: nobody else works for the pull request, and it is open.
local function begin(run)
  local lease = run.lease("toy/42", { supersede = true })
  if github("GET", "/pulls/42").state ~= "open" then
    lease:close()
    failure { code = "closed", message = "the pull request is closed" }
  end
  return lease
end

-- ---- Cloudflare ----------------------------------------------------------------------------------

local function zone(method, path, body)
  local zones = good(send("https://api.cloudflare.com/client/v4", dns_token(), "GET", "/zones?name=" .. ZONE))
  return good(send("https://api.cloudflare.com/client/v4/zones/" .. zones.result[1].id, dns_token(), method, path, body)).result
end

local function records() return zone("GET", "/dns_records?per_page=1000") end

local function record(name)
  for _, r in ipairs(records()) do
    if r.name == name .. "." .. ZONE then return r end
  end
end

local function add_record(name) return zone("POST", "/dns_records", { type = "TXT", name = name, content = "planted" }).id end
local function remove_record(name) local r = record(name) if r then zone("DELETE", "/dns_records/" .. r.id) end end

local function the_record(name, more)
  local r = { "record " .. name, find = function() local r = record(name) return r and r.id end,
    create = function() return add_record(name) end, destroy = function() remove_record(name) end }
  for key, value in pairs(more or {}) do r[key] = value end
  return r
end

-- A Worker at a host of its own, that says its version at /health.
local HOST = "toy-42." .. ZONE
local function deploy(run, version)
  local client = cloudflare.client { account = ACCOUNT, zone = ZONE, token = workers_token(), dns_token = dns_token() }
  run.ensure(client.worker { name = "toy-42", marker = "toy/preview/42", main = "m", version_tag = version,
    bindings = { { type = "plain_text", name = "VERSION", text = version } },
    modules = { { name = "m", type = "application/javascript+module", body = "export default {}" } } })
  run.ensure(client.domain { host = HOST, worker = "toy-42", marker = "toy/preview/42" })
end

-- ---- Neon ----------------------------------------------------------------------------------------

local PROJECT = "https://console.neon.tech/api/v2/projects/wandering-moon-123456"
local function neon(method, path, body) return good(send(PROJECT, neon_key(), method, path, body)) end

local function branch(name)
  for _, b in ipairs(neon("GET", "/branches?limit=100").branches) do
    if b.name == name then return b end
  end
end

local function the_branch(name)
  return { "branch " .. name, find = function() local b = branch(name) return b and b.id end,
    create = function() return neon("POST", "/branches", { branch = { name = name },
      endpoints = { { type = "read_write" } } }).branch.id end,
    destroy = function() local b = branch(name) if b then neon("DELETE", "/branches/" .. b.id) end end }
end

local function connect(branch_id)
  local query = ("branch_id=%s&database_name=neondb&role_name=neondb_owner"):format(branch_id)
  local answer = http.request { url = PROJECT .. "/connection_uri?" .. query,
    headers = { authorization = "Bearer " .. neon_key() },
    secrets = { ["/uri"] = { name = "DATABASE_URL", to = { "sql:*" } } } }
  for _ = 1, 20 do   -- the compute of a new branch starts
    local session, err = try(sql.connect, { url = answer.secrets["/uri"] })
    if session then return session end
    if err.class == "cancelled" then error(err, 0) end
    sleep(1)
  end
  failure { code = "no-database", class = "transient", message = "the branch cannot be connected to" }
end
