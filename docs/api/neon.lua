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

---A client; nothing is sent yet. Raises a misuse for an unknown, missing or mistyped option.
---@param options neon.ClientOptions
---@return neon.Client
function neon.client(options) end

---@class neon.Client
local client = {}

---@class neon.BranchOptions
---@field name string       letters, digits, "/", "_", ".", "-"; not "br-…", which tools take for an id
---@field marker string     kept in the branch's annotation
---@field parent? string    the name of the branch to copy (production); a branch of another is refused
---@field expires? integer  seconds until Neon deletes it by itself, at most 30 days

---A branch, with a compute to read and write. It is found by its exact name; it is ours when it
---carries the marker, comes from the parent that is named, and is neither default nor protected. `update` moves
---its end once less than half of its life is left.
---Raises "neon-parent" when the parent is not there; no other branch takes its place. A child of the default branch that
---is not protected gets its passwords, which is logged as a warning; a protected parent's get their own.
---The thing: id, name, parent_id, marker, default, protected, created_at, expires_at and, from
---`create`, the ids of its operations.
---@param options neon.BranchOptions
---@return run.Resource
function client.branch(options) end

---Waits until what the branch came with is done: asks after 0.5 s, then after twice as long each
---time up to 4 s, for 120 s. An operation that failed is waited for another 30 s.
---Raises "neon-operation" (fatal; *pending* when the time is up).
---@param branch table  as run.ensure returned it
---@return table branch
function client.ready(branch) end

---@class neon.ConnectionOptions
---@field branch table|string  a branch or its id; there is no default
---@field to string[]          the places that the secret may go, see `secret`
---@field database? string     (the only one)
---@field role? string         (the only one)
---@field name? string         the secret's name (DATABASE_URL)
---@field pooled? boolean      through the pooler; migrations want the direct one (false)
---@field preview? boolean     refuse the default, a protected or a root branch (false)

---The connection string of a branch. It is taken out of the reply before it is a Lua string.
---Raises "preview-to-production", "neon-branch" when there is no such branch, "neon-database" and
---"neon-role" when there are several to choose from.
---@param options neon.ConnectionOptions
---@return secret.Template
function client.connection_uri(options) end

---@class neon.Item
---@field kind "branch"
---@field name string
---@field id string
---@field marker string

---The branches whose marker lies below the prefix; whole parts count.
---@param prefix string
---@return neon.Item[]
function client.inventory(prefix) end

---Destroys an item of the inventory if it still carries its marker; nothing when it is gone.
---@param item neon.Item
function client.destroy(item) end

return neon
