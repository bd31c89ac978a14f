---@meta http

---HTTP exchanges. Every status is an answer; only what prevents an answer raises.
---HTTP/2 where the server offers it, connections reused, names resolved on the loop. Redirects are not
---followed and proxies are not used in this version: a 3xx is an answer like any other.
local http = {}

---@class http.Options
---@field url string                http or https; a secret in it is refused
---@field method? string            "GET"
---@field headers? table<string, string|secret>
---@field body? string|secret
---@field json? any                 the body as JSON, with its content type; may hold secrets
---@field form? table<string, string|number|boolean>  the body as a form
---@field multipart? http.Part[]    the body as multipart/form-data
---@field timeout? number           seconds for the whole exchange (30)
---@field connect_timeout? number   seconds for the connection (10)
---@field max_body? integer         bytes of the answer's body at most (16 MiB)
---@field fresh? boolean            a new connection that is not reused (false)
---@field secrets? table<string, http.Minted>  JSON pointer -> what to take out of the answer

---@class http.Part
---@field name string
---@field data string|secret
---@field filename? string
---@field type? string              content type

---A value that the service minted: it leaves the body before the body becomes a Lua string.
---@class http.Minted
---@field name string               the secret's name, in errors and in place of its value
---@field to string[]               where it may go (see secret)

---@class http.Answer
---@field status integer
---@field headers table<string, string>  names in lower case; repeated ones joined by ", "
---@field body string               decompressed
---@field url string
---@field protocol string           "1.1" or "2"
---@field address string            the peer's, with port
---@field timing { dns: number, connect: number, tls: number, first_byte: number, total: number }  seconds since the start
---@field secrets table<string, secret>  what `secrets` asked for, by pointer; absent when not there
local Answer = {}

---The body as JSON.
---@return any  raises "json-invalid", naming the URL
function Answer:json() end

---Raises, with class in brackets: "http-refused" (transient), "http-connect-timeout" (transient),
---"http-tls" (pending), "http-certificate" (fatal), "http-timeout" and "http-lost" (transient; unknown for
---POST and PATCH, which may have been applied), "http-too-large" (fatal), "http-url" (misuse), "dns-…"
---(see dns), "not-local" (fatal: --local has no stand-in), "secret-refused" (fatal), "misuse".
---@param o http.Options
---@return http.Answer
function http.request(o) end

---Like request; a status that is not wanted raises "http-status", whose class tells whether to try again:
---408, 423, 425, 5xx are transient, 429 throttled, 409 converge, all else fatal.
---@param o http.Options
---@param ... integer   the statuses wanted (200, 201, 202, 204)
---@return http.Answer
function http.expect(o, ...) end

return http
