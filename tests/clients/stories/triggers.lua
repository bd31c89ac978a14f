---Where a Worker is reached: routes, custom domains, crons, workers.dev.
local about = ...
local both, contains = about.both, about.contains

local function crons(w)
  local list = {}
  for i, one in ipairs(w:api("/schedules").schedules) do list[i] = one.cron end
  table.sort(list)
  return list
end

both("a custom domain, a route and crons lead to the Worker", "triggers", function(w)
  local domain = w.name .. ".example.com"
  w:config { routes = { { pattern = domain, custom_domain = true },
    { pattern = ("www.example.com/%s/*"):format(w.name), zone_name = "example.com" } },
    triggers = { crons = { "*/5 * * * *", "0 3 * * *" } } }
  contains(w:succeeds "deploy", domain)
  equal(w:text(domain), "one")
  local path = ("/%s/some/path"):format(w.name)
  equal(w:answer("www.example.com" .. path).path, path)
  equal(crons(w), { "*/5 * * * *", "0 3 * * *" })
  equal(w:status(), 404)   -- with routes and without workers_dev it is off workers.dev
end)

both("triggers deploy changes where a Worker is reached, and no code", "retrigger", function(w)
  local first, second = w.name .. "-a.example.com", w.name .. "-b.example.com"
  w:config { routes = { { pattern = first, custom_domain = true } }, triggers = { crons = { "0 * * * *" } } }
  w:succeeds "deploy"
  local serving = w:serving()
  w:code "two"
  w:config { workers_dev = true, routes = { { pattern = second, custom_domain = true } },
    triggers = { crons = { "30 1 * * *" } } }
  w:succeeds("triggers", "deploy")
  equal(w:text(second), "one")
  equal(w:text(), "one")
  equal(crons(w), { "30 1 * * *" })
  equal(w:serving(), serving)
end)

both("an environment inherits the crons that stand above it", "inherited", function(w)
  w:config { triggers = { crons = { "15 * * * *" } }, env = { production = { vars = { A = "1" } } } }
  w:succeeds("deploy", "--env", "production")
  w.name = w.name .. "-production"
  equal(crons(w), { "15 * * * *" })
end)

both("a domain that another Worker has is taken over without a word", "takeover", function(w)
  local domain = w.name .. ".example.com"
  w:config { routes = { { pattern = domain, custom_domain = true } } }
  w:succeeds "deploy"
  w.name = w.name .. "-thief"
  w:code "stolen"
  w:config { routes = { { pattern = domain, custom_domain = true } } }
  w:succeeds "deploy"
  equal(w:text(domain), "stolen")
end)

both("workers_dev = false takes a Worker off workers.dev, and true puts it back", "dev", function(w)
  w:config { workers_dev = false, routes = { { pattern = ("www.example.com/%s/*"):format(w.name), zone_name = "example.com" } } }
  w:succeeds "deploy"
  equal(w:status(), 404)
  w:config { workers_dev = true }
  w:succeeds("triggers", "deploy")
  equal(w:text(), "one")
end)
