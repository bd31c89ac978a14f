---@meta health

---Waiting until services are healthy, and until it is *this version* that serves.
---docs/health.md has the classes, the pace and what they are good for.
local health = {}

---Times are seconds. A *probe* is one request on a connection of its own; a *look* is what comes of it. The
---first look is at once, the last exactly at the deadline, and a target never has two at a time.
---What stands here may be said for all targets, and by each `health.Target` for itself.
---@class health.Asked
---@field name? string             for errors and results, instead of the URL
---@field method? string           ("GET")
---@field headers? table<string, string|secret.Template>  secrets are resolved at each probe, for their places only
---@field body? string|secret.Template
---@field version? string|health.Version  this version serves; a text is expected as the JSON member /version
---@field expect? health.Expected  what else an answer must hold
---@field connect_to? string       "address" or "address:port" to connect to; the URL names host and certificate
---@field unix? string             path of the Unix socket to connect to; the URL names the host
---@field proxy? string            a URL; "" for none (of the environment)
---@field family? 0|4|6            addresses of one family only (0: both)
---@field ca? string               PEM file of the only authorities to trust
---@field certificate? string      PEM: our own, with its `key`
---@field key? string              PEM
---@field fresh? boolean           a connection for each probe, so that each meets the edge anew (true)
---@field samples? integer         probes that must all be healthy for one healthy look (1)
---@field max_body? integer        bytes of an answer (1 MiB)
---@field timeout? number          of one probe (5)
---@field timeouts? { connect?: number, tls?: number, first_byte?: number, total?: number }
---@field delay? number            before the first look (0)
---@field grace? number            while what is new may take its time (30)
---@field deadline? number         (300)
---@field attempts? integer        looks after grace at most (any number)
---@field interval? number         between looks during grace (the backoff decides)
---@field backoff? health.Backoff|number  a number is the classic form: it doubles, without jitter, up to
---`cap`; looks during grace come every second then, and `pace` is off
---@field cap? number              the longest pause of the backoff (5; of the classic form 80)
---@field pace? { slow?: number, quick?: number, edge?: number, soak?: number }  between looks at what takes its time
---(5.4), at what refuses before the first success (0.25, later a tenth of the time waited, at most `backoff.max`; 0 when `backoff.initial` is given), when
---something changed and between the looks of a rise (0.5), while it proves stable (2); 0: no such state
---@field rise? integer            healthy looks in a row that make it healthy (1)
---@field stable_for? number       for how long it must be healthy, with a look at the end (0)
---@field fall? integer            "failing" looks in a row that end the wait (3)
---@field fall_for? number         seconds that these must last, too, before the first success of what is not
---`established`: an edge goes on serving what was there before (15, at most `grace`; 0 when `fall` or
---`fatal_after` says how often)
---@field fatal_after? integer|table<health.Class, integer>  the same for any class; an integer is for "failing"
---@field established? boolean     it was serving before: the second column of the classes (false)
---@field classify? fun(look: health.Seen): health.Class?  another class for a look, which cannot become healthy
---by it; nil: as it is. May wait. Its target looks for itself while others share a probe
---@field on_attempt? fun(look: health.Seen)  is told of every look
---@field timeline? integer        looks that are kept at each end (50; 4 of each of more than 100 targets)

---@class health.Backoff
---@field initial? number          (0.5)
---@field multiplier? number       (2)
---@field max? number              (5)
---@field jitter? "decorrelated"|"full"|"equal"|"none"  ("decorrelated")
---@field seed? integer            the same pauses each time

---@class health.Version
---@field value string
---@field header? string           that holds it,
---@field json? string             or the JSON pointer ("/version"), to a string or a number,
---@field pattern? string          or a Lua pattern for the body, whose first capture it is

---A value that is looked for: a text that must be equal; { contains = text }; { pattern = Lua pattern without back
---references }; for JSON also a number, true or false, or { text = "42" }: 42 and "42" alike; for headers true: it
---is there. An empty text or pattern, which everything holds, is refused, as is an empty version.
---@alias health.Value string|number|boolean|{ equals?: any, contains?: string, pattern?: string, text?: string }

---@class health.Expected
---@field status? integer|string|(integer|string)[]  200, "2xx", "200-204" (200)
---@field headers? table<string, health.Value>
---@field json? table<string, health.Value>  JSON pointer -> value
---@field body? health.Value       a text that it contains, or { pattern = … }
---@field absent? { headers?: table<string, health.Value>, json?: table<string, health.Value>, body?: health.Value }
---what must not be; true: not there at all
---@field latency? number          seconds that an answer may take

---@class health.Target: health.Asked
---@field url string

