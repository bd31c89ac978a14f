---Previews, which only the newer wrangler makes: one for a branch, beside what the Worker serves.
local about = ...
local contains = about.contains
local json = require "json"
local cloud, place, wrangler = about.cloud, about.place, about.wrangler

---A story of the newer wrangler alone, with a Worker of its own whose configuration has previews.
---@param name string
---@param worker string
---@param story fun(w: clients.Project)
local function newer(name, worker, story)
  test(name, function()
    if about.why_not then skip(about.why_not) end
    local w <close> = wrangler.project(place, wrangler.versions()[2], worker)
    w:config { vars = { OF_WORKER = "production" }, previews = { vars = { OF_PREVIEW = "preview" } } }
    w:code "one"
    story(w)
  end)
end

-- The hosts of the last preview that was made: its own, and its deployment's.
local function hosts(w)
  local event = w:event "preview"
  local function host(urls) return (urls[1]:gsub("^https://", "")) end
  return host(event.preview_urls), host(event.deployment_urls), event
end

local function previews(w) return w.cloud:api("GET", ("/{A}/workers/workers/%s/previews"):format(w.name)) end

newer("a preview serves beside the Worker, with its own variables and none of the Worker's", "pv", function(w)
  w:given()
  w:code "two"
  local said = w:succeeds("preview", "--name", "feature/Login", "--message", "the login", "--tag", "v1")
  local host, deployment, event = hosts(w)
  equal(host, "feature-login-" .. w.host)
  contains(said, "https://" .. host)
  contains(said, "OF_WORKER")   -- wrangler warns that the preview lacks it
  equal({ event.preview_name, event.preview_slug }, { "feature/Login", "feature-login" })
  local answer = w:answer(host .. "/page")
  equal({ answer.text, answer.OF_PREVIEW, answer.OF_WORKER, answer.path }, { "two", "preview", nil, "/page" })
  equal({ w:text(deployment), w:text() }, { "two", "one" })
  equal(w.cloud:ask(host .. ".localhost").status, 200)   -- as a browser asks for it
  local latest = w.cloud:api("GET", ("/{A}/workers/workers/%s/previews/feature-login/deployments/latest"):format(w.name))
  equal({ latest.annotations["workers/message"], latest.annotations["workers/tag"] }, { "the login", "v1" })
end)

