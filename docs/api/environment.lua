---@meta environment

---What a flow works on, as a type and not as a text: whoever is about to do something asks it before, so that nothing
---but production's own flow touches what is production's, whatever a recipe says. `flow.environment` opens one as
---`env.is`. Pure: nothing is sent.
local environment = {}

---@class environment.Options
---@field project string        of davit.yaml
---@field kind string           "preview", "test", "production" or another of davit.yaml
---@field key string|integer    42, "push-main-1a2b3c4d", "live"
---@field production? table<string, string[]>  production's names: worker, host, branch, secret, deployment

---Raises a misuse for an unknown, missing or mistyped option, and for names of another kind of thing.
---@param options environment.Options
---@return environment.Environment
function environment.new(options) end

---Whether a value is one: a text that says "production" is none.
---@param value any
---@return boolean
function environment.is(value) end

---@class environment.Environment
---@field kind string
---@field marker string  of everything that it owns: "codex/preview/42"
local Environment = {}

---Whether this is where the users are.
---@return boolean
function Environment:is_production() end

---Raises "preview-to-production" (exit code 9) when the name is production's and this is another environment.
---@param kind "worker"|"host"|"branch"|"secret"|"deployment"
---@param name string  in any case; of a host also one with "*", which must cover none of production's
function Environment:check(kind, name) end

---Raises "preview-to-production" (exit code 9) when a marker is production's and this is another environment.
---@param marker any    of a thing, if it has one
---@param thing string  what it is called: "the Worker x"
function Environment:check_marker(marker, thing) end

---Raises "preview-to-production" (exit code 9), for what was found out otherwise.
---@param kind "worker"|"host"|"branch"|"secret"|"deployment"
---@param name string
---@param why? string  more than that the name is production's: "it is the project's default branch"
function Environment:refuse(kind, name, why) end

return environment
