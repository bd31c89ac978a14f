---The schema of a database that is real: what Neon's model wants to know of it, pg_dump is asked.
---
---It connects as anybody does, so that a compute that rests wakes. The password goes through the environment.
local json = require "json"
local process = require "process"
local route = require "cloud.route"
local schema = require "cloud.neon.schema"

local neon_schema = {}

local TIMEOUT = 60
local LARGEST = 32 << 20   -- bytes of a schema

-- Newer versions guard the dump with a text that is another one each time.
local function without_guards(text)
  return (("\n" .. text):gsub("\n\\%a*restrict [^\n]*", ""):sub(2))
end

local function dump(cloud, wanted)
  local result = process.run {
    argv = { cloud.postgres.binaries .. "/pg_dump", "--schema-only", "--host=" .. wanted.address, "--port=5432",
      "--username=" .. wanted.user, "--no-password", "--dbname=" .. wanted.database },
    env = { PGPASSWORD = wanted.password, PGCONNECT_TIMEOUT = "20" }, timeout = TIMEOUT, max_output = LARGEST,
    cwd = cloud.folder,
  }
  return without_guards(result.output)
end

local function failed(message)
  return route.response(500, { request_id = "", code = "", message = message },
    { ["x-davit-stand-in"] = "the schema of a local database" })
end

---Fills an answer of the model in that says what is wanted of the databases.
---@param cloud cloud.Cloud
---@param response table  of cloud.neon.handle
---@return table response
function neon_schema.complete(cloud, response)
  local wanted = response.dump
  if not wanted then return response end
  if not cloud.postgres.binaries then return failed "there is no PostgreSQL on this machine for the local databases" end
  local texts = {}
  for i, one in ipairs(wanted) do
    local text, err = try(dump, cloud, one)
    if err and err.class == "cancelled" then error(err, 0) end
    if err then return failed(err.message) end
    texts[i] = text
  end
  local value = { sql = texts[1] }
  if texts[2] then value = { diff = schema.difference(texts[2], texts[1], wanted[1].database) } end
  return { status = 200, headers = response.headers, body = json.encode(value) }
end

return neon_schema
