---The schema of a cluster without its rows: roles, databases and what they are made of, by pg_dumpall.
local cluster = require "cloud.postgres.cluster"

local schema = {}

local DUMP = [["$1/pg_dumpall" --host="$2" --port="$3" --username="$4" --schema-only > "$5"]]

-- The role that everything is done as is there already, and is the same.
local LOAD = [[
"$1/psql" --no-psqlrc --quiet --host="$2" --port="$3" --username="$4" --dbname=postgres --file="$5" \
  > /dev/null 2> "$5.errors"
grep 'ERROR:' "$5.errors" | grep -v "role \"$4\" already exists" > "$5.left" || true
head -n 1 "$5.left" >&2
[ ! -s "$5.left" ]
rm -f "$5.errors" "$5.left"
]]

local function run(owner, what, script, server, password, file)
  owner:run(what, { "sh", "-ceu", script, "sh", owner.binaries, server.address, tostring(server.port), cluster.ADMIN,
    file }, { env = { PGPASSWORD = password, LC_ALL = "C" } })
end

---@param owner cloud.postgres.Owner
---@param server cloud.postgres.Server
---@param password string  of cluster.ADMIN
---@param file string
function schema.dump(owner, server, password, file)
  run(owner, "reading the schema of a branch", DUMP, server, password, file)
end

---@param owner cloud.postgres.Owner
---@param server cloud.postgres.Server  of an empty cluster
---@param password string
---@param file string
function schema.load(owner, server, password, file)
  run(owner, "making the schema of a branch", LOAD, server, password, file)
end

return schema
