---SQL over HTTP as rehearsals answer it, from the ledger.
local core = require "core"
local json = require "json"
local sql_over_http = require "rehearsal.sql_over_http"
local client = assert(core.load_file("tests/cloud_neon_client.lua"))()

local HOST = "api.eu-central-1.aws.neon.tech"

local function ask(c, uri, body, headers)
  local request = { method = "POST", host = HOST, path = "/sql", body = json.encode(body),
    headers = { ["neon-connection-string"] = uri } }
  for name, value in pairs(headers or {}) do request.headers[name] = value end
  equal(sql_over_http.is_for(request), true)
  local answer = sql_over_http.answer(c.state, request, c.now)
  return answer.status, json.decode(answer.body)
end

local function opened()
  local c = client.new()
  local made = c:made("pr-42")
  return c, c:uri(made.branch.id), made
end

test("a statement is answered with its fields, rows and command", function()
  local c, uri = opened()
  equal((ask(c, uri, { query = "create table t (n int, name text)" })), 200)
  local _, inserted = ask(c, uri, { query = "insert into t (n, name) values ($1, $2)", params = { 7, json.null } })
  equal({ inserted.command, inserted.rowCount }, { "INSERT", 1 })
  local status, answer = ask(c, uri, { query = "select n, name from t" })
  equal({ status, answer.command, answer.rowCount, answer.rowAsArray }, { 200, "SELECT", 1, false })
  equal(answer.rows, { { n = "7", name = json.null } })
  equal({ answer.fields[1].name, answer.fields[1].dataTypeID, answer.fields[2].dataTypeID }, { "n", 20, 25 })
  local _, listed = ask(c, uri, { query = "select 1" }, { ["neon-array-mode"] = "true" })
  equal(listed.rows, { { 1 } })
end)

test("several statements are one transaction", function()
  local c, uri = opened()
  local status, answer = ask(c, uri, { queries = { { query = "create table t (n int)" },
    { query = "insert into t values (1)" }, { query = "select n from t" } } })
  equal({ status, #answer.results, answer.results[3].rows }, { 200, 3, { { n = "1" } } })
  local failed, refusal = ask(c, uri, { queries = { { query = "insert into t values (2)" },
    { query = "create table t (n int)" } } })
  equal({ failed, refusal.code, refusal.severity }, { 400, "42P07", "ERROR" })
  local _, after = ask(c, uri, { query = "select n from t" })
  equal(#after.rows, 1)
  equal(next(c.state.ledger.sessions), nil)
end)

test("who may not in, or wants what is not there, is told as by Neon's proxy", function()
  local c, uri, made = opened()
  local cases = {
    { (uri:gsub(":[^:@]+@", ":wrong@")), 400, "password authentication failed for user 'neondb_owner'" },
    { (uri:gsub("/neondb%?", "/none?")), 500, 'database "none" does not exist' },
    { (uri:gsub("@[%d.]+", "@ep-none-1." .. HOST:sub(5))), 400, "The requested endpoint could not be found" },
    { "postgresql://neondb_owner@127.0.42.2/neondb", 400, "missing authentication credentials" },
  }
  for _, case in ipairs(cases) do
    local status, answer = ask(c, case[1], { query = "select 1" })
    equal({ case[1], status, answer.message:find(case[3], 1, true) ~= nil }, { case[1], case[2], true })
  end
  equal((ask(c, uri, { nothing = 1 })), 400)
  c:done("PATCH", "/endpoints/" .. made.endpoints[1].id, { endpoint = { disabled = true } })
  equal((ask(c, uri, { query = "select 1" })), 500)
end)
