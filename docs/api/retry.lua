---@meta retry

---Trying again, where a recipe wants it: nothing is repeated unless a policy says so.
---Waits have full jitter: before attempt n + 1 at random between 0 and the smaller of `most` and `first` * 2^(n-1)
---seconds. A failure's own `retry_after` seconds are waited in full. A wait of 2 s or more is told on standard error.
local retry = {}

---@class retry.Policy
---@field classes? table<string, boolean>  failure classes that are tried again ({ transient = true, throttled = true })
---@field first? number     seconds that the second attempt waits at most; doubled each time (0.5)
---@field most? number      the longest wait in seconds, unless the service asks for a longer one (8)
---@field attempts? number  how many at most; math.huge for as many as the budget holds (5)
---@field budget? number    seconds after which no further attempt begins (60)

---Calls f(attempt) until it returns, and gives back the one value that it returned. A failure is raised on when
---its class is none of the policy's, when it was the last attempt, or when the wait would outlast the budget;
---it then carries `attempts`. `true` is the policy of the defaults.
---
---    retry.run({ classes = { pending = true }, budget = 120 }, function() return find_it() end)
---
---What f does may so be done several times: see `idempotent` of http.request for requests.
---@generic T
---@param policy retry.Policy|true
---@param f fun(attempt: integer): T
---@return T
function retry.run(policy, f) end

---How many seconds a Retry-After header asks to wait: seconds, or a date in one of HTTP's three forms.
---@param text? string
---@return number?  at least 0; nil without a readable header
function retry.after(text) end

return retry
