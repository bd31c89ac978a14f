---The model of GitHub's artifacts: the runtime's service, its blob store, the REST API; and @actions/artifact itself.
local base64 = require "base64"
local core = require "core"
local fs = require "fs"
local http = require "http"
local json = require "json"
local local_cloud = assert(core.load_file "tests/local_cloud.lua")()
local process = require "process"
local runtime = require "cloud.github.runtime"
local sha256 = require "sha256"
local url = require "url"
local world = require "cloud.world"

local HERE = process.run({ argv = { "pwd" } }).output:match "[^\n]+"
local REPOSITORY <const> = "example/codex"
local DAY <const> = 86400

-- ---- a job, and what it asks ------------------------------------------------------------------

local function new(settings)
  local state = world.new { settings = settings }
  local c = { state = state, now = 1800000000 }
  c.token = runtime.made_up(state, c.now)
  return c
end

local function ids_of(token)
  local claims = token:match "%.([^.]+)%."
  claims = json.decode(base64.decode(claims:gsub("-", "+"):gsub("_", "/") .. ("="):rep(-#claims % 4)))
  return claims.scp:match "Actions%.Results:([^:]+):(.+)$"
end

-- A method of the service; returns its status and body.
local function call(c, method, body, o)
  o = o or {}
  local run, job = ids_of(o.ids or c.token)
  local sent = { workflow_run_backend_id = run, workflow_job_run_backend_id = job }
  for name, value in pairs(body) do sent[name] = value end
  local answer = world.handle({ method = o.verb or "POST", host = "results-receiver.actions.githubusercontent.com", query = "",
    path = "/twirp/github.actions.results.api.v1.ArtifactService/" .. method, base = o.base,
    headers = { authorization = "Bearer " .. (o.token or c.token), ["content-type"] = o.type or "application/json" },
    body = o.body or json.encode(sent) }, c.state, c.now)
  return answer.status, json.decode(answer.body)
end

-- A request to a signed URL, with more of a query.
local function blob(c, method, address, more, body, headers)
  local host, path, query = address:match "^https?://([^/]+)([^?]+)%?(.*)$"
  return world.handle({ method = method, host = host, path = path, query = query .. (more or ""), headers = headers or {},
    body = body or "" }, c.state, c.now)
end

local function block(c, address, number, text)
  local id = base64.encode(("block-%05d"):format(number))
  return blob(c, "PUT", address, "&comp=block&blockid=" .. url.encode(id), text).status, id
end

local function commit(c, address, ids)
  local list = {}
  for i, id in ipairs(ids) do list[i] = ("<Latest>%s</Latest>"):format(id) end
  return blob(c, "PUT", address, "&comp=blocklist", '<?xml version="1.0"?><BlockList>' .. table.concat(list) .. "</BlockList>",
    { ["x-ms-blob-content-type"] = "application/zip" })
end

local function create(c, name, more)
  local body = { name = name, version = 7, mime_type = "application/zip" }
  for key, value in pairs(more or {}) do body[key] = value end
  local status, made = call(c, "CreateArtifact", body)
  equal({ status, made.ok }, { 200, true })
  return made.signed_upload_url
end

local function upload(c, name, text, more)
  local address = create(c, name, more)
  local _, id = block(c, address, 0, text)
  equal(commit(c, address, { id }).status, 201)
  local status, made = call(c, "FinalizeArtifact", { name = name, size = tostring(#text), hash = "sha256:" .. sha256(text) })
  equal({ status, made.ok }, { 200, true })
  return math.tointeger(tonumber(made.artifact_id))
end

local function rest(c, method, path, token, o)
  path, o = "/repos/" .. REPOSITORY .. path, o or {}
  local target, query = path:match "^([^?]*)%??(.*)$"
  local answer = world.handle({ method = method, host = "api.github.com", path = target, query = query, base = o.base, body = "",
    headers = { authorization = token ~= "" and "Bearer " .. (token or "github-token") or nil, ["user-agent"] = "test" } },
    c.state, c.now)
  local is_json = (answer.headers["content-type"] or ""):find "json"
  return answer.status, is_json and json.decode(answer.body) or nil, answer.headers
end

local function noise(bytes)
  local pieces = {}
  for i = 1, bytes // 65536 do pieces[i] = core.random(65536) end
  return table.concat(pieces)
end

local function names(list)
  local found = {}
  for i, one in ipairs(list) do found[i] = one.name end
  return found
end

-- ---- uploading --------------------------------------------------------------------------------

test("blocks in any order become one artifact, which is listed when it is complete", function()
  local c = new()
  local address = create(c, "site")
  local _, second = block(c, address, 1, "world")
  local _, first = block(c, address, 0, "hello ")
  equal(select(2, call(c, "ListArtifacts", {})), { artifacts = {} })
  equal({ call(c, "FinalizeArtifact", { name = "site", size = "11" }) },
    { 412, { code = "failed_precondition", msg = "the artifact has no content" } })
  local answer = commit(c, address, { first, second })
  equal({ answer.status, answer.headers.etag ~= nil, answer.headers["x-ms-request-id"] ~= nil }, { 201, true, true })
  local _, made = call(c, "FinalizeArtifact", { name = "site", size = "11", hash = "sha256:abc" })
  local run, job = ids_of(c.token)
  equal(select(2, call(c, "ListArtifacts", {})).artifacts, { { workflow_run_backend_id = run, workflow_job_run_backend_id = job,
    database_id = made.artifact_id, name = "site", size = "11", created_at = "2027-01-15T08:00:00Z", digest = "sha256:abc" } })
  local _, signed = call(c, "GetSignedArtifactURL", { name = "site" })
  local read = blob(c, "GET", signed.signed_url)
  equal({ read.status, read.body, read.headers["content-type"], read.headers["content-disposition"] },
    { 200, "hello world", "application/zip", "attachment; filename=\"site.zip\"; filename*=UTF-8''site.zip" })
end)

test("a name is taken in its run from the beginning of an upload, in another run it is free", function()
  local c = new()
  create(c, "site")
  local taken = { 409, { code = "already_exists", msg = "an artifact with this name already exists on the workflow run" } }
  equal({ call(c, "CreateArtifact", { name = "site", version = 7 }) }, taken)
  upload(c, "other", "x")
  equal({ call(c, "CreateArtifact", { name = "other", version = 7 }) }, taken)
  c.token = runtime.issue(c.state, { repository = REPOSITORY, run_id = 7, job = "build" }, c.now)
  upload(c, "other", "y")
  equal(#select(2, call(c, "ListArtifacts", {})).artifacts, 1)
end)

test("all jobs and attempts of a run share its artifacts; only who uploads may finalize", function()
  local c = new()
  local one = runtime.issue(c.state, { repository = REPOSITORY, run_id = 7, job = "build" }, c.now)
  local two = runtime.issue(c.state, { repository = REPOSITORY, run_id = 7, attempt = 2, job = "build" }, c.now)
  c.token = one
  create(c, "site")
  c.token = two
  equal((call(c, "CreateArtifact", { name = "site", version = 7 })), 409)
  equal((call(c, "FinalizeArtifact", { name = "site", size = "1" }, { ids = one })), 403)
  c.token = one
  upload(c, "done", "content")
  c.token = two
  local _, listed = call(c, "ListArtifacts", { name_filter = "done" })
  -- As the client does: it names the job that the list named.
  local status, signed = call(c, "GetSignedArtifactURL", { name = "done",
    workflow_job_run_backend_id = listed.artifacts[1].workflow_job_run_backend_id })
  equal({ status, blob(c, "GET", signed.signed_url).body }, { 200, "content" })
end)

test("a list is filtered by name and by id, as text", function()
  local c = new()
  local a, b = upload(c, "a", "1"), upload(c, "b", "2")
  equal(names(select(2, call(c, "ListArtifacts", { name_filter = "b" })).artifacts), { "b" })
  equal(names(select(2, call(c, "ListArtifacts", { id_filter = tostring(a) })).artifacts), { "a" })
  equal({ a ~= b, #select(2, call(c, "ListArtifacts", { id_filter = "5" })).artifacts }, { true, 0 })
end)

test("what is deleted is gone, with its bytes, and its name is free", function()
  local c = new()
  local id = upload(c, "site", "x")
  local _, signed = call(c, "GetSignedArtifactURL", { name = "site" })
  equal({ call(c, "DeleteArtifact", { name = "site" }) }, { 200, { ok = true, artifact_id = tostring(id) } })
  equal({ call(c, "DeleteArtifact", { name = "site" }) }, { 404, { code = "not_found", msg = "artifact not found" } })
  equal({ blob(c, "GET", signed.signed_url).status, next(c.state.github.blobs) }, { 404, nil })
  upload(c, "site", "y")
end)

test("a finalize whose answer was lost is told the same again", function()
  local c = new()
  local id = upload(c, "site", "x")
  equal({ call(c, "FinalizeArtifact", { name = "site", size = "1", hash = "sha256:" .. sha256 "x" }) },
    { 200, { ok = true, artifact_id = tostring(id) } })
end)

test("requests that make no sense are refused by what is wrong", function()
  local c = new()
  for _, name in ipairs { "", "a/b", "a\\b", 'a"b', "a:b", "a<b", "a>b", "a|b", "a*b", "a?b", "a\nb", ("x"):rep(256) } do
    equal({ name, (call(c, "CreateArtifact", { name = name, version = 7 })) }, { name, 400 })
  end
  equal((call(c, "CreateArtifact", { name = "a", version = 3 })), 400)
  equal((call(c, "CreateArtifact", { name = "a", version = 7, expires_at = "yesterday" })), 400)
  equal((call(c, "CreateArtifact", { name = "a", version = 7, expires_at = "2020-01-01T00:00:00Z" })), 400)
  equal((call(c, "FinalizeArtifact", { name = "nothing", size = "1" })), 404)
  equal((call(c, "GetSignedArtifactURL", { name = "nothing" })), 404)
  equal((call(c, "MigrateArtifact", {})), 404)
  equal((call(c, "ListArtifacts", {}, { verb = "GET" })), 404)
  equal((call(c, "ListArtifacts", {}, { type = "application/protobuf" })), 404)
  for _, body in ipairs { "{", "[1]", '"x"', "null" } do
    equal({ body, (call(c, "ListArtifacts", {}, { body = body })) }, { body, 400 })
  end
  local address = create(c, "site")
  local _, id = block(c, address, 0, "x")
  commit(c, address, { id })
  equal((call(c, "FinalizeArtifact", { name = "site", size = "2" })), 400)
end)

test("fields of a wrong kind are refused or left out, and never the end of the service", function()
  local c = new()
  upload(c, "known", "x")
  for _, method in ipairs { "CreateArtifact", "FinalizeArtifact", "ListArtifacts", "GetSignedArtifactURL", "DeleteArtifact" } do
    for _, value in ipairs { json.null, true, 1.5, -1, 1e300, {}, { { {} } }, { a = "b" }, "\0", "\u{FEFF}", ("9"):rep(400) } do
      for _, field in ipairs { "name", "version", "mime_type", "expires_at", "size", "hash", "name_filter", "id_filter",
        "workflow_run_backend_id", "workflow_job_run_backend_id" } do
        local status = call(c, method, { name = field ~= "name" and "known" or nil, [field] = value })
        equal({ method, field, status < 500 }, { method, field, true })
      end
    end
  end
end)

test("a token counts for its own run, until it ends, and only as it was signed", function()
  local c = new()
  local other = runtime.issue(c.state, { repository = REPOSITORY, run_id = 7, job = "build" }, c.now)
  equal({ call(c, "ListArtifacts", {}, { ids = other }) },
    { 403, { code = "permission_denied", msg = "the token is not for this run and job" } })
  local forged = c.token:gsub("%.[^.]+%.", "." .. other:match "%.([^.]+)%." .. ".")
  for _, token in ipairs { "x", "a.b.c", c.token .. "x", forged, "github-token" } do
    equal({ token, (call(c, "ListArtifacts", {}, { token = token })) }, { token, 401 })
  end
  c.token = other
  c.now = c.now + 6 * 3600
  equal((call(c, "ListArtifacts", {})), 401)
end)

-- ---- the blob store ---------------------------------------------------------------------------

local function code_of(answer) return { answer.status, answer.headers["x-ms-error-code"] } end

test("a signed URL is for one blob, one use and its time", function()
  local c = new()
  local address = create(c, "site")
  local _, id = block(c, address, 0, "x")
  local other = create(c, "other")
  local wrong = { 403, "AuthenticationFailed" }
  equal(code_of(blob(c, "PUT", address:match "^[^?]+" .. other:match "%?.*", "&comp=block&blockid=eA==", "x")), wrong)
  for _, change in ipairs { { "sp=cw", "sp=rcw" }, { "se=2027", "se=2028" }, { "sig=", "sig=x" } } do
    equal(code_of(blob(c, "PUT", (address:gsub(change[1], change[2])), "&comp=block&blockid=eA==", "x")), wrong)
  end
  equal(code_of(blob(c, "GET", address)), { 403, "AuthorizationPermissionMismatch" })
  commit(c, address, { id })
  call(c, "FinalizeArtifact", { name = "site", size = "1" })
  local _, signed = call(c, "GetSignedArtifactURL", { name = "site" })
  equal(code_of(blob(c, "PUT", signed.signed_url, "&comp=blocklist", "<BlockList/>")), { 403, "AuthorizationPermissionMismatch" })
  c.now = c.now + 600
  equal(code_of(blob(c, "GET", signed.signed_url)), wrong)
  c.now = c.now + 3000
  equal(code_of(blob(c, "PUT", address, "&comp=block&blockid=eA==", "x")), wrong)
end)

test("blocks have ids of one length, and a list names only what came", function()
  local c = new()
  local address = create(c, "site")
  local _, id = block(c, address, 0, "x")
  equal(code_of(blob(c, "PUT", address, "&comp=block&blockid=" .. url.encode(base64.encode "short"), "x")),
    { 400, "InvalidBlobOrBlock" })
  equal(code_of(blob(c, "PUT", address, "&comp=block&blockid=%2A%2A", "x")), { 400, "InvalidQueryParameterValue" })
  equal(code_of(blob(c, "PUT", address, "&comp=block", "x")), { 400, "InvalidQueryParameterValue" })
  equal(code_of(blob(c, "PUT", address, "&comp=tags", "x")), { 400, "UnsupportedQueryParameter" })
  equal(code_of(blob(c, "DELETE", address)), { 405, "UnsupportedHttpVerb" })
  equal(code_of(commit(c, address, { id, base64.encode "block-00009" })), { 400, "InvalidBlockList" })
  equal(code_of(blob(c, "PUT", address, "&comp=blocklist", "nonsense")), { 400, "InvalidBlockList" })
  block(c, address, 0, "again")   -- a retried block replaces itself
  equal(commit(c, address, { id }).status, 201)
  equal((call(c, "FinalizeArtifact", { name = "site", size = "5" })), 200)
end)

test("a small blob may come in one request", function()
  local c = new()
  local address = create(c, "site")
  equal(blob(c, "PUT", address, "", "whole", { ["x-ms-blob-type"] = "BlockBlob" }).status, 201)
  equal((call(c, "FinalizeArtifact", { name = "site", size = "5" })), 200)
end)

test("parts of a blob are read by their range", function()
  local c = new()
  local address = create(c, "site")
  local ids = {}
  for i, text in ipairs { "0123", "4", "56789" } do ids[i] = select(2, block(c, address, i, text)) end
  commit(c, address, ids)
  call(c, "FinalizeArtifact", { name = "site", size = "10" })
  local _, signed = call(c, "GetSignedArtifactURL", { name = "site" })
  for range, expected in pairs { ["bytes=2-4"] = "234", ["bytes=7-"] = "789", ["bytes=-3"] = "789", ["bytes=8-99"] = "89" } do
    local answer = blob(c, "GET", signed.signed_url, "", "", { range = range })
    equal({ range, answer.status, answer.body }, { range, 206, expected })
  end
  local answer = blob(c, "GET", signed.signed_url, "", "", { ["x-ms-range"] = "bytes=2-4" })
  equal(answer.headers["content-range"], "bytes 2-4/10")
  for _, range in ipairs { "bytes=10-", "bytes=99999999999999999999-", "bytes=5-4", "bytes=-0" } do
    equal(code_of(blob(c, "GET", signed.signed_url, "", "", { range = range })), { 416, "InvalidRange" })
  end
  equal(blob(c, "GET", signed.signed_url, "", "", { range = "bytes=-99999999999999999999" }).body, "0123456789")
  equal(blob(c, "GET", signed.signed_url, "", "", { range = "lines=1" }).body, "0123456789")
  local head = blob(c, "HEAD", signed.signed_url)
  equal({ head.status, head.body }, { 200, "" })
end)

test("there is only so much room, blocks that wait included, and an upload beyond it is told so", function()
  local c = new { artifact_storage = 10 }
  local address = create(c, "site")
  equal({ block(c, address, 0, "123456") }, { 201, base64.encode "block-00000" })
  equal((block(c, address, 1, "78901")), 413)
  equal((block(c, address, 1, "7890")), 201)
  equal({ call(c, "CreateArtifact", { name = "more", version = 7 }) },
    { 403, { code = "permission_denied", msg = "insufficient usage to create artifact" } })
  c.now = c.now + 3600   -- the upload was given up
  create(c, "more")
end)

test("a job has five hundred artifacts at most", function()
  local c = new()
  for i = 1, 500 do create(c, "n" .. i) end
  equal(select(2, call(c, "CreateArtifact", { name = "one more", version = 7 })).code, "resource_exhausted")
end)

-- ---- REST -------------------------------------------------------------------------------------

test("the REST API lists the newest first, by name, by page and by run", function()
  local c = new()
  upload(c, "a", "1")
  upload(c, "b", "22")
  create(c, "unfinished")
  local _, all = rest(c, "GET", "/actions/artifacts")
  equal({ all.total_count, names(all.artifacts) }, { 2, { "b", "a" } })
  local _, page, headers = rest(c, "GET", "/actions/artifacts?per_page=1&page=2")
  equal({ page.total_count, names(page.artifacts), headers.link:find('rel="first"', 1, true) ~= nil }, { 2, { "a" }, true })
  equal(names(select(2, rest(c, "GET", "/actions/artifacts?name=a")).artifacts), { "a" })
  local of_run = ("/actions/runs/%d/artifacts"):format(runtime.MADE_UP)
  equal(names(select(2, rest(c, "GET", of_run)).artifacts), { "b", "a" })
  equal(names(select(2, rest(c, "GET", of_run .. "?direction=asc")).artifacts), { "a", "b" })
  equal((rest(c, "GET", "/actions/runs/1/artifacts")), 404)
end)

test("an artifact is shown with size, digest, run and expiry", function()
  local c = new()
  local id = upload(c, "site", "content")
  local _, one = rest(c, "GET", "/actions/artifacts/" .. id)
  local repository = c.state.github.repositories[REPOSITORY]
  equal(one, { id = id, node_id = "A_" .. id, name = "site", size_in_bytes = 7, expired = false,
    url = "https://api.github.com/repos/example/codex/actions/artifacts/" .. id,
    archive_download_url = "https://api.github.com/repos/example/codex/actions/artifacts/" .. id .. "/zip",
    created_at = "2027-01-15T08:00:00Z", updated_at = "2027-01-15T08:00:00Z", expires_at = "2027-04-15T08:00:00Z",
    digest = "sha256:" .. sha256 "content", workflow_run = { id = runtime.MADE_UP, repository_id = repository.id,
      head_repository_id = repository.id, head_branch = "main", head_sha = repository.branches.main.sha } })
  equal((rest(c, "GET", "/actions/artifacts/5")), 404)
end)

test("the artifacts of a run that there is have its commit, and its jobs get tokens of their own", function()
  local github = require "cloud.github"
  local c = { now = 1800000000, state = world.new { pull_requests = { { number = 7, title = "From afar", head = "patch",
    from = "stranger/codex", login = "stranger" } } } }
  local function desk(path, body)
    local answer = github.admin({ method = "POST", path = "/_davit/github/" .. path,
      headers = { ["content-type"] = "application/json" }, body = json.encode(body) }, c.state, c.now)
    return answer.status, json.decode(answer.body)
  end
  local _, run = desk("runs", { pull = 7 })
  local status, given = desk("runtime", { run_id = run.id, job = "build" })
  equal({ status, given.GITHUB_RUN_ID }, { 200, tostring(run.id) })
  local other = select(2, desk("runtime", { run_id = run.id, job = "test" })).ACTIONS_RUNTIME_TOKEN
  equal(given.ACTIONS_RUNTIME_TOKEN ~= other, true)
  c.token = given.ACTIONS_RUNTIME_TOKEN
  upload(c, "site", "x")
  local _, listed = rest(c, "GET", ("/actions/runs/%d/artifacts"):format(run.id))
  equal({ listed.total_count, listed.artifacts[1].workflow_run }, { 1, { id = run.id, head_branch = "patch", head_sha = run.head_sha,
    repository_id = c.state.github.repositories[REPOSITORY].id,
    head_repository_id = c.state.github.repositories["stranger/codex"].id } })
  for _, body in ipairs { { run_id = 18 }, {}, { run_id = run.id, repository = "no/such" } } do
    equal((desk("runtime", body)), 404)
  end
  local o = { token = other, ids = c.token }   -- a client names the job that uploaded, whichever deletes
  equal({ (call(c, "DeleteArtifact", { name = "site" }, o)), (call(c, "DeleteArtifact", { name = "site" }, o)) }, { 200, 404 })
end)

test("a download is a redirect that counts for a minute and needs no token", function()
  local c = new()
  local id = upload(c, "site", "content")
  local status, _, headers = rest(c, "GET", ("/actions/artifacts/%d/zip"):format(id))
  equal({ status, blob(c, "GET", headers.location).body }, { 302, "content" })
  c.now = c.now + 61
  equal(blob(c, "GET", headers.location).status, 403)
  equal((rest(c, "GET", ("/actions/artifacts/%d/tar"):format(id))), 404)
end)

test("a client that came by an address of its own is sent there", function()
  local c = new()
  local id = upload(c, "site", "content")
  local base = "http://127.0.0.1:4000/api/v3"
  local _, _, headers = rest(c, "GET", ("/actions/artifacts/%d/zip"):format(id), nil, { base = base })
  equal(headers.location:match "^[^?]*/actions%-results/", "http://127.0.0.1:4000/actions-results/")
  local _, made = call(c, "CreateArtifact", { name = "b", version = 7 }, { base = "http://127.0.0.1:4000" })
  equal(made.signed_upload_url:match "^http://127%.0%.0%.1:4000/actions%-results/" ~= nil, true)
end)

test("reading needs actions: read, deleting actions: write, and nobody may be nameless", function()
  local c = { state = world.new { repository = REPOSITORY, github = { tokens = {
    { value = "reads", kind = "workflow", permissions = { actions = "read" } },
    { value = "none", kind = "workflow", permissions = { contents = "read" } } } } }, now = 1800000000 }
  c.token = runtime.made_up(c.state, c.now)
  local id = upload(c, "site", "x")
  local one = "/actions/artifacts/" .. id
  equal({ (rest(c, "GET", one, "reads")), (rest(c, "GET", one .. "/zip", "reads")), (rest(c, "DELETE", one, "reads")),
    (rest(c, "GET", one, "none")), (rest(c, "GET", one, "")) }, { 200, 302, 403, 403, 404 })
  c.state.github.repositories[REPOSITORY].private = false
  equal({ (rest(c, "GET", one, "")), (rest(c, "GET", one .. "/zip", "")) }, { 200, 401 })
  equal({ (rest(c, "DELETE", one)), (rest(c, "GET", one)), (rest(c, "DELETE", one)) }, { 204, 404, 404 })
end)

test("an artifact expires when it was wanted to, after ninety days at the latest, and its bytes go", function()
  local c = new()
  local id = upload(c, "short", "x", { expires_at = "2027-01-16T08:00:00.994Z" })
  local long = upload(c, "long", "x", { expires_at = "2030-01-16T08:00:00Z" })
  equal(select(2, rest(c, "GET", "/actions/artifacts/" .. long)).expires_at, "2027-04-15T08:00:00Z")
  c.now = c.now + DAY + 1
  local one = "/actions/artifacts/" .. id
  equal(select(2, rest(c, "GET", one)).expired, true)
  equal(({ rest(c, "GET", one .. "/zip") })[2].message, "Artifact has expired")
  equal((rest(c, "GET", one .. "/zip")), 410)
  local left = 0
  for _ in pairs(c.state.github.blobs) do left = left + 1 end
  c.token = runtime.made_up(c.state, c.now)
  equal({ left, names(select(2, call(c, "ListArtifacts", {})).artifacts) }, { 1, { "long" } })
end)

-- ---- the recording ----------------------------------------------------------------------------

test("what @actions/artifact said to a stub is answered with the same status and the same fields", function()
  local folder = os.getenv "DAVIT_OPENAPI" or "../shared/openapi"
  local file = folder .. "/recordings/actions-artifact-6.2.1.jsonl"
  if not fs.exists(file) then skip("the recordings are not in " .. folder) end
  local c = new()
  local id, address
  for line in fs.read(file):gmatch "[^\n]+" do
    local said = json.decode(line)
    local method = said.path:match "%.ArtifactService/(%a+)$"
    if method then
      local body = said.body
      body.workflow_run_backend_id, body.workflow_job_run_backend_id = nil, nil
      body.expires_at = body.expires_at and "2027-01-21T15:08:20.994Z"
      body.size, body.id_filter = body.size and "10", body.id_filter and id
      local status, answer = call(c, method, body)
      equal({ method, status }, { method, said.status })
      for name, value in pairs(said.response) do equal({ method, name, type(answer[name]) }, { method, name, type(value) }) end
      if said.response.artifacts then
        for name in pairs(said.response.artifacts[1]) do equal({ name, type(answer.artifacts[1][name]) }, { name, "string" }) end
      end
      id, address = answer.artifact_id or id, answer.signed_upload_url or answer.signed_url or address
    elseif said.path:find "^/blob/" then
      local more = (said.path:match "[^?]*%?sig=[^&]*(.*)$" or ""):gsub("&se=%d+", "")
      local body = said.path:find "comp=blocklist" and said.body:match "<%?xml.*>" or said.method == "PUT" and "12345" or ""
      if said.method == "PUT" or said.path:find "sig=R$" then
        equal({ said.path, blob(c, said.method, address, more, body).status }, { said.path, said.status })
      end
    else
            equal((rest(c, "GET", ("/actions/artifacts/%s/zip"):format(id))), said.status)
    end
  end
end)

test("a recording shows neither the token nor a signature, and the address without it", function()
  local recording = require "cloud.recording"
  local c = new()
  local address = create(c, "site")
  local host, path, query = address:match "^https?://([^/]+)([^?]+)%?(.*)$"
  local masker = { learn = function() end, mask = function(text) return text end }
  local line = recording.line({ method = "POST", host = host, path = path, query = query, body = json.encode { url = address },
    headers = { authorization = "Bearer " .. c.token, ["content-type"] = "application/json" } },
    { status = 200, headers = { location = address }, body = json.encode { signed_url = address } }, nil, c.now, masker)
  local signature = query:match "sig=([^&]+)"
  equal({ line:find(signature, 1, true), line:find(url.decode(signature), 1, true), line:find(c.token, 1, true) }, {})
  equal(select(2, line:gsub("sig=%*%*%*", "")), 3)
  equal(json.decode(line).query.sig, "***")
end)

-- ---- the real client --------------------------------------------------------------------------

local PARTS <const> = "build/clients-npm/node_modules"
local NODE <const> = HERE .. "/build/npm/node_modules/.bin/node"

-- Runs @actions/artifact against a cloud; returns what each call came to.
local function client(facts, folder, calls, env)
  local known = { PATH = os.getenv "PATH", GITHUB_WORKSPACE = folder, ACTIONS_ARTIFACT_UPLOAD_CONCURRENCY = "2" }
  for _, line in ipairs(facts.environment) do
    local name, value = line:match "^export ([%u_]+)=([^%s]+)"
    if name then known[name] = value end
  end
  for name, value in pairs(env or {}) do known[name] = value end
  local result = process.run { argv = { NODE, folder .. "/artifact.mjs", json.encode(calls) }, cwd = folder, env = known,
    timeout = 120 }
  local came = {}
  for text in result.output:gmatch "=> ([^\n]+)" do came[#came + 1] = json.decode(text) end
  return came, result.output
end

local function with_client(body, after)
  if not fs.exists(PARTS .. "/@actions/artifact") then skip "@actions/artifact is not in build/clients-npm" end
  local_cloud.folder(function(state)
    local folder = state .. "-work"
    local _ <close> = setmetatable({}, { __close = function() fs.remove(folder) end })
    fs.write(folder .. "/artifact.mjs", fs.read "tests/clients/artifact.mjs")
    process.run { argv = { "ln", "-s", HERE .. "/" .. PARTS, folder .. "/node_modules" } }
    local_cloud.serve(state, {}, function(facts) body(facts, folder) end)
    if after then after(state) end
  end)
end

test("@actions/artifact puts and gets, within the run and by the REST API, and what comes is what went", function()
  with_client(function(facts, folder)
    local large = noise(9 << 20)   -- of two blocks, which do not compress
    fs.write(folder .. "/out/a.txt", "first")
    fs.write(folder .. "/out/sub/large.bin", large)
    local came = client(facts, folder, {
      { "uploadArtifact", "site", { folder .. "/out/a.txt", folder .. "/out/sub/large.bin" }, folder .. "/out", { retentionDays = 2 } },
      { "uploadArtifact", "site", { folder .. "/out/a.txt" }, folder .. "/out" },
      { "listArtifacts" }, { "getArtifact", "site" },
      { "downloadArtifact", { ["$id"] = 0 }, { path = folder .. "/in" } },
    })
    local put = came[1]
    equal({ put.size > 9 << 20, #put.digest }, { true, 64 })
    equal(came[2].error:find("(409) Conflict: an artifact with this name already exists", 1, true) ~= nil, true)
    equal({ came[3].artifacts[1].id, came[4].artifact.digest, came[5].digestMismatch }, { put.id, "sha256:" .. put.digest, false })
    equal({ fs.read(folder .. "/in/a.txt"), fs.read(folder .. "/in/sub/large.bin") == large }, { "first", true })

    local find_by = { token = "g-token", workflowRunId = runtime.MADE_UP, repositoryOwner = "example", repositoryName = "codex" }
    came = client(facts, folder, {
      { "listArtifacts", { findBy = find_by } },
      { "downloadArtifact", put.id, { path = folder .. "/rest", findBy = find_by, expectedHash = "sha256:" .. put.digest } },
      { "deleteArtifact", "site" }, { "getArtifact", "site" },
    }, { ACTIONS_RUNTIME_TOKEN = nil })
    equal({ came[1].artifacts[1].digest, came[2].digestMismatch, came[3].id }, { "sha256:" .. put.digest, false, put.id })
    equal(fs.read(folder .. "/rest/sub/large.bin") == large, true)
    equal(came[4].error:find "ArtifactNotFoundError" ~= nil, true)
  end)
end)

test("@actions/artifact puts a file as it is, and says what keeps an upload from being made", function()
  with_client(function(facts, folder)
    fs.write(folder .. "/a report.txt", "plain text")
    local came = client(facts, folder, {
      { "uploadArtifact", "ignored", { folder .. "/a report.txt" }, folder, { skipArchive = true } },
      { "downloadArtifact", { ["$id"] = 0 }, { path = folder .. "/in" } },
    })
    equal({ came[1].size, came[1].digest, fs.read(folder .. "/in/a report.txt") }, { 10, sha256 "plain text", "plain text" })
    came = client(facts, folder, { { "listArtifacts" } }, { ACTIONS_RUNTIME_TOKEN = facts.environment[1] and "a.eyJzY3AiOiJ4In0.b" })
    equal(came[1].error:find "Failed to get backend IDs" ~= nil, true)
  end)
end)

test("an upload survives a lost answer of the service and a broken block; the quota is told by its name", function()
  with_client(function(facts, folder)
    fs.write(folder .. "/a.txt", "text")
    local function fault(line)
      http.expect { url = ("http://127.0.0.1:%d/_davit/faults"):format(facts.http_port), method = "POST", json = line }
    end
    fault "github PUT /actions-results/** 503 times=1"
    fault "github POST /twirp/*/ListArtifacts 503 times=1"
    local came, printed = client(facts, folder, { { "uploadArtifact", "a", { folder .. "/a.txt" }, folder }, { "listArtifacts" } })
    equal({ came[1].error, came[2].artifacts and came[2].artifacts[1].name }, { nil, "a" })
    equal(printed:find "Attempt 1 of 5 failed with error: Failed request: %(503%)" ~= nil, true)
    fault "github POST /twirp/*/CreateArtifact 403 message='insufficient usage to create artifact' times=1"
    came = client(facts, folder, { { "uploadArtifact", "b", { folder .. "/a.txt" }, folder } })
    equal(came[1].error:find "Failed to CreateArtifact: Artifact storage quota has been hit" ~= nil, true)
  end)
end)

test("artifacts are there after a restart, their bytes beside the state", function()
  local put
  with_client(function(facts, folder)
    fs.write(folder .. "/a.bin", noise(2 << 16))
    put = client(facts, folder, { { "uploadArtifact", "kept", { folder .. "/a.bin" }, folder } })[1]
    equal(put.error, nil)
  end, function(state)
    local _, stored = next(require("cloud.store").new(state):load().world.github.blobs)
    equal({ stored.size, sha256(table.concat(stored.content)), #fs.list(state .. "/texts") > 0 }, { put.size, put.digest, true })
    local_cloud.serve(state, {}, function(facts)
      local answer = http.expect { url = ("http://127.0.0.1:%d/api/v3/repos/%s/actions/artifacts/%d/zip"):format(facts.http_port,
        REPOSITORY, put.id), headers = { authorization = "Bearer g-token", ["user-agent"] = "test" } }
      equal(sha256(answer.body), put.digest)
    end)
  end)
end)
