---@meta github

---One repository at GitHub: pull requests, comments, runs of workflows, deployments, statuses, issues, secrets,
---variables and approvals.
---
---Every call may raise "github-STATUS" or an error of `http.request`. Both rate limits are told
---from a missing permission and waited out as their headers say, for up to 120 s; a comment, a deployment, a status, an
---issue or a variable whose reply was lost is of class *unknown* and is never sent again without a look. What is there
---already (422 "already_exists", 409) is of class *converge*; a 404 is also what a token is told that may not see.
---
---The credential's requests are held within what the service allows, together with all other Davit processes of
---this machine (see http.budget); one that would have to wait longer than 120 s raises "http-budget".
---
---Permissions. A 403 names the one that the call needs. What a workflow's `permissions:` can give GITHUB_TOKEN:
---  * `pull-requests: write`: `comment` (to read: `pull`, `open_pull`, `open_pulls`, `comments`);
---  * `issues: write`: `issue`, `close_issue`;
---  * `deployments: write`: `deployment`, `deployment_status`, `destroy` (to read: `inventory`);
---  * `statuses: write`: `status`; `statuses: read` and `checks: read`: `find_status`;
---  * `actions: read`: `find_run`, `run`, `pending_deployments`, and `remove_environment` to look.
---It never has what these need, which a fine-grained token or an app's may have: `secrets` (`secret`, `secrets`,
---`delete_secret`), `variables` (`variable`, `variables`), `environments` (both kinds where an environment is named)
---and `administration` (`remove_environment`). `review` takes the token of a reviewer. The token of a pull request
---from a fork only reads.
---
---GitHub Enterprise is not served: the API is https://api.github.com, whatever GITHUB_API_URL says.
local github = {}

---The only place its token is sent to, and where the values of secrets go, sealed: for `to` of secret.env.
---@type { token: string[], secret: string[] }
github.places = {}

---@class github.ClientOptions
---@field repository string             "owner/name"
---@field token string|secret.Template
---@field login? string|string[]        who else writes for us (github-actions[bot] always does): see `client.comment`
---@field environment? environment.Environment  whom it works for (a person, whom nothing but the token limits). A client
---of anything but production raises "preview-to-production" (exit code 9) for GitHub's environment
---`production`, for what carries production's marker, and for secrets and variables of the whole repository

---A client; nothing is sent yet. Raises a misuse for an unknown, missing or mistyped option.
---@param options github.ClientOptions
---@return github.Client
function github.client(options) end

---@class github.Client
local client = {}

-- ---- pull requests -------------------------------------------------------------------------

---@class github.Pull
---@field number integer
---@field state "open"|"closed"
---@field title string
---@field head string  its branch
---@field sha string   its newest commit

---@param number integer
---@return github.Pull
function client.pull(number) end

---Like `pull`; raises "github-closed" unless it is open.
---@param number integer
---@return github.Pull
function client.open_pull(number) end

---All open pull requests.
---@return github.Pull[]
function client.open_pulls() end

-- ---- comments ------------------------------------------------------------------------------

---@class github.Comment
---@field id integer
---@field login? string  nil: the account is gone
---@field body string
---@field url string
---@field marker? string  when it has one that counts

---All comments of a pull request, oldest first.
---@param number integer
---@return github.Comment[]
function client.comments(number) end

---@class github.CommentOptions
---@field pr integer
---@field key string   a marker, or a word: "preview" makes "REPOSITORY/preview/PR"
---@field body string  Markdown; at most 65536 characters with the marker

---The comment of this key. `update` writes only when the text differs, and writes a new one when
---somebody deleted it. The body is masked. The thing is a `github.Comment`.
---
---Anybody can write a marker, so its author is looked at. What `login` names and github-actions[bot] wrote is ours.
---Where there is none of those, what an owner, a member or a collaborator of the repository wrote counts: a person's
---token of today may be a workflow's tomorrow. A stranger's never does. An app writes as "NAME[bot]", which `login`
---has to say.
---@param options github.CommentOptions
---@return run.Resource
function client.comment(options) end

