---What the secrets of a repository hold, for tests: GitHub itself never tells. Only whoever sits at this machine is
---answered, whatever the cloud listens on.
local answers = require "cloud.github.answers"
local secrets = require "cloud.github.secrets"

local secret_desk = {}

-- A Worker that asks is a stranger, too.
local function is_here(request)
  local address = request.address or ""
  return not request.from and (address == "" or address:find "^127%." ~= nil or address:find "^%[::1%]" ~= nil)
end

local function get(context)
  if not is_here(context.request) then answers.forbidden "secrets are told on this machine alone" end
  local repository, environments = context.repository, {}
  for _, environment in ipairs(repository.environments) do
    environments[environment.name] = secrets.values(environment.secrets or {})
  end
  return { repository = repository.full_name, secrets = secrets.values(repository.secrets),
    environments = environments }
end

secret_desk.admin = { { "GET", "/_davit/github/secrets", get } }

return secret_desk
