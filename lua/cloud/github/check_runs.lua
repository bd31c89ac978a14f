---Check runs: what apps report of a commit, with annotations in its files. Only apps make and change them, each its
---own; the jobs of workflows are check runs, too.
local answers = require "cloud.github.answers"
local integration = require "cloud.github.integration"
local clock = require "cloud.clock"
local commits = require "cloud.github.commits"
local data = require "cloud.data"
local ids = require "cloud.ids"
local links = require "cloud.github.links"
local pull_heads = require "cloud.github.pull_heads"
local sha256 = require "sha256"
local shape = require "cloud.github.shape"

local check_runs = {}

---@class github.CheckRun
---@field id integer
---@field name string
---@field sha string
---@field app string           slug
---@field status string        queued, in_progress, completed, waiting
---@field conclusion? string
---@field started? number
---@field completed? number
---@field external_id? string
---@field details_url? string
---@field output table         title, summary, text
---@field annotations table[]
---@field job? boolean         whether a workflow's job reports it

---@param repository github.Repository
function check_runs.init(repository)
  repository.check_runs = repository.check_runs or {}   -- the oldest first
end

---Puts a check run into a repository.
---@param repository github.Repository
---@param o table  id, name, sha, app, status, and what else a check run may have
---@return github.CheckRun
function check_runs.add(repository, o)
  o.output, o.annotations = o.output or {}, o.annotations or {}
  table.insert(repository.check_runs, o)
  return o
end

---@param state table
---@return integer  of the next check run or job
function check_runs.next_id(state)
  return 48000000000 + ids.next(state, "check run")
end

