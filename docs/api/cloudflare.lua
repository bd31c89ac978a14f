---@meta cloudflare

---Workers with their versions, deployments, secrets and assets; domains, routes, crons and DNS records.
---
---What is made carries a marker (see `marker`): a Worker as a tag, a DNS record as its comment; a
---domain or a route is ours when its Worker is. Nothing without our marker is changed or deleted, unless a call says
---`take_over`: then what was there is kept, and put back when ours is destroyed.
---
---Every call may raise "cloudflare-CODE" with the code of the service, or an error of
---`http.request`. Classes: *transient* and *throttled* have been tried again for up to 120 s as
---`retry` does; *unknown* means that a reply was lost and the work may be done; *converge*
---that somebody was faster, look again; *fatal* that trying again will not help.
---
---The credential's requests are held within what the service allows, together with all other Davit processes of
---this machine (see http.budget); one that would have to wait longer than 120 s raises "http-budget".
local cloudflare = {}

---The only places its credentials (`token`, `dns_token`) and the secrets of Workers (`secrets`) are sent to: for `to` of
---secret.env.
---@type { token: string[], dns_token: string[], secrets: string[] }
cloudflare.places = {}

---What going back to an earlier version brings back, and what stays as it is: to be shown before anything is done.
---@type { back: string[], stays: string[] }
cloudflare.rollback_reach = {}

---@class cloudflare.ClientOptions
---@field token string|secret.Template       may edit Workers and their routes
---@field dns_token? string|secret.Template  may read the zone and edit its DNS records; `token` never stands in for it
---@field account? string  the account's id; without it the zone's, else the only one `token` sees
---@field zone? string     "example.com"; domains, routes and DNS records need it, and `dns_token`
---@field environment? environment.Environment  whom it works for (a person, whom nothing but the token limits). A client
---of anything but production raises "preview-to-production" (exit code 9) before it sends anything for a
---Worker, host or marker of production's, be it in a binding or covered by "*", and before it changes what carries
---production's marker under another name; nobody's `take_over` reaches it
---@field recent? number  seconds (0) that an answer about Workers, domains, records or the names of secrets counts for
---other questions, too, while nothing of this client changes what it is about; then `verify` saves asking for each Worker.
---What others change meanwhile is seen when the seconds are over. What serves, and an inventory, are always asked for

---A client. Nothing is sent yet; account and zone are looked up once, when they are first needed.
---Raises a misuse for an unknown, missing or mistyped option.
---@param options cloudflare.ClientOptions
---@return cloudflare.Client
function cloudflare.client(options) end

---@class cloudflare.Client
local client = {}

---@class cloudflare.VerifyOptions
---@field workers? boolean  "Workers Scripts Edit" of `token` (true)
---@field zone? boolean     "Zone Read" and "DNS Edit" of `dns_token` (true, when the client has a zone)
---@field routes? boolean   "Workers Routes Edit" of `token` (false)
---@field edit? boolean     try each by a change of something that cannot be there, too (false)

---Asks whether both tokens are live, also when they are the account's own, and may do what a flow needs. Nothing is
---changed. A read finds out a token that may not even read; only with `edit` one that may read and not edit.
---Raises "cloudflare-scope" (exit code 2) with all permissions that are missing, by the dashboard's words;
---"cloudflare-token" for one that is not active or not known; a misuse where a zone or its token is needed and not given.
---@param options? cloudflare.VerifyOptions
---@return { token: { id: string, status: string }, zone?: string }
function client.verify(options) end

---@class cloudflare.Module
---@field name string   "index.js"
---@field type string   its content type: "application/javascript+module", "text/plain", …
---@field body string|secret.Template

---An asset is a text, or a file that is read in pieces, and again only when the service does not have it yet: raises
---"asset-changed" when it has become another one meanwhile. The service knows an asset by a hash of its content and
---its extension, the same that wrangler gives it: what either has sent the other does not send again.
---@class cloudflare.Asset
---@field body? string
---@field from? string      path of the file; one of the two
---@field outside? boolean  the file may lie outside of the project's folder (false)
---@field type? string      its content type

