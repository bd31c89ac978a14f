---What people read of faults and of what must hold: each fault's group (a column of the report) and what it means,
---and each invariant in a sentence. Names are those of lua/rehearsal/faults/*.lua and lua/rehearsal/oracle.lua.
local words = {}

---The columns of the report, from left to right.
words.groups = { "unsent", "lost", "fails", "5xx", "limit", "garbage", "slow", "unseen", "crash", "stop", "other" }

---What the columns mean.
words.legend = {
  unsent = "nothing was sent", lost = "the reply was lost", fails = "refused, or it failed",
  ["5xx"] = "a server's error", limit = "too many requests", garbage = "an answer that makes no sense",
  slow = "late, or never", unseen = "made, and not shown yet", crash = "Davit dies", stop = "a signal",
  other = "leases, other runs",
}

-- ---- faults ------------------------------------------------------------------------------------

local everywhere = {
  ["crash-before"] = { "crash", "Davit dies before it" }, ["crash-after"] = { "crash", "Davit dies right after it" },
  stop = { "stop", "a signal asks Davit to stop" }, timeout = { "slow", "no answer comes" },
  slow = { "slow", "the answer takes 20 s" },
}

local http = {
  refused = { "unsent", "the connection is refused" }, dns = { "unsent", "the name servers fail" },
  tls = { "unsent", "the TLS handshake fails" }, reset = { "lost", "the connection breaks; it is not carried out" },
  lost = { "lost", "it is carried out, and the connection breaks before the answer" },
  cut = { "lost", "it is carried out, and the connection breaks in the answer" },
  ["429"] = { "limit", "429, with no time to wait" }, limit = { "limit", "429, wait for 30 s" },
  ["secondary-limit"] = { "limit", "403, GitHub's secondary limit, wait for 60 s" },
  ["secondary-bare"] = { "limit", "403, GitHub's secondary limit, with no time to wait" },
  ["500"] = { "5xx", "500; it is not carried out" }, ["502"] = { "5xx", "502 and a page of HTML" },
  ["503"] = { "5xx", "503, wait for 5 s" }, ["504"] = { "5xx", "504; it is not carried out" },
  ["520"] = { "5xx", "Cloudflare's 520" },
  ["522"] = { "5xx", "Cloudflare's 522" }, ["524"] = { "5xx", "Cloudflare's 524" },
  ["10013"] = { "5xx", "500 with Cloudflare's code 10013" },
  ["500-applied"] = { "5xx", "it is carried out, and answered with 500" },
  locked = { "fails", "423: an operation of the project is running" }, ["409"] = { "fails", "409: a conflict" },
  html = { "garbage", "200 and a page of HTML; it is not carried out" },
  truncated = { "garbage", "it is carried out, and the JSON of the answer ends in the middle" },
  unseen = { "unseen", "it is carried out, and reads do not show it for 5 s" },
  late = { "slow", "for a minute the host answers with 522" },
  flaps = { "5xx", "for a minute every other answer is 503" },
  old = { "garbage", "for a minute another version serves" }, throws = { "5xx", "for a minute the Worker throws" },
  broken = { "5xx", "from now on the Worker throws" },
}

local sql = {
  refused = { "unsent", "the connection is refused" }, starting = { "unsent", "the database is starting up" },
  full = { "unsent", "too many clients already" }, lost = { "lost", "the connection breaks; it is not carried out" },
  ["lost-after"] = { "lost", "it is carried out, and the connection breaks before the answer" },
  deadlock = { "fails", "a deadlock" }, cancelled = { "fails", "the server cancels the statement" },
}

local dns = { missing = { "fails", "there is no such name" }, failed = { "fails", "the name servers fail" } }

local process = {
  fails = { "fails", "it exits with 1" }, killed = { "fails", "it is killed" }, hangs = { "slow", "it never ends" },
  floods = { "garbage", "it prints 4 MB" }, missing = { "unsent", "there is no such program" },
}

local file = {
  denied = { "fails", "permission denied" }, full = { "fails", "no space left on the disk" },
  failed = { "fails", "an input/output error" },
}

local journal = {
  full = { "fails", "no space left for the journal" }, ["lease-lost"] = { "other", "somebody else takes all leases" },
  second = { "other", "another run of the same comes" },
  closed = { "other", "the pull request is closed, and cleaned up" },
  denied = { "fails", "whoever is asked says no" }, unanswered = { "slow", "nobody is there to be asked" },
}

local of_kind = { http = http, sql = sql, dns = dns, process = process, file = file, journal = journal }

---@param kind string   of the effect: "http"
---@param fault string  "500-applied"
---@return string group    one of words.groups
---@return string meaning  the name itself where nothing is known of it
function words.of(kind, fault)
  local one = (of_kind[kind] or {})[fault] or everywhere[fault]
  if not one then return "other", fault end
  return one[1], one[2]
end

-- ---- schedules' ids ------------------------------------------------------------------------------

---@class rehearsal.Term
---@field fault string    "crash-after"
---@field kind string     "http"
---@field index integer
---@field ending? string  "resume", "undo", and of a question that nobody answers "approve", "deny" or "expire"

local TERM <const> = "^([%w-]+):(%a+):(%d+):?(%a*)$"

---Whether a text is made as the ids of schedules are.
---@param id string
---@return boolean
function words.is_schedule(id)
  for text in (id .. "+"):gmatch "([^+]*)%+" do
    if not text:find(TERM) then return false end
  end
  return true
end

---The things that go wrong in a schedule, in their order.
---@param id string  "500:http:12+crash-after:journal:17:undo"
---@return rehearsal.Term[]
function words.terms(id)
  local terms = {}
  for text in id:gmatch "[^+]+" do
    local fault, kind, index, ending = text:match(TERM)
    if fault then
      terms[#terms + 1] = { fault = fault, kind = kind, index = math.tointeger(index),
        ending = ending ~= "" and ending or nil }
    end
  end
  return terms
end

-- ---- what must hold --------------------------------------------------------------------------------

local invariants = {
  missing = "what the undisturbed run makes is not there",
  ["left over"] = "there is something that should not be there",
  lost = "what was there before the run is gone, or not as it was",
  ["exit code"] = "the exit code is not the one that it should be",
  invariant = "an invariant of the project does not hold",
  lease = "somebody holds a lease that should be free",
  touched = "something that is not this pull request's was made, changed or removed",
  refused = "Davit refuses what the recipe does, even undisturbed: a mistake in the recipe",
  unapproved = "it went on without the approval that the undisturbed run had",
  untrue = "the report of the run does not tell the truth",
  secret = "a secret is where it must not be",
  twice = "a request that must not be repeated was sent twice",
  ["too long"] = "it took longer than the recipe's deadline, or an hour more than the undisturbed run",
  ["no end"] = "it did not come to an end",
}

---@param what string  of a problem
---@return string      the name itself where nothing is known of it
function words.invariant(what) return invariants[what] or what end

return words
