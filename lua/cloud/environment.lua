---The lines of a shell that point the services' own clients at a local cloud. A credential is shown only when the
---cloud made it up; of one that is the project's own the line names the variable.
local environment = {}

-- As a shell reads it back.
local function quoted(value)
  if value:find "^[%w@%%+=:,./_-]+$" then return value end
  return "'" .. value:gsub("'", "'\\''") .. "'"
end

local function export(name, value) return ("export %s=%s"):format(name, quoted(value)) end

local function credential(name, value, made_up)
  if made_up then return export(name, value) end
  return ("export %s   # the project's own, which is accepted here and not printed"):format(name)
end

---@class cloud.Environment
---@field http_port integer
---@field ca_file string
---@field account_id string
---@field repository string    owner/name
---@field gh? string           folder of gh's configuration
---@field neon_project string
---@field tokens table<string, string>    workers, neon, github: what the models accept
---@field made_up table<string, boolean>  which of them the cloud made up
---@field run integer           of a workflow that there is not
---@field runtime_token string  of a job of it

-- gh takes its server from its configuration alone.
local function add_gh(lines, e)
  lines[#lines + 1] = "# gh, as the repository's owner"
  lines[#lines + 1] = export("GH_CONFIG_DIR", e.gh)
  lines[#lines + 1] = credential("GH_TOKEN", e.tokens.github_owner, e.made_up.github_owner)
  lines[#lines + 1] = export("GH_REPO", e.repository)
end

---@param e cloud.Environment
---@return string[] lines
function environment.lines(e)
  local base = ("http://127.0.0.1:%d"):format(e.http_port)
  local lines = {
    "# wrangler, and the SDK of Cloudflare",
    export("CLOUDFLARE_API_BASE_URL", base .. "/client/v4"),
    export("CLOUDFLARE_BASE_URL", base .. "/client/v4"),
    credential("CLOUDFLARE_API_TOKEN", e.tokens.workers, e.made_up.workers),
    export("CLOUDFLARE_ACCOUNT_ID", e.account_id),
    export("WRANGLER_SEND_METRICS", "false"),
    export("WRANGLER_SEND_ERROR_REPORTS", "false"),
    "# neonctl (also: neonctl --api-host)",
    export("NEON_API_HOST", base .. "/api/v2"),
    credential("NEON_API_KEY", e.tokens.neon, e.made_up.neon),
    export("NEON_PROJECT_ID", e.neon_project),
    "# Octokit and actions",
    export("GITHUB_API_URL", base .. "/api/v3"),
    credential("GITHUB_TOKEN", e.tokens.github, e.made_up.github),
    export("GITHUB_REPOSITORY", e.repository),
    "# @actions/artifact, as in a job of a run",
    export("ACTIONS_RESULTS_URL", base .. "/"),
    export("ACTIONS_RUNTIME_TOKEN", e.runtime_token),
    export("GITHUB_RUN_ID", ("%d"):format(e.run)),
    "# https, for programs of node",
    export("NODE_EXTRA_CA_CERTS", e.ca_file),
  }
  if e.gh then add_gh(lines, e) end
  return lines
end

return environment
