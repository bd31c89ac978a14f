---@meta health

---Waiting until a service is healthy, and until it is *this version* that serves.
local health = {}

---Times are seconds. The first look is at once. Looks during `grace` come every `interval` and do not
---count as attempts; after it the pauses are backoff, 2 × backoff, 4 × backoff … up to `cap`. The last look
---is at the deadline exactly. Every look is a GET on a connection of its own.
---@class health.Options
---@field url string
---@field grace? number        (30)
---@field interval? number     (1)
---@field backoff? number      (5)
---@field cap? number          (80)
---@field attempts? integer    looks after grace at most (10)
---@field deadline? number     (300)
---@field timeout? number      of one look (5)
---@field fatal_after? integer "failing" answers in a row that end the wait (3)
---@field expect? { status?: integer|integer[], json?: table<string, string>, headers?: table<string, string> }
---status (200); json: pointer -> text, for example { ["/version"] = "1.2.0" }; headers: name -> value

---@class health.Look
---@field at number            seconds since the start
---@field class "healthy"|"pending"|"transient"|"stale"|"throttled"|"failing"|"fatal"
---@field reason string        what was seen
---@field status? integer
---@field seconds number       how long the look took

---@class health.Result
---@field attempts integer     looks in all
---@field seconds number
---@field timeline health.Look[]

---Raises "not-healthy" with the last look's class and reason and the whole `timeline`: at once for a fatal
---answer, else when attempts or time are used up.
---@param o health.Options
---@return health.Result
function health.wait(o) end

---Which answers mean "not yet" and which mean "never": statuses, families such as "5xx", codes of http's
---errors; `hints` holds the texts of the errors.
---@type table<string|integer, string>
health.classes = {}

return health
