---Which commit a flow is about, and what says so: the event that GitHub started it for, or the checkout.
---
---The variables are those of a workflow's job. In a `workflow_run` GITHUB_SHA is the newest commit of the default
---branch, whatever was tested; the event's own `head_sha` is what counts.
---Source: GitHub's reference of "Events that trigger workflows" and of webhook payloads.
local json = require "json"
local options = require "options"
local process = require "process"

local commit = {}

---@class flow.Commit
---@field event string        "push", "pull_request", "workflow_run", "schedule", …; "none" outside of GitHub
---@field sha? string         40 hexadecimal digits
---@field branch? string      of the head
---@field base? string        a commit that it is compared with: what the branch was, or where it goes
---@field pr? integer
---@field repository? string  "owner/name": where the workflow runs
---@field head_repository? string  where the commit is from: another one for a fork
---@field trigger? string     of a workflow_run: the event of the run before
---@field conclusion? string  of a workflow_run

---@class flow.Checkout
---@field sha string
---@field branch? string
---@field clean boolean       nothing differs from the commit, but for files that git does not know
---@field parents string[]

local NOTHING <const> = ("0"):rep(40)   -- what a branch was before it was made

local function text_of(table_, ...)
  local value = table_
  for _, key in ipairs { ... } do
    value = type(value) == "table" and value[key] or nil
  end
  return value ~= json.null and value or nil
end

local readers = {}

function readers.push(e)
  local before = text_of(e, "before")
  return { sha = text_of(e, "after"), branch = (text_of(e, "ref") or ""):match "^refs/heads/(.+)$",
    base = before ~= NOTHING and before or nil, head_repository = text_of(e, "repository", "full_name") }
end

function readers.pull_request(e)
  return { sha = text_of(e, "pull_request", "head", "sha"), branch = text_of(e, "pull_request", "head", "ref"),
    base = text_of(e, "pull_request", "base", "sha"), pr = text_of(e, "number"),
    head_repository = text_of(e, "pull_request", "head", "repo", "full_name") }
end

-- Started for the same, with the base's own workflow and, unless it says otherwise, the base checked out.
readers.pull_request_target = readers.pull_request

function readers.workflow_run(e)
  local run = text_of(e, "workflow_run")
  return { sha = text_of(run, "head_sha"), branch = text_of(run, "head_branch"), trigger = text_of(run, "event"),
    conclusion = text_of(run, "conclusion"), pr = text_of(run, "pull_requests", 1, "number"),
    head_repository = text_of(run, "head_repository", "full_name") }
end

local function unreadable(path, why)
  failure { code = "config", class = "misuse", about = path,
    message = ("the event in GITHUB_EVENT_PATH: %s"):format(why),
    hint = "the runner writes that file for a job; by hand, unset GITHUB_EVENT_NAME" }
end

-- The file is the runner's, outside of the project.
local function event_file()
  local path = os.getenv "GITHUB_EVENT_PATH"
  if not path or path == "" then return {} end
  local text, err = try(require("fs.core").read, path, { outside = true })
  if not text then unreadable(path, err.message) end
  local event, wrong = try(json.decode, text)
  if type(event) ~= "table" then unreadable(path, wrong and wrong.message or "it is no object") end
  return event
end

---What this was started for.
---@return flow.Commit
function commit.event()
  local name = os.getenv "GITHUB_EVENT_NAME"
  if not name or name == "" then return { event = "none" } end
  local read = readers[name]
  local found = read and read(event_file()) or { sha = os.getenv "GITHUB_SHA", branch = os.getenv "GITHUB_REF_NAME" }
  found.event, found.repository = name, os.getenv "GITHUB_REPOSITORY"
  return found
end

-- ---- git ---------------------------------------------------------------------------------------------

-- Codes with which git has said what it had to say, by command: 128 that there is no repository, or no such commit.
local answers = {
  ["rev-parse"] = { [0] = true, [128] = true }, ["symbolic-ref"] = { [0] = true, [1] = true },
  status = { [0] = true }, ["cat-file"] = { [0] = true, [128] = true },
  diff = { [0] = true, [128] = true, [129] = true },
}

local function ending_of(result)
  return result.signal and "signal " .. result.signal or "exit code " .. tostring(result.exit)
end

-- Nothing of the user's settings may change what it prints.
local function git(root, command, ...)
  local result, err = try(process.run, { argv = { "git", "-c", "core.quotepath=off", command, ... }, cwd = root,
    check = false, timeout = 60 })
  if err and err.code == "process-not-found" then
    failure { code = "git-missing", class = "misuse", about = root, hint = "install git",
      message = ("there is no git here, and nothing else says which commit is checked out (%s)"):format(err.message) }
  end
  if err then error(err, 0) end
  if answers[command][result.exit] then return result end
  failure { code = "git-failed", about = root, hint = "run it again",
    message = ("git %s did not come to its end: %s"):format(command, ending_of(result)) }
end

