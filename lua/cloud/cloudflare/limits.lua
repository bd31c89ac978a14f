---What an account may hold, by its plan, and what one upload may be. The settings name the plan.
local limits = {}

local plans = {
  free = { name = "Free", workers = 100, variables = 64, assets = 20000, crons = 5, previews = 100 },
  paid = { name = "Paid", workers = 500, variables = 128, assets = 100000, crons = 250, previews = 500 },
}

limits.variable = 5 << 10       -- bytes of one variable or secret
limits.metadata = 1 << 20       -- bytes of an upload's metadata
limits.worker = 64 << 20        -- bytes of all modules, uncompressed
limits.asset = 25 << 20         -- bytes of one asset
limits.versions = 100           -- the newest ones, which can be deployed
limits.secrets = 100            -- changed by one request
limits.deployments = 100        -- of a preview; the oldest makes room

---@param context table  of a request, or anything with the world as `state`
---@return { name: string, workers: integer, variables: integer, assets: integer, crons: integer, previews: integer }
function limits.of(context)
  return plans[context.state.settings.workers_plan] or plans.paid
end

return limits
