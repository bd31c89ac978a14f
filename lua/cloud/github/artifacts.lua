---Artifacts of workflow runs: what is kept of them, and the REST API's view. They are made by the runtime's service
---(cloud.github.results); their bytes are cloud.github.blobs' affair.
local answers = require "cloud.github.answers"
local blobs = require "cloud.github.blobs"
local clock = require "cloud.clock"
local data = require "cloud.data"
local ids = require "cloud.ids"
local links = require "cloud.github.links"
local repositories = require "cloud.github.repositories"
local route = require "cloud.route"
local runtime = require "cloud.github.runtime"

local artifacts = {}

---How long an upload may take, and how long the URLs for downloads count: seconds.
artifacts.UPLOAD, artifacts.DOWNLOAD, artifacts.REDIRECT = 3600, 600, 60

---@class github.Artifact
---@field id integer
---@field name string
---@field mime string
---@field blob? string         its bytes; nil when it has expired
---@field run_backend string
---@field job_backend string
---@field run_id integer
---@field head_branch? string
---@field head_sha string
---@field head_repository string  full name
---@field created number
---@field updated number
---@field expires number
---@field done boolean         whether its upload is complete
---@field size? integer
---@field digest? string

function artifacts.init(repository, state)
  repository.artifacts = repository.artifacts or {}
  state.github.blobs = state.github.blobs or {}
end

-- ---- the list -------------------------------------------------------------------------------

-- Time alone removes the bytes of what has expired, and uploads that were given up. Assumed: that the name of such an
-- upload is free when its URL has ended.
local function sweep(state, repository, now)
  repository.artifacts = data.filter(repository.artifacts, function(one)
    local gone = not one.done and one.created + artifacts.UPLOAD <= now
    if one.blob and (gone or one.expires <= now) then
      blobs.remove(state, one.blob)
      one.blob = nil
    end
    return not gone
  end)
end

---All artifacts of a repository, the oldest first.
---@param state table
---@param repository github.Repository
---@param now number
---@return github.Artifact[]
function artifacts.all(state, repository, now)
  sweep(state, repository, now)
  return repository.artifacts
end

local function made_up_run(repository)
  local branch = repository.default_branch
  return { head_branch = branch, head_sha = repository.branches[branch].sha, head_repository = repository.full_name }
end

---@param state table
---@param repository github.Repository
---@param made github.Artifact  without id
---@return github.Artifact
function artifacts.add(state, repository, made)
  local run = data.find(repository.runs, "id", made.run_id) or made_up_run(repository)
  made.id = ids.next(state, "github artifact") + 1000000000
  made.head_branch, made.head_sha, made.head_repository = run.head_branch, run.head_sha, run.head_repository
  table.insert(repository.artifacts, made)
  return made
end

---@param state table
---@param repository github.Repository
---@param artifact github.Artifact
function artifacts.remove(state, repository, artifact)
  local _, at = data.find(repository.artifacts, "id", artifact.id)
  table.remove(repository.artifacts, at)
  if artifact.blob then blobs.remove(state, artifact.blob) end
end

-- ---- download -------------------------------------------------------------------------------

local function file_name(artifact)
  return artifact.mime == "application/zip" and artifact.name .. ".zip" or artifact.name
end

---@param context { state: table, now: number, request: table }
---@param artifact github.Artifact
---@param seconds number
---@return string url
function artifacts.url(context, artifact, seconds)
  local name = file_name(artifact)
  local plain = name:gsub('[^ -~]', "_"):gsub('"', "_")
  local disposition = ("attachment; filename=\"%s\"; filename*=UTF-8''%s"):format(plain, links.escape(name))
  return blobs.sign(context, { blob = artifact.blob, may = "r", seconds = seconds, type = artifact.mime,
    disposition = disposition })
end

-- ---- REST -----------------------------------------------------------------------------------