-- A checkout without history has no commit but one, and yet that one names its parents.
local function parents_of(root, sha)
  local list, text = {}, git(root, "cat-file", "commit", sha).output
  for parent in (text:match "^(.-)\n\n" or ""):gmatch "\nparent (%x+)" do list[#list + 1] = parent end
  return list
end

---What is checked out.
---@param root string  the project's folder
---@return flow.Checkout|nil  nil: no checkout of git
function commit.checked_out(root)
  local head = git(root, "rev-parse", "HEAD")
  local sha = head.exit == 0 and head.output:match "^(%x+)%s*$"
  if not sha then return nil end
  local branch = git(root, "symbolic-ref", "--quiet", "--short", "HEAD")
  local changed = git(root, "status", "--porcelain", "--untracked-files=no")
  return { sha = sha, branch = branch.exit == 0 and branch.output:match "^(%S+)" or nil,
    clean = changed.output == "", parents = parents_of(root, sha) }
end

---Why what is checked out is not the commit, or nil. GitHub checks out a pull request merged with where it goes; what
---somebody has changed since the commit is his own.
---@param here flow.Checkout|nil
---@param sha string
---@param by_hand? boolean
---@return string|nil
function commit.differs(here, sha, by_hand)
  if not here then return by_hand and "the project is no checkout of git" or nil end
  if by_hand and not here.clean then return "files differ from the commit that is checked out" end
  if here.sha == sha then return nil end
  for _, parent in ipairs(#here.parents > 1 and here.parents or {}) do
    if parent == sha then return nil end
  end
  return ("%s is checked out"):format(here.sha:sub(1, 8))
end

---The paths below the project that differ between a commit and its base; nil where git cannot tell, as in a checkout
---without history.
---@param root string
---@param base string
---@return string[]|nil paths, string|nil why
function commit.changed_paths(root, base)
  local diff = git(root, "diff", "--name-only", "--no-renames", "--relative", "-z", base .. "...HEAD")
  if diff.exit ~= 0 then
    return nil, ("git cannot compare with %s (%s)"):format(base, diff.errors:match "[^\n]*")
  end
  local paths = {}
  for path in diff.output:gmatch "[^\0]+" do paths[#paths + 1] = path end
  return paths
end

-- The event, unless it is about something else than the pull request that was named: a push, or the clock.
local function event_about(pr)
  local found = commit.event()
  local other = pr and found.pr ~= pr and found.event ~= "workflow_run"
  return other and { event = found.event } or found
end

---What is to be tested: what the caller says, else the event, else the checkout.
---@param p table  the project
---@param o { pr?: integer, branch?: string, sha?: string, base?: string }
---@return flow.Change
function commit.change(p, o)
  if o.sha and not (o.sha:find "^%x+$" and #o.sha >= 8) then
    options.usage(("--sha is a commit, at least eight digits of it, not '%s'"):format(o.sha))
  end
  local found, here = event_about(o.pr), commit.checked_out(p.root)
  local change = {
    pr = o.pr or found.pr, branch = o.branch or found.branch or here and here.branch or "detached", here = here,
    sha = o.sha or found.sha, schedule = found.event == "schedule" or nil, by_hand = found.event == "none" or nil,
  }
  if not change.pr then change.sha = change.sha or here and here.sha end   -- of a pull request GitHub knows the newest
  if not (change.sha or change.pr) then
    failure { code = "usage", class = "misuse", hint = "name it with --sha",
      message = "nobody says which commit is tested: this is no checkout of git" }
  end
  local base = o.base or found.base or change.pr and "origin/" .. (p.github.main or "main")
  if base then change.paths, change.why = commit.changed_paths(p.root, base) end
  return change
end

-- ---- what may be deployed ----------------------------------------------------------------------------

local function denied(message, hint)
  failure { code = "denied", message = message, hint = hint }
end

-- A reason why the event is no push to the branch, or nil.
local function no_push(found, repository, main)
  local event = found.event == "workflow_run" and found.trigger or found.event
  if found.event == "none" then return "it was started by hand" end
  if event ~= "push" then return ("the event is %s, and not a push"):format(event or "unknown") end
  if found.branch ~= main then return ("the push was to %s"):format(found.branch or "no branch") end
  for _, name in ipairs { found.repository or "", found.head_repository or "" } do
    if name:lower() ~= repository:lower() then
      return ("the commit is of the repository %s"):format(name == "" and "(unknown)" or name)
    end
  end
  if found.event == "workflow_run" and found.conclusion ~= "success" then
    return ("the workflow before it ended with %s"):format(found.conclusion or "nothing")
  end
end

---The commit of a push to the main branch of this very repository, checked out and unchanged; raises "denied".
---@param p table  the project
---@return flow.Commit
function commit.pushed(p)
  local found, main = commit.event(), p.github.main or "main"
  local why = no_push(found, p.github.repository, main)
  if why then
    denied(("production is deployed for a push to %s of %s only: %s"):format(main, p.github.repository, why),
      "push to it; by hand, 'davit rollback' and 'davit migrate' do what cannot wait")
  end
  local here = commit.checked_out(p.root)
  if not here then
    denied("the project is no checkout of git: nobody can tell which commit would be deployed",
      "check the pushed commit out first, in CI with actions/checkout; git must be installed")
  end
  if here.sha ~= found.sha then
    denied(("the push was of %s, and %s is checked out"):format(found.sha, here.sha), "check out the pushed commit")
  end
  if not here.clean then denied("files differ from the commit that is checked out", "deploy from a clean checkout") end
  return found
end

return commit
