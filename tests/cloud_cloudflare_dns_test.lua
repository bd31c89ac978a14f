---The model of Cloudflare: zones, and the DNS records in them.
local core = require "core"
local json = require "json"
local client = assert(core.load_file("tests/cloudflare_client.lua"))()
local pluck = client.pluck

local function new(seed)
  local c = client.new(seed)
  c.token, c.all = "dns-token", "/zones/" .. c.zone .. "/dns_records"
  return c
end

local function made(c, fields) return c:result("POST", c.all, fields) end

-- The first code of the chain that says what a record lacks.
local function invalid(c, fields)
  local status, answer = c:ask("POST", c.all, fields)
  equal({ status, answer.errors[1].code }, { 400, 1004 })
  return answer.errors[1].error_chain[1].code
end

-- ---- zones -------------------------------------------------------------------------------

test("zones are filtered, ordered and paged", function()
  local c = client.new { zone = "beta.example", zones = { "Alpha.example", { name = "gamma.test", status = "pending" } } }
  local function names(query) return pluck(c:result("GET", "/zones?" .. query), "name") end
  equal(names "", { "beta.example", "alpha.example", "gamma.test" })
  equal(names "name=ALPHA.example", { "alpha.example" })
  equal(names "name=ends_with:.example&order=name", { "alpha.example", "beta.example" })
  equal(names "name=contains:a.e&direction=desc&order=name", { "beta.example", "alpha.example" })
  equal(names "status=pending", { "gamma.test" })
  equal(names "match=any&status=pending&name=beta.example", { "beta.example", "gamma.test" })
  equal(names "account.id=acc&account.name=davit", { "beta.example", "alpha.example", "gamma.test" })
  equal(names "account.id=other", {})
  equal(names "per_page=2&page=2", { "gamma.test" })
  local _, answer = c:ask("GET", "/zones?per_page=2&page=2")
  equal(answer.result_info, { page = 2, per_page = 2, count = 1, total_count = 3, total_pages = 2 })
end)

