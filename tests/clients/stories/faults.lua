---wrangler while the service fails: what it repeats, what it gives up, what is left.
local about = ...
local both = about.both

local function rule(w, text)
  w.cloud:fault("cloudflare " .. text:gsub("{S}", w.name))
end

local function deployed(w)
  w:given()
  w:code "two"
end

both("an upload that fails twice is sent again", "again500", function(w)
  deployed(w)
  rule(w, "POST /accounts/*/workers/scripts/{S}/versions 500 code=10013 times=2")
  w:succeeds "deploy"
  equal({ w.cloud:injected(w.name .. "/versions"), w:text(), #w:api("/versions").items }, { 2, "two", 2 })
end)

both("an upload whose answer is lost is sent again, and leaves a version that nobody deploys", "lost", function(w)
  deployed(w)
  rule(w, "POST /accounts/*/workers/scripts/{S}/versions drop applied times=1")
  w:succeeds "deploy"
  equal({ w:text(), #w:api("/versions").items, #w:api("/deployments").deployments }, { "two", 3, 2 })
end)

both("an upload that comes too often: the newer wrangler waits as it is told, the older one gives up", "throttled", function(w)
  deployed(w)
  rule(w, "POST /accounts/*/workers/scripts/{S}/versions limit retry-after=1s times=1")
  equal(w:run("deploy").exit, w.old and 1 or 0)
  equal({ w.cloud:injected(w.name .. "/versions"), w:text() }, { 1, w.old and "one" or "two" })
end)

both("a deployment that fails is not repeated: its version waits, and refuses secrets", "undeployed", function(w)
  deployed(w)
  rule(w, "POST /accounts/*/workers/scripts/{S}/deployments 500 code=10013 times=1")
  w:fails("10013", "deploy")
  equal({ w:text(), #w:api("/versions").items }, { "one", 2 })
  w:fails("isn't currently deployed", "secret", "put", "KEY", { input = "value" })
end)

both("a look that comes too often ends the deploy", "looked", function(w)
  deployed(w)
  rule(w, "GET /accounts/*/workers/services/{S} limit retry-after=1s times=1")
  equal(w:run("deploy").exit, 1)
  equal(w:text(), "one")
end)

both("a page instead of an answer ends the deploy", "html", function(w)
  deployed(w)
  rule(w, "GET /accounts/*/workers/services/{S} html times=1")
  w:fails("malformed", "deploy")
  equal(w:text(), "one")
end)

both("a domain that is refused comes after the code", "domain409", function(w)
  w:config { routes = { { pattern = w.name .. ".example.com", custom_domain = true } }, workers_dev = true }
  deployed(w)
  rule(w, "PUT /accounts/*/workers/scripts/{S}/domains/records 409 code=100117 times=1")
  local result = w:run "deploy"
  equal({ result.exit, w:text() }, { 1, "two" })
end)

both("a schedule that is refused comes after the code", "cron400", function(w)
  w:config { triggers = { crons = { "0 0 * * *" } } }
  deployed(w)
  rule(w, "PUT /accounts/*/workers/scripts/{S}/schedules 400 code=10072 times=1")
  equal(w:run("deploy").exit, 1)
  equal(w:text(), "two")
end)

both("settings that fail are passed over", "settings500", function(w)
  deployed(w)
  rule(w, "PATCH /accounts/*/workers/scripts/{S}/script-settings 500 times=1")
  w:succeeds "deploy"
  equal({ w.cloud:injected(w.name .. "/script-settings"), w:text() }, { 1, "two" })
end)

both("routes that a token may not replace are added in their zone, and old ones stay", "routes", function(w)
  local function pattern(part) return ("www.example.com/%s/%s/*"):format(w.name, part) end
  w:config { routes = { { pattern = pattern "a", zone_name = "example.com" } } }
  w:succeeds "deploy"
  w:code "two"
  w:config { routes = { { pattern = pattern "b", zone_name = "example.com" } } }
  rule(w, "PUT /accounts/*/workers/scripts/{S}/routes 403 code=10000 times=1")
  w:succeeds "deploy"
  local zone = w.cloud:api("GET", "/zones?name=example.com")[1].id
  local found = {}
  for _, route in ipairs(w.cloud:api("GET", ("/zones/%s/workers/routes"):format(zone))) do
    if route.script == w.name then found[#found + 1] = route.pattern end
  end
  table.sort(found)
  equal(found, { pattern "a", pattern "b" })
  equal({ w:text(("www.example.com/%s/a/"):format(w.name)), w:text(("www.example.com/%s/b/"):format(w.name)) },
    { "two", "two" })
end)

both("the switch of workers.dev is tried again", "switch", function(w)
  rule(w, "POST /accounts/*/workers/scripts/{S}/subdomain 500 times=2")
  w:succeeds "deploy"
  equal({ w.cloud:injected(w.name .. "/subdomain"), w:text() }, { 2, "one" })
end)

both("a session for assets that fails is asked for again, by the older wrangler's user", "session500", function(w)
  w:config { main = false, assets = { directory = "./public" } }
  w:write("public/index.html", "asset of " .. w.name)
  rule(w, "POST /accounts/*/workers/scripts/{S}/assets-upload-session 500 code=10013 times=1")
  if w.old then w:fails("10013", "deploy") end
  w:succeeds "deploy"
  equal(w.cloud:ask(w.host .. "/").body, "asset of " .. w.name)
end)
