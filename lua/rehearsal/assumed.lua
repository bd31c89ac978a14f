---Which behaviours of the models are assumed, not known for certain, and where a run meets them. What exactly is
---assumed is said in the table "Operations" of docs/local-cloud.md, whose rows these are, each by its first words.
local assumed = {}

---@class rehearsal.Assumption
---@field service string
---@field operation string  the first words of its row
---@field meets string[]    patterns of the rows of the report that are concerned

local function of(service, list)
  for i, one in ipairs(list) do
    list[i] = { service = service, operation = one[1], meets = table.move(one, 2, #one, 1, {}) }
  end
  return list
end

local cloudflare = of("Cloudflare", {
  { "tokens", "/tokens/" }, { "rate limit", "." }, { "DNS records: list", "/dns_records" },
  { "Workers: list", "^PUT /workers/scripts/{}$", "^DELETE /workers/scripts/{}$", "^GET /workers/scripts$" },
  { "Workers: bindings", "^PUT /workers/scripts/{}$", "^POST .*/versions$" }, { "Workers: versions", "/versions" },
  { "Workers: deployments:", "/scripts/{}/deployments" }, { "Workers: settings", "settings$", "/content" },
  { "Workers: secrets", "/secrets" }, { "Workers: `workers/workers`", "/workers/workers" },
  { "Workers: previews", "/previews" }, { "Workers: deployments of previews", "/previews/{}/deployments" },
  { "Workers: assets", "assets" }, { "Workers: `workers.dev`", "/subdomain" }, { "Workers: routes", "/routes" },
  { "Workers: custom domains", "/domains" },
})

local neon = of("Neon", {
  { "keys of a person", "/users", "/organizations", "/regions", "/auth" }, { "rate limits", "." },
  { "projects", "/projects" }, { "limits", "^POST " }, { "branches: list", "/branches" },
  { "branches of a parent's past", "^POST /branches$" }, { "deletion", "^DELETE /branches" },
  { "restore", "/restore", "/reset" }, { "operations", "/operations" }, { "endpoints", "/endpoints" },
  { "roles", "/roles" }, { "databases", "/databases" }, { "SQL over HTTP", "/sql$" },
})

local github = of("GitHub", {
  { "pull requests", "/pulls" }, { "issues", "/issues$", "/issues/{}$" }, { "comments", "/comments" },
  { "artifacts: list", "/actions/artifacts", "/artifacts$" }, { "artifacts of the runtime", "ArtifactService" },
  { "deployments", "/deployments" }, { "environments", "/environments" },
  { "rules of apps", "deployment_protection" }, { "secrets of", "/secrets" }, { "variables of", "/variables" },
  { "workflows", "/actions/runs", "/actions/workflows" }, { "pending deployments", "pending_deployments" },
  { "`workflow_dispatch`", "/dispatches" }, { "check runs", "check%-runs", "/status$" },
  { "tokens", "." }, { "primary limits", "." }, { "ETag", "." },
})

---All of them.
---@type rehearsal.Assumption[]
assumed.list = {}
for _, list in ipairs { cloudflare, of("edge", { { "edge", "." } }), neon, github } do
  table.move(list, 1, #list, #assumed.list + 1, assumed.list)
end

local areas = { edge = "hosts" }

local function is_met(one, rows)
  for _, row in ipairs(rows) do
    if row.area == (areas[one.service] or one.service) then
      for _, pattern in ipairs(one.meets) do
        if row.name:find(pattern) then return true end
      end
    end
  end
  return false
end

---Those that a rehearsal's effects meet.
---@param m rehearsal.Matrix
---@return rehearsal.Assumption[]
function assumed.met(m)
  local list = {}
  for _, one in ipairs(assumed.list) do
    if is_met(one, m.rows) then list[#list + 1] = one end
  end
  return list
end

return assumed