test("a zone is made pending, paused and removed with all that is in it", function()
  local c = client.new { tokens = { { name = "all", value = "all", permissions = { "Zone Write", "DNS Write" } } } }
  c.token = "all"
  equal(c:refused("POST", "/zones", { name = "revelations.studio" }), { 400, 1061 })
  equal(c:refused("POST", "/zones", { name = "nodots" }), { 400, 1097 })
  local zone = c:result("POST", "/zones", { name = "New.example", account = { id = "acc" } })
  equal({ zone.name, zone.status, zone.activated_on }, { "new.example", "pending", json.null })
  equal(c:result("PATCH", "/zones/" .. zone.id, { paused = true }).paused, true)
  c:result("POST", "/zones/" .. zone.id .. "/dns_records", { type = "A", name = "a", content = "192.0.2.1" })
  equal(c:result("DELETE", "/zones/" .. zone.id), { id = zone.id })
  equal(#c.cf.records, 0)
end)

-- ---- what a record may be ----------------------------------------------------------------

test("addresses and names are checked", function()
  local c = new()
  local function a(content) return invalid(c, { type = "A", name = "x", content = content }) end
  local function aaaa(content) return invalid(c, { type = "AAAA", name = "x", content = content }) end
  equal({ a "300.0.0.1", a "1.2.3", a "1.2.3.4.5", a "::1" }, { 9005, 9005, 9005, 9005 })
  equal({ aaaa "192.0.2.1", aaaa "1::2::3", aaaa "12345::", aaaa "1:2:3", aaaa ":::", aaaa "g::" },
    { 9006, 9006, 9006, 9006, 9006, 9006 })
  for _, good in ipairs { "::", "::1", "2001:db8::1", "1:2:3:4:5:6:7:8", "::ffff:192.0.2.1", "100::" } do
    made(c, { type = "AAAA", name = "six", content = good })
  end
  equal(invalid(c, { type = "CNAME", name = "x", content = "192.0.2.1" }), 9007)
  equal(invalid(c, { type = "CNAME", name = "x", content = "x.revelations.studio" }), 9039)
  for _, name in ipairs { "a..b", ("x"):rep(64), "has space", ".x" } do
    equal(invalid(c, { type = "A", name = name, content = "192.0.2.1" }), 9000)
  end
  equal(invalid(c, { type = "XYZ", name = "x", content = "y" }), 9004)
  equal(invalid(c, { type = "A", name = "x" }), 9005)
end)

test("a proxied record has an automatic TTL, and only addresses can be one", function()
  local c = new()
  equal(made(c, { type = "A", name = "p", content = "192.0.2.1", proxied = true, ttl = 300 }).ttl, 1)
  equal(made(c, { type = "A", name = "q", content = "192.0.2.1", ttl = 60 }).ttl, 60)
  equal(invalid(c, { type = "TXT", name = "x", content = "y", proxied = true }), 9003)
  for _, ttl in ipairs { 0, 59, 86401, 1.5, "x" } do
    equal(invalid(c, { type = "A", name = "x", content = "192.0.2.1", ttl = ttl }), 9021)
  end
end)

test("types that are described by data get their content from it", function()
  local c = new()
  local srv = made(c, { type = "SRV", name = "_sip._tcp",
    data = { priority = 10, weight = 5, port = 5060, target = "sip.example.com" } })
  equal({ srv.content, srv.data.port }, { "10 5 5060 sip.example.com", 5060 })
  equal(made(c, { type = "CAA", name = "@", data = { flags = 0, tag = "issue", value = "ca.example" } }).content,
    '0 issue "ca.example"')
  equal(invalid(c, { type = "SRV", name = "_x._tcp", data = { priority = 1 } }), 9101)
  equal(invalid(c, { type = "MX", name = "@", content = "mx.example.com" }), 9102)
  equal(made(c, { type = "MX", name = "@", content = "mx.example.com", priority = 10 }).name, "revelations.studio")
end)

test("comments and tags are kept, each with the time it changed", function()
  local c = new()
  local one = made(c, { type = "A", name = "x", content = "192.0.2.1", comment = "mine", tags = json.array { "pr:42" } })
  equal({ one.comment, one.tags, one.comment_modified_on }, { "mine", { "pr:42" }, one.created_on })
  c.now = c.now + 60
  local later = c:result("PATCH", c.all .. "/" .. one.id, { tags = json.array { "pr:43" } })
  equal({ later.comment_modified_on == one.comment_modified_on, later.tags_modified_on == one.tags_modified_on },
    { true, false })
  equal(c:result("PATCH", c.all .. "/" .. one.id, { comment = "" }).comment, json.null)
  equal(invalid(c, { type = "A", name = "y", content = "192.0.2.1", comment = ("x"):rep(101) }), 9212)
end)

test("replacing forgets what the body leaves out, patching keeps it", function()
  local c = new()
  local one = made(c, { type = "A", name = "x", content = "192.0.2.1", comment = "mine", proxied = true })
  local path = c.all .. "/" .. one.id
  local patched = c:result("PATCH", path, { content = "192.0.2.2" })
  equal({ patched.comment, patched.proxied, patched.content }, { "mine", true, "192.0.2.2" })
  local put = c:result("PUT", path, { type = "A", name = "x", content = "192.0.2.2" })
  equal({ put.comment, put.proxied }, { json.null, false })
  equal({ c:ask("PUT", path, { content = "192.0.2.2" }) == 400 }, { true })
end)

-- ---- lists -------------------------------------------------------------------------------

test("lists are filtered by every dotted key, by tags and by a search", function()
  local c = new()
  made(c, { type = "A", name = "a", content = "192.0.2.1", comment = "One", tags = json.array { "pr:42", "env:preview" } })
  made(c, { type = "A", name = "b", content = "192.0.2.2", tags = json.array { "pr:7" } })
  made(c, { type = "TXT", name = "c", content = "one two" })
  local function names(query)
    local list = pluck(c:result("GET", c.all .. "?" .. query), "name")
    for i, name in ipairs(list) do list[i] = name:match("^[^.]+") end
    return list
  end
  equal(names "name.startswith=b", { "b" })
  equal(names "name.contains=velations", { "a", "b", "c" })
  equal(names "content.endswith=TWO", { "c" })
  equal(names "comment.present", { "a" })
  equal(names "comment.absent=", { "b", "c" })
  equal(names "tag=pr:42", { "a" })
  equal(names "tag.present=pr", { "a", "b" })
  equal(names "tag.absent=pr", { "c" })
  equal(names "tag.startswith=env:pre", { "a" })
  equal(names "tag.exact=pr:7&tag.present=env&tag_match=any", { "a", "b" })
  equal(names "search=one", { "a", "c" })
  equal(names "type=A&order=content&direction=desc", { "b", "a" })
  equal(names "unknown=key", { "a", "b", "c" })
end)

test("a list can be exported as a zone file", function()
  local c = new()
  made(c, { type = "A", name = "a", content = "192.0.2.1", proxied = true })
  made(c, { type = "TXT", name = "t", content = "hello" })
  local status, body, headers = c:ask("GET", c.all .. "/export")
  equal({ status, headers["content-type"] }, { 200, "text/plain; charset=utf-8" })
  equal(body:find("a.revelations.studio.\t1\tIN\tA\t192.0.2.1 ; cf_tags=cf-proxied:true\n", 1, true) ~= nil, true)
  equal(body:find('t.revelations.studio.\t1\tIN\tTXT\t"hello"', 1, true) ~= nil, true)
end)

-- ---- conflicts ---------------------------------------------------------------------------

test("odd bodies are refused, never a fault of the model", function()
  local c = new()
  local as_json = { headers = { ["content-type"] = "application/json" } }
  for _, body in ipairs { "[]", "[1,2]", '{"type":5,"name":{},"content":[]}', '{"type":"A","name":"x","content":7}',
    '{"type":"A","name":"x","content":"192.0.2.1","tags":"t"}', '{"type":"A","name":"x","content":"192.0.2.1","tags":[1]}',
    '{"type":"SRV","name":"x","data":{"priority":{},"weight":1,"port":1,"target":"t"}}', '{"type":"SRV","name":"x","data":[]}' } do
    equal({ body, c:refused("POST", c.all, body, as_json)[1] }, { body, 400 })
  end
  for _, body in ipairs { '{"deletes":5}', '{"posts":{}}' } do c:result("POST", c.all .. "/batch", body, as_json) end
  equal(c:refused("POST", c.all .. "/batch", '{"deletes":[5]}', as_json)[1], 400)
  equal(c:refused("POST", c.all .. "/batch", '{"posts":[5]}', as_json)[1], 400)
  equal(#c:result("GET", c.all .. "?page=9223372036854775807&per_page=50"), 0)
  equal(#c:result("GET", c.all .. "?page=-1&per_page=-5"), 0)
end)

test("a change may not make what could not have been made", function()
  local c = new()
  local a = made(c, { type = "A", name = "a", content = "192.0.2.1" })
  made(c, { type = "CNAME", name = "c", content = "example.com" })
  local path = c.all .. "/" .. a.id
  equal(c:refused("PATCH", path, { name = "c" }), { 400, 81054 })
  equal(c:refused("PUT", path, { type = "CNAME", name = "c", content = "example.org" }), { 400, 81053 })
  equal(c:refused("PUT", path, { type = "CNAME", name = "c", content = "example.com" }), { 400, 81058 })
  equal(c:refused("PUT", path, { type = "CNAME", name = "c", content = "example.com", proxied = true }), { 400, 81057 })
  equal(c:result("PATCH", path, { ttl = 120 }).ttl, 120)
end)

test("a zone has so many records and no more", function()
  local c = new { settings = { records_limit = 2 } }
  made(c, { type = "A", name = "a", content = "192.0.2.1" })
  made(c, { type = "A", name = "b", content = "192.0.2.1" })
  equal(c:refused("POST", c.all, { type = "A", name = "c", content = "192.0.2.1" }), { 400, 81045 })
  equal(c:refused("POST", c.all, { type = "A", name = "a", content = "192.0.2.1" }), { 400, 81058 })
end)

test("a record of another zone is not there", function()
  local c = new { zones = { "second.example" } }
  local one = made(c, { type = "A", name = "a", content = "192.0.2.1" })
  local other = "/zones/" .. c.cf.zones[2].id .. "/dns_records/" .. one.id
  for _, method in ipairs { "GET", "PATCH", "PUT", "DELETE" } do
    equal(c:refused(method, other, method ~= "GET" and { content = "192.0.2.2" } or nil), { 404, 81044 })
  end
end)

-- ---- batches -----------------------------------------------------------------------------

test("a batch deletes first, then changes, then makes", function()
  local c = new()
  local old = made(c, { type = "CNAME", name = "x", content = "example.com" })
  local kept = made(c, { type = "A", name = "k", content = "192.0.2.1", comment = "mine" })
  local put = made(c, { type = "A", name = "p", content = "192.0.2.1", comment = "mine" })
  local done = c:result("POST", c.all .. "/batch", {
    posts = { { type = "A", name = "x", content = "192.0.2.9" } }, deletes = { { id = old.id } },
    patches = { { id = kept.id, content = "192.0.2.2" } },
    puts = { { id = put.id, type = "A", name = "p", content = "192.0.2.3" } } })
  equal({ done.deletes[1].id, done.patches[1].comment, done.puts[1].comment, done.posts[1].content },
    { old.id, "mine", json.null, "192.0.2.9" })
  equal(#c:result("GET", c.all), 3)
end)

test("a batch that fails anywhere changes nothing", function()
  local c = new()
  local one = made(c, { type = "A", name = "x", content = "192.0.2.1" })
  equal(c:refused("POST", c.all .. "/batch", { deletes = { { id = one.id } },
    posts = { { type = "A", name = "y", content = "192.0.2.1" }, { type = "A", name = "z", content = "no" } } }),
    { 400, 1004 })
  equal(c:refused("POST", c.all .. "/batch", { patches = { { id = one.id, content = "192.0.2.9" } },
    deletes = { { id = "gone" } } }), { 404, 81044 })
  equal(pluck(c:result("GET", c.all), "content"), { "192.0.2.1" })
  equal(c:result("POST", c.all .. "/batch", {}), { deletes = {}, patches = {}, puts = {}, posts = {} })
end)

test("a record that a custom domain made is nobody's to change", function()
  local c = new()
  local workers = c:as "workers-token"
  workers:put("web")
  workers:result("PUT", "/accounts/acc/workers/domains", { hostname = "web.revelations.studio", service = "web" })
  local managed = c:result("GET", c.all)[1]
  equal({ managed.meta.read_only, managed.meta.origin_worker_id }, { true, "web" })
  for _, method in ipairs { "PATCH", "PUT", "DELETE" } do
    equal(c:refused(method, c.all .. "/" .. managed.id, method ~= "DELETE" and { comment = "x" } or nil), { 400, 1043 })
  end
  equal(c:refused("POST", c.all .. "/batch", { deletes = { { id = managed.id } } }), { 400, 1043 })
end)
