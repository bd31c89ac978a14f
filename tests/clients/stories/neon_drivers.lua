---Drivers of node on a branch, awake or suspended, with TLS and without: tests/clients/neon_drivers.mjs goes through them,
---each a test here. At the end psql finds what they have written.
local about = ...

about.checks("drivers", "drivers", function(p)
  p:given "app"
  p:query(p:uri "app", "create table written (driver text)")
  return { program = "neon_drivers.mjs", argv = { ("http://127.0.0.1:%d"):format(p.cloud.port), p.id },
    env = p:environment { URI = p:uri "app", NEON_TOKEN = about.neon.token } }
end)

about.on("drivers", "psql finds what the drivers have written, on their branch alone", function(p)
  equal(p:query(p:uri "app", "select string_agg(driver, ', ' order by driver collate \"C\") from written"),
    "drizzle-orm, node-postgres, node-postgres waking, postgres.js, postgres.js waking, serverless by HTTP, "
      .. "serverless by WebSocket, serverless in a transaction")
  equal(p:query(p:uri "production", "select to_regclass('written') is null"), "t")
end)

about.on("drivers", "psql wakes a branch", function(p)
  p:suspend "app"
  equal(p:query(p:uri "app", "select 1"), "1")
end)
