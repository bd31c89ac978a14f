---@meta neon

---Database branches and how they are reached.
---
---Every call may raise "neon-STATUS" or an error of `http.request`. A busy project (423),
---throttling (429) and outages (503) have been waited out for up to 120 s as `retry` does.
---A create whose reply was lost, or that ended in another 5xx, is of class *unknown* and is never
---sent again: look first. A name that is taken (409) is of class *converge*.
---
---The credential's requests are held within what the service allows, together with all other Davit processes of
---this machine (see http.budget); one that would have to wait longer than 120 s raises "http-budget".
local neon = {}

---The only place its key is sent to: for `to` of secret.env.
---@type { key: string[] }
neon.places = {}

---@class neon.ClientOptions
---@field project string              the project's id
---@field key string|secret.Template  an API key
---@field environment? environment.Environment  whom it works for (a person, whom nothing but the token limits). A client
---of anything but production raises "preview-to-production" (exit code 9) for a branch of production: by its
---name, by its marker, the default, a protected or a root branch. It writes to and connects to branches alone that carry
---its environment's own marker
---@field recent? number  seconds (0) that a branch which was seen need not be read again to be reached or waited for, while
---this client changes nothing

---A client; nothing is sent yet. Raises a misuse for an unknown, missing or mistyped option.
---@param options neon.ClientOptions
---@return neon.Client
function neon.client(options) end

---@class neon.Client
local client = {}

---@class neon.BranchOptions
---@field name string       letters, digits, "/", "_", ".", "-"; not "br-…", which tools take for an id (neon.names)
---@field marker string     kept in the branch's annotation
---@field parent? string    the name of the branch to copy (production); a branch of another is refused
---@field at? { time: number|string } | { lsn: string }  a moment of the parent's past: seconds since 1970 or RFC
---3339 with its zone, sent on with all its digits; or a position of its log (its head)
---@field schema_only? boolean  the parent's schema without a row; the branch has no parent then, and never other rows
---@field expires? integer  seconds until Neon deletes it by itself, at most 30 days
---@field protected? boolean    deleted by the resource's `destroy` only; such a branch cannot expire

---A branch, with a compute to read and write. It is found by its exact name; it is ours when it
---carries the marker, comes from the parent that is named, at the moment that is named, and is neither default nor,
---unless that was asked for, protected. `update` moves its end once less than half of its life is left, and protects.
---`destroy` deletes the branches made from it first when they carry the same marker; with a child that does not it
---raises "not-ours", and nothing was deleted.
---
---Raises "neon-parent" when the parent is not there; no other branch takes its place. A child of the default branch
---that is not protected gets its passwords, which is logged as a warning; a protected parent's get their own.
---A moment before the project's history, and a parent that expires, are refused by Neon ("neon-422").
---The thing: a neon.Branch and, from `create`, the ids of its operations.
---@param options neon.BranchOptions
---@return run.Resource
function client.branch(options) end

---@class neon.Branch
---@field id string
---@field name string
---@field parent_id? string     nil: what others come from, or a schema
---@field marker? string
---@field made_from? string     the name of the branch that client.branch made it from; its parent_id may be another
---one's since, as restoring a branch gives its children to what it was
---@field at? string            the moment it was asked for: "time 2026-01-31T12:00:00Z", "lsn 0/1DE2850"
---@field schema_only? boolean
---@field default boolean
---@field protected boolean
---@field created_at string     RFC 3339
---@field expires_at? string    RFC 3339
---@field operations? string[]  ids

---The branch of exactly this name. A name that holds it, and an id that does, are others; an id is no name.
---@param name string
---@return neon.Branch|nil
function client.find_branch(name) end

---All branches, the oldest first, or those whose names begin with the text: ours and others'. What may be deleted of
---them says neon.names.is_swept, whose they are the marker.
---@param options? { prefix?: string }
---@return neon.Branch[]
function client.branches(options) end