local function show(context, one)
  local repository = context.repository
  local url = links.api(context, ("/repos/%s/actions/artifacts/%d"):format(repository.full_name, one.id))
  local head = repositories.find(context.state, one.head_repository)
  return { id = one.id, node_id = ("A_%d"):format(one.id), name = one.name, size_in_bytes = one.size or 0, url = url,
    archive_download_url = url .. "/zip", expired = one.expires <= context.now, created_at = clock.iso(one.created),
    updated_at = clock.iso(one.updated), expires_at = clock.iso(one.expires), digest = data.nullable(one.digest),
    workflow_run = { id = one.run_id, repository_id = repository.id,
      head_repository_id = data.nullable(head and head.id), head_branch = data.nullable(one.head_branch),
      head_sha = one.head_sha } }
end

-- Complete ones of the wanted name, the newest first.
local function wanted(context, of_run)
  local list = {}
  local name = context.query.name
  for _, one in ipairs(artifacts.all(context.state, context.repository, context.now)) do
    local fits = one.done and (not name or one.name == name) and (not of_run or one.run_id == of_run)
    if fits then table.insert(list, 1, one) end
  end
  return list
end

local function list_all(context) return answers.counted(context, "artifacts", wanted(context), show) end

local function knows_run(repository, id)
  return id and (id == runtime.MADE_UP or data.find(repository.runs, "id", id) ~= nil)
end

local function list_of_run(context)
  local id = math.tointeger(tonumber(context.params.run_id))
  if not knows_run(context.repository, id) then answers.not_found() end
  local list = wanted(context, id)
  if context.query.direction == "asc" then table.sort(list, function(a, b) return a.id < b.id end) end
  return answers.counted(context, "artifacts", list, show)
end

local function find(context)
  local id = math.tointeger(tonumber(context.params.artifact_id))
  local one = data.find(artifacts.all(context.state, context.repository, context.now), "id", id)
  if not one or not one.done then answers.not_found() end
  return one
end

local function get(context) return show(context, find(context)) end

local function delete(context)
  artifacts.remove(context.state, context.repository, find(context))
  return nil, { status = 204 }
end

-- Also of a public repository only those are given it who say who they are. Assumed: what an unknown format is told.
local function download(context)
  if context.token.kind == "anonymous" then route.refuse { status = 401, message = "Requires authentication" } end
  if context.params.archive_format ~= "zip" then answers.not_found() end
  local one = find(context)
  if one.expires <= context.now then route.refuse { status = 410, message = "Artifact has expired" } end
  return nil, { status = 302, location = artifacts.url(context, one, artifacts.REDIRECT) }
end

artifacts.routes = {
  { "GET", "/repos/{owner}/{repo}/actions/artifacts", list_all, permission = { "actions", "read" } },
  { "GET", "/repos/{owner}/{repo}/actions/artifacts/{artifact_id}", get, permission = { "actions", "read" } },
  { "DELETE", "/repos/{owner}/{repo}/actions/artifacts/{artifact_id}", delete, permission = { "actions", "write" } },
  { "GET", "/repos/{owner}/{repo}/actions/artifacts/{artifact_id}/{archive_format}", download,
    permission = { "actions", "read" } },
  { "GET", "/repos/{owner}/{repo}/actions/runs/{run_id}/artifacts", list_of_run, permission = { "actions", "read" } },
}

-- ---- on this machine ------------------------------------------------------------------------

-- What an action of a job finds in its environment.
local function environment(context)
  local body, name = answers.body(context), context.repository.full_name
  answers.check_keys("the job", body, { "run_id", "job", "attempt", "repository" })
  local id = math.tointeger(body.run_id)
  local run = data.find(context.repository.runs, "id", id)
  if not run then
    route.refuse { status = 404, message = ("there is no run %s of %s"):format(tostring(body.run_id), name) }
  end
  local token = runtime.issue(context.state, { repository = name, run_id = id, job = data.text(body.job) or "job",
    attempt = math.tointeger(body.attempt) or run.attempt }, context.now)
  return { ACTIONS_RUNTIME_TOKEN = token, GITHUB_RUN_ID = ("%d"):format(id) }
end

artifacts.admin = { { "POST", "/_davit/github/runtime", environment } }

return artifacts
