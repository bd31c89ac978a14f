---neonctl: computes, roles, databases, and the connection strings that lead to them.
local about = ...
local on, contains = about.on, about.contains

on("computes", "a branch without a compute cannot be reached until it gets one", function(p)
  local bare = p:json("branches", "create", "--name", "bare", "--no-compute")
  equal({ bare.name, bare.connection_uris }, { "bare", nil })
  p:fails("No  endpoint found for the branch", "connection-string", "bare")
  p:succeeds("branches", "add-compute", "bare", "--type", "read_write")
  equal(p:query(p:connection_string "bare", "select 1"), "1")
end)

on("computes", "a compute of its own reads what the other one writes, and writes nothing", function(p)
  p:given "read"
  local writer = p:uri "read"
  p:query(writer, "create table t (n int); insert into t values (7)")
  p:succeeds("branches", "add-compute", "read")
  local computes = p:api("GET", ("/branches/%s/endpoints"):format(p:branch("read").id)).endpoints
  local kinds = {}
  for _, one in ipairs(computes) do kinds[one.type] = one.name or "" end
  equal(kinds, { read_write = "", read_only = "read" })   -- neonctl gives it the branch's name
  local reader = p:connection_string("read", "--endpoint-type", "read_only")
  equal(reader ~= writer, true)
  for _ = 1, 600 do   -- it follows a moment behind
    if p:psql(reader, "select n from t").output == "7\n" then break end
    sleep(0.05)
  end
  equal(p:query(reader, "select n from t"), "7")
  contains(p:psql(reader, "insert into t values (8)").errors, "read-only transaction")
end)

on("computes", "a role with a database of its own connects as itself, and no more once both are gone", function(p)
  p:given "app"
  p:succeeds("roles", "create", "--branch", "app", "--name", "reader")
  contains(p:succeeds("roles", "list", "--branch", "app"), "reader")
  p:succeeds("databases", "create", "--branch", "app", "--name", "shop", "--owner-name", "reader")
  contains(p:succeeds("databases", "list", "--branch", "app"), "shop")
  p:fails("Multiple roles found", "connection-string", "app")
  local uri = p:connection_string("app", "--role-name", "reader", "--database-name", "shop")
  equal(p:query(uri, "create table mine (n int); select current_user, current_database()"), "reader|shop")
  p:succeeds("databases", "delete", "shop", "--branch", "app")
  contains(p:psql(uri, "select 1").errors, 'database "shop" does not exist')
  p:succeeds("roles", "delete", "reader", "--branch", "app")
  contains(p:psql(uri, "select 1").errors, "password authentication failed")
end)

on("computes", "connection strings come with TLS, without, pooled, in parts, and for a moment that is not served", function(p)
  local plain = p:connection_string "production"
  equal(plain, p:uri "production")
  contains(plain, "?sslmode=require&channel_binding=require")
  equal(p:query(plain, "select ssl from pg_stat_ssl where pid = pg_backend_pid()"), "t")
  local verified = plain:gsub("sslmode=require", "sslmode=verify-full") .. "&sslrootcert=" .. p.cloud.state .. "/ca/ca.pem"
  equal(p:query(verified, "select 1"), "1")
  local clear = p:connection_string("production", "--ssl", "omit")
  equal(clear, (plain:gsub("%?.*", "")))
  equal(p:query(clear .. "?sslmode=disable", "select ssl from pg_stat_ssl where pid = pg_backend_pid()"), "f")
  equal(p:connection_string("production", "--pooled"), plain)   -- the host is an address, which neonctl leaves as it is
  local parts = p:json("connection-string", "production", "--extended")
  equal({ parts.connection_string, parts.role, parts.database }, { plain, "neondb_owner", "neondb" })
  local past = p:connection_string "production@2026-11-20T00:00:00Z"
  contains(past, "options=neon_timestamp")
  equal(p:psql(past, "select 1").exit, 2)
end)

on("computes", "neonctl itself starts psql", function(p)
  local result = p:run("psql", "production", "--", "-Atc", "select 40 + 2",
    { PATH = about.neon.programs() .. ":" .. os.getenv "PATH" })
  equal({ result.exit, result.output }, { 0, "42\n" })
end)
