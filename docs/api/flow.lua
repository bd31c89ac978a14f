---@meta flow

---What the flows of a project share: the names, clients, secrets and bundles of an environment, as
---davit.yaml names them. A recipe says what happens in which order.
local flow = {}

---@class flow.Worker
---@field name string      in davit.yaml
---@field script string    its name at Cloudflare
---@field host string
---@field folder string    where it is built
---@field settings table   its part of davit.yaml, with defaults
---@field environment? string  whose section of wrangler's configuration holds; without one the top of the file
---@field siblings? table<string, string>  the environment's Workers by the names that service bindings use

---@class flow.Bundle
---@field main string     the main module's name
---@field entry string    and its text
---@field modules { name: string, type: string, body: string }[]  as cloudflare.worker takes them, the main one first;
---                       source maps among them where the configuration asks for them
---@field assets table<string, { body: string, type?: string }>  by path, "/a.css"
---@field rules table     what an upload says of assets: _headers, _redirects, html_handling, not_found_handling,
---                       run_worker_first, base_path
---@field digest string   another one when anything of the upload is
---@field name? string    what wrangler would call the Worker; this and the following only with `wrangler`
---@field compatibility_date? string
---@field compatibility_flags? string[]
---@field bindings? table[]  as an upload has them, vars and assets included, secrets not
---@field observability? table
---@field placement? table
---@field limits? table
---@field logpush? boolean
---@field tail_consumers? table[]
---@field streaming_tail_consumers? table[]
---@field cache_options? table
---@field migrations? table[]  of Durable Objects, all that the configuration lists: { tag =, new_sqlite_classes =, … }
---@field warnings? string[]   what is read and not done

---Opens an environment of the project; nothing is sent yet. Only "preview" is known, and `pr` is
---required. Raises "config" for what davit.yaml lacks, "refused" when a name of the preview lacks
---the pull request, "secret-missing" for a credential that is not set.
---@param kind "preview"
---@param values { pr: integer }
---@return flow.Environment
function flow.environment(kind, values) end

---Runs a Worker's build command in its folder, and wrangler's bundler where the Worker's configuration is wrangler's and
---needs it (docs/wrangler.md); their output is streamed, masked. Nothing without one. Raises "process-exit", "no-wrangler"
---(misuse) where the bundler is not installed.
---@param worker flow.Worker
function flow.build(worker) end

---Reads what the build left. With `wrangler`, all that the configuration says for the Worker's `environment` is there, too;
---a service binding to a name in the Worker's `siblings` leads to what stands there.
---
---Raises "no-entry", "file-not-found"; with `wrangler` "config" for what is missing or not supported, and "refused" for a
---preview's binding that leads to what production's does.
---@param worker flow.Worker
---@return flow.Bundle
function flow.bundle(worker) end

---Asks the zone's name servers until the host is known, and the machine's resolver only where those cannot be
---asked: it would remember for long that the name was not there. Raises "not-healthy" (pending) when it is not in time.
---@param host string
---@param deadline number  seconds
function flow.wait_for_name(host, deadline) end

---@class flow.Environment
---@field project table           davit.yaml
---@field kind string             "preview"
---@field values table            { pr = 42 }
---@field marker string           of everything that it owns
---@field workers flow.Worker[]   in the order of `deploy`
---@field branch_name string
---@field database table          its part of davit.yaml, with defaults
---@field cloudflare cloudflare.Client
---@field neon neon.Client
---@field github github.Client
local Environment = {}

---The database branch.
---@return run.Resource
function Environment:branch() end

---The branch by its name alone: enough to find and to destroy it.
---@return run.Resource
function Environment:branch_named() end

---The branch's connection string, which may go to the database and into Workers only.
---@param branch { id: string }
---@return secret.Template
function Environment:database_url(branch) end

---@class flow.HandOver
---@field name? string        "database"
---@field sealed_to? string|string[]  for whom the connection string is sealed; without it the branch's id is all
---@field run? string
---@field attempt? integer
---@field retention? number|string    as in artifact.put

---Hands the database over to a later job, as artifact.hand_over does: the branch by its id, for jobs that may ask Neon; and
---its connection string as DATABASE_URL, for those that must not, if it is sealed.
---@param branch { id: string }
---@param options? flow.HandOver
function Environment:hand_over(branch, options) end

---@class flow.TakeOver
---@field name? string        "database"
---@field given? { state: string, branch: string }  as they came through the outputs of a job, instead of the artifact
---@field run? string
---@field attempt? integer

---Takes over the database that an earlier job has handed over, and asks Neon for its connection string. Raises what
---artifact.take_over raises, and "preview-to-production" for a branch of production. A job that has no key of Neon takes
---the sealed string: `artifact.take_over { name = "database", expect = { "DATABASE_URL" } }`.
---@param options? flow.TakeOver
---@return { id: string } branch
---@return secret.Template url
function Environment:take_over(options) end

---Waits until the branch accepts connections, then carries out the migrations that are not recorded.
---@param branch table  what run.ensure returned
---@return sql.Migrated
function Environment:migrate(branch) end

---Looks for every secret that a Worker wants and that is not generated; raises "secret-missing", or
---"refused" where davit.yaml lets it go to other places only.
function Environment:require_secrets() end

---The secrets of all Workers by name; "keep" for a generated one that every Worker has already. A
---generated one that is made is the same when the run is resumed. Raises "refused" for a secret that
---production uses.
---@param branch { id: string }
---@param run run
---@return table<string, secret.Template|"keep">
function Environment:secrets(branch, run) end

---Whether each generated secret is kept, or what it is made from; that is no secret.
---@return table<string, string>  "keep" or hexadecimal digits
function Environment:choose_generated() end

---One of them.
---@param name string
---@param choice? string  of choose_generated, for one that is generated
---@param branch { id: string }
---@return secret.Template|"keep"
function Environment:secret(name, choice, branch) end

---A Worker with its bundle, version and secrets.
---@param worker flow.Worker
---@param bundle flow.Bundle
---@param version string
---@param secrets table<string, secret.Template|"keep">
---@return run.Resource
function Environment:worker(worker, bundle, version, secrets) end

---A Worker by its name alone: enough to find and to destroy it.
---@param worker flow.Worker
---@return run.Resource
function Environment:worker_named(worker) end

---Sets the Worker's crons of this environment, as davit.yaml says; where it names none for it, those of an earlier push
---are taken away. Without the key `crons` they are left alone.
---@param run run
---@param worker flow.Worker
function Environment:set_crons(run, worker) end

---@param worker flow.Worker
---@return run.Resource
function Environment:dns_record(worker) end

---@param worker flow.Worker
---@return run.Resource
function Environment:domain(worker) end

---What davit.yaml says about the health of the n-th Worker, as options of health.wait.
---@param n integer
---@return table
function Environment:health_policy(n) end

---Everything of the environment that is there, found without any journal, in an order in which it
---can be removed.
---@return (cloudflare.Item|neon.Item)[]
function Environment:inventory() end

---Removes a thing of the inventory.
---@param thing cloudflare.Item|neon.Item
function Environment:remove(thing) end

---The environment's one comment in the pull request.
---@param body string  Markdown
---@return run.Resource
function Environment:comment(body) end

---Removes all that belongs to the environment: what davit.yaml names, then what else carries its marker.
---Every part is tried even when another fails; raises "left-behind" when something is there in the end.
---@param run run
---@param env flow.Environment
function flow.remove(run, env) end

return flow
