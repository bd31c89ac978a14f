---@meta flow

---What the flows of a project share: the names, clients, secrets and bundles of an environment, as davit.yaml names
---them, and the parts of each flow. A recipe says what happens in which order; docs/flows.md shows the shipped ones.
---
---Everything may raise what the providers and `http.request` raise. "config" is about davit.yaml, "secret-missing"
---about a secret or credential that is not set (both exit code 2), "preview-to-production" (exit code 9) about what is
---production's and was asked for by another environment: nothing was changed.
local flow = {}

-- ---- the things ------------------------------------------------------------------------------------------

---@class flow.Worker
---@field name string       in davit.yaml
---@field script? string    its name at Cloudflare; nil in a `test`, which deploys nothing
---@field host? string      nil without a zone, until flow.attach has learnt its name on workers.dev
---@field folder string     where it is built
---@field settings table    its part of davit.yaml, with defaults
---@field environment string  whose section of wrangler's configuration holds
---@field siblings table<string, string>  the Workers of the environment, by the names of service bindings
---@field version? string   what is deployed: env:version

---@class flow.Bundle
---@field entry string     the text of the entry module
---@field main string      its name
---@field modules cloudflare.Module[]
---@field assets table<string, { body: string, type: string }>  by path, "/style.css"
---@field rules table<string, any>  the texts of _headers and _redirects, which are no assets, and settings of assets
---@field digest string    SHA-256 of all of it, in hexadecimal digits

---@class flow.Change       what a run of the checks is about
---@field stage "test"|"preview"  which recipe asks
---@field pr? integer
---@field sha? string       nil: the newest of the pull request
---@field here? flow.Checkout  nil: no checkout of git
---@field branch string     "detached" where nobody knows
---@field by_hand? boolean  no event has started it
---@field schedule? boolean it was started by the clock
---@field paths? string[]   what has changed below the project's folder; nil: unknown, so everything may have
---@field why? string       why that is unknown
---@field only? string[]    these checks, whatever `when` says
---@field builds? boolean   Workers are built as well, so that setups are wanted

---@class flow.Checkout
---@field sha string
---@field branch? string    nil: none, as in most of CI
---@field clean boolean     no file that git knows differs
---@field parents string[]  of the commit

---@class flow.Commit       what GitHub has started this for, of GITHUB_EVENT_NAME and GITHUB_EVENT_PATH
---@field event string      "push", "pull_request", "workflow_run", "schedule", …; "none" outside of GitHub
---@field sha? string       40 hexadecimal digits
---@field branch? string    of the head
---@field base? string      a commit that it is compared with
---@field pr? integer
---@field repository? string       "owner/name": where the workflow runs
---@field head_repository? string  where the commit is from: another one for a fork
---@field trigger? string          of a workflow_run: the event of the run before it
---@field conclusion? string       of a workflow_run

---@class project.Check     a check of davit.yaml, with defaults
---@field run string        a command of the shell
---@field needs? "database"|"e2e"|"preview"
---@field setup? boolean    all others wait for it
---@field after string[]    the checks that must have passed before
---@field env? table<string, string>
---@field secrets? string[] that it gets as variables
---@field cwd? string       below the project's folder
---@field timeout? number   seconds
---@field when { paths?: string[], branches?: string[], schedule?: boolean }

-- ---- opening -----------------------------------------------------------------------------------------------

---Opens an environment of the project; nothing is sent, and no credential is read before it is needed.
---"preview" takes `pr`; "test", of a commit that is no pull request's, `branch` and `sha`: it has a database branch and
---nothing else; "production" and others of davit.yaml take nothing. Raises a misuse for other values, "config" for what
---davit.yaml lacks, "refused" (exit code 9) when a name of the preview lacks the pull request, "preview-to-production"
---when one is production's.
---@param kind string
---@param values? { pr?: integer, branch?: string, sha?: string }
---@return flow.Environment
function flow.environment(kind, values) end

-- ---- test --------------------------------------------------------------------------------------------------

---What is to be tested: what the caller says, else GitHub's event, else the checkout of git. Raises "usage" when
---nobody says, "config" for an event that cannot be read.
---@param params { pr?: integer, branch?: string, sha?: string, base?: string, only?: string[], all?: boolean }
---@return flow.Change
function flow.change(params) end

