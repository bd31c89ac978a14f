---The runtime's service for artifacts: Twirp with JSON, as @actions/artifact speaks it. An upload is created, its
---bytes go to the blob store by a signed URL, then it is finalized; until then nobody sees it.
---
---Assumed: the service's own messages, what it says to a token of another job, and which names it refuses (clients
---refuse the same ones first).
local artifacts = require "cloud.github.artifacts"
local blobs = require "cloud.github.blobs"
local clock = require "cloud.clock"
local data = require "cloud.data"
local repositories = require "cloud.github.repositories"
local route = require "cloud.route"
local runtime = require "cloud.github.runtime"

local results = {}

results.HOST = "results-receiver.actions.githubusercontent.com"

local SERVICE = "/twirp/github.actions.results.api.v1.ArtifactService/"
local DAY = 86400
local RETENTION = 90 * DAY   -- where a client wants none, and the longest; a repository's setting
local OF_A_JOB = 500         -- artifacts
local LONGEST_NAME = 255     -- bytes; assumed

-- ---- refusals -------------------------------------------------------------------------------

local statuses = { invalid_argument = 400, malformed = 400, unauthenticated = 401, permission_denied = 403,
  not_found = 404, bad_route = 404, already_exists = 409, failed_precondition = 412, resource_exhausted = 429 }

local function refuse(code, message) route.refuse { status = statuses[code], code = code, message = message } end

-- ---- what a request says --------------------------------------------------------------------

local function name_of(body)
  local name = data.text(body.name)
  if not name or #name > LONGEST_NAME or name:find '[\r\n":<>|*?\\/]' then
    refuse("invalid_argument", "name is invalid")
  end
  return name
end

-- JSON has an int64 as text.
local function integer_of(value) return math.tointeger(tonumber(value)) end

local function expiry_of(body, now)
  if body.expires_at == nil then return now + RETENTION end
  local expires = type(body.expires_at) == "string" and clock.parse(body.expires_at)
  if not expires or expires <= now then refuse("invalid_argument", "expires_at must be in the future") end
  return math.min(expires, now + RETENTION)
end

-- ---- artifacts of the run -------------------------------------------------------------------

local function all(context)
  return data.filter(artifacts.all(context.state, context.repository, context.now), function(one)
    return one.run_backend == context.job.run_backend
  end)
end

local function find(context, name) return data.find(all(context), "name", name) end

-- A complete one that has its bytes.
local function complete(context, body)
  local name = name_of(body)
  local one = find(context, name)
  if not one or not one.done or not one.blob then refuse("not_found", "artifact not found") end
  return one
end

local methods = {}

local function check_room(context, list)
  local mine = data.filter(list, function(one) return one.job_backend == context.job.job_backend end)
  if #mine >= OF_A_JOB then refuse("resource_exhausted", ("a job has at most %d artifacts"):format(OF_A_JOB)) end
  if blobs.stored(context.state) >= context.state.settings.artifact_storage then
    refuse("permission_denied", "insufficient usage to create artifact")   -- status assumed
  end
end

function methods.CreateArtifact(context, body)
  local name, list = name_of(body), all(context)
  if data.find(list, "name", name) then
    refuse("already_exists", "an artifact with this name already exists on the workflow run")
  end
  if (integer_of(body.version) or 0) < 4 then refuse("invalid_argument", "version is not supported") end
  check_room(context, list)
  local mime = data.text(body.mime_type) or "application/zip"
  local made = artifacts.add(context.state, context.repository, { name = name, mime = mime, done = false,
    blob = blobs.new(context.state, mime == "application/zip" and ".zip" or ""), run_backend = context.job.run_backend,
    job_backend = context.job.job_backend, run_id = context.job.run_id, created = context.now, updated = context.now,
    expires = expiry_of(body, context.now) })
  local url = blobs.sign(context, { blob = made.blob, may = "cw", seconds = artifacts.UPLOAD })
  return { ok = true, signed_upload_url = url }
end

-- The digest is taken as it is said, and is for whoever downloads to check. A second call, whose first answer was
-- lost, is told the same.
function methods.FinalizeArtifact(context, body)
  local one = find(context, name_of(body))
  if not one then refuse("not_found", "artifact not found") end
  local size = blobs.size(context.state, one.blob)
  if not size then refuse("failed_precondition", "the artifact has no content") end
  if integer_of(body.size) ~= size then
    refuse("invalid_argument", ("size is %s, the content has %d bytes"):format(tostring(body.size), size))
  end
  one.done, one.size, one.digest, one.updated = true, size, data.text(body.hash), context.now
  return { ok = true, artifact_id = tostring(one.id) }
end

local function show(one)
  return { workflow_run_backend_id = one.run_backend, workflow_job_run_backend_id = one.job_backend,
    database_id = tostring(one.id), name = one.name, size = tostring(one.size), created_at = clock.iso(one.created),
    digest = one.digest }
end

function methods.ListArtifacts(context, body)
  local name, id = data.text(body.name_filter), integer_of(body.id_filter)
  local list = data.filter(all(context), function(one)
    return one.done and one.blob and (not name or one.name == name) and (not id or one.id == id)
  end)
  return { artifacts = data.array(list, show) }
end

function methods.GetSignedArtifactURL(context, body)
  return { signed_url = artifacts.url(context, complete(context, body), artifacts.DOWNLOAD) }
end

function methods.DeleteArtifact(context, body)
  local one = complete(context, body)
  artifacts.remove(context.state, context.repository, one)
  return { ok = true, artifact_id = tostring(one.id) }
end

-- ---- one request ----------------------------------------------------------------------------

local function authenticate(context)
  local token = (context.request.headers.authorization or ""):match "^[Bb]earer%s+(%S+)$"
  context.job = token and runtime.read(context.state, token, context.now)
  if not context.job then refuse("unauthenticated", "the token is missing, wrong or has expired") end
  context.repository = repositories.find(context.state, context.job.repository)
end

-- Downloads and deletions name the job that uploaded, which may be another one of the run; the rest the token's own.
local of_any_job = { GetSignedArtifactURL = true, DeleteArtifact = true }

local function authorize(context, body, method)
  local same_run = body.workflow_run_backend_id == context.job.run_backend
  local same_job = body.workflow_job_run_backend_id == context.job.job_backend
  if not same_run or not same_job and not of_any_job[method] then
    refuse("permission_denied", "the token is not for this run and job")
  end
end

local function handle(context)
  local request = context.request
  local name = request.path:sub(1, #SERVICE) == SERVICE and request.path:sub(#SERVICE + 1) or ""
  local json_type = (request.headers["content-type"] or ""):find "^application/json"
  if request.method ~= "POST" or not methods[name] or not json_type then
    refuse("bad_route", ("no handler for path \"%s\""):format(request.path))
  end
  authenticate(context)
  local body = data.object(route.json(request))
  if not body then refuse("malformed", "the json request could not be decoded") end
  body = data.plain(body)
  authorize(context, body, name)
  return methods[name](context, body)
end

---@param request table
---@param state table   the world
---@param now number
---@return table response
function results.handle(request, state, now)
  local context = { request = request, state = state, now = now }
  local ok, value = route.attempt(handle, context)
  if ok then return route.response(200, value, {}) end
  return route.response(value.status, { code = value.code, msg = value.message }, {})
end

return results
