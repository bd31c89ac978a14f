---@meta sql

---Queries and migrations on a PostgreSQL database.
---
---Failures carry `sqlstate`, the server's five characters, when it gave one.
local sql = {}

---As a parameter: SQL's null. The same value as json.null.
sql.null = nil

---@class sql.ConnectOptions
---@field url string|secret  postgresql://user:password@host:port/database?parameters
---@field timeout? number    seconds until there is a session, the look-up of the host included (10)

---Opens a session. Write `local s <close> = sql.connect{…}`, so that it ends with the scope.
---
---The URL names one host. Its secrets must be bound to `sql:HOST` or `sql:*`. Without `sslmode`
---the connection to anything but loopback is `require`d to be encrypted; `sslmode=verify-full`
---with `sslrootcert` and `channel_binding=require` are stronger. With --local only databases on
---loopback are reached.
---
---Raises `sql-connect` (transient; fatal when the server refuses user, password, database or TLS),
---`sql-timeout` (transient), `sql-url` (misuse; it never repeats the URL), `not-local` (fatal),
---`secret-refused` (fatal), and what dns.lookup raises for the host.
---@param options sql.ConnectOptions
---@return sql.Session
function sql.connect(options) end

---A session; it is closed when its scope ends or nothing refers to it.
---@class sql.Session
local Session = {}

---@class sql.QueryOptions
---@field timeout? number  seconds until the statement has ended (60)
---@field raw? boolean     the result as the server sent it, of one statement exactly (false)

---@class sql.Result
---@field rows table<string, boolean|integer|number|string>[]  fields by name; a null is an absent field
---@field columns string[]   names, in the statement's order
---@field affected? integer  rows inserted, updated, deleted, merged or copied; nil for other statements

---What a query with `raw` gives.
---@class sql.RawResult
---@field fields { name: string, type: integer, table: integer, number: integer, size: integer, modifier: integer }[]
---each with the oid of its type, the oid of its table and its number there (0 when it has none), and the
---type's size and modifier
---@field rows (string|lightuserdata)[][]  texts, in the fields' order; a null is sql.null
---@field command string    what was done: "SELECT 2", "INSERT 0 3", "CREATE TABLE"; "" for an empty text

---Runs a statement and waits for all of its result.
---
---bool becomes a boolean; int2, int4, int8 and oid become integers; float4 and float8 floats. All
---else stays text as PostgreSQL writes it: numeric, json, dates, arrays. Parameters are $1, $2, …
---in the text, a list of strings, numbers, booleans, secrets and sql.null; secrets, in parameters
---or text, must be bound to `sql:HOST` or `sql:*`. Without parameters the text may hold several
---statements, carried out in one transaction; the last one's result is returned.
---
---Raises `sql-error` (fatal) with the server's text, its detail and hint as the hint,
---`position`, the character of the text that it points at, and `said`, a table of all that the server
---says: severity, message, detail, hint, position, internal_position, internal_query, where, schema,
---table, column, datatype, constraint, file, line, routine, as texts; `sql-lost` when the connection broke
---(unknown: the statement may have been carried out; transient: nothing was sent); `sql-timeout`
---(unknown: it was told to stop); `sql-busy` (misuse) while the session runs another statement.
---After `sql-lost`, `sql-timeout` or a cancellation the session is of no more use. Raises a misuse
---for COPY through the client, two columns of one name, a zero byte in a text.
---@param text string|secret
---@param params? any[]
---@param options? sql.QueryOptions
---@return sql.Result|sql.RawResult
function Session:query(text, params, options) end

---Ends the session. Twice is fine.
function Session:close() end

---@class sql.MigrateOptions
---@field folder string          where the migrations are, from the project's folder on; it may stand outside
---@field session? sql.Session   a session to use; it stays open
---@field url? string|secret     or a database to connect to
---@field table? string          NAME or SCHEMA.NAME that records what was applied
---@field timeout? number        seconds for each statement, waiting for another run included (300)

---@class sql.Migrated
---@field applied string[]  names of the files that were carried out now, in order
---@field already integer   how many were recorded before

---Carries out the migrations of a folder that are not recorded yet.
---
---A folder with `meta/_journal.json` is drizzle's: its entries in order, each file split at
---`--> statement-breakpoint`, recorded in `drizzle.__drizzle_migrations` just as drizzle does. In
---any other folder the `*.sql` files are carried out in the order of their names and recorded in
---`public.davit_migrations`.
---
---Each file is one transaction together with its record, under an advisory lock: it is applied
---whole or not at all, once, even when two runs meet. A file that commits by itself gives that up.
---
---Raises what a statement raises, with file, statement and line; its class is transient when the
---connection was lost, since a repeat is safe. Raises `migration-changed` (fatal) for a file that
---differs from what was applied, `migration-order` (fatal) for a file of drizzle's that is older
---than the newest applied one and was left out, `migration-journal` (fatal).
---@param options sql.MigrateOptions
---@return sql.Migrated
function sql.migrate(options) end

return sql
