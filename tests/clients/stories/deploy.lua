---wrangler deploy: first and again, variables, environments, messages; and who is logged in.
local about = ...
local both, contains = about.both, about.contains

both("a first deploy answers, and the next one takes its place", "deploy", function(w)
  w:config { vars = { GREETING = "hello", SETTINGS = { deep = 1 } } }
  contains(w:succeeds "deploy", "https://" .. w.host)
  local first = w:answer()
  equal({ first.text, first.GREETING, first.SETTINGS.deep }, { "one", "hello", 1 })
  w:code "two"
  w:config { vars = { GREETING = "again" } }
  w:succeeds("deploy", "--message", "the second one", "--tag", "v2")
  local second = w:answer()
  equal({ second.text, second.GREETING, second.SETTINGS }, { "two", "again", nil })
  local version = w:api("/versions").items[1]
  equal(version.annotations["workers/message"], "the second one")
  equal(version.annotations["workers/tag"], "v2")
  equal(w:serving(), { [w:event("deploy").version_id] = 100 })
end)

both("modules of other kinds, flags and JSON arrive as they are", "modules", function(w)
  w:config { compatibility_flags = { "nodejs_compat" }, rules = { { type = "Text", globs = { "**/*.txt" } } } }
  w:write("src/words.txt", "words of a file")
  w:write("src/index.js", [[
import words from "./words.txt";
import { Buffer } from "node:buffer";
export default { fetch() { return new Response(words + " " + Buffer.from("ok").toString("hex")); } };]])
  w:succeeds "deploy"
  equal(w.cloud:ask(w.host).body, "words of a file 6f6b")
end)

both("--keep-vars keeps what the last version had, and without it variables are replaced", "keep", function(w)
  w:config { vars = { ONE = "1" } }
  w:succeeds "deploy"
  w:config { vars = { TWO = "2" } }
  w:succeeds("deploy", "--keep-vars")
  local kept = w:answer()
  equal({ kept.ONE, kept.TWO }, { "1", "2" })
  w:succeeds "deploy"
  local replaced = w:answer()
  equal({ replaced.ONE, replaced.TWO }, { nil, "2" })
end)

both("an environment is a Worker of its own, with its own variables", "environments", function(w)
  w:config { vars = { WHERE = "top" }, env = { production = { vars = { WHERE = "production" } } } }
  w:succeeds("deploy", "--env", "production")
  equal(w:answer(w.name .. "-production.clients.workers.dev").WHERE, "production")
  equal(w:exists(), false)
  local tags = w.cloud:api("GET", ("/{A}/workers/scripts/%s-production/script-settings"):format(w.name)).tags
  table.sort(tags)
  equal(tags, { "cf:environment=production", "cf:service=" .. w.name })
end)

both("a dry run sends nothing", "dry", function(w)
  w:succeeds("deploy", "--dry-run")
  equal(w:exists(), false)
end)

both("a Worker in the older service worker format runs", "events", function(w)
  w:write("src/index.js", 'addEventListener("fetch", event => event.respondWith(new Response("an event")));')
  w:succeeds "deploy"
  equal(w.cloud:ask(w.host).body, "an event")
end)

both("whoami names the account", "whoami", function(w)
  contains(w:succeeds "whoami", about.cloud.account)
end)

both("a token of the account, that is nobody's, deploys", "owned", function(w)
  w.env.CLOUDFLARE_API_TOKEN = about.cloud.tokens.owned
  w:succeeds "deploy"
  equal(w:text(), "one")
end)

both("without a configuration the command line is enough", "bare", function(w)
  require("fs").remove(w.folder .. "/wrangler.json")
  w:succeeds("deploy", "src/index.js", "--name", w.name, "--compatibility-date", "2026-01-01", "--var", "GREETING:hello")
  local answer = w:answer()
  equal({ answer.text, answer.GREETING }, { "one", "hello" })
end)

both("bindings to what the cloud has not are kept, and the Worker runs", "kept", function(w)
  w:config { d1_databases = { { binding = "DB", database_id = "11111111-2222-4333-8444-555555555555", database_name = "db" } },
    kv_namespaces = { { binding = "KV", id = ("0"):rep(32) } }, observability = { enabled = true } }
  w:succeeds "deploy"
  equal(w:text(), "one")
  local kinds = {}
  for _, binding in ipairs(w:api("/settings").bindings) do kinds[binding.name] = binding.type end
  equal(kinds, { DB = "d1", KV = "kv_namespace" })
  equal(w:api("/script-settings").observability.enabled, true)
end)