---Waits until what the thing came with is done: asks after 0.5 s, then after twice as long each
---time up to 4 s, for 120 s. An operation that failed is waited for another 30 s.
---Raises "neon-operation" (fatal; *pending* when the time is up).
---@param thing table  a branch or a compute, as run.ensure returned it
---@return table thing
function client.ready(thing) end

---@class neon.RollbackPointOptions
---@field branch table|string    a branch or its id
---@field url? string|secret     its connection string, bound to `sql:…` (asked of Neon, direct)
---@field database? string       (the only one)
---@field role? string           (the only one)

---@class neon.RollbackPoint
---@field time string              by the database's clock, RFC 3339 with as many digits as it tells
---@field lsn string               what is written by then, such as "0/1DE2850": the exact one of the two
---@field history_seconds integer  how long the project keeps history; 0: nothing can be brought back
---@field oldest string            RFC 3339: before that nothing can be brought back; later every second

---Where the database can be brought back to, now: for `at` of client.branch and `to` of client.restore. Wakes a compute
---that rests, within 60 s. Take it right before what may have to be undone.
---Raises "neon-branch", what client.connection_uri and sql.connect raise, and "neon-rollback-point".
---@param options neon.RollbackPointOptions
---@return neon.RollbackPoint
function client.rollback_point(options) end

---@class neon.RestoreOptions
---@field branch table|string  a branch or its id
---@field to { time?: number|string, lsn?: string, branch?: table|string }  a moment as of client.branch, of the branch
---itself or of another one; another one without a moment: its head
---@field preserve_as string   what the branch was is kept under this name; another one for each restore
---@field marker string        of whoever restores

---@class neon.Restored
---@field id string            as before, as are hosts and passwords
---@field name string
---@field parent_id? string    of the branch that keeps what it was, or of the source
---@field preserved { id: string, name: string }
---@field time? string         where it was restored to, if Neon tells
---@field lsn? string
---@field existed boolean      it was done before this call

---Gives a branch the data of another moment or branch, in place, and waits until it can be used. Sessions are dropped.
---
---Made for run.step: called again it finds the branch `preserve_as` and that the restore was done, and only waits. So
---it does after a lost reply. There is no undo: what was written since would be lost once more. The way back is a
---restore to `{ branch = restored.preserved.id }`. The preserved branch has no compute (client.endpoint makes one) and no
---marker, as Neon lets nobody annotate it, and cannot be deleted while it is the parent of what was restored; children
---of the branch are its children now.
---
---A branch with a marker is restored by its own marker only ("not-ours"), one without by a marker of the environment
---`production` only ("preview-to-production"). Raises "neon-restore" when another branch has the name `preserve_as`,
---"neon-operation" when it came to nothing: the branch is then what it was.
---@param options neon.RestoreOptions
---@return neon.Restored
function client.restore(options) end

---@class neon.EndpointOptions
---@field branch table|string        a branch or its id
---@field type? "read_write"|"read_only"  (read_write)
---@field suspend_seconds? integer   rests when unused so long; 0: the project's default, -1: never, else 60 to 604800
---@field min_cu? number             compute units, from 0.25
---@field max_cu? number

---A compute. The one that writes is there with every branch of client.branch: ensuring it sets its size. Of those that
---only read the one named "davit" is ours. `destroy` leaves the writing compute of a branch without marker alone, and
---every compute of a protected branch, as Neon does ("not-ours").
---The thing: id, branch_id, name, type, host, state (init, active, idle), pending, disabled, suspend_seconds, min_cu,
---max_cu, created_at and, after a change, operations for client.ready.
---@param options neon.EndpointOptions
---@return run.Resource
function client.endpoint(options) end

---Suspends the computes of a branch that run, and waits until they rest. Sessions end; the next connection wakes one.
---@param branch table|string  a branch or its id
---@return string[] ids        of those that ran
function client.suspend(branch) end