-- ---- runs of workflows ---------------------------------------------------------------------

---@class github.Run
---@field id integer
---@field attempt integer
---@field workflow? string  its name
---@field event string      "push", "pull_request", …
---@field branch? string    of the head; nil when it has none
---@field sha string        the commit; of a pull request its newest one, not the merge that was tried
---@field status string     "completed", "in_progress", "queued", …
---@field conclusion? string  "success", "failure", "cancelled", …; nil while it goes on
---@field url string
---@field fork boolean      its commit is another repository's, also when that is gone

---@class github.FindRunOptions
---@field workflow string  the workflow's file ("testing.yml", or its path) or its name
---@field sha string       the whole hash
---@field event? string
---@field branch? string

---The newest run of a workflow at a commit; nil when there is none. A run that was started again is one run, with
---another `attempt`. What the service filtered is looked at again.
---@param options github.FindRunOptions
---@return github.Run|nil
function client.find_run(options) end

---A run by its id; raises when there is none.
---@param run integer|github.Run
---@return github.Run
function client.run(run) end

-- ---- deployments ---------------------------------------------------------------------------

---@class github.DeploymentOptions
---@field environment string
---@field sha string            the whole hash of the commit
---@field marker string         kept in the payload
---@field transient? boolean    the environment goes again (false)
---@field production? boolean   people use it (GitHub: true where the environment is called "production")
---@field description? string   masked, and cut to 140 characters

---The record that a commit stands somewhere: the newest one of environment, commit and marker. Made without GitHub's
---defaults, which merge the default branch into the commit's and wait for all its checks, the own job's among them.
---It is taken back by a status `inactive`, without which GitHub deletes no active one, and deleting it. Creating one
---makes the environment that it names, which stays: see `remove_environment`. The thing: id, environment, sha, marker
---and state, the newest status's, "pending" before the first.
---@param options github.DeploymentOptions
---@return run.Resource
function client.deployment(options) end

---@class github.DeploymentStatusOptions
---@field deployment integer|table  its id, or as run.ensure returned it
---@field state "in_progress"|"success"|"failure"|"error"|"inactive"
---@field url? string          where it can be seen
---@field log_url? string
---@field description? string  masked, and cut to 140 characters

---What is said of a deployment: there when the newest status says just this. It makes no other deployment inactive,
---as GitHub would with a success; whoever replaces one destroys or ends it. There is nothing to take back: `destroy`
---sends nothing, since a later status says what became of it and all of them go with the deployment. The thing: id,
---deployment, state.
---@param options github.DeploymentStatusOptions
---@return run.Resource
function client.deployment_status(options) end

---@class github.Item
---@field kind "deployment"
---@field name string    its environment
---@field id integer
---@field marker string
---@field sha string

---The deployments whose marker lies below the prefix, the newest first; whole parts count. Without an environment all
---deployments of the repository are looked through, a hundred a request.
---@param prefix string
---@param options? { environment?: string }
---@return github.Item[]
function client.inventory(prefix, options) end

---Ends and deletes an item of the inventory if it still carries its marker; nothing when it is gone.
---@param item github.Item
function client.destroy(item) end

---Deletes an environment that deployments have left behind, once none of them is there any more. What keeps it is an
---answer, not an error: "in-use" (deployments are there), "protected" (it has reviewers or other rules) and
---"not-allowed" (GITHUB_TOKEN never may), each with the reason. It is deleted with its secrets and variables.
---@param name string
---@return { state: "removed"|"absent"|"in-use"|"protected"|"not-allowed", reason?: string }
function client.remove_environment(name) end

-- ---- statuses of commits -------------------------------------------------------------------

---@class github.StatusOptions
---@field sha string           the whole hash
---@field context string       who says it; in any case
---@field state "error"|"failure"|"pending"|"success"
---@field description? string  masked, and cut to 140 characters
---@field url? string

