---@meta cloudflare

---Workers, their domains and DNS records.
---
---What is made carries a marker (see `marker`): a Worker as a tag, a DNS record as its comment; a
---domain is ours when its Worker is. Nothing without our marker is changed or deleted.
---
---Every call may raise "cloudflare-CODE" with the code of the service, or an error of
---`http.request`. Classes: *transient* and *throttled* have been tried again for up to 120 s as
---`retry` does; *unknown* means that a reply was lost and the work may be done; *converge*
---that somebody was faster, look again; *fatal* that trying again will not help.
---
---The credential's requests are held within what the service allows, together with all other Davit processes of
---this machine (see http.budget); one that would have to wait longer than 120 s raises "http-budget".
local cloudflare = {}

---The only places its credentials are sent to: for `to` of secret.env.
---@type { token: string[], dns_token: string[] }
cloudflare.places = {}

---@class cloudflare.ClientOptions
---@field token string|secret.Template       may edit Workers
---@field dns_token? string|secret.Template  may edit the zone's DNS records (the token)
---@field account? string  the account's id; without it the zone's, else the only one the token sees
---@field zone? string     "example.com"; domains and DNS records need it

---A client. Nothing is sent yet; account and zone are looked up once, when they are first needed.
---Raises a misuse for an unknown, missing or mistyped option.
---@param options cloudflare.ClientOptions
---@return cloudflare.Client
function cloudflare.client(options) end

---@class cloudflare.Client
local client = {}

---Asks whether both tokens are accepted and may read what they are for.
---Raises an error that names the option whose token is missing, wrong or lacks a permission.
---@return { token: { id: string, status: string }, zone?: string }
function client.verify() end

---@class cloudflare.Module
---@field name string   "index.js"
---@field type string   its content type: "application/javascript+module", "text/plain", …
---@field body string|secret.Template

---@class cloudflare.Asset
---@field body string
---@field type? string  its content type

---@class cloudflare.WorkerOptions
---@field name string
---@field marker string
---@field modules? cloudflare.Module[]  required to upload, unless there are assets alone
---@field main? string                  the name of the module that is run
---@field compatibility_date? string
---@field compatibility_flags? string[]
---@field bindings? table[]             as the API takes them: { type=, name=, … }; a text may be a secret
---@field assets? table<string, cloudflare.Asset>  by path, each with a leading "/"
---@field assets_config? table          as the API takes it
---@field version_tag? string           what makes a version: equal tags are not uploaded twice
---@field always? boolean               upload also what serves already: a secret has another value (false)
---@field message? string
---@field observability? table          as the API takes it

---A Worker. `update` uploads unless the version that serves has the tag and the names of the
---bindings; an upload deploys at once and replaces all bindings. A reply that was lost is looked
---for by the tag before the upload is sent again.
---The thing: name, marker, version_tag, version_id. `find` gives name and marker only.
---@param options cloudflare.WorkerOptions
---@return run.Resource
function client.worker(options) end

---Whether a Worker is there and has a secret of this name.
---@param worker string
---@param secret string
---@return boolean
function client.has_secret(worker, secret) end

---The host of a Worker on workers.dev. The thing: worker, host.
---@param options { worker: string, marker: string }
---@return run.Resource
function client.workers_dev(options) end

---When a Worker runs by itself: all its cron triggers as one thing. Others are replaced; run.destroy takes them away,
---and they go with their Worker. An expression that Cloudflare does not know raises "cloudflare-10100", one too many for
---the account "cloudflare-10072". The marker is the Worker's. The thing: worker, crons.
---@param options { worker: string, marker: string, crons?: string[] }  "*/5 * * * *"; one at least to set them
---@return run.Resource
function client.crons(options) end

---A host of the zone that a Worker answers. A DNS record of ours at the host is replaced by the
---domain's own; one of anybody else, and a domain of another Worker, is refused ("not-ours").
---The thing: id, host, worker.
---@param options { host: string, worker: string, marker?: string }  the marker is the Worker's
---@return run.Resource
function client.domain(options) end

---@class cloudflare.RecordOptions
---@field host string
---@field marker string
---@field type? string      "A", "AAAA" or "CNAME" (CNAME)
---@field content? string   (the zone)
---@field proxied? boolean  (true)

---A DNS record. Once a domain of ours holds the host, its managed record counts as this one;
---`destroy` then raises "cloudflare-dns-managed": the domain goes first.
---The thing: id, host, type, content, proxied, marker, and managed and worker where a domain holds it.
---@param options cloudflare.RecordOptions
---@return run.Resource
function client.dns_record(options) end

---@class cloudflare.Item
---@field kind "domain"|"worker"|"dns"
---@field name string    host or name
---@field id string
---@field marker string

---Everything whose marker lies below the prefix, in an order in which it can be destroyed. Only
---whole parts count: "codex/preview/4" does not list "codex/preview/42".
---@param prefix string  a marker, or its first parts
---@return cloudflare.Item[]
function client.inventory(prefix) end

---Destroys an item of the inventory if it still carries its marker; nothing when it is gone.
---@param item cloudflare.Item
function client.destroy(item) end

return cloudflare