newer("a preview that is made again stays where it was, and the deployment before stays to be seen", "pvagain", function(w)
  w:given()
  w:succeeds("preview", "--name", "main")
  local host, first, made = hosts(w)
  w:code "two"
  w:config { previews = { vars = { OF_PREVIEW = "changed" }, observability = { enabled = true } } }
  contains(w:succeeds("preview", "--name", "main"), "(updated)")
  local again, second, event = hosts(w)
  equal({ again, event.preview_id, #previews(w) }, { host, made.preview_id, 1 })
  equal({ previews(w)[1].observability.enabled, w:answer(host).OF_PREVIEW }, { true, "changed" })
  equal({ w:text(host), w:text(second), w:text(first) }, { "two", "two", "one" })
  w:code "three"
  w:succeeds("preview", "--name", "other", "--json")
  equal(#previews(w), 2)
  equal({ w:text("other-" .. w.host), w:text(host), w:text() }, { "three", "two", "one" })
end)

newer("a preview's assets are its own", "pvassets", function(w)
  w:config { assets = { directory = "./public", binding = "ASSETS" }, previews = json.decode "{}" }
  w:write("public/index.html", "<h1>served</h1>")
  w:succeeds "deploy"
  w:write("public/index.html", "<h1>looked at</h1>")
  w:write("public/_headers", "/*\n  x-tested: yes\n")
  w:succeeds("preview", "--name", "main")
  local host = hosts(w)
  local answer = w.cloud:ask(host)
  equal({ answer.body, answer.headers["x-tested"] }, { "<h1>looked at</h1>", "yes" })
  equal(w.cloud:ask(w.host).body, "<h1>served</h1>")
  equal(w:text(host .. "/else"), "one")
end)

newer("assets alone may be looked at, too", "pvalone", function(w)
  w:config { main = false, assets = { directory = "./public" }, previews = json.decode "{}" }
  w:write("public/index.html", "<h1>alone</h1>")
  w:succeeds("preview", "--name", "main")
  equal(w.cloud:ask((hosts(w))).body, "<h1>alone</h1>")
end)

newer("secrets are the preview's, stay when it is deployed again, and go", "pvsecret", function(w)
  w:given()
  w:succeeds("preview", "--name", "main")
  local host = hosts(w)
  contains(w:succeeds("preview", "secret", "put", "KEY", "--name", "main", { input = "s3cret" }), "Success")
  equal({ w:answer(host).KEY, w:answer().KEY }, { "s3cret", nil })
  contains(w:succeeds("preview", "secret", "list", "--name", "main"), "KEY")
  w:code "two"
  w:succeeds("preview", "--name", "main")
  local answer = w:answer(host)
  equal({ answer.text, answer.KEY, answer.OF_PREVIEW }, { "two", "s3cret", "preview" })
  w:write("secrets.json", json.encode { KEY = json.null, A = "a-value", B = "b-value" })
  w:succeeds("preview", "secret", "bulk", "secrets.json", "--name", "main")
  answer = w:answer(host)
  equal({ answer.KEY, answer.A, answer.B }, { nil, "a-value", "b-value" })
  w:succeeds("preview", "secret", "delete", "A", "--name", "main", "--skip-confirmation")
  equal(w:answer(host).A, nil)
  equal(json.decode(w:succeeds("preview", "secret", "list", "--name", "main", "--json")), { { name = "B", type = "secret_text" } })
end)

newer("what the Worker says for new previews is in those that are made afterwards", "pvbase", function(w)
  w:given()
  w:succeeds("preview", "--name", "before")
  local before = hosts(w)
  w:succeeds("preview", "base-config", "secret", "put", "SHARED", { input = "for all" })
  contains(w:succeeds("preview", "base-config", "secret", "list"), "SHARED")
  w:succeeds("preview", "--name", "after")
  local after = hosts(w)
  equal({ w:answer(before).SHARED, w:answer(after).SHARED, w:answer().SHARED }, { nil, "for all", nil })
  w:succeeds("preview", "--name", "bare", "--ignore-base-config")
  equal(w:answer((hosts(w))).SHARED, nil)
  w:succeeds("preview", "base-config", "secret", "delete", "SHARED", "--skip-confirmation")
  w:succeeds("preview", "--name", "last")
  equal({ w:answer((hosts(w))).SHARED, w:answer(after).SHARED }, { nil, "for all" })
end)

newer("a deleted preview is gone, and the Worker serves on", "pvdelete", function(w)
  w:given()
  w:succeeds("preview", "--name", "main")
  local host, deployment = hosts(w)
  equal(w:text(host), "one")
  w:succeeds("preview", "delete", "--name", "main", "-y")
  equal({ w:status(host), w:status(deployment), w:text(), #previews(w) }, { 404, 404, "one", 0 })
  w:fails("10025", "preview", "delete", "--name", "main", "-y")
  w:fails("was not found", "preview", "secret", "list", "--name", "main")
  w:succeeds("preview", "--name", "main")
  equal(w:text(host), "one")
end)

newer("a Worker that is not there is made for its preview, and serves nothing itself", "pvnew", function(w)
  contains(w:succeeds("preview", "--name", "main"), "Creating new Worker")
  equal({ w:text((hosts(w))), w:status() }, { "one", 404 })
  w:succeeds("delete", "--force")
  equal(w:status((hosts(w))), 404)
end)

newer("a mistake in the code is named, and what was to be seen stays", "pvsyntax", function(w)
  w:given()
  w:succeeds("preview", "--name", "main")
  local host = hosts(w)
  w:write("src/index.js", "const broken = /(/; export default { fetch() { return new Response(broken); } };")
  contains(w:fails("10021", "preview", "--name", "main"), "Invalid regular expression")
  equal(w:text(host), "one")
end)

newer("without previews in the configuration, without a name and without permission there are none", "pvnone", function(w)
  w:given()
  w:config {}
  w:fails("missing a `previews` block", "preview", "--name", "main")
  w:config { previews = json.decode "{}" }
  w:fails("Could not determine Preview name", "preview")
  w:fails("10016", "preview", "--name", "two words")
  w:fails("was not found", "preview", "secret", "put", "KEY", "--name", "main", { input = "x" })
  w:fails("10000", "preview", "--name", "main", { env = { CLOUDFLARE_API_TOKEN = cloud.tokens.reader } })
  equal(#previews(w), 0)
end)

newer("previews may be below a custom domain", "pvdomain", function(w)
  w:config { previews = json.decode "{}", workers_dev = false,
    routes = { { pattern = "looks.four.test", custom_domain = true, previews_enabled = true, enabled = false } } }
  w:succeeds "deploy"
  contains(w:succeeds("preview", "--name", "main"), "https://main.looks.four.test")
  local host, deployment = hosts(w)
  equal({ host, w:text(host), w:text(deployment), w:status "looks.four.test" }, { "main.looks.four.test", "one", "one", 404 })
end)

newer("a preview without a host says so", "pvhidden", function(w)
  w:given()
  w.cloud:api("POST", ("/{A}/workers/scripts/%s/subdomain"):format(w.name), { json = { enabled = true, previews_enabled = false } })
  contains(w:succeeds("preview", "--name", "main"), "no active URLs")
  equal(w:status("main-" .. w.host), 404)
end)

newer("an upload that fails leaves the preview without a deployment, and can be made again", "pvfault", function(w)
  w:given()
  w.cloud:fault(("cloudflare POST /accounts/*/workers/workers/%s/previews/*/deployments 500 times=1"):format(w.name))
  w:fails("10013", "preview", "--name", "main")
  w:fails("no deployments", "preview", "secret", "put", "KEY", "--name", "main", { input = "x" })
  w:fails("no deployments", "preview", "secret", "list", "--name", "main")
  equal(w:status("main-" .. w.host), 404)
  w:succeeds("preview", "--name", "main")
  equal(w:text("main-" .. w.host), "one")
end)