---What is said of a commit: there when the newest status of this context says just this. There is nothing to take back:
---`destroy` sends nothing, and only a later status takes its place. The thing: id, context, state.
---@param options github.StatusOptions
---@return run.Resource
function client.status(options) end

---@class github.FindStatusOptions
---@field sha string       the whole hash
---@field context? string  of a status, or the name of a check run (all that there are)

---What statuses and check runs come to, the worse one first: failure (or error, cancelled, timed out), pending,
---success, skipped (or neutral). What was only skipped has not succeeded. With the URL of the one that decides. Nil
---when nobody has said anything.
---@param options github.FindStatusOptions
---@return { state: "failure"|"pending"|"success"|"skipped", url?: string }|nil
function client.find_status(options) end

-- ---- issues --------------------------------------------------------------------------------

---@class github.IssueOptions
---@field key string       a marker, kept in the body
---@field title string     masked, and cut to 256 characters
---@field body string      Markdown, masked; at most 65536 characters with the marker
---@field labels? string[] made where they are not there yet

---The open issue of this key, ours by marker and author as a comment is. `update` changes title and body when they
---differ, and adds labels that are missing; those that people gave stay. A closed issue is not opened again: the next
---trouble is a new one. It is taken back by closing it.
---The thing: number, title, body, labels, url, state. All open issues are looked through, a hundred a request.
---@param options github.IssueOptions
---@return run.Resource
function client.issue(options) end

---@class github.CloseIssueOptions
---@field key string
---@field comment? string  said before it is closed, once

---Closes the open issue of a key.
---@param options github.CloseIssueOptions
---@return integer|nil number  nil: there is none open
function client.close_issue(options) end

-- ---- secrets and variables -----------------------------------------------------------------

---@class github.SecretOptions
---@field name string             letters, digits and "_"; kept in capitals; not GITHUB_…
---@field value secret.Template   at most 48 KiB; its secrets may go to `github.places.secret`
---@field environment? string     one that is there (the repository's own secrets)

---A secret of GitHub Actions: sealed for GitHub's public key where the value is resolved, and never to be read again.
---So `update` always sets it anew; a run that is resumed does not, once that was recorded. It carries no marker: who
---has the name has the secret. A job that is queued already does not see it, except as an environment's.
---The thing: name, environment and, when it was found, updated_at.
---Raises "secret-refused" when the value may not go there.
---@param options github.SecretOptions
---@return run.Resource
function client.secret(options) end

---The secrets of the repository, or of an environment: names, no values.
---@param options? { environment?: string }
---@return { name: string, environment?: string, updated_at: string }[]
function client.secrets(options) end

---@param options { name: string, environment?: string }
---@return boolean  false: it was not there
function client.delete_secret(options) end

---@class github.VariableOptions
---@field name string          as of a secret
---@field value string         at most 48 KiB; no secret
---@field environment? string  one that is there (the repository's own variables)

---A variable of GitHub Actions, changed only when its value is another one. It carries no marker.
---The thing: name, value, environment.
---@param options github.VariableOptions
---@return run.Resource
function client.variable(options) end

---@param options? { environment?: string }
---@return { name: string, value: string, environment?: string }[]
function client.variables(options) end

-- ---- approvals -----------------------------------------------------------------------------

---@class github.Pending
---@field id integer             of the environment
---@field environment string
---@field wait_minutes integer   of its timer
---@field may_review boolean     whether this token may answer
---@field reviewers string[]     logins, and slugs of teams

---The environments that jobs of a run wait for.
---@param run integer|github.Run
---@return github.Pending[]
function client.pending_deployments(run) end

---@class github.ReviewOptions
---@field run integer|github.Run
---@field environments string[]  names
---@field state "approved"|"rejected"
---@field comment? string        ("")

---Answers for environments that a run waits for. The same answer again is fine; raises "github-not-pending" for one
---that the run does not wait for and that was not answered like this.
---@param options github.ReviewOptions
function client.review(options) end

return github
