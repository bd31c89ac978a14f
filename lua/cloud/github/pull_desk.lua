---What people do to pull requests without the API: open one, also from a fork, push to it, close, reopen, merge it.
local answers = require "cloud.github.answers"
local data = require "cloud.data"
local items = require "cloud.github.items"
local merges = require "cloud.github.merges"
local pulls = require "cloud.github.pulls"
local repositories = require "cloud.github.repositories"
local route = require "cloud.route"

local pull_desk = {}

local function refuse(message)
  route.refuse { status = 400, message = message }
end

local function show(pull)
  return { number = pull.number, title = pull.title, state = pull.state, head = pull.head, sha = pull.sha,
    base = pull.base, from = pull.head_repository, merged = pull.merged ~= nil, draft = pull.draft or false }
end

-- ---- what may be asked for -----------------------------------------------------------------

local texts = { "title", "body", "head", "base", "from", "login", "sha", "message", "method" }

local statuses = { added = true, removed = true, modified = true, renamed = true }

local function count_of(number)
  if number == nil then return nil end
  return math.type(number) == "integer" and number >= 0 and number or refuse "lines are counted from 0"
end

-- A name, or what is known of the file beside it.
local function file_of(file)
  if data.text(file) then return { filename = file, status = "modified" } end
  if type(file) ~= "table" or not data.text(file.filename) then refuse "a file is a name, or has a filename" end
  return { filename = file.filename, status = statuses[file.status] and file.status or "modified",
    additions = count_of(file.additions), deletions = count_of(file.deletions), patch = data.text(file.patch) }
end

local function files_of(body)
  local list = {}
  for i, file in ipairs(body.files or {}) do list[i] = file_of(file) end
  return list
end

local keys = { "number", "title", "body", "login", "head", "base", "draft", "from", "push", "message", "files", "sha",
  "state", "method", "conflict", "repository" }

local function check(body)
  answers.check_keys("the pull request", body, keys)
  if math.type(body.number) ~= "integer" or body.number < 1 then refuse "number is missing" end
  for _, name in ipairs(texts) do
    if body[name] ~= nil and type(body[name]) ~= "string" then refuse(name .. " is not a text") end
  end
  if body.state and body.state ~= "open" and body.state ~= "closed" and body.state ~= "merged" then
    refuse "state is open, closed or merged"
  end
  if body.method and not merges.methods[body.method] then refuse "method is merge, squash or rebase" end
  if body.sha and not (body.sha:find "^%x+$" and #body.sha == 40) then refuse "sha is the whole hash of a commit" end
  if body.from and not body.from:find "^[%w._-]+/[%w._-]+$" then refuse "from is OWNER/NAME" end
  if body.files and type(body.files) ~= "table" then refuse "files is a list of names" end
  body.files = body.files and files_of(body)
end

-- The fork of that name; nobody needs to have made it.
local function source_of(context, body)
  if not body.from then return context.repository end
  local known = repositories.find(context.state, body.from)
  return known or context.add_repository(context.state, { name = body.from, fork_of = context.repository.full_name,
    private = context.repository.private })
end

-- ---- what is done --------------------------------------------------------------------------

-- A commit's number is one that the repository has not seen.
local function check_commit(repository, body)
  if body.sha and repository.commits[body.sha] then refuse(("there is a commit %s already"):format(body.sha)) end
end

local function open(context, body)
  if items.find(context.repository, body.number) then refuse(("#%d is an issue"):format(body.number)) end
  local head = data.text(body.head) or "pull-" .. body.number
  local from = source_of(context, body)
  check_commit(from, body)
  if body.sha or body.files or not from.branches[head] then
    pulls.push(context.state, from, head, { sha = body.sha, message = body.message or body.title,
      login = body.login, files = body.files }, context.now)
  end
  return pulls.add(context.state, context.repository, { number = body.number, head = head, base = body.base,
    from = from, title = data.text(body.title) or "Pull request " .. body.number, body = body.body,
    login = body.login, draft = body.draft == true }, context.now)
end

local function push(context, pull, body)
  local from = context.github.repositories[pull.head_repository]
  check_commit(from, body)
  pulls.push(context.state, from, pull.head, { sha = data.text(body.sha), message = body.message, login = body.login,
    files = body.files }, context.now)
end

local function set_state(context, pull, body)
  local who = body.login or repositories.owner(context.repository)
  if pull.merged then
    if body.state and body.state ~= "merged" then refuse(("#%d is merged"):format(pull.number)) end
  elseif body.state == "merged" then
    if not context.repository.branches[pull.base] then refuse(("#%d has no base any more"):format(pull.number)) end
    merges.merge(context.state, context.repository, pull, { method = body.method, login = who }, context.now)
  elseif body.state then
    items.set_state(pull, body.state, who, context.now)
  end
end

local function change(context, pull, body)
  if body.push or body.sha or body.files then push(context, pull, body) end
  pull.title, pull.body = data.text(body.title) or pull.title, body.body or pull.body
  if body.draft ~= nil then pull.draft = body.draft == true or nil end
  if body.conflict ~= nil then pull.conflict = body.conflict == true or nil end
  pull.updated = context.now
  set_state(context, pull, body)
end

local function put(context)
  local body = answers.body(context)
  check(body)
  local pull = data.find(context.repository.pulls, "number", body.number)
  if pull then
    change(context, pull, body)
  else
    pull = open(context, body)
    set_state(context, pull, body)
  end
  return show(pull)
end

pull_desk.admin = { { "POST", "/_davit/pulls", put } }

return pull_desk