---The checks that a change asks for; those that it does not are named in the log. Setups are there when anything else
---is. Raises "usage" for a name in `only` that davit.yaml has not, or that needs a preview.
---@param env flow.Environment
---@param change flow.Change
---@param builds? boolean  the Workers are built, too: setups are there for them
---@return table<string, project.Check>  by name; empty: nothing has to run
function flow.choose_checks(env, change, builds) end

---The database branches that the checks need, found or created, and migrated. A pull request's own one lasts, as its
---preview may stand on it; the others are taken back with the run, and expire after a day.
---@param run run
---@param env flow.Environment
---@param checks table<string, project.Check>
---@return table<string, { id: string, name: string }>  by what checks need: database, e2e
function flow.test_databases(run, env, checks) end

---Runs the checks, each as soon as those it comes after have passed, in the project's folder, as journalled steps. One
---that comes after a failed one is not run. All are told, then it raises what went wrong: the check's name, and
---"process-exit" or "process-timeout"; several at once as `parallel` does.
---@param run run
---@param env flow.Environment
---@param checks table<string, project.Check>
---@param o { jobs: integer, databases: table<string, table> }  how many at a time; those of test_databases
function flow.run_checks(run, env, checks, o) end

---Builds the Workers and stores what that makes as the artifacts "bundle-WORKER" of the commit: what was tested is what
---is deployed. Raises "process-exit", and what artifact.put raises.
---@param run run
---@param env flow.Environment
---@param sha string
function flow.store_bundles(run, env, sha) end

---Hands a pull request's own branch over to later jobs, as env:hand_over does; a push's branch goes with the test, and
---nothing of it is handed over.
---@param run run
---@param env flow.Environment
---@param databases table<string, table>  of test_databases
---@param sealed_to? string[]  for whom the connection string is sealed, too (nobody)
function flow.hand_over(run, env, databases, sealed_to) end

---Removes what only a test needs, whoever made it: all branches but a pull request's own, which its preview uses.
---@param run run
---@param env flow.Environment
---@param checks? table<string, project.Check>  what was needed; without them all are looked for
function flow.remove_test_databases(run, env, checks) end

---The names of the checks, in one line.
---@param checks table<string, project.Check>
---@return string
function flow.summary(checks) end

-- ---- building and bringing out ---------------------------------------------------------------------------------

---Runs a Worker's build command in its folder, and wrangler's bundler where one is needed; their output is streamed,
---masked. Nothing without one. Raises "process-exit".
---@param worker flow.Worker
function flow.build(worker) end

---Reads what the build left. Raises "no-entry" where the entry is not there.
---@param worker flow.Worker
---@return flow.Bundle
function flow.bundle(worker) end

---Gets all Workers ready at once, nothing else is touched: takes the bundle that a test of the commit has stored, its
---digest compared, else builds anew, and says which. Raises "process-exit", and what artifact.get raises.
---@param run run
---@param env flow.Environment
---@param sha string
function flow.prepare(run, env, sha) end

---The DNS record of a Worker's host. Nothing without a zone.
---@param run run
---@param env flow.Environment
---@param worker flow.Worker
---@param take_over? boolean  what others have at the host is replaced, and kept (false: it raises "not-ours")
function flow.name(run, env, worker, take_over) end

---The host that leads to a Worker: its custom domain, or its name on workers.dev. Sets `worker.host`.
---@param run run
---@param env flow.Environment
---@param worker flow.Worker
---@param take_over? boolean  as in flow.name
function flow.attach(run, env, worker, take_over) end

---Waits until this version serves at the Worker's host, as `health` of davit.yaml says. Raises "not-healthy".
---@param run run
---@param env flow.Environment
---@param worker flow.Worker  with `version` and `host`
---@param n integer           the how-manieth it is: the first one waits for certificates
function flow.wait(run, env, worker, n) end

---Asks the zone's name servers until the host is known, and the machine's resolver only where those cannot be
---asked: it would remember for long that the name was not there. Raises "not-healthy" (pending) when it is not in time.
---@param host string
---@param deadline number  seconds
function flow.wait_for_name(host, deadline) end

