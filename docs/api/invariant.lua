---@meta invariant

---What must hold of a project, in its own words: the files `recipes/NAME.invariants.lua`, for the recipe NAME, and
---`recipes/all.invariants.lua`, for every recipe. `davit rehearse` calls each invariant after every schedule, also after
---the undisturbed run, with what the models hold then and what the run said.
---
---These files are no recipes. They have Lua's `string`, `table`, `math` and `utf8` and its plain functions, and nothing
---of Davit's: whatever would have an effect raises. A call that takes more than ten million steps is ended and counts
---as broken.

---Declares an invariant. It holds when f returns nothing or true; it is broken when f returns false, with why as the
---second value, or raises. The cloud is made anew for each call.
---@param name string  what has to hold, for the report; may be left out
---@param f fun(cloud: invariant.Cloud, run: invariant.Run): boolean|nil, string|nil
---@overload fun(f: fun(cloud: invariant.Cloud, run: invariant.Run): boolean|nil, string|nil)
function invariant(name, f) end

---What the run said. After a crash or a stop it is the run that was resumed, or what took it back.
---@class invariant.Run
---@field recipe string
---@field params table<string, any>
---@field schedule string   "undisturbed", or the schedule's id without the recipe
---@field how string        "start", "resume" or "undo": what the last Davit was to do
---@field code integer      its exit code
---@field status? string    "done", "failed", "undone" …; nil where no run was left to go on with
---@field error? string     why it failed

---@class invariant.Cloud
---@field records invariant.Record[]          DNS records of all zones
---@field domains invariant.Domain[]          custom domains
---@field routes { pattern: string, worker: string|nil }[]
---@field workers invariant.Worker[]          by name
---@field branches invariant.Branch[]         database branches that are not deleted
---@field comments { number: integer, login: string, body: string }[]  on issues and pull requests
---@field issues invariant.Issue[]
---@field pulls invariant.Pull[]
---@field deployments invariant.Deployment[]  oldest first
---@field statuses { sha: string, context: string, state: string, description: string|nil }[]  of commits

---@class invariant.Record
---@field type string      "A", "AAAA", "CNAME" …
---@field name string      in full
---@field content string
---@field proxied boolean
---@field comment? string

---@class invariant.Domain
---@field hostname string
---@field worker string

---@class invariant.Worker
---@field name string
---@field tags string[]
---@field on_workers_dev boolean
---@field crons string[]
---@field versions invariant.Version[]  all that were uploaded, oldest first
---@field traffic invariant.Version[]   those that serve, with `percentage`

---@class invariant.Version
---@field id string
---@field tag? string
---@field bindings table<string, { type: string, value: string|nil }>  by name; a secret has no value
---@field percentage? number  of a Worker's traffic

---@class invariant.Branch
---@field name string
---@field parent? string
---@field protected boolean
---@field expires boolean
---@field annotation table<string, string>
---@field statements string[]  that were committed in it, beside those of its parent, in their order
---@field tables table<string, table<string, string>[]>  the rows of each table, as far as plain inserts tell, with those
---                                                     that it has from its parent

---@class invariant.Issue
---@field number integer
---@field title string
---@field state string  "open", "closed"
---@field login string
---@field body string

---@class invariant.Pull: invariant.Issue
---@field head string   its branch
---@field sha string
---@field base string
---@field merged boolean

---@class invariant.Deployment
---@field environment string
---@field ref string
---@field sha string
---@field task string
---@field state? string  of its newest status
