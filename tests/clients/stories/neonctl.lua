---neonctl: branches from the first to the last of their days, and whom they belong to.
local about = ...
local on, contains = about.on, about.contains

local function day(seconds) return os.date("!%Y-%m-%dT%H:%M:%SZ", os.time() + seconds) end

on("branches", "a branch has its parent's rows, keeps its own to itself, and is gone when it is deleted", function(p)
  local production = p:uri "production"
  p:query(production, "create table notes (id int primary key, text text); insert into notes values (1, 'first')")
  local made = p:json("branches", "create", "--name", "pr-1", "--parent", "production")
  equal({ made.branch.name, made.branch.current_state, made.endpoints[1].type }, { "pr-1", "init", "read_write" })
  local uri = made.connection_uris[1].connection_uri
  equal(p:query(uri, "select text from notes"), "first")
  p:query(uri, "insert into notes values (2, 'second')")
  equal({ p:query(uri, "select count(*) from notes"), p:query(production, "select count(*) from notes") }, { "2", "1" })
  equal(p:connection_string "pr-1" ~= production, true)
  p:succeeds("branches", "delete", "pr-1")
  equal({ p:branch "pr-1", p:psql(uri, "select 1").exit }, { nil, 2 })
end)

on("branches", "a branch expires when it is told to, and sleeps as its compute was told to", function(p)
  local expires = day(86400)
  local made = p:json("branches", "create", "--name", "pr-2", "--expires-at", expires, "--cu", "0.25-1",
    "--suspend-timeout", "60")
  local compute = made.endpoints[1]
  equal({ compute.autoscaling_limit_min_cu, compute.autoscaling_limit_max_cu, compute.suspend_timeout_seconds },
    { 0.25, 1, 60 })
  equal(p:json("branches", "get", "pr-2").expires_at, expires)
  local later = day(2 * 86400)
  equal(p:json("branches", "set-expiration", "pr-2", "--expires-at", later).expires_at, later)
  equal(p:json("branches", "set-expiration", "pr-2").expires_at, nil)
  p:fails("Invalid time value", "branches", "set-expiration", "pr-2", "--expires-at", "null")
end)

on("branches", "a branch is renamed, protected, and is the default one for a while", function(p)
  local made = p:json("branches", "create", "--name", "kept", "--protected", "--no-compute")
  equal({ made.name, made.protected, made.endpoints }, { "kept", true, nil })
  p:succeeds("branches", "rename", "kept", "kept-2")
  equal(p:branch("kept-2").id, made.id)
  p:succeeds("branches", "set-default", "kept-2")
  contains(p:succeeds("branches", "list"), "[default] [protected] kept-2")
  p:succeeds("branches", "set-default", "production")
  contains(p:succeeds("branches", "list"), "[default] [protected] production")
end)

on("branches", "a child of the protected production has a password of its own, which opens production no more", function(p)
  local _, said = p:succeeds("branches", "create", "--name", "pr-3", "--parent", "production")
  contains(said, "The parent branch is protected; a unique role password has been generated")
  local child, production = p:uri "pr-3", p:uri "production"
  local mixed = child:gsub("@[^/]+", "@" .. production:match "@([^/]+)")
  local refused = p:psql(mixed, "select 1")
  equal(refused.exit, 2)
  contains(refused.errors, "password authentication failed")
end)

on("branches", "a branch of schema alone has the tables and none of their rows", function(p)
  p:query(p:uri "production", "create table if not exists books (id int primary key); insert into books values (1)")
  p:succeeds("branches", "create", "--name", "schema", "--schema-only")
  equal(p:query(p:uri "schema", "select count(*) from books"), "0")
end)

on("branches", "the schemas of two branches are compared", function(p)
  p:given "wider"
  p:query(p:uri "wider", "create table added (id int primary key)")
  contains(p:succeeds("branches", "schema-diff", "production", "wider", "--database", "neondb"), "+CREATE TABLE public.added")
end)

on("branches", "who asks, the organization, projects and their regions are told", function(p)
  contains(p:succeeds "me", "Login")
  contains(p:succeeds("orgs", "list"), "Davit")
  contains(p:succeeds("projects", "list"), "clients-branches")
  equal(p:json("projects", "get", p.id).id, p.id)
  local made = p:json("projects", "create", "--name", "second", "--cu", "0.25-0.5")
  equal({ made.project.name, made.connection_uris[1].connection_uri:match "^postgresql://" }, { "second", "postgresql://" })
  about.neon.project(p.cloud, made.project.id):settle()
  p:succeeds("projects", "update", made.project.id, "--name", "third")
  equal(p:json("projects", "get", made.project.id).name, "third")
  p:succeeds("projects", "delete", made.project.id)
  p:fails("not found", "projects", "get", made.project.id)
end)

on("branches", "any route is asked by hand", function(p)
  contains(p:succeeds("api", ("/projects/%s/branches/count"):format(p.id)), "count")
  contains(p:succeeds("operations", "list"), "create_branch")
end)
