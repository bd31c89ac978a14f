---Deleting Workers: gone from the account and from the edge.
local about = ...
local both = about.both

both("a deleted Worker is gone, with its domain", "delete", function(w)
  local domain = w.name .. ".example.com"
  w:config { workers_dev = true, routes = { { pattern = domain, custom_domain = true } } }
  w:succeeds "deploy"
  equal({ w:text(), w:text(domain) }, { "one", "one" })
  w:succeeds("delete", "--force")
  equal(w:exists(), false)
  equal(w:status(), 404)
  equal(w:status(domain), 530)
end)

both("without --force it is asked who needs the Worker", "needed", function(w)
  w:given()
  local needed = w.name
  w.name = needed .. "-caller"
  w:config { services = { { binding = "OTHER", service = needed } } }
  w:write("src/index.js", "export default { fetch(request, env) { return env.OTHER.fetch(request); } };")
  w:succeeds "deploy"
  equal(w:text(w.name .. ".clients.workers.dev"), "one")
  w:run("delete", needed)
  local asked = w.cloud:recorded(function(entry) return entry.path:find(needed .. "/references", 1, true) ~= nil end)
  equal(asked[1].resp.result.services.incoming[1].name, w.name)
end)

both("a Worker that was deleted can be deployed again", "again", function(w)
  w:given()
  w:succeeds("delete", "--force")
  w:code "anew"
  w:succeeds "deploy"
  equal(w:text(), "anew")
  equal(#w:api("/versions").items, 1)
end)
