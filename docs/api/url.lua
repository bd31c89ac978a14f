---@meta url

---URLs by RFC 3986, and their queries. Nothing is looked up; letters of other scripts in a host stay
---as they are. A secret in a part gives a template of secrets, which only http, process and sql resolve.
local url = {}

---Percent-encodes everything but unreserved characters (section 2.3).
---@param text string|secret
---@return string|secret
function url.encode(text) end

---Undoes percent-encoding. "+" stays: only in the fields of a query it is a blank.
---
---Raises `url-invalid` (fatal) for a "%" that begins no %XX.
---@param text string
---@return string
function url.decode(text) end

---"a=1&b=2&b=3" of { a = 1, b = { 2, 3 } }; names sorted.
---@param fields table<string, string|number|boolean|secret|(string|number|boolean|secret)[]>
---@return string|secret
function url.query(fields) end

---@class url.FieldsOptions
---@field lists? boolean  every value is a list (false)

---The fields of a query, without its "?", decoded; "+" is a blank.
---
---Raises `url-invalid` (fatal) for a wrong %XX and, without `lists`, for a name that stands twice:
---two readers would take different ones.
---@param query string
---@param options? url.FieldsOptions
---@return table<string, string|string[]>
function url.fields(query, options) end

---@class url.Parts
---@field scheme? string    "https"
---@field userinfo? string  "name:password"
---@field host? string      an IPv6 address without its brackets; "" where there is none behind "//"
---@field port? integer
---@field path string       may be empty
---@field query? string     without "?"
---@field fragment? string  without "#"

---Takes a URL, or a reference relative to one, apart. What is not there is nil, and nothing is decoded.
---
---Raises `url-invalid` (fatal) for bytes that no URL holds, a "%" that begins no %XX, a scheme, host or
---port that is none. Raises a misuse for a secret.
---@param text string
---@return url.Parts
function url.parse(text) end

---@class url.BuildOptions
---@field scheme? string
---@field userinfo? string|secret
---@field host? string|secret
---@field port? integer
---@field path? string|secret       what may not stand in a path is percent-encoded, what is encoded already stays
---@field segments? (string|integer|secret)[]  instead of a path: each is encoded whole, "/" too;
---                                           "." and ".." raise `url-invalid`
---@field query? string|secret|table           a table is written by url.query
---@field fragment? string|secret

---Puts a URL together; `url.build(url.parse(text))` is the text again (where it is not written otherwise
---than RFC 3986 would: an empty port goes, a path without host keeps clear of "//").
---
---Raises a misuse for a part that is none, like a host with "/".
---@param options url.BuildOptions
---@return string|secret
function url.build(options) end

---What a reference means on the page of the base (section 5.2, strictly).
---
---Raises `url-invalid` (fatal), also for a base without a scheme.
---@param base string
---@param reference string
---@return string
function url.join(base, reference) end

---The same text for what section 6.2 calls equivalent: scheme and host in lower case, %XX in upper case
---and only where it is needed, no "." and ".." in the path, no default port, "/" for an empty path of a
---web address.
---@param text string
---@return string
function url.normalise(text) end

return url
