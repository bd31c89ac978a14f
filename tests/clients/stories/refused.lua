---What is refused, and that nothing was changed then: tokens, names, code, accounts.
local about = ...
local both, contains = about.both, about.contains
local cloud, wrangler = about.cloud, about.wrangler

both("a token that nobody has is refused", "stranger", function(w)
  w.env.CLOUDFLARE_API_TOKEN = "a-token-that-nobody-has"
  contains(w:fails("Invalid access token", "deploy"), "9109")
  equal(w:exists(), false)
end)

both("a token for DNS cannot deploy", "dnsonly", function(w)
  w.env.CLOUDFLARE_API_TOKEN = cloud.tokens.dns
  w:fails("10000", "deploy")
  equal(w:exists(), false)
end)

both("a token that may only read lists, and cannot deploy", "reader", function(w)
  local id = w:given()
  w.env.CLOUDFLARE_API_TOKEN = cloud.tokens.reader
  contains(w:succeeds("versions", "list"), id)
  w:code "two"
  w:fails("10000", "deploy")
  equal(w:text(), "one")
end)

both("another account is refused", "elsewhere", function(w)
  w.env.CLOUDFLARE_ACCOUNT_ID = ("0"):rep(32)
  w:fails("10000", "deploy")
end)

both("a Worker that is not there has no versions, no secrets and nothing to roll back to", "missing", function(w)
  w:fails("exist", "versions", "upload")
  w:fails(w.name, "secret", "list")
  w:fails("10007", "rollback", "-y")
  w:fails("10007", "deployments", "list")
  w:run("delete", "--force")
  equal(w:exists(), false)
end)

both("a mistake in the code is named, and what served serves on", "syntax", function(w)
  w:given()
  w:write("src/index.js", "export default { fetch( { ;")
  w:fails("index.js:1", "deploy")   -- by wrangler itself, which does not look into expressions like this one:
  w:write("src/index.js", "const broken = /(/; export default { fetch() { return new Response(broken); } };")
  contains(w:fails("10021", "deploy"), "Invalid regular expression")
  w:write("src/index.js", 'throw new Error("at its start"); export default {};')
  contains(w:fails("10021", "deploy"), "at its start")
  equal(w:text(), "one")
end)

both("a cron that is none is refused after the code is live", "badcron", function(w)
  w:config { triggers = { crons = { "every morning" } } }
  w:run "deploy"
  equal(#w:api("/schedules").schedules, 0)
  equal(w:text(), "one")
end)

both("a route in a zone of nobody's is refused", "nozone", function(w)
  w:config { routes = { { pattern = "www.example.net/*", zone_name = "example.net" } } }
  w:fails("example.net", "deploy")
  equal(#w.cloud:api("GET", "/zones?name=example.net"), 0)
end)

both("a service binding to a Worker that is not there is refused", "nobody", function(w)
  w:config { services = { { binding = "OTHER", service = w.name .. "-is-not-there" } } }
  contains(w:fails("is-not-there", "deploy"), "10143")
  equal(w:exists(), false)
end)

both("a date in the future is refused", "future", function(w)
  w:config { compatibility_date = "2999-01-01" }
  w:fails("10021", "deploy")
end)

test("without a workers.dev subdomain a first deploy is refused", function()
  if about.why_not then skip(about.why_not) end
  local bare <close> = cloud.open "no-subdomain"
  bare:api("DELETE", "/{A}/workers/subdomain")
  local all = { all = true }
  for _, which in ipairs(wrangler.versions()) do
    all["wrangler " .. which.version] = function()
      local w <close> = wrangler.project(bare, which, "homeless")
      w:code "one"
      w:fails("workers.dev", "deploy")
    end
  end
  parallel(all)
end)