---@class cloudflare.UploadOptions
---@field marker string
---@field modules? cloudflare.Module[]  required to upload, unless there are assets alone
---@field main? string                  the name of the module that is run
---@field compatibility_date? string
---@field compatibility_flags? string[]
---@field bindings? table[]             of any kind, as the API takes them: { type=, name=, … }; a text may be a secret
---@field migrations? table[]           of Durable Objects, as a wrangler configuration lists them: { tag=, … }; sent are
---those that the Worker does not have yet
---@field assets? table<string, cloudflare.Asset>  by path, each with a leading "/"
---@field assets_config? table          as the API takes it
---@field version_tag? string           what makes a version: equal tags are not uploaded twice
---@field message? string
---@field observability? table          this and the following as the API takes them
---@field placement? table
---@field limits? table
---@field cache_options? table
---@field tail_consumers? table[]
---@field streaming_tail_consumers? table[]
---@field logpush? boolean

---@class cloudflare.WorkerOptions: cloudflare.UploadOptions
---@field name string
---@field always? boolean               upload also what serves already: a secret has another value (false)

---A Worker. `update` uploads unless the version that serves has the tag and the names of the
---bindings; an upload deploys at once and replaces all bindings. A reply that was lost is looked
---for by the tag before the upload is sent again. Raises "cloudflare-migrations" when what the Worker was migrated to is
---not among `migrations`.
---The thing: name, marker, version_tag, version_id. `find` gives name and marker only.
---@param options cloudflare.WorkerOptions
---@return run.Resource
function client.worker(options) end

---Makes a Worker ours that was deployed before without Davit, by wrangler for example: its marker is added to the
---Worker's tags. What it serves stays as it is. `find` is nil while the Worker has no marker; one of somebody else is
---"not-ours", a Worker that is not there "cloudflare-10007". `destroy` takes the marker away.
---The thing: worker, marker.
---@param options { worker: string, marker: string }
---@return run.Resource
function client.adoption(options) end

---@class cloudflare.VersionOptions: cloudflare.UploadOptions
---@field worker string        its name
---@field version_tag string   by which the version is found; in the place of one that is neither the Worker's newest nor
---has traffic another one is made by `update`, as it has the secrets of its time; and of one that serves because the newest
---was taken back, as until then no secret can be changed

---A version of a Worker without traffic. The service makes none of a Worker that is not there: then the Worker is made,
---as `worker` does it, with all traffic. Migrations of Durable Objects are refused ("cloudflare-10123"), too.
---Observability, logpush and tail consumers take effect with `settings` of the deployment.
---The thing: worker, id, tag, number, deployed (it has traffic), first (it is the first), past. `destroy` deletes a
---version that was never deployed, and a Worker with its first version while there is no other; what was deployed before
---stays as history; for a version that has traffic it raises "cloudflare-version-serves".
---@param options cloudflare.VersionOptions
---@return run.Resource
function client.version(options) end

---@class cloudflare.DeploymentOptions
---@field worker string
---@field marker string
---@field version string     an id
---@field message? string
---@field settings? table    observability, logpush, tail_consumers, streaming_tail_consumers: what belongs to the Worker
---and to no version

---All traffic of a Worker goes to one version. `destroy` deploys what served before, as `last_good` finds it;
---without such it raises "cloudflare-no-way-back". Settings are not taken back.
---The thing: worker, version, id.
---@param options cloudflare.DeploymentOptions
---@return run.Resource
function client.deployment(options) end

---What serves: nil when nothing does, and several versions at once only as their shares in percent. `came` and
---`message` are of the deployment that brought the version, not of one by which somebody went back to it later.
---@param worker string
---@return { version: string?, tag: string?, deployment: string, created: string, came: string?, message: string?, split: table[]? }|nil
function client.serving(worker) end

---The versions that can be deployed, 100 at most, the newest first; none when there is no such Worker.
---@param worker string
---@return { id: string, number: integer, tag: string?, message: string?, created: string }[]
function client.versions(worker) end

---One version with its plain variables; nil when it is not there.
---@param worker string
---@param id string
---@return { id: string, number: integer, tag: string?, message: string?, created: string, variables: table<string, string> }|nil
function client.find_version(worker, id) end

---Where to go back to: the newest deployment before the current one that sent all traffic to another version, which
---can still be deployed and from which nobody went back (by `rollback`, or a deployment that was destroyed); nil when
---there is none. Raises "not-ours".
---@param worker string
---@param marker string
---@return { version: string, tag: string?, message: string?, deployment: string, created: string }|nil
function client.last_good(worker, marker) end