---All of a commit, the newest first; with `latest` only the newest one of each name of an app.
---@param repository github.Repository
---@param sha string
---@param latest boolean
---@return github.CheckRun[]
function check_runs.of(repository, sha, latest)
  local list, seen = {}, {}
  for i = #repository.check_runs, 1, -1 do
    local check = repository.check_runs[i]
    local key = check.app .. "\0" .. check.name
    if check.sha == sha and not (latest and seen[key]) then list[#list + 1] = check end
    seen[key] = seen[key] or check.sha == sha
  end
  return list
end

-- ---- shown ------------------------------------------------------------------------------------

-- A check suite is all that an app reports of a commit.
local function suite(check)
  return tonumber(sha256(check.sha .. check.app):sub(1, 9), 16)
end

local function show(context, check)
  local full = context.repository.full_name
  local url = links.api(context, ("/repos/%s/check-runs/%d"):format(full, check.id))
  local html = links.html(("/%s/runs/%d"):format(full, check.id))
  return {
    id = check.id, node_id = ("CR_%d"):format(check.id), name = check.name, head_sha = check.sha,
    external_id = data.nullable(check.external_id), url = url, html_url = html,
    details_url = check.details_url or html, status = check.status, conclusion = data.nullable(check.conclusion),
    started_at = clock.iso_or_null(check.started), completed_at = clock.iso_or_null(check.completed),
    output = { title = data.nullable(check.output.title), summary = data.nullable(check.output.summary),
      text = data.nullable(check.output.text), annotations_count = #check.annotations,
      annotations_url = url .. "/annotations" },
    check_suite = { id = suite(check) }, app = integration.show(context, check.app),
    pull_requests = pull_heads.at(context, check.sha),
  }
end

-- ---- what is asked for ------------------------------------------------------------------------

local annotation = { "object", fields = {
  path = { "string", required = true }, start_line = { "integer", required = true },
  end_line = { "integer", required = true }, start_column = { "integer" }, end_column = { "integer" },
  annotation_level = { "string", required = true, enum = { "notice", "warning", "failure" } },
  message = { "string", required = true }, title = { "string" }, raw_details = { "string" },
} }

local action = { "object", fields = {
  label = { "string", required = true, max_length = 20 }, description = { "string", required = true, max_length = 40 },
  identifier = { "string", required = true, max_length = 20 },
} }

-- What a creation must have, an update may.
local function fields_of(creating)
  return {
    name = { "string", required = creating }, head_sha = { "string", required = creating },
    details_url = { "string" }, external_id = { "string" }, started_at = { "string" }, completed_at = { "string" },
    status = { "string", enum = { "queued", "in_progress", "completed" } },
    conclusion = { "string", enum = { "action_required", "cancelled", "failure", "neutral", "success", "skipped",
      "timed_out" } },
    output = { "object", fields = {
      title = { "string", required = creating }, summary = { "string", required = true, max_length = 65535 },
      text = { "string", max_length = 65535 }, annotations = { "array", max_items = 50, items = annotation },
      images = { "array" } } },
    actions = { "array", max_items = 3, items = action },
  }
end

local creation, change = fields_of(true), fields_of(false)

local function parse_time(name, text)
  if text == nil then return nil end
  local seconds = clock.parse(text)
  if not seconds then
    answers.malformed(("Invalid request.\n\nFor 'properties/%s', %s is not a valid date-time."):format(name, text))
  end
  return seconds
end

-- A conclusion completes; what is completed has one.
local function check_ending(body)
  local ends = body.conclusion or body.completed_at
  if (body.status == "completed" or ends) and not body.conclusion then
    answers.malformed 'Invalid request.\n\n"conclusion" wasn\'t supplied.'
  end
end

local function take_output(check, output)
  for _, name in ipairs { "title", "summary", "text" } do
    check.output[name] = output[name] or check.output[name]
  end
  for _, item in ipairs(output.annotations or {}) do table.insert(check.annotations, item) end
end

-- Annotations are added to those before; all else replaces.
local function apply(context, check, body)
  check_ending(body)
  local started, completed = parse_time("started_at", body.started_at), parse_time("completed_at", body.completed_at)
  for _, name in ipairs { "name", "details_url", "external_id" } do check[name] = body[name] or check[name] end
  check.started = started or check.started
  if body.conclusion then
    check.status, check.conclusion, check.completed = "completed", body.conclusion, completed or context.now
  elseif body.status then
    check.status, check.conclusion, check.completed = body.status, nil, nil
  end
  if body.output then take_output(check, body.output) end
  return show(context, check)
end

-- ---- requests ---------------------------------------------------------------------------------

local function app_of(context)
  local app = integration.of(context.token)
  if not app then answers.forbidden "You must authenticate via a GitHub App." end
  return app
end

local function create(context)
  local app, body = app_of(context), shape.body(context, creation)
  if not context.repository.commits[body.head_sha] then
    answers.malformed("No commit found for SHA: " .. body.head_sha)
  end
  local check = { id = check_runs.next_id(context.state), name = body.name, sha = body.head_sha, app = app,
    status = "queued", started = context.now, output = {}, annotations = {} }
  local shown = apply(context, check, body)
  check_runs.add(context.repository, check)
  return shown, { status = 201 }
end

local function find(context)
  local check = data.find(context.repository.check_runs, "id", math.tointeger(tonumber(context.params.check)))
  if not check then answers.not_found() end
  return check
end

-- Words assumed, for another app's as for a job's, which only its runner changes.
local function update(context)
  local app, check = app_of(context), find(context)
  if check.app ~= app then
    answers.forbidden(("Invalid app_id `%d` - check run can only be modified by the GitHub App that created it.")
      :format(integration.id(context, app)))
  end
  if check.job then answers.forbidden "Check run status cannot be updated manually" end
  return apply(context, check, shape.body(context, change))
end

local function show_annotation(context, check, item)
  return { path = item.path, start_line = item.start_line, end_line = item.end_line,
    start_column = data.nullable(item.start_column), end_column = data.nullable(item.end_column),
    annotation_level = item.annotation_level, title = data.nullable(item.title), message = item.message,
    raw_details = data.nullable(item.raw_details),
    blob_href = links.html(("/%s/blob/%s/%s"):format(context.repository.full_name, check.sha, item.path)) }
end

local function annotations(context)
  local check = find(context)
  return answers.list(context, check.annotations, function(_, item) return show_annotation(context, check, item) end)
end

local function of_commit(context)
  local query = context.query
  local commit = commits.of(context, context.params.ref)
  local found = data.filter(check_runs.of(context.repository, commit.sha, query.filter ~= "all"), function(check)
    return (not query.check_name or check.name == query.check_name)
      and (not query.status or check.status == query.status)
      and (not query.app_id or integration.id(context, check.app) == math.tointeger(tonumber(query.app_id)))
  end)
  return answers.counted(context, "check_runs", found, show)
end

local ALL = "/repos/{owner}/{repo}/check-runs"
local ONE = ALL .. "/{check}"
local reads, writes = { "checks", "read" }, { "checks", "write" }

check_runs.routes = {
  { "POST", ALL, create, permission = writes, docs = "checks/runs#create-a-check-run" },
  { "GET", ONE, function(context) return show(context, find(context)) end, permission = reads,
    docs = "checks/runs#get-a-check-run" },
  { "PATCH", ONE, update, permission = writes, docs = "checks/runs#update-a-check-run" },
  { "GET", ONE .. "/annotations", annotations, permission = reads, docs = "checks/runs#list-check-run-annotations" },
  { "GET", "/repos/{owner}/{repo}/commits/{ref...}/check-runs", of_commit, permission = reads,
    docs = "checks/runs#list-check-runs-for-a-git-reference" },
}

return check_runs
