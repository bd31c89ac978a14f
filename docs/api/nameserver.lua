---@meta nameserver

---A DNS server on UDP, for the local cloud and for tests.
local nameserver = {}

---@class nameserver.Options
---@field address? string   where to listen ("127.0.0.1")
---@field port? integer     0 to 65535; 0 takes a free one (0)

---@class nameserver.Answer
---@field type dns.Type
---@field data string       the record as text, as `dns.lookup` gives it: "10 mail.example.com" of an MX;
---what follows a CNAME is about its target
---@field ttl? integer      seconds (the reply's)

---A record about a zone: its SOA says for how long "not there" may be remembered.
---@class nameserver.Authority: nameserver.Answer
---@field name string       the zone

---@class nameserver.Reply
---@field rcode? "NOERROR"|"FORMERR"|"SERVFAIL"|"NXDOMAIN"|"NOTIMP"|"REFUSED"|string  ("NOERROR")
---@field ttl? integer      seconds, of answers without one (60)
---@field authority? nameserver.Authority[]  what is said of the zone
---@field answers? nameserver.Answer[]  what exceeds 512 bytes marks the reply as cut short

---@class nameserver.Server
---@field port integer      the port it listens on
local server = {}

---Answers queries, one after another, until the task is cancelled or the server closed. The
---handler gets the name in lower case and the type ("A", "MX", "TYPE64"); nil stays silent.
---What it raises ends serving. Malformed packets never reach it.
---@param handler fun(name: string, type: string): nameserver.Reply?
function server:serve(handler) end

---Stops listening; `<close>` does the same.
function server:close() end

---Listens. Raises `nameserver-failed` (fatal) when the address or the port is not to be had.
---@param options nameserver.Options
---@return nameserver.Server
function nameserver.listen(options) end

return nameserver
