---@meta secret

---Secrets: values that can be joined and sent where they belong, and never looked at.
---
---A secret is opaque. `..` joins secrets, strings and numbers to a template, which is as
---opaque; `tostring` shows names: `[secret NEON_API_KEY]`, `[secret template: A, B]`. Length,
---order, fields and arithmetic raise a misuse that names the secret; `==` is identity.
---A value of 4 bytes to 64 KiB is masked as `***` in everything Davit writes, also escaped
---for JSON, URLs and shells, in hex and base64, and line by line; a shorter one is not.
---
---A place is where a secret may go:
---  * `"https://host"`, or `"host"` for short: that scheme, host and port, exactly;
---  * `"https://host/path"`: on that origin only below the path, which ends where a segment ends;
---  * `"http://host:port"`: the only way to allow a connection that is not encrypted;
---  * `"unix:/PATH"`: plain http through that socket;
---  * `"program:NAME"`: the environment, the input or a descriptor of the program that is found under that name in
---    the PATH that Davit was started with; `"program:/PATH"`: of that file;
---    `"program:./PATH"`: of that file below the project's folder. A shell or an interpreter does with it what its
---    arguments say: bind to one only what all of them may have;
---  * `"sql:HOST"`, `"sql:*"`: a PostgreSQL server;
---  * `"sealed:NAME"`, `"sealed:*"`: a file, sealed for who is called so, or for anybody (artifact.put). In a
---    file that is not sealed no secret may stand.
---Places of http may be narrowed, to methods before the place and to a header or the body behind it:
---`"POST,PUT https://api.example.com/v1 header:authorization"`, `"POST id.example.com/token body"`. A URL that is
---itself secret, as of a webhook, needs an origin with `url` behind it, and goes nowhere else: `"POST hooks.example.com url"`.
---A place admits a request on the way it takes. Over https the certificate tells who answers; but a request
---that names both an authority of its own (`ca`) and a way (`connect_to`, `proxy`, `unix`) is checked against where
---that way leads. Over http it always is, the environment's `http_proxy` included. Whoever gets it has to be meant: a proxy and
---the host behind it, the URL's host and the one that a Host header names.
---Sending it anywhere else raises "secret-refused" (class fatal), which names the secret, its
---places and the destination. So does a URL with user information, a final dot in the host or,
---below a path, dot segments: it could mean one origin here and another on the wire.
---@class secret
local secret = {}

---A value that stands for a secret, or for a text that holds some.
---@class secret.Template