---@class health.Options: health.Asked
---@field url? string              one target, or
---@field targets? table<string|integer, string|health.Target>  many: URLs, or tables; keys come back in the result
---@field need? "all"|"any"|integer  how many must be healthy ("all")
---@field concurrency? integer     probes under way at once (128)
---@field rate? number             probes a second, of all targets together (any number)

---@alias health.Class "healthy"|"pending"|"transient"|"stale"|"throttled"|"failing"|"fatal"

---@class health.Look
---@field at number                when its probe began, since the start of the wait
---@field class health.Class
---@field row? string              of health.classes that fits; nil when healthy
---@field reason string            what was seen, masked
---@field status? integer
---@field seconds? number          that the probe took
---@field timing? { dns?: number, connect?: number, tls?: number, first_byte?: number, total?: number }
---@field colo? string             the edge that answered, of cf-ray ("LHR")
---@field retry_after? number      what the service asked for
---@field shared? boolean          the probe of another target of the origin stood for it

---A look as the hooks see it: the answer is still there.
---@class health.Seen: health.Look
---@field url string
---@field name? string
---@field code? string             of http's error when there was no answer
---@field headers table<string, string>  names in lower case
---@field body string              64 KiB of it
---@field address? string
---@field protocol? string

---@class health.Result
---@field verdict "ok"|"failed"|"timed-out"|"inconclusive"  of `targets` in an error also those that nobody needed
---@field url string
---@field name? string
---@field attempts integer         looks in all
---@field probes integer           requests of its own
---@field seconds number           until the verdict
---@field first_ok? number         when it was first healthy
---@field class health.Class       of the last look, as the following
---@field reason string
---@field status? integer
---@field row? string
---@field hint? string
---@field colo? string
---@field address? string          the peer
---@field counts table<health.Class, integer>
---@field timeline health.Look[]   the first and the last
---@field left_out? integer        looks between them

---Of many targets.
---@class health.Results
---@field verdict "ok"
---@field seconds number
---@field attempts integer         looks of all targets
---@field probes integer           requests sent
---@field targets table<string|integer, health.Result>  by the keys of the options

---Raises "not-healthy" as soon as too few can become healthy: at once for a fatal answer, after `fall` failing
---ones, else when time or attempts are used up. The error has the worst target's class, hint, `verdict` and
---`timeline`, and all `targets`. A mistake in the options is a misuse; a secret that may not go there raises
---"secret-refused".
---@param o health.Options
---@return health.Result|health.Results
function health.wait(o) end

---@class health.Comparison
---@field old string|health.Target  what serves now
---@field new string|health.Target  the canary
---@field rounds? integer          each asks both at the same moment (20)
---@field pause? number            seconds between rounds (0.5)
---@field errors? integer          how many more times the new one may fail (0)
---@field slower? number           how much slower its median may be (1.5 times) …
---@field least? number            … and by less than this many seconds it does not count (0.05)

---@class health.Compared
---@field verdict "ok"
---@field rounds integer
---@field old { errors: integer, median?: number, reason?: string }
---@field new { errors: integer, median?: number, reason?: string }

---A canary beside what it would replace. Raises "not-healthy": with the verdict "failed" when the new one is worse,
---"inconclusive" when the old one fails more than half of the time; `compared` has the figures.
---@param o health.Comparison
---@return health.Compared
function health.compare(o) end

---What an answer means, as rows in their order; the first that fits decides. A recipe may insert its own:
---`table.insert(health.classes, 1, { name = "warming", status = 418, grace = "pending", after = "failing" })`.
---@class health.Row
---@field name string
---@field codes? string[]          of http's errors (one that ends with * stands for all that begin so), or
---"other-version", "unexpected", "too-slow", "pattern-limit". None: an answer
---@field details? string[]        of such an error, as `detail` of http says
---@field status? integer|string|(integer|string)[]
---@field says? string[]           one of these in the body, or in the error's text
---@field header? string           in lower case
---@field holds? string            in that header's value
---@field slow? boolean            what takes its time
---@field quick? boolean           what costs next to nothing to look at
---@field grace health.Column      before the first success
---@field after health.Column      after it, or for what is `established`
---@field hint? string

---A class; or { class, times =, seconds = }: so many looks in a row, or for so long, and it is fatal.
---@alias health.Column health.Class|{ [1]: health.Class, times?: integer, seconds?: number }

---@type health.Row[]
health.classes = {}

---Options under a name. `runbook`: 30 s, then ten attempts 5, 10, 20, 40, 80 s apart, 5 min in all;
---`runbook_next`: the same after 15 s.
---@type table<"runbook"|"runbook_next", health.Asked>
health.presets = {}

return health