---Uploads a version of a Worker and sends all traffic to it. Taken back, the version before has it again; a Worker that
---was not there is removed. Sets `worker.version`.
---@param run run
---@param env flow.Environment
---@param worker flow.Worker
---@param o { secrets: table, branch: table, sha?: string, before?: { version: string }, no_way_back?: string }  secrets:
---of env:secrets; sha: the commit, by which a rollback knows what came together; before: what served, of
---env:rollback_point; no_way_back: why the version before may not come back, which is then raised as "no-way-back"
function flow.deploy(run, env, worker, o) end

-- ---- preview -----------------------------------------------------------------------------------------------------

---The text of the pull request's comment: Workers, URLs, versions, the branch, and the environment's `checklist`.
---@param env flow.Environment
---@param branch { name: string }
---@return string  Markdown
function flow.preview_comment(env, branch) end

---Runs the checks that `needs: preview`, one after the other, with PREVIEW_URL (the last Worker's) and URL_WORKER of
---each, such as URL_CODEX_WEB, as variables. Raises as flow.run_checks does.
---@param run run
---@param env flow.Environment
function flow.check_preview(run, env) end

---Removes all that belongs to the environment: what davit.yaml names, then what else carries its marker.
---Every part is tried even when another fails; raises "left-behind" (exit code 3) when something is there in the end.
---@param run run
---@param env flow.Environment
function flow.remove(run, env) end

-- ---- production -----------------------------------------------------------------------------------------------

---Consent to statements that break who uses the database: given by `accept`, else asked for; raises "denied" (exit code
---7) with file and line of each. It is flow.migrations.consent.
---@param plan migrations.Plan
---@param o { environment: string, accept?: boolean, approve?: fun(o: table) }  approve: run.approve, to be asked there
function flow.consent(plan, o) end

---What a plan (`--plan`) says of carrying migrations out, as the `plan` of a step. It is flow.migrations.plan_apply.
---@param plan migrations.Plan
---@return "run"|"skip" action, string why, migrations.Report report  as far as it is known
function flow.plan_apply(plan) end

---What is asked for where davit.yaml says `approve`: the commit, the migrations, the Workers with their hosts.
---@param env flow.Environment
---@param sha string
---@param plan migrations.Plan
---@return table  plain data, for run.approve
function flow.plan_of(env, sha, plan) end

---Marks as ours the Workers of the environment that others have deployed, for example wrangler: their versions stay,
---and are what a failure goes back to. Raises "not-ours" without `take_over`, before anything is changed.
---@param run run
---@param env flow.Environment
---@param take_over? boolean
function flow.adopt(run, env, take_over) end

---Has people told when the run is taken back, whatever was the cause: by the incident's issue at GitHub, and by the
---webhook of davit.yaml (`notify`). Its steps stand first in the run, so that they are taken back last.
---@param run run
---@param env flow.Environment
---@param told { sha: string, run: string, branch?: table, point?: table, plan?: table, migrated?: table }  what is known
---by then: the recipe fills it
function flow.watch(run, env, told) end

---Tells that production serves a commit: the deployment becomes `success`, the incident is closed, the webhook is told.
---Each as flow.tell does.
---@param run run
---@param env flow.Environment
---@param deployment { id: integer }
---@param told { sha: string, run: string }
function flow.tell_success(run, env, deployment, told) end

---A step for what is told when everything is healthy. That it could not be told is a warning, and no reason to take
---production back.
---@param run run
---@param name string
---@param f fun()
function flow.tell(run, name, f) end

---What has to go back. Raises "usage" for another reason, for a database without a `time`, for a `time` without one,
---for a Worker or a version beside a database, for a version without its Worker.
---@param why "code"|"migration"|"data"
---@param o { time?: string, breaking?: boolean, worker?: string, version?: string }  an RFC 3339 time; whether the
---migration broke what served before it
---@return { database: boolean, says: string }
function flow.decide_back(why, o) end

---What going back does not bring back, for whoever has to decide.
---@param env flow.Environment
---@param decision { database: boolean }
---@param o { time?: string }
---@return string[]
function flow.stays(env, decision, o) end

---Brings production to its database of an earlier moment: asks first, builds all Workers of the commit that is checked
---out, makes the branch "emergency-restore-EPOCH", deploys each Worker on it and waits for its health. What fails is
---taken back. Raises "usage" where the checkout is not clean, and all that flow.deploy and flow.wait raise.
---@param run run
---@param env flow.Environment
---@param time string     RFC 3339
---@param stays string[]  of flow.stays: what is agreed to
function flow.restore(run, env, time, stays) end

---Waits until a version serves that was there before. One that does not say which it is has to be healthy, no more.
---Raises "not-healthy".
---@param run run
---@param env flow.Environment
---@param target flow.Target
---@param n integer  as in flow.wait
function flow.wait_back(run, env, target, n) end

---Says what does not come back, before anything is done: as a warning, in a plan (`--plan`) as part of that.
---@param decision { says: string }  of flow.decide_back
---@param stays string[]  of flow.stays
function flow.say_stays(decision, stays) end

---What a plan says of rolling a Worker back, as the `plan` of a step: from which version to which, and whether its secrets
---and settings are those of now.
---@param target flow.Target
---@return "keep"|"change" action, string why
function flow.plan_back(target) end

---@class flow.SecretChanges
---@field list? true
---@field sync? true         all that davit.yaml maps
---@field github? true       what is set becomes a secret of the repository, too
---@field set string[]       names, from where davit.yaml takes them
---@field rotate string[]    names that get a value that is made anew
---@field delete string[]

---Which change of secrets is asked for; raises "usage" unless it is one of list, sync, and names to set, rotate or
---delete.
---@param params table  the parameters of the recipe `secrets`
---@return flow.SecretChanges
function flow.secret_changes(params) end

-- ---- an environment -----------------------------------------------------------------------------------------

---@class flow.Environment
---@field project table           davit.yaml
---@field kind string             "preview", "test", "production" or another of davit.yaml
---@field settings table          its part of davit.yaml
---@field values table            { pr = 42 }
---@field key string|integer      the last part of its marker: 42, "push-main-1a2b3c4d", "live"
---@field is environment.Environment  its type, which refuses what is production's
---@field marker string           of everything that it owns
---@field workers flow.Worker[]   in the order of `deploy`
---@field branch_name string
---@field database table          its part of davit.yaml, with defaults
---@field cloudflare cloudflare.Client  opened, as the two below, when it is first used: that reads its credential
---@field neon neon.Client
---@field github github.Client
---@field services string[]      the three by name
local Environment = {}

---Opens these clients, so that a missing credential stops a run before anything was done. Raises "secret-missing".
---@param ... "cloudflare"|"neon"|"github"
function Environment:require_credentials(...) end

---What davit.yaml says about the health of the n-th Worker, as options of health.wait.
---@param n integer
---@return table
function Environment:health_policy(n) end

---Everything of the environment that is there, found without any journal, in an order in which it
---can be removed.
---@param services? string[]  of these only (env.services: cloudflare, neon, github)
---@return (cloudflare.Item|neon.Item|github.Item)[]
function Environment:inventory(services) end

---Removes a thing of the inventory.
---@param thing cloudflare.Item|neon.Item|github.Item
function Environment:remove(thing) end

---The environment's one comment in the pull request.
---@param body string  Markdown
---@return run.Resource
function Environment:comment(body) end

-- ---- its database

---A database branch of the environment, from the parent that davit.yaml names. Neon deletes it by itself when it has
---expired. Raises "preview-to-production" in production: what lasts is neither made nor removed by a run.
---@param o? { name?: string, expires?: integer }  another one than its own; seconds (14 days)
---@return run.Resource
function Environment:branch(o) end

---A branch by its name alone: enough to find and to destroy it. Raises as `branch` does.
---@param name? string  (its own)
---@return run.Resource
function Environment:branch_named(name) end

---The database branch that lasts, such as production's: found by the name in davit.yaml. Raises "neon-branch".
---@return { id: string, name: string }
function Environment:lasting_branch() end

---A branch's direct connection string, which may go to the database and into Workers. Outside of production Neon is
---asked whether the branch is a project's default or protected one: raises "preview-to-production".
---@param branch { id: string }
---@param to? string[]  where else it may go: "program:/bin/sh", "sealed:e2e"
---@return secret.Template
function Environment:database_url(branch, to) end

---@class flow.HandOver
---@field name? string        "database"
---@field sealed_to? string|string[]  for whom the connection string is sealed; without it the branch's id is all
---@field run? string
---@field attempt? integer
---@field retention? number|string    as in artifact.put (7 days of a preview's branch, 1 of any other)

---Hands the database over to a later job, as artifact.hand_over does: the branch by its id, for jobs that may ask
---Neon; and its connection string as DATABASE_URL, for those that must not, if it is sealed. Besides to databases it may
---then go where davit.yaml says (secrets.DATABASE_URL.to), else to /bin/sh.
---@param branch { id: string }
---@param options? flow.HandOver
function Environment:hand_over(branch, options) end

---@class flow.TakeOver
---@field name? string        "database"
---@field given? { state: string, branch: string }  as they came through the outputs of a job, instead of the artifact
---@field run? string
---@field attempt? integer

---Takes over the database that an earlier job has handed over, and asks Neon for its connection string. Raises what
---artifact.take_over raises, and "preview-to-production" for a branch of production. A job that has no key of Neon
---takes the sealed string: `artifact.take_over { name = "database", expect = { "DATABASE_URL" } }`.
---@param options? flow.TakeOver
---@return { id: string } branch
---@return secret.Template url
function Environment:take_over(options) end

---The connection string for migrations: of `kind: command` it may go to /bin/sh, too.
---@param branch { id: string }
---@return secret.Template
function Environment:migration_url(branch) end

---Waits until the branch accepts connections, for a minute at most, then carries out the migrations that are not
---recorded; breaking ones, too: nobody else uses it. Raises what flow.migrations.try raises.
---@param branch { id: string }
---@return migrations.Report
function Environment:migrate(branch) end

---What `apply_migrations` would do. Changes nothing. Raises what flow.migrations.plan raises.
---@param branch { id: string }
---@return migrations.Plan
function Environment:pending_migrations(branch) end

---Carries a plan out, to whose breaking statements somebody has consented (flow.consent). Raises what
---flow.migrations.apply raises.
---@param branch { id: string }
---@param plan migrations.Plan
---@return migrations.Report
function Environment:apply_migrations(branch, plan) end

---What a plan (`--plan`) says of Environment:migrate, as the `plan` of a step; of a branch that is there it asks what is
---pending.
---@param branch { id: string }
---@return "run"|"skip" action, string|nil why, migrations.Report|nil report
function Environment:plan_migrate(branch) end

---A branch of the environment's database as it was at a moment, "emergency-restore-EPOCH". No sweep removes it.
---@param time string    RFC 3339
---@param epoch integer  seconds, when the rollback began
---@return run.Resource
function Environment:restored_branch(time, epoch) end

-- ---- its secrets

---Looks for every secret that a Worker wants and that is not generated; raises "secret-missing", "refused" (exit code
---9) where davit.yaml lets it go to other places only, "preview-to-production" where it is production's; and "config" for
---what a configuration of wrangler's asks for and cannot have.
function Environment:require_secrets() end

---The same for the secrets of checks, and for Neon's key where a check needs a database.
---@param checks table<string, project.Check>
function Environment:require_check_secrets(checks) end

---Raises "config" unless these are keys that something can be sealed for: names of davit.yaml (artifacts.keys), or
---public keys.
---@param sealed_to? string[]
function Environment:require_keys(sealed_to) end

---The secrets of all Workers by name; "keep" for a generated one that every Worker has already. A
---generated one that is made is the same when the run is resumed. Raises as require_secrets does.
---@param branch { id: string }
---@param run run
---@return table<string, secret.Template|"keep">
function Environment:secrets(branch, run) end

---One of them.
---@param name string
---@param choice? string  for one that is generated: "keep", or by which key it is made
---@param branch { id: string }
---@return secret.Template|"keep"
function Environment:secret(name, choice, branch) end

---Which secrets a Worker has, which of davit.yaml's it lacks, and which davit.yaml does not know. Names alone.
---@param worker flow.Worker
---@return { has: string[], missing: string[], unknown: string[] }
function Environment:secret_names(worker) end

---Raises "usage" for what cannot be, before anything is changed: a name that none of these Workers wants, DATABASE_URL,
---a generated one to be set, one to be rotated that comes from a file or a program.
---@param workers flow.Worker[]
---@param asked flow.SecretChanges
function Environment:check_changes(workers, asked) end

---Whether GitHub gets values: what is rotated would otherwise come back old with the next deploy.
---@param asked flow.SecretChanges
---@return boolean
function Environment:tells_github(asked) end

---The values that are to be changed. Nobody is asked; a rotated one is the same when the run is resumed. Raises as
---require_secrets does.
---@param run run
---@param workers flow.Worker[]
---@param asked flow.SecretChanges
---@return table<string, secret.Template> values  by name
---@return { name: string, value: secret.Template }[] of_github  by the variables that davit.yaml takes them from
function Environment:new_values(run, workers, asked) end

---The version that each Worker serves, before its secrets are changed; none where its traffic is split. Raises
---"cloudflare-10007" for a Worker that is not there.
---@param workers flow.Worker[]
---@return table<string, string>  ids by name
function Environment:versions_before(workers) end

---Stores values as secrets of the repository, where the next deploy takes them from: an ensure each, so that one that
---was not there is gone again when the run is taken back.
---@param run run
---@param list { name: string, value: secret.Template }[]  of new_values
function Environment:change_at_github(run, list) end

---Changes a Worker's secrets: one version and one deployment, however many they are; nothing where nothing changes.
---Raises "cloudflare-10215" while its newest version does not serve.
---@param worker flow.Worker
---@param values table<string, secret.Template>  by name; those that the Worker does not want are left out
---@param delete string[]  names
---@return { set: string[], deleted: string[] }  names
function Environment:change_secrets(worker, values, delete) end

---What a plan says of that, as the `plan` of a step: names alone. Raises what the change would raise of a Worker that is
---not there, not ours, or whose newest version does not serve.
---@param worker flow.Worker
---@param values table<string, secret.Template>
---@param asked flow.SecretChanges
---@return "keep"|"change" action, string why
function Environment:plan_secrets(worker, values, asked) end

---Sends a message to the incoming webhook of davit.yaml (`notify`), which has to be there. What goes wrong is a warning.
---@param told { sha: string, run: string, issue?: string }  issue: the incident's address
---@param outcome "success"|"failure"
---@param err? { message: string }  why it has failed
function Environment:notify(told, outcome, err) end

-- ---- its Workers

---The Worker of this name, or all. Raises "usage" for a name that davit.yaml has not.
---@param name? string
---@return flow.Worker[]
function Environment:chosen_workers(name) end

---The same for the same code, settings and secrets on the same database; else another. It is the Worker's binding
---VERSION and the version's tag.
---@param worker flow.Worker
---@param bundle flow.Bundle
---@param branch { id: string }
---@param secrets table<string, secret.Template|"keep">
---@return string  "BUNDLE-REST": 12 digits of what was built, which any build of the same code has, and 8 of the rest
function Environment:version(worker, bundle, branch, secrets) end

---A Worker with its bundle, version and secrets; what is uploaded serves at once.
---@param worker flow.Worker
---@param bundle flow.Bundle
---@param version string
---@param secrets table<string, secret.Template|"keep">
---@return run.Resource
function Environment:worker(worker, bundle, version, secrets) end

---A version of a Worker with its bundle and secrets; it has no traffic.
---@param worker flow.Worker
---@param bundle flow.Bundle
---@param version string
---@param secrets table<string, secret.Template|"keep">
---@return run.Resource
function Environment:worker_version(worker, bundle, version, secrets) end

---A Worker by its name alone: enough to find and to destroy it.
---@param worker flow.Worker
---@return run.Resource
function Environment:worker_named(worker) end

---Raises "cloudflare-10007" unless a Worker of the environment is there, and "not-ours" when it is somebody else's.
---@param worker flow.Worker
function Environment:require_worker(worker) end

---Sets the Worker's crons of this environment, as davit.yaml says; where it names none for it, those of an earlier push
---are taken away. Without the key `crons` they are left alone.
---@param run run
---@param worker flow.Worker
function Environment:set_crons(run, worker) end

---@param worker flow.Worker
---@param take_over? boolean  as in flow.name
---@return run.Resource
function Environment:dns_record(worker, take_over) end

---@param worker flow.Worker
---@param take_over? boolean
---@return run.Resource
function Environment:domain(worker, take_over) end

---Where a person begins: the URL of the last Worker that is deployed; nil before it has a host.
---@return string|nil
function Environment:url() end

-- ---- what may be deployed, and going back

---The commit that a change is about: of a pull request the newest one, as GitHub says, unless it was named.
---@param change flow.Change
---@return string sha
function Environment:commit_of(change) end

---The commit of a push to the main branch of this very repository, checked out and unchanged; a workflow_run counts by
---the event before it, and has to have succeeded. Raises "denied" (exit code 7) for anything else, and says why.
---@return flow.Commit
function Environment:require_push() end

---Raises "denied" (exit code 7) unless the tests of a commit have passed: by the workflow that davit.yaml names in
---`github.tests`, else by the status "davit/test" that the recipe `test` leaves.
---@param sha string
---@return { by: string }
function Environment:require_tested(sha) end

---What serves and what is stored now: where a rollback leads to. Workers that are not there have none.
---@param branch { id: string }
---@return { database: neon.RollbackPoint, workers: table<string, { version: string, tag?: string }> }
function Environment:rollback_point(branch) end

---What each Worker serves now. Workers that are not there have none.
---@return table<string, { version: string, tag?: string }>
function Environment:served_now() end

---@class flow.Target        where a Worker goes back to
---@field name string        in davit.yaml
---@field script string
---@field from? string       the version that serves
---@field from_tag? string
---@field to string          the version that will
---@field tag? string
---@field since? string      when it was made
---@field serves_as? string  what it says of itself at its health's address

---To which version each Worker goes; all are looked at before one is changed. Raises "no-way-back" (fatal) for a
---Worker that has no earlier version that was good, or not the one that was named. Without a name they are those that
---the newest release of Davit's has changed: the others stay as they are.
---@param worker? string   one of davit.yaml
---@param version? string  an id, of that one (the last good one)
---@return flow.Target[]
function Environment:rollback_targets(worker, version) end

---Sends all traffic of a Worker to a version, as cloudflare's client.rollback does.
---@param target flow.Target
---@param force? boolean  also across changed secrets, whose old values come back (false)
---@return { from?: string, to: string, changed: boolean }
function Environment:roll_back(target, force) end

---Takes back that a Worker got another version: what served before it has all traffic again, with the secrets of its time.
---Nothing where somebody has deployed since, or has gone back. Raises "no-way-back" where several versions shared the
---traffic before.
---@param target { script: string, from?: string, to?: string }  to: what it serves by now, where that is known
function Environment:serve_again(target) end

---The commit whose code the Workers get together with another database: what is checked out. Raises "usage" unless that
---is unchanged.
---@return { sha: string }
function Environment:commit_here() end

---The host of a Worker on workers.dev, where there is no zone.
---@param worker flow.Worker
---@return string
function Environment:workers_dev_host(worker) end

-- ---- what is told

---Tells GitHub how the tests of a commit went, as the status "davit/test". Nothing is told of a commit that is not the
---one that is checked out, for what was tested is something else, nor of some checks for all.
---@param change flow.Change
---@param sha string
---@param err? table  what went wrong
function Environment:tell_tested(change, sha, err) end

---What a plan says of that, as the `plan` of a step: what would be told, or why nothing would.
---@param change flow.Change
---@param sha string
---@param err? table
---@return "create"|"change"|"keep"|"skip" action, string|nil why
function Environment:plan_told(change, sha, err) end

---What GitHub calls this environment: "preview-42", "production".
---@return string
function Environment:deployed_as() end

---The deployment of a commit at GitHub.
---@param sha string
---@return run.Resource
function Environment:deployment(sha) end

---Gives the deployment a status; with "success" those before it in the environment become inactive.
---@param deployment { id: integer }
---@param state "in_progress"|"success"|"failure"
---@param url? string
function Environment:tell_deployed(deployment, state, url) end

---Ends all deployments of the environment but this one.
---@param deployment { id: integer }
function Environment:retire_deployments(deployment) end

---Opens the one issue about a failed deploy, or brings it up to date: why, what was taken back, what not and why not,
---what cannot be, and the commands that do the rest.
---@param told { sha: string, run: string, branch?: table, point?: table, plan?: table, migrated?: table }  the run's
---id; of env:rollback_point, env:pending_migrations and env:apply_migrations, as far as the run got
---@param outcome run.Outcome  of run.outcome
function Environment:report_incident(told, outcome) end

---Closes it, if there is one.
---@param sha string  the commit that serves now
---@return integer|nil  the issue's number
function Environment:close_incident(sha) end

return flow
