---@meta http

---HTTP exchanges. Every status is an answer; only what prevents an answer raises.
---HTTP/2 where the server offers it (bodies that stream go over HTTP/1.1), connections reused, names resolved
---on the loop in both address families at once.
---
---Proxies come from the environment: https_proxy or http_proxy by the URL's scheme, then all_proxy, unless
---no_proxy covers the host (names with all below them, addresses, networks as 10.0.0.0/8, or *). Upper case
---counts too, but for HTTP_PROXY. They are never used for loopback or with --local, and look names up themselves.
---Authorities come from `ca`, else CURL_CA_BUNDLE, SSL_CERT_FILE or SSL_CERT_DIR, else the machine.
---
---**Redirects** are followed hop by hop, each a request of its own. 303 goes on with GET, 301 and 302 do so after a
---POST, 307 and 308 send the same again, body included. At another origin (scheme, host, port) plain
---`authorization`, `cookie`, `proxy-authorization` and `host` headers, client certificates and `connect_to` stay
---behind. A secret in one of those headers goes along where it is bound to, else it stays behind; a secret anywhere
---else that is not bound to the new place is "secret-refused". From https to http no redirect is followed.
---
---**Secrets** go where they are bound to (see secret). Over http, where nobody proves to be the URL's host, a secret has
---to be bound to the place that `connect_to` or `proxy` names instead: http://192.0.2.1:8080.
local http = {}

---@class http.Options
---@field url string|secret         http or https; a secret in it is refused, but for one that is all of it, or
---its path, and whose place says so: "POST hooks.example.com url". Then its origin is told wherever a URL is; a redirect
---leads on without it. It goes with no file, stream, `sigv4`, `connect_to` or `unix`
---@field method? string            "GET"
---@field headers? table<string, string|secret>  those of the framing, content-length and transfer-encoding, are
---refused: they are written from the body
---@field body? string|secret
---@field json? any                 the body as JSON, with its content type; may hold secrets
---@field form? table<string, string|number|boolean>  the body as a form
---@field multipart? http.Part[]    the body as multipart/form-data
---@field from? string              the body is this file, read in pieces while it is sent: see "files" below
---@field to? string                the body of a 2xx answer goes to this file, in pieces: see "files" below; not
---with `secrets`
---@field sha256? string|true       with `to`: what the file's SHA-256 has to be; true: it is told in the answer
---@field outside? boolean          the paths may lead out of the project (false)
---@field unless? http.Answer       an answer to the same URL: if it still holds, it is given back, `unchanged`
---@field sigv4? http.SigV4         signs the request for S3, R2 and their like
---@field timeout? number|http.Timeouts  seconds for the whole exchange (30; files and streams: an hour, and 60
---without a byte), or each part by itself
---@field unix? string              path of the Unix socket to connect to; the URL names the host
---@field connect_to? string        address or name, with or without a port, to connect to instead of the URL's host
---@field proxy? string             URL (http, https, socks5, socks4a); "": none; absent: of the environment
---@field ca? string                PEM file of the only authorities to trust
---@field certificate? string       PEM file of the client's certificate
---@field key? string               PEM file of its key, unless that is in the certificate's file
---@field family? 4|6               only addresses of this family (both)
---@field max_body? integer         bytes of the answer at most, decompressed (16 MiB; files and streams: 1 GiB)
---@field fresh? boolean            a new connection that is not reused (false)
---@field secrets? table<string, http.Minted>  JSON pointer -> what to take out of the answer
---@field redirects? integer        how many are followed at most; 0: a 3xx is an answer (10)
---@field retry? retry.Policy|true  tries again what this policy says (nothing): see retry, and below
---@field budget? http.Budget       holds the request back until there is room for it (none): see http.budget
---@field idempotent? boolean       the request may arrive twice (true but for POST, PATCH and unknown methods)

---Seconds above 0. Each ends the request with an error of its own.
---@class http.Timeouts
---@field connect? number           from the start to the connection, the name's look-up included (10)
---@field tls? number               the TLS handshake (none)
---@field first_byte? number        from the request's last byte to the answer's first (none)
---@field idle? number              without a byte in either direction, once the request began (none)
---@field total? number             the whole exchange (30; an hour when `idle` is given)