---@class cloudflare.RollbackOptions
---@field worker string
---@field version string   an id
---@field marker? string   whose the Worker has to be
---@field message? string  "back: " is put before it
---@field force? boolean   also across changed secrets, whose old values come back (false)

---Sends all traffic to an earlier version; nothing is sent when it has it already. What this brings back, and what
---stays, is in the answer, and before in cloudflare.rollback_reach. Raises "cloudflare-10220" (fatal), with their names,
---when secrets were changed since that version.
---@param options cloudflare.RollbackOptions
---@return { worker: string, version: string, from: string?, deployment: string, changed: boolean, back: string[], stays: string[] }
function client.rollback(options) end

---Which secrets a Worker has; none when there is no such Worker. Values are never shown.
---@param worker string
---@return { name: string, type: string }[]
function client.secrets(worker) end

---@class cloudflare.SecretChanges
---@field worker string
---@field marker string
---@field set? table<string, string|secret.Template>  may be sent to cloudflare.places.secrets
---@field delete? string[]  one that is not there is fine

---Changes secrets of a Worker: one version and one deployment for all of them (for each hundred), none where nothing
---changes. Raises "cloudflare-10215" while the newest version does not have all traffic.
---@param changes cloudflare.SecretChanges
---@return { set: string[], deleted: string[] }  names
function client.change_secrets(changes) end

---Whether a Worker is there and has a secret of this name.
---@param worker string
---@param secret string
---@return boolean
function client.has_secret(worker, secret) end

---The host of a Worker on workers.dev, by the name that the account has there. The thing: worker, host, url.
---@param options { worker: string, marker: string }
---@return run.Resource
function client.workers_dev(options) end

---When a Worker runs by itself: all its cron triggers as one thing. Others are replaced; run.destroy takes them away,
---and they go with their Worker. An expression that Cloudflare does not know raises "cloudflare-10100", one too many for
---the account "cloudflare-10072". The marker is the Worker's. The thing: worker, crons.
---@param options { worker: string, marker: string, crons?: string[] }  "*/5 * * * *"; one at least to set them
---@return run.Resource
function client.crons(options) end

---@class cloudflare.DomainOptions
---@field host string
---@field worker string
---@field marker? string      the Worker's
---@field take_over? boolean  replace what others have at the host (false); takes a marker

---A host of the zone that a Worker answers. A DNS record of ours at the host is replaced by the
---domain's own; one of anybody else, and a domain of another Worker, is refused ("not-ours").
---With `take_over` they are replaced, kept in a TXT record beside the host ("_davit-before.HOST"), and put back by
---`destroy`; without the option by client.destroy of that record's item in the inventory.
---The thing: id, host, worker, and took_over with what was replaced: { worker = NAME } or { records = { … } }.
---@param options cloudflare.DomainOptions
---@return run.Resource
function client.domain(options) end

---A pattern of URLs of the zone that a Worker answers, as "api.example.com/*". A route that leads to another Worker, or
---to none, is refused ("not-ours"). Routes go with their Worker. The thing: id, pattern, worker.
---@param options { pattern: string, worker: string, marker: string }  the marker is the Worker's
---@return run.Resource
function client.route(options) end

---@class cloudflare.RecordOptions
---@field host string
---@field marker string
---@field type? string        "A", "AAAA" or "CNAME" (CNAME)
---@field content? string     (the zone)
---@field proxied? boolean    (true)
---@field ttl? integer        seconds, 1 is automatic (1); what is proxied has no other
---@field take_over? boolean  replace what others have at the host, records or another Worker's domain (false)

---A DNS record. Once a domain of ours holds the host, its managed record counts as this one;
---`destroy` then raises "cloudflare-dns-managed": the domain goes first. What was taken over is kept and put back as
---`domain` does it; where both are made at a host, the record comes first and says `take_over` as well.
---The thing: id, host, type, content, proxied, ttl, marker; managed and worker where a domain holds it; took_over.
---@param options cloudflare.RecordOptions
---@return run.Resource
function client.dns_record(options) end

---@class cloudflare.Item
---@field kind "domain"|"worker"|"dns"
---@field name string    host or name; of what was taken over "_davit-before.HOST"
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
