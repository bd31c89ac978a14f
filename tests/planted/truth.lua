---What rehearsal_truth_test.lua rehearses and runs really: a preview by the providers, with everything that can be had
---without a database that answers.
local cloudflare, github, health = require "cloudflare", require "github", require "health"
local neon, secret = require "neon", require "secret"

local ZONE, MARK = "revelations.studio", "toy/preview/42"
local HOST, NAME, VERSION = "toy-preview-42." .. ZONE, "toy-preview-42", "0123456789abcdef"

local function clients()
  return cloudflare.client {
    account = "0000000000000000000000000000c0de", zone = ZONE,
    token = secret.env("CLOUDFLARE_API_TOKEN", { to = cloudflare.places.token }),
    dns_token = secret.env("CLOUDFLARE_DNS_API_TOKEN", { to = cloudflare.places.dns_token }),
  }, neon.client {
    project = "wandering-moon-123456", key = secret.env("NEON_API_KEY", { to = neon.places.key }),
  }, github.client {
    repository = "example/codex", token = secret.env("GITHUB_TOKEN", { to = github.places.token }),
  }
end

-- Looks at once and often, as the real clock runs when this runs really.
local quick = { initial = 0.2, multiplier = 1.5, max = 2, jitter = "none" }

return { summary = "A preview of providers", approves = true,
  params = { pr = { type = "integer", required = true }, ask = { type = "boolean", default = false } },
  run = function(p, run)
    local cf, db, gh = clients()
    local _ <close> = run.lease("toy/" .. p.pr, { supersede = true })
    local sha = run.step("pull request", function() return gh.pull(p.pr).sha end)
    local deployment = run.ensure(gh.deployment { environment = "preview/pr-42", sha = sha, marker = MARK })
    local branch = run.ensure(db.branch { name = "pr-42", parent = "production", marker = MARK, expires = 86400 })
    db.ready(branch)
    if p.ask then run.approve { "Upload it?", plan = { branch = branch.name } } end
    local url = db.connection_uri { branch = branch, to = cloudflare.places.secrets, consumer = "worker" }
    run.ensure(cf.worker { name = NAME, marker = MARK, main = "m", version_tag = VERSION,
      bindings = { { type = "plain_text", name = "VERSION", text = VERSION },
        { type = "secret_text", name = "DATABASE_URL", text = url } },
      modules = { { name = "m", type = "application/javascript+module", body = "export default {}" } } })
    run.ensure(cf.domain { host = HOST, worker = NAME, marker = MARK })
    run.ensure(cf.dns_record { host = "docs-preview-42." .. ZONE, marker = MARK, type = "CNAME", content = HOST })
    run.step("health", function()
      return health.wait { url = "https://" .. HOST .. "/health", version = VERSION, backoff = quick,
        pace = { slow = 0, quick = 0, edge = 0 }, deadline = 60 }.ok
    end)
    run.ensure(gh.deployment_status { deployment = deployment, state = "success", url = "https://" .. HOST })
    run.ensure(gh.comment { pr = p.pr, key = MARK, body = "The preview is at https://" .. HOST })
  end }
