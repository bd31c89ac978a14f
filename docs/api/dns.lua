---@meta dns

---Questions to the name servers, one at a time, cancelled at once.
---
---Addresses, `localhost` and names below it are answered without asking; for addresses the
---machine's own table of hosts comes first, unless `server` is given. A question is repeated
---after 1/7 and 3/7 of `timeout`; an answer that is cut short is asked for again over TCP. An answer
---that does not belong to the question is passed over; of the records in it only those of the name and
---of its aliases count. With `--local` the local cloud's name server is asked, whichever is named.
local dns = {}

---@alias dns.Type "A"|"AAAA"|"CAA"|"CNAME"|"MX"|"NS"|"PTR"|"SOA"|"SRV"|"TXT"

---@class dns.Options
---@field name string       the whole name; no search domains are tried. An address, too (of PTR: whose name is asked
---for). What holds a colon and is no address, like a URL, is refused
---@field type? dns.Type    what is asked for ("A")
---@field server? string|string[]  whom to ask: "192.0.2.1", "192.0.2.1:53", "[2001:db8::1]:53"; of several
---(at most 16) the next is asked when one is silent, fails or refuses (those of the machine)
---@field timeout? number   seconds, above 0 and at most 3600 (5)

---@class dns.Answer
---@field type dns.Type
---@field data string       the record as text: an address, a name without the final dot, a text in one
---piece; of a record with fields those, in the order below, with one blank between them
---@field ttl integer       seconds; 0 for what was known without asking
---@field preference? integer  MX: the smallest first
---@field exchange? string     MX: the mail server's name
---@field priority? integer    SRV: the smallest first
---@field weight? integer      SRV
---@field port? integer        SRV
---@field target? string       SRV: the server's name
---@field flags? integer       CAA
---@field tag? string          CAA: "issue", "issuewild", "iodef"
---@field value? string        CAA
---@field mname? string        SOA: the first name server
---@field rname? string        SOA: the mailbox, its @ written as a dot
---@field serial? integer      SOA
---@field refresh? integer     SOA: seconds, as the others
---@field retry? integer       SOA
---@field expire? integer      SOA
---@field minimum? integer     SOA: for how long resolvers may remember that a name is not there

---What the errors of this module have beside the usual.
---@class dns.Error
---@field server? string        who was asked: "192.0.2.1, 192.0.2.2:5300"
---@field seconds number        that it took
---@field rcode? string         what the server said: "NXDOMAIN", "SERVFAIL", "REFUSED", "FORMERR", …
---@field negative_ttl? integer of `dns-not-found` and `dns-no-data`: seconds for which a resolver may
---remember that (RFC 2308); asking it again before is in vain
---@field referral? string[]    of `dns-referral`: the names of the servers that know

---Gives the answers in the server's order. Aliases are followed, at most 16 in a row: they are listed
---before the records they lead to.
---
---Raises `dns-not-found` (pending: no such name), `dns-no-data` (pending: the name has no such
---record), `dns-failed` (transient: the server failed or refused, its answer is malformed, cut short or
---about other names, nobody listens there), `dns-referral` (transient: the server only knows others that
---know), `dns-timeout` (transient), `not-local` (fatal), `dns-name` and `dns-server` (misuse: no domain
---name, no address of a server).
---@param options dns.Options
---@return dns.Answer[] answers  at least one
function dns.lookup(options) end

---Like `dns.lookup`, and gives nil for `dns-not-found` and `dns-no-data`.
---@param options dns.Options
---@return dns.Answer[]? answers
function dns.find(options) end

---@class dns.AuthoritativeOptions
---@field name string       the whole name
---@field type? dns.Type    ("A")
---@field zone? string      the zone that the name is in (the nearest above the name that has name servers)
---@field server? string|string[]  the resolver that is asked for the zone's servers and their addresses
---(that of the machine); it is not asked about the name itself
---@field port? integer     of the zone's servers (53)
---@field timeout? number   seconds for all of it (5)

---Asks the name servers of the zone themselves: what they say is true now, and no resolver remembers
---that the name was not there. For waiting until a new record is known. Raises as `dns.lookup` does, and
---`dns-failed` when no servers of a zone above the name are known, or they have no address.
---@param options dns.AuthoritativeOptions
---@return dns.Answer[] answers  at least one
function dns.authoritative(options) end

return dns