---@class http.Part
---@field name string
---@field data? string|secret       either this
---@field from? string              or this file, as in http.Options
---@field filename? string          (of `from`: the file's own; of `data`: none)
---@field type? string              content type

---AWS Signature Version 4. What is signed is what is sent: the path is escaped, the query sorted, escaped and
---written as name=value (a plus in it is a space), and every header is signed but those that change on the way.
---`key_id`, `key` and `token` may be secrets that are bound to the URL. The body is hashed, a file before it is sent.
---After a redirect to another origin only a `key` that is a secret bound to it signs.
---@class http.SigV4
---@field region string             "auto" for R2
---@field service? string           ("s3")
---@field key_id string|secret
---@field key string|secret
---@field token? string|secret      of a session
---@field unsigned? boolean         the body is not hashed: over https only (false)

---A value that the service minted: it leaves the body before the body becomes a Lua string.
---@class http.Minted
---@field name string               the secret's name, in errors and in place of its value
---@field to string[]               where it may go (see secret)

---@class http.Answer
---@field status integer
---@field headers table<string, string>  names in lower case; repeated ones joined by ", "
---@field body string               decompressed; "" when it went to a file
---@field received integer          bytes of the body, decompressed, wherever they went
---@field sha256? string            of the file, with `to` and `sha256`: 64 hexadecimal digits
---@field etag? string              the header
---@field unchanged? boolean        true: the service said that the answer given as `unless` still holds; this is it
---@field url string                where it came from in the end
---@field hops { url: string, status: integer }[]  the redirects that led there
---@field idempotent boolean         whether the request may arrive twice
---@field attempts? integer         how many it took, with `retry`
---@field protocol string           "1.1" or "2"
---@field address string            the peer's, with port
---@field reused boolean            on a connection that was already there
---@field cf_ray? string            Cloudflare's id of the request
---@field timing { dns: number, connect: number, tls: number, first_byte: number, total: number }  seconds since the start
---@field secrets table<string, secret>  what `secrets` asked for, by pointer; absent when not there
local Answer = {}

---The body as JSON.
---@return any  raises "json-invalid", naming the URL; unknown where a request that may not arrive twice had an answer
---that says that all is well
function Answer:json() end

---What an error of http.request has beside what every error has. Codes, with class in brackets:
---"http-refused" (transient; detail "refused", "unreachable", "reset" or "descriptors": none is left),
---"http-connect-timeout", "http-tls-timeout" (transient),
---"http-tls" (pending: a certificate that is not issued yet looks so; fatal when the port does not speak TLS),
---"http-certificate" (fatal; detail "expired", "not-yet-valid", "wrong-host", "untrusted" or "other"),
---"http-first-byte-timeout", "http-idle-timeout", "http-timeout" (the total), "http-lost" (the connection broke),
---"http-protocol" (the answer is no valid HTTP): transient; unknown for a request that may have been applied and may not arrive twice,
---"http-too-large" (fatal: over max_body, or headers over 256 KiB or 1000 lines),
---"http-digest" (fatal: the file is not what `sha256` says; it was not put in its place),
---"file-…" (fatal, see fs; "file-changed": a file changed while it was sent),
---"http-proxy" (the proxy said no or is not there; transient or fatal, misuse for a URL that is none),
---"http-tls-files" (misuse: ca, certificate or key cannot be used), "http-url" (misuse),
---"dns-…" (see dns), "not-local" (fatal: --local has no stand-in), "secret-refused" (fatal), "misuse".
---@class http.Error
---@field phase "begin"|"dns"|"connect"|"tls"|"send"|"first byte"|"body"|"done"  how far it came
---@field detail? string            what the code leaves open
---@field reason? string            the system's or the library's own words
---@field address? string           the peer's, or the one that was tried
---@field protocol? string
---@field timing { dns: number, connect: number, tls: number, first_byte: number, total: number }  seconds; 0: not reached
---@field url string

---Raises an http.Error.
---
---"http-budget": throttled, see http.budget. "http-redirect" (fatal: circles, too many, to clear text, to no web address) has the way
---in its message and, as
---every error after a redirect, in `hops`.
---
---With `retry`, faults and statuses are tried again by their classes (see expect). A request that may not arrive
---twice is repeated only when nothing was done: no connection was made, or the answer is 429, 425, or 503 with
---Retry-After, and no redirect but 307 and 308 came before. A reply that was lost is *unknown* and never repeated,
---unless `idempotent` says that it may be, for example because it carries an idempotency key. The last answer is the answer, whatever its status. Retry-After
---is waited in full, or given up on when the policy's budget does not hold it. `timeout` is each attempt's own.
---
---**Files** are read and written in pieces, so that a body of any size takes less than 1 MiB of memory; who is slower
---holds the other back. A file is looked at before anything is sent: what is not there, is no regular file, or
---cannot be written is an error without an effect. `from` sends Content-Length, is read anew for every redirect and
---attempt, and must not change meanwhile ("file-changed"). `to` makes missing folders and writes to a file beside its
---place (".davit-…") that gets the name, and mode 0644, when all has come and is on the disk: what breaks off or is
---cancelled leaves nothing, and whatever was there stays. (After a kill -9 the file beside it is left, and
---fs.list does not show it; who next replaces or downloads a file in that folder removes it.) The bodies of
---other statuses are in the answer, as always. What arrives in gzip is stored decompressed; of gzip a part is known
---as one ("http-lost"), of other codings it is not, so no other is asked for.
---
---With **unless** the request asks by ETag, or by date where there is none; a 304 gives the answer from before,
---with `unchanged`, and GitHub does not count it against the limit:
---
---    last = http.expect { url = url, unless = last }
---    if not last.unchanged then … end
---@param o http.Options
---@return http.Answer
function http.request(o) end

---Like request; a status that is not wanted raises "http-status", whose class tells whether to try again:
---408, 423, 425, 5xx (but 501 and 505) are transient, 429 throttled, 409 converge, all else fatal. After a 5xx that is no
---503 with Retry-After, a request that may not arrive twice may have been carried out: its class is unknown. The error has
---`status`, `cf_ray` and `request_id` (where the answer names them), `attempts` (with `retry`); its message the
---title of an HTML page or the beginning of the body, masked.
---@param o http.Options
---@param ... integer   the statuses wanted (200, 201, 202, 204)
---@return http.Answer
function http.expect(o, ...) end

---An answer whose body is read while it comes. It is closed by `close`, by the end of its scope (`<close>`), and by
---leaving a loop over its pieces or lines; then the connection is dropped.
---@class http.Stream
---@field status integer            2xx
---@field headers table<string, string>  and url, hops, protocol, address, timing of an http.Answer, as far as known
local Stream = {}

---Waits for more of the body. What comes faster than it is read waits at the peer; 256 KiB are kept at most. An
---error that ends the exchange is raised after all that had come. One task reads at a time.
---@return string|nil piece  of whatever size has come; nil at the end
function Stream:read() end

---@return fun(): string|nil  the pieces to the end
function Stream:pieces() end

---Raises "http-too-large" for a line over 1 MiB.
---@return fun(): string|nil  the lines to the end, without "\n" or "\r\n"
function Stream:lines() end

function Stream:close() end

---Sends a request and gives the body in pieces as they come, for live logs and for what is too large to hold. Waits
---for the first piece, or the end. Redirects, retries and budgets are those of http.request, and so are the options,
---but for those about files, `secrets` and `unless`. A status that is not 2xx raises "http-status", as http.expect.
---
---    for line in http.stream { url = logs, timeout = { idle = 3600, total = 86400 } }:lines() do … end
---@param o http.Options
---@return http.Stream
function http.stream(o) end

---@class http.PresignOptions
---@field url string
---@field method? string            what the URL is for ("GET")
---@field expires? integer          seconds that it works for, up to a week (3600)
---@field sigv4 http.SigV4          `key` may be a secret, key_id and token not: the URL shows them

---A URL that works without a key, for whoever has it, until it expires. It is a plain text, to be given away;
---its signature is masked in what Davit writes. Does not wait.
---@param o http.PresignOptions
---@return string url
function http.presign(o) end

---@class http.PagesOptions: http.Options
---@field style "link"|"page"|"cursor"
---@field items? string      JSON pointer to a page's list (the page itself, "/result", or "/result/items")
---@field max_pages? integer  a list that has more raises after so many (1000)
---@field per_page? integer  style "page": what is asked for as `per_page` (100)
---@field more? "link"       style "page": the Link header alone says whether there is another page
---@field cursor? string     style "cursor": JSON pointer to the next page's ("/result_info/cursor",
---"/result_info/cursors/after", "/pagination/next" or "/pagination/cursor", the first that is there)
---@field param? string      style "cursor": its name in the query ("cursor")
---@field last? "empty"      style "cursor": the last page has a cursor, too; an empty page is the end, or one whose
---cursor is its own