---The roles of a branch; no passwords.
---
---Roles that Neon's API makes are members of neon_superuser and may do everything, as the owner may. A role for an app
---that shall not is made in SQL: `create role app login password …; grant select, insert, update, delete on all
---tables in schema public to app; alter default privileges …`. It is copied to branches like data, with its password,
---so keep that out of migrations' files. Do not count on Neon's API to know it (roles, connection_uri,
---reset_password): its password is a secret of the project's own, set by `alter role`, and its connection string has
---the `host` of client.endpoint.
---@param branch table|string
---@return { name: string, protected: boolean, created_at: string }[]
function client.roles(branch) end

---@class neon.ResetPasswordOptions
---@field branch table|string
---@field role string
---@field to string[]        the places that the secret may go, see `secret`
---@field name? string       the secret's name (DATABASE_PASSWORD)

---Gives a role another password, and returns when it is valid; until then the old one is. Sessions end. One whose reply
---was lost is made again: only the last one counts.
---@param options neon.ResetPasswordOptions
---@return secret.Template
function client.reset_password(options) end

---@class neon.ConnectionOptions
---@field branch table|string  a branch or its id; there is no default, and no other branch for one that is not there
---@field to string[]          the places that the secret may go, see `secret`
---@field database? string     (the only one)
---@field role? string         (the only one)
---@field name? string         the secret's name (DATABASE_URL)
---@field consumer? "migration"|"worker"  who gets it: a migration connects directly, as locks, settings and prepared
---statements do not survive the pooler; a Worker through the pooler
---@field pooled? boolean      through the pooler (as the consumer says, else false); a misuse for a migration

---The connection string of a branch. It is taken out of the reply before it is a Lua string.
---Raises "preview-to-production" as the client's `environment` says, "neon-branch" when there is no such branch, "neon-database" and
---"neon-role" when there are several to choose from.
---@param options neon.ConnectionOptions
---@return secret.Template
function client.connection_uri(options) end

---@class neon.Item
---@field kind "branch"
---@field name string
---@field id string
---@field marker string

---The branches whose marker lies below the prefix, children before their parents; whole parts count.
---@param prefix string
---@return neon.Item[]
function client.inventory(prefix) end

---Destroys an item of the inventory if it still carries its marker, after its children with the same marker; nothing
---when it is gone. Returns when no list has it any more; raises "still-there" (pending) after 30 s. A protected branch is
---refused ("not-ours"): whoever protected it meant that.
---@param item neon.Item
function client.destroy(item) end

---How branches are called: pure functions, no request. A character that is no letter, digit, ".", "_" or "-" becomes
---"-". Names have at most 63 bytes; of a longer one the end of its variable part gives way to eight digits of a hash, so
---that two that begin alike do not meet. (`feature/a` and `feature-a` at one commit have one name.)
neon.names = {}
local names = neon.names

---`pr-{n}`: from its first test or preview until the pull request closes.
---@param n integer
---@return string
function names.pull(n) end

---`pr-{n}-e2e`: of one test run.
---@param n integer
---@return string
function names.pull_e2e(n) end

---`push-{branch}-{sha}`, with eight digits of the commit: of one test run.
---@param branch string  git's
---@param sha string     at least eight digits
---@return string
function names.push(branch, sha) end

---`dev-{name}`: somebody's own; never swept.
---@param name string
---@return string
function names.dev(name) end

---`migration-test-{run}`: of one run.
---@param run string|integer
---@return string
function names.migration_test(run) end

---`emergency-restore-{epoch}`: never swept.
---@param epoch integer  seconds since 1970
---@return string
function names.emergency_restore(epoch) end

---@class neon.NameParts
---@field kind "pull"|"pull_e2e"|"push"|"dev"|"migration_test"|"emergency_restore"
---@field lives "pull"|"run"|"kept"  until the pull request closes, its run has ended, somebody deletes it
---@field pull? integer

---What a name says; nil for one that none of these functions makes.
---@param name string
---@return neon.NameParts|nil
function names.read(name) end

---Whether whoever tidies up may delete a branch of this name: false for `dev-*`, `emergency-restore-*`, and every name
---that is not understood. Whose it is says its marker.
---@param name string
---@return boolean
function names.is_swept(name) end

return neon
