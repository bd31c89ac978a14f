---The world, and what every service leans on: time, routes, form data.
local clock = require "cloud.clock"
local cloudflare = require "cloud.cloudflare"
local json = require "json"
local multipart = require "cloud.multipart"
local route = require "cloud.route"
local world = require "cloud.world"

local function get(state, host, path, headers)
  local request = { method = "GET", host = host, path = path, query = "", headers = headers,
    body = "" }
  return world.handle(request, state, 1800000000.5)
end

test("each service answers its own host", function()
  local state = world.new { tokens = { neon = "n", workers = "w", github = "g" } }
  local zones = get(state, "api.cloudflare.com", "/client/v4/zones", { authorization = "Bearer w" })
  local project = get(state, "console.neon.tech", "/api/v2/projects/wandering-moon-123456",
    { authorization = "Bearer n" })
  local repository = get(state, "API.GitHub.com:443", "/repos/example/codex",
    { authorization = "Bearer g", ["user-agent"] = "davit" })
  equal({ zones.status, project.status, repository.status }, { 200, 200, 200 })
end)

test("a host that is none of ours is nobody's", function()
  equal(get(world.new(), "example.com", "/", {}), nil)
end)

test("a name that is not there stays so for whole seconds, which is all that DNS can say", function()
  local state = world.new { settings = { negative_ttl = 0.6 } }
  local answer = cloudflare.resolve(state, "nobody.revelations.studio", "A", 1800000000)
  equal({ answer.rcode, answer.ttl, answer.authority[1].data:match " (%S+)$" }, { "NXDOMAIN", 1, "1" })
end)

test("equal requests make equal worlds", function()
  local function run()
    local state = world.new()
    get(state, "api.cloudflare.com", "/client/v4/zones", { authorization = "Bearer workers-token" })
    return state
  end
  equal(run(), run())
end)

test("another seed makes other ids", function()
  local one, two = world.new { seed = "one" }, world.new { seed = "two" }
  equal(one.cloudflare.zones[1].id == two.cloudflare.zones[1].id, false)
end)

test("a misspelt setting is refused", function()
  raises("unknown setting 'dns_dealy'", world.new, { settings = { dns_dealy = 1 } })
end)

test("the state is plain data", function()
  local function check(value)
    if type(value) == "table" then
      equal(getmetatable(value), nil)
      for key, item in pairs(value) do
        check(key)
        check(item)
      end
    else
      equal(({ string = true, number = true, boolean = true })[type(value)], true)
    end
  end
  check(world.new { pull_requests = { { number = 1, title = "t", head = "h" } } })
end)

test("time is written and read without a clock", function()
  equal(clock.iso(0), "1970-01-01T00:00:00Z")
  equal(clock.iso(1709208000.25, 3), "2024-02-29T12:00:00.250Z")
  equal(clock.parse("2024-02-29T12:00:00Z"), 1709208000)
  equal(clock.parse("2024-02-29T13:00:00.5+01:00"), 1709208000.5)
  for _, bad in ipairs { "2024-02-30T12:00:00Z", "2024-02-29", "2024-02-29T12:00:00", "" } do
    equal(clock.parse(bad), nil)
  end
end)

test("a path is split before it is decoded", function()
  local routes = route.table { { "GET", "/things/{name}", "handler" } }
  local _, params = route.find(routes, "GET", "/things/a%2Fb")
  equal(params, { name = "a/b" })
  local _, reason = route.find(routes, "PUT", "/things/a")
  equal(reason, "method")
end)

test("a route may have a parameter of several parts, and what is written out comes before it", function()
  local routes = route.table({ { "GET", "/refs/{ref...}", "all" }, { "GET", "/refs/{ref...}/status", "status" } },
    { { "GET", "/refs/{ref}", "one" }, { "GET", "/refs/list", "list" } })
  local function find(path)
    local found, params = route.find(routes, "GET", path)
    return { found and found[3], found and params.ref }
  end
  equal(find "/refs/list", { "list" })
  equal(find "/refs/a%2Fb", { "one", "a/b" })
  equal(find "/refs/a/b%20c/d", { "all", "a/b c/d" })
  equal(find "/refs/a/b/status", { "status", "a/b" })
  equal(find "/refs/a/status", { "status", "a" })
  equal(find "/refs", {})
  equal(select(2, route.find(routes, "PUT", "/refs/a/b")), "method")
end)

test("a query keeps dots, spaces and encoded signs", function()
  equal(route.query("name.exact=a%26b&x=1+2&flag"), { ["name.exact"] = "a&b", x = "1 2", flag = "" })
end)

local TYPE = 'multipart/form-data; boundary="b-1"'

test("form data keeps every byte of a part", function()
  local bytes = "\0\r\n--b-1x\r\n\255\r\n"
  local parts = multipart.parse(TYPE, '--b-1\r\nContent-Disposition: form-data; name="a b";'
    .. ' filename="q\\"; name=x"\r\nContent-Type: application/wasm\r\n\r\n'
    .. bytes .. "\r\n--b-1--\r\n")
  equal(parts, { { name = "a b", filename = 'q"; name=x', type = "application/wasm", body = bytes } })
end)

test("form data may have no parts, and a part no content", function()
  equal(multipart.parse(TYPE, "--b-1--"), {})
  local parts = multipart.parse(TYPE,
    "--b-1\r\ncontent-disposition: form-data; name=x\r\n\r\n\r\n--b-1--")
  equal(parts, { { name = "x", body = "" } })
end)

test("malformed form data is named", function()
  local function reason(type, body) return select(2, multipart.parse(type, body)) end
  equal(reason("application/json", "{}"), "not form data")
  equal(reason("multipart/form-data", ""), "no boundary")
  equal(reason(TYPE, "nothing"), "the boundary is not in the body")
  equal(reason(TYPE, "--b-1\r\nx: y\r\n\r\nz"), "the last boundary is missing")
  equal(reason(TYPE, "--b-1\r\nx: y\r\n\r\nz\r\n--b-1--"), "a part without a name")
  equal(reason(TYPE, "--b-1\r\nno empty line\r\n--b-1--"), "a part without an empty line")
end)

test("a body that is not JSON is refused in the service's own words", function()
  local state = world.new()
  local zone = state.cloudflare.zones[1].id
  local answer = world.handle({ method = "POST", host = "api.cloudflare.com", query = "",
    path = "/client/v4/zones/" .. zone .. "/dns_records", body = "{",
    headers = { authorization = "Bearer dns-token" } }, state, 1800000000)
  equal({ answer.status, json.decode(answer.body).errors[1].code }, { 400, 6007 })
end)

test("a body that is nested too deeply to be kept is refused by every service", function()
  local state, deep = world.new(), ('{"branch":'):rep(101) .. "1" .. ("}"):rep(101)
  local function status(host, path, token)
    return world.handle({ method = "POST", host = host, query = "", path = path, body = deep,
      headers = { authorization = "Bearer " .. token, ["user-agent"] = "test" } }, state, 1800000000).status
  end
  equal({ status("api.cloudflare.com", ("/client/v4/zones/%s/dns_records"):format(state.cloudflare.zones[1].id), "dns-token"),
    status("console.neon.tech", ("/api/v2/projects/%s/branches"):format(state.neon.project_id), "neon-token"),
    status("api.github.com", "/repos/example/codex/issues", "github-token") }, { 400, 400, 400 })
end)
