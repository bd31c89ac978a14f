---@meta github

---Pull requests, and one comment per purpose in each.
---
---Every call may raise "github-STATUS" or an error of `http.request`. Both rate limits are told
---from a missing permission and waited out as their headers say, for up to 120 s; a comment whose
---reply was lost is of class *unknown* and is never sent again.
---
---The credential's requests are held within what the service allows, together with all other Davit processes of
---this machine (see http.budget); one that would have to wait longer than 120 s raises "http-budget".
local github = {}

---The only place its token is sent to: for `to` of secret.env.
---@type { token: string[] }
github.places = {}

---@class github.ClientOptions
---@field repository string             "owner/name"
---@field token string|secret.Template  "pull-requests: write" for comments
---@field login? string|string[]        who else writes for us (github-actions[bot] always does): see `client.comment`

---A client; nothing is sent yet. Raises a misuse for an unknown, missing or mistyped option.
---@param options github.ClientOptions
---@return github.Client
function github.client(options) end

---@class github.Client
local client = {}

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

---@class github.Comment
---@field id integer
---@field login string
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
---somebody deleted it. The body is masked. The thing is a `github.Comment`. Needs "pull-requests: write".
---
---Anybody can write a marker, so its author is looked at. What `login` names and github-actions[bot] wrote is ours.
---Where there is none of those, what an owner, a member or a collaborator of the repository wrote counts: a person's token
---of today may be a workflow's tomorrow. A stranger's never does. An app writes as "NAME[bot]", which `login` has to say.
---@param options github.CommentOptions
---@return run.Resource
function client.comment(options) end

return github
