---Every function of the providers that makes a thing takes it back, too, and sees that it is gone: on the models.
local cloudflare = require "cloudflare"
local github = require "github"
local http = require "http"
local json = require "json"
local neon = require "neon"
local resource = require "run.resource"
local secret_core = require "secret.core"
local provider_world = assert(require("core").load_file("tests/provider_world.lua"))()
local ensure = provider_world.ensure

local ZONE = "revelations.studio"

local function clients()
  return {
    cloudflare = cloudflare.client { account = "acc", zone = ZONE, token = "workers-token", dns_token = "dns-token" },
    neon = neon.client { project = "wandering-moon-123456", key = "neon-token" },
    github = github.client { repository = "example/codex", token = "github-owner-token" },
  }
end

local function upload(n, o)
  local all = { marker = "codex/preview/" .. n, main = "i.js",
    modules = { { name = "i.js", type = "application/javascript+module", body = "export default {}" } } }
  for name, value in pairs(o) do all[name] = value end
  return all
end

local function open_pull(w, n)
  local answer = require("cloud.github").admin({ method = "POST", path = "/_davit/pulls", query = "", headers = {},
    body = json.encode { number = n, title = "t", state = "open", head = "feature-" .. n } }, w.state, w.now)
  equal({ answer.status // 100, answer.status > 299 and answer.body or "" }, { 2, "" })
end

local function mark(n) return "codex/preview/" .. n end

local function worker(n) return "codex-web-preview-" .. n end

local function host(n) return ("codex-preview-%d.%s"):format(n, ZONE) end

local function value() return secret_core.new("A", "a-value", { "PUT https://api.github.com/repos body" }) end

-- What makes a thing of a pull request, each with what it needs of those made before.
local makers = {
  { "neon", "branch", function(n) return { name = "pr-" .. n, parent = "production", marker = mark(n) } end },
  { "neon", "endpoint", function(_, made) return { branch = made.branch, type = "read_only" } end },
  { "cloudflare", "worker", function(n) return upload(n, { name = worker(n), version_tag = "v1" }) end },
  { "cloudflare", "version", function(n) return upload(n, { worker = worker(n), version_tag = "v2" }) end },
  { "cloudflare", "dns_record", function(n) return { host = "www-" .. host(n), marker = mark(n) } end },
  { "cloudflare", "domain", function(n) return { host = host(n), worker = worker(n), marker = mark(n) } end },
  { "cloudflare", "route", function(n)
    return { pattern = "other-" .. host(n) .. "/*", worker = worker(n), marker = mark(n) }
  end },
  { "cloudflare", "workers_dev", function(n) return { worker = worker(n), marker = mark(n) } end },
  { "cloudflare", "crons", function(n) return { worker = worker(n), marker = mark(n), crons = { "* * * * *" } } end },
  { "github", "comment", function(n) return { pr = n, key = mark(n), body = "b" } end },
  { "github", "deployment", function(n, made) return { environment = "preview-" .. n, sha = made.sha, marker = mark(n) } end },
  { "github", "issue", function(n) return { key = "codex/incident/" .. n, title = "t", body = "b" } end },
  { "github", "secret", function(n) return { name = "A" .. n, value = value(), environment = "preview-" .. n } end },
  { "github", "variable", function(n) return { name = "A" .. n, value = "b", environment = "preview-" .. n } end },
}

-- What looks, what changes a thing that is there, and what takes away.
local others = {
  cloudflare = "verify serving versions last_good find_version secrets has_secret inventory deployment adoption rollback "
    .. "change_secrets destroy",
  neon = "find_branch branches ready rollback_point roles inventory suspend reset_password connection_uri destroy "
    .. "restore",   -- what is kept of before is a branch, found by its marker
  github = "pull open_pull open_pulls comments find_run run find_status status inventory secrets variables "
    .. "pending_deployments deployment_status close_issue delete_secret remove_environment review destroy",
}

test("every function of a client makes something, or is known to make nothing", function()
  for service, client in pairs(clients()) do
    local known = {}
    for name in others[service]:gmatch "%S+" do known[name] = true end
    for _, one in ipairs(makers) do
      if one[1] == service then known[one[2]] = true end
    end
    for name in pairs(client) do equal({ service, name, known[name] }, { service, name, true }) end
  end
end)

-- Makes everything of a pull request.
local function make_all(w, c, n)
  local list, made = {}, { sha = w.state.github.repositories["example/codex"].branches.main.sha }
  for i, one in ipairs(makers) do
    list[i] = c[one[1]][one[2]](one[3](n, made))
    made[one[2]] = ensure(list[i])
  end
  return list
end

local function take_all_back(list)
  for i = #makers, 1, -1 do
    equal({ makers[i][2], list[i].find() ~= nil }, { makers[i][2], true })
    equal({ makers[i][2], resource.destroy(list[i]), list[i].find() }, { makers[i][2], true, nil })
  end
end

-- Every request of the providers goes through this from here to the end of the scope.
local function through(f)
  local request = http.request
  http.request = function(o) return request(f(o)) end
  return setmetatable({}, { __close = function() http.request = request end })
end

test("what was made is taken back, and looked for once more; no request of that is without a rate budget", function()
  local w <close>, unbudgeted = provider_world.open(), {}
  local _ <close> = through(function(o)
    if not o.budget then unbudgeted[#unbudgeted + 1] = o.url end
    return o
  end)
  open_pull(w, 42)
  take_all_back(make_all(w, clients(), 42))
  equal(unbudgeted, {})
end)

test("where every page of a list holds one thing, all of them are found", function()
  local w <close>, c, lists, small = provider_world.open(), clients(), {}, 0
  local _ <close> = through(function(o)
    local url, pages = o.url:gsub("([?&]per_page)=%d+", "%1=1")
    local limits
    url, limits = url:gsub("([?&]limit)=%d+", "%1=1")
    small = small + pages + limits
    local changed = {}
    for key, one in pairs(o) do changed[key] = one end
    changed.url = url
    return changed
  end)
  for n = 41, 43 do open_pull(w, n) end   -- issues are numbered after them
  for n = 41, 43 do lists[n] = make_all(w, c, n) end
  for n = 41, 43 do take_all_back(lists[n]) end
  equal(small > 0, true)
end)
