---@meta dns

---Questions to the name servers, one at a time, cancelled at once.
---
---Addresses, `localhost` and names below it are answered without asking; for addresses the
---machine's own table of hosts comes first, unless `server` is given. A question is repeated
---after 1/7 and 3/7 of `timeout`. With `--local` only the local cloud's name server is asked.
local dns = {}

---@class dns.Options
---@field name string       the whole name; no search domains are tried
---@field type? "A"|"AAAA"|"CNAME"|"TXT"  what is asked for ("A")
---@field server? string    whom to ask: "192.0.2.1", "192.0.2.1:53", "[2001:db8::1]:53"
---@field timeout? number   seconds, above 0 and at most 3600 (5)

---@class dns.Answer
---@field type "A"|"AAAA"|"CNAME"|"TXT"
---@field data string       an address, a name without the final dot, a text in one piece
---@field ttl integer       seconds; 0 for what was known without asking

---Gives the answers in the server's order. Aliases are followed: they are listed before the
---addresses they lead to.
---
---Raises `dns-not-found` (pending: no such name), `dns-no-data` (pending: the name has no such
---record), `dns-failed` (transient: SERVFAIL, refused), `dns-timeout` (transient), `not-local`
---(fatal), `dns-name` and `dns-server` (misuse: no domain name, no address of a server).
---@param options dns.Options
---@return dns.Answer[] answers  at least one
function dns.lookup(options) end

---Like `dns.lookup`, and gives nil for `dns-not-found` and `dns-no-data`.
---@param options dns.Options
---@return dns.Answer[]? answers
function dns.find(options) end

return dns
