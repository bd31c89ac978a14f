---Secrets: one, many, on versions; what is deployed when.
local about = ...
local both, contains = about.both, about.contains
local json = require "json"

-- What wrangler lists: its newer version prints JSON, and so does the older one.
local function names(w, ...)
  local list = {}
  for name in w:succeeds(...):gmatch '"name": "([^"]+)"' do list[#list + 1] = name end
  table.sort(list)
  return list
end

local function undeployed(w)
  w:code "two"
  w:succeeds("versions", "upload")
end

both("a secret is there at once, is listed by its name alone, and goes", "secret", function(w)
  w:given()
  w:succeeds("secret", "put", "API_KEY", { input = "s3cret-of-" .. w.name })
  local answer = w:answer()
  equal({ answer.text, answer.API_KEY }, { "one", "s3cret-of-" .. w.name })
  equal(names(w, "secret", "list"), { "API_KEY" })
  w:code "two"
  w:succeeds "deploy"   -- secrets outlive a deploy
  equal(w:answer().API_KEY, "s3cret-of-" .. w.name)
  w:succeeds("secret", "delete", "API_KEY")
  equal(w:answer().API_KEY, nil)
  equal(names(w, "secret", "list"), {})
end)

both("many secrets are one version, and the newer wrangler takes some away", "bulk", function(w)
  w:given()
  local versions = #w:api("/versions").items
  w:write("secrets.json", json.encode { A = "a-value", B = "b-value" })
  w:succeeds("secret", "bulk", "secrets.json")
  local answer = w:answer()
  equal({ answer.A, answer.B, #w:api("/versions").items }, { "a-value", "b-value", versions + 1 })
  if w.old then return end
  w:write("secrets.json", json.encode { A = json.null, C = "c-value" })
  w:succeeds("secret", "bulk", "secrets.json")
  answer = w:answer()
  equal({ answer.A, answer.B, answer.C }, { nil, "b-value", "c-value" })
end)

both("a secret for a Worker that is not there makes one", "stub", function(w)
  w:succeeds("secret", "put", "KEY", { input = "value" })
  equal(w:exists(), true)
  equal(names(w, "secret", "list"), { "KEY" })
end)

both("a secret on a version waits for its deployment", "waits", function(w)
  w:given()
  w:succeeds("versions", "secret", "put", "KEY", { input = "waiting" })
  equal(w:answer().KEY, nil)
  local newest = w:api("/versions").items[1].id
  w:succeeds("versions", "deploy", newest, "-y")
  local answer = w:answer()
  equal({ answer.text, answer.KEY }, { "one", "waiting" })
  contains(w:succeeds("versions", "secret", "list"), "KEY")
  w:succeeds("versions", "secret", "delete", "KEY")
  equal(w:answer().KEY, "waiting")
  w:succeeds("versions", "deploy", w:api("/versions").items[1].id, "-y")
  equal(w:answer().KEY, nil)
end)

both("many secrets on a version are one version", "versionbulk", function(w)
  w:given()
  w:write("secrets.json", json.encode { A = "a-value", B = "b-value" })
  w:succeeds("versions", "secret", "bulk", "secrets.json")
  local items = w:api("/versions").items
  equal(#items, 2)
  w:succeeds("versions", "deploy", items[1].id, "-y")
  local answer = w:answer()
  equal({ answer.A, answer.B }, { "a-value", "b-value" })
end)

both("while the newest version is not deployed, a secret is refused", "refused", function(w)
  w:given()
  undeployed(w)
  w:fails("isn't currently deployed", "secret", "put", "KEY", { input = "value" })
  equal(w:answer().KEY, nil)
  w:write("secrets.json", json.encode { A = "a-value" })
  local result = w:run("secret", "bulk", "secrets.json")
  equal(result.exit, 1)
  equal(w:text(), "one")
end)

both("a deploy carries secrets from a file in the same upload", "file", function(w)
  w:write("secrets.json", json.encode { IN_FILE = "of the file" })
  w:succeeds("deploy", "--secrets-file", "secrets.json")
  equal(w:answer().IN_FILE, "of the file")
  equal(w:api("/secrets")[1].name, "IN_FILE")
end)