---Walks a list that comes in pages, item by item. A page is asked for when the one before is used up; between two
---items other tasks may run. Each item comes with the whole page, decoded.
---
---    for pull in http.pages { url = api .. "/pulls", style = "link", headers = … } do … end
---
---"link" follows the Link header's rel="next", within the origin; "page" counts `page` up in the query, until
---`result_info` says that it was the last, or a page is empty or the same as before; "cursor" passes on what a page
---says, until it says nothing. Parameters of the same names in the URL are replaced. Every page is requested with
---the options given, as http.expect does.
---
---Raises, while walking, what http.expect raises, "json-invalid", and "http-paging" (fatal): a page without a list,
---a cursor that comes again, a link that leads to another origin, more pages than `max_pages`.
---@param o http.PagesOptions
---@return fun(): any, any
function http.pages(o) end

---@class http.BudgetOptions
---@field limits? http.Limit[]  of our own, up to four of each kind (none: only what the service says counts)
---@field wait? number      seconds that a request waits at most; one that would wait longer fails at once (60)
---@field pause? number     seconds for which a 429 that says no time turns everybody away (1)
---@field header? string    the header that holds the credential ("authorization")
---@field resource? string  only x-ratelimit headers about this resource count ("core" of GitHub's)

---@class http.Limit        never more than `limit` in any `window`
---@field limit integer     requests
---@field window number     seconds, up to 86400; a sixteenth more is kept clear
---@field per? "credential"|"machine"  machine: all credentials of this machine at that origin together ("credential")
---@field cost? table<string, integer>  what a request counts for by its method, `default` for the others (1)

---@class http.Budget       for the option `budget` of any number of requests

---A rate budget, so that requests wait before the service turns them away. Requests with the same credential to the
---same origin share one account: all tasks, and all Davit processes of this user on the machine, through the file
---$XDG_STATE_HOME/davit/budgets (~/.local/state/davit/budgets; 0600). It holds counts, times and fingerprints, no
---credential. Without a home folder, where the file cannot be had, with `--local` and in a rehearsal the account is
---kept in memory. A process that is killed leaves nothing locked, a corrupt file starts afresh.
---
---    local api = http.budget { limits = { { limit = 1200, window = 300 } } }
---    http.expect { url = …, headers = { authorization = "Bearer " .. token }, budget = api }
---
---Beside the limits counts what answers say: `Ratelimit` with `Ratelimit-Policy`, `x-ratelimit-remaining`, `-limit`
---and `-reset`, and the same without `x-`. Of the last tenth of a quota one request a second is let go, or what is
---left is spread until the reset if that is quicker; when nothing is left they wait for the reset. After a 429, or a
---403 that says until when, everybody who shares the credential waits until Retry-After.
---
---A request that would have to wait longer than `wait`, or than its task's deadline, raises "http-budget"
---(throttled) at once, with `retry_after` in seconds and `until` in Unix seconds. A wait of 2 s or more is told on
---standard error. Who shares a credential should name the same limits in the same order. Each redirect at the same
---origin and each attempt of `retry` counts. The providers use budgets of their own.
---@param o http.BudgetOptions
---@return http.Budget
function http.budget(o) end

return http