---@class secret.EnvOptions
---@field to string[]   the places it may go; at least one
---@field name? string  what it is called in messages (the variable, the file's own name, "descriptor N")

---A secret from the environment of this process. From here on `os.getenv` refuses the variable.
---From the first secret from outside on the process gives no core dumps and no look into it through /proc.
---In a rehearsal every source gives a stand-in, and nothing is read.
---@param variable string
---@param options secret.EnvOptions
---@return secret.Template
---Raises "secret-missing" (fatal) when the variable is not set or empty; a misuse for an
---unknown option or a text that is no place.
function secret.env(variable, options) end

---@class secret.FileOptions : secret.EnvOptions
---@field shared? boolean  the file may be readable by others, and another's (false)

---A secret that a file holds: all of it, but for the end of the last line; up to 1 MiB of any bytes.
---
---The file must be this user's own and closed to all others (mode 600 or 400); /run/secrets of containers is often
---not, and needs `shared`. A relative path counts from the project's folder; the file may stand outside of it. A pipe
---is read to its end.
---@param path string
---@param options secret.FileOptions
---@return secret.Template
---Raises "secret-file-shared"; "secret-missing" when the file is empty; "secret-silent" when ten seconds pass
---without a byte of a pipe; "file-not-found", "file-denied" or "file-failed"; all fatal.
function secret.file(path, options) end

---A secret that was handed over on a descriptor (`davit run … 5< FILE`), read to its end and closed. It is no child's:
---children get none of the descriptors that Davit was given.
---@param number integer  from 3 on
---@param options secret.EnvOptions
---@return secret.Template
---Raises "secret-missing" when the descriptor was not given, or was read before; else as `file` does.
function secret.fd(number, options) end

---@class secret.CommandOptions : secret.EnvOptions
---@field name string       required
---@field env? table<string, string|secret.Template|false>  as of process.run
---@field cwd? string       as of process.run
---@field timeout? number   seconds after which it must have ended (60)

---A secret that a program prints (`op read`, `pass show`, `gcloud auth print-access-token`): its standard output, but
---for the end of the last line. Nobody sees it, and nothing of it is kept.
---@param argv string[]  the program and its arguments; no shell reads them
---@param options secret.CommandOptions
---@return secret.Template
---Raises "secret-command" (fatal) when it fails, takes too long or prints nothing, with the last line it wrote to
---standard error; what process.start raises when it cannot be started.
function secret.command(argv, options) end

---@class secret.DotenvOptions
---@field shared? boolean  the file may be readable by others (false)

---The secrets of a file of NAME=value lines, bound to no place yet (see `secret.bind`). The file has to be as
---private as for `secret.file`.
---Understands comments, `export`, 'single' and "double" quotes that may span lines; in double
---quotes \n, \r, \t, \", \$ and \\ are undone. Empty values are left out. The values never
---become Lua strings, and are masked from here on, those that are never bound too.
---
---A relative path counts from the project's folder, as in fs; the file may stand outside of it. A pipe
---is read to its end; one that is silent for ten seconds is an error.
---@param path string
---@param options? secret.DotenvOptions
---@return table<string, secret.Template>
---Raises "secret-file-shared" when others may read the file, "secret-file-invalid" with the line
---that cannot be read, "secret-silent", "file-not-found", "file-denied" or "file-failed"; all fatal.
function secret.dotenv(path, options) end

---A secret of `secret.dotenv` under a name and with the places it may go.
---@param handle secret.Template  one secret, as it was read, that was never bound
---@param name string             its name from here on
---@param options secret.EnvOptions
---@return secret.Template
---Raises a misuse when it is bound already: a binding is never widened.
function secret.bind(handle, name, options) end

---A new secret of random bytes, written in base64url without padding.
---@param name string
---@param bytes integer  16 to 1024
---@param options secret.EnvOptions
---@return secret.Template
function secret.generate(name, bytes, options) end

---"Bearer " and the token, for the header Authorization.
---@param token secret.Template
---@return secret.Template
---Raises a misuse when the token is no secret.
function secret.bearer(token) end

---What the header Authorization holds for a user and a password (RFC 7617). May go where all secrets in
---it may; so may what the following functions make.
---@param user string|secret.Template  without a colon
---@param password string|secret.Template
---@return secret.Template
---Raises a misuse when neither is a secret.
function secret.basic(user, password) end

---A secret in base64; `base64.encode` does the same with one.
---@param value secret.Template
---@param url? boolean  the alphabet with - and _, without padding (false)
---@return secret.Template
function secret.base64(value, url) end

---The password inside a connection string, decoded: for programs that want it apart, in PGPASSWORD say.
---@param url secret.Template  scheme://user:password@host…
---@return secret.Template
---Raises "secret-part" when there is none, or two '@' before the path, which readers take differently.
function secret.password(url) end

---A secret made from another one: the same for the same key and purpose (HMAC-SHA-256), in hexadecimal
---digits, and no way back to the key. For values that must be the same when a run is resumed, without
---being written anywhere.
---@param name string
---@param key secret.Template  of at least 16 bytes
---@param purpose string  what tells it from others of the same key
---@param bytes integer   16 to 1024
---@param options secret.EnvOptions
---@return secret.Template
function secret.derive(name, key, purpose, bytes, options) end

---16 hexadecimal digits that are the same for the same value, and tell nothing of it to whoever has
---not the key (HMAC-SHA-256, cut): for noticing that a secret was changed.
---@param value secret.Template
---@param key secret.Template
---@return string
---Raises a misuse when one of them is no secret.
function secret.fingerprint(value, key) end

---The names of the secrets in a template, in the order they appear, each once.
---@param template secret.Template
---@return string[]
function secret.names(template) end

---@param value any
---@return boolean  true for a secret and for a template
function secret.is(value) end

return secret
