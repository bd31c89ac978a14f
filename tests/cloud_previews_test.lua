---Previews in the local cloud, run by real workerd: beside their Worker, apart from it, gone when deleted.
local local_cloud = assert(require("core").load_file("tests/local_cloud.lua"))()
local base64 = require "base64"
local json = require "json"

local ACCOUNT = local_cloud.ACCOUNT

local function test_cloud(name, body)
  test(name, function()
    if not local_cloud.has_workerd() then skip "there is no workerd" end
    local_cloud.with({}, body)
  end)
end

local function says(text) return ('export default { fetch() { return new Response("%s"); } };'):format(text) end

local function api(cloud, method, path, o)
  local answer = cloud:api(method, ("/accounts/%s/workers%s"):format(ACCOUNT, path), o)
  if answer.status ~= 200 then error(("%s %s: %d %s"):format(method, path, answer.status, answer.body), 2) end
  return answer:json().result
end

local function host_of(urls) return (urls[1]:gsub("^https://", "")) end

-- Makes a preview of a Worker, which is made too, if need be.
local function preview(cloud, worker, name)
  local there = cloud:api("GET", ("/accounts/%s/workers/workers/%s"):format(ACCOUNT, worker)).status == 200
  if not there then api(cloud, "POST", "/workers", { json = { name = worker } }) end
  api(cloud, "PATCH", "/workers/" .. worker, { json = { subdomain = { enabled = false, previews_enabled = true } } })
  return api(cloud, "POST", ("/workers/%s/previews"):format(worker), { json = { name = name } })
end

local function parts_of(code, metadata)
  local whole = { main_module = "index.js", compatibility_date = "2026-01-01" }
  for key, value in pairs(metadata or {}) do whole[key] = value end
  return { multipart = { { name = "metadata", data = json.encode(whole) },
    { name = "files", filename = "index.js", type = "application/javascript+module", data = code } } }
end

local function path_of(worker, id) return ("/workers/%s/previews/%s/deployments"):format(worker, id) end

-- Deploys to a preview; the deployment's own host.
local function deploy(cloud, worker, id, code, metadata)
  return host_of(api(cloud, "POST", path_of(worker, id), parts_of(code, metadata)).urls)
end

test_cloud("a preview shows its newest deployment, and each of them stays at a host of its own", function(cloud)
  local host = cloud:deploy("web", says "served")
  local made = preview(cloud, "web", "main")
  local first = deploy(cloud, "web", made.id, says "one")
  equal({ cloud:get(host_of(made.urls) .. "/"), cloud:get(host .. "/") }, { "one", "served" })
  local second = deploy(cloud, "web", made.id, says "two")
  equal({ cloud:get(host_of(made.urls) .. "/"), cloud:get(second .. "/"), cloud:get(first .. "/") }, { "two", "two", "one" })
  local browser = ("%s.localhost:%d/"):format(host_of(made.urls), cloud.facts.http_port)
  equal(cloud:get(browser), "two")
  equal(cloud:get "127.0.0.1/":find(browser, 1, true) ~= nil, true)   -- the page of what lives leads there
end)

test_cloud("what was tried when it was uploaded is what serves the preview", function(cloud)
  local made = preview(cloud, "web", "main")
  local tried = api(cloud, "POST", path_of("web", made.id), parts_of(says "one",
    { env = { A = { type = "plain_text", text = "a" }, KEY = { type = "secret_text", text = "hush" } } }))
  equal(tried.startup_time_ms > 0, true)
  equal(#cloud:processes(), 1)
  equal(cloud:get(host_of(made.urls) .. "/"), "one")
  equal(#cloud:processes(), 1)
end)

-- The same as JSON.
local function json_of(code)
  return { json = { main_module = "index.js", compatibility_date = "2026-01-01", modules = json.array { { name = "index.js",
    content_type = "application/javascript+module", content_base64 = base64.encode(code) } } } }
end

test_cloud("a mistake in the code is refused with its line, in form data and in JSON", function(cloud)
  local made = preview(cloud, "web", "main")
  local path, broken = ("/accounts/%s/workers%s"):format(ACCOUNT, path_of("web", made.id)), "const a = /(/;\n" .. says "never"
  for _, upload in ipairs { parts_of(broken), json_of(broken) } do
    local answer = cloud:api("POST", path, upload)
    equal({ answer.status, answer:json().errors[1].code }, { 400, 10021 })
    equal(answer.body:find "Invalid regular expression" ~= nil, true)
  end
  api(cloud, "POST", path_of("web", made.id), json_of(says "in JSON"))
  equal(cloud:get(host_of(made.urls) .. "/"), "in JSON")
end)

test_cloud("a deleted preview answers no more, and its process ends", function(cloud)
  local made = preview(cloud, "web", "main")
  deploy(cloud, "web", made.id, says "one")
  equal(cloud:get(host_of(made.urls) .. "/"), "one")
  api(cloud, "DELETE", "/workers/web/previews/main")
  equal(cloud:ask("GET", host_of(made.urls) .. "/").status, 404)
  local_cloud.until_true(function() return #cloud:processes() == 0 end)
end)

test_cloud("a binding that names the preview's own Worker means what that serves", function(cloud)
  cloud:deploy("web", says "served")
  local made = preview(cloud, "web", "main")
  deploy(cloud, "web", made.id, [[export default { async fetch(request, env) {
    return new Response("looked at, beside: " + await (await env.SELF.fetch(request)).text());
  } };]], { env = { SELF = { type = "service", service = "web" } } })
  equal(cloud:get(host_of(made.urls) .. "/"), "looked at, beside: served")
end)

local COUNTER = [[
  import { DurableObject } from "cloudflare:workers";
  export class Counter extends DurableObject {
    async add() {
      const count = ((await this.ctx.storage.get("count")) ?? 0) + 1;
      await this.ctx.storage.put("count", count);
      return count;
    }
  }
  export default { async fetch(request, env) {
    return new Response(String(await env.COUNTER.getByName("a").add()));
  } };]]

test_cloud("Durable Objects of a preview are its own, and a new preview begins anew", function(cloud)
  local bound = { type = "durable_object_namespace", class_name = "Counter" }
  local migrations = { new_tag = "v1", new_sqlite_classes = { "Counter" } }
  local served = cloud:deploy("web", COUNTER, { migrations = migrations,
    bindings = { { name = "COUNTER", type = bound.type, class_name = bound.class_name } } })
  equal({ cloud:get(served .. "/"), cloud:get(served .. "/") }, { "1", "2" })
  local function made(name)
    local one = preview(cloud, "web", name)
    deploy(cloud, "web", one.id, COUNTER, { migrations = migrations, env = { COUNTER = bound } })
    return host_of(one.urls)
  end
  local main, other = made "main", made "other"
  equal({ cloud:get(main .. "/"), cloud:get(main .. "/"), cloud:get(other .. "/") }, { "1", "2", "1" })
  api(cloud, "DELETE", "/workers/web/previews/main")
  equal({ made "main", cloud:get(main .. "/"), cloud:get(served .. "/") }, { main, "1", "3" })
end)
