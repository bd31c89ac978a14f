---@actions/artifact in a job of a run, with gh and other jobs at the other end.
local about = ...
local cloud, github, place = about.cloud, about.github, about.place
local archive = require "archive.core"
local core = require "core"
local fs = require "fs"
local http = require "http"
local json = require "json"
local process = require "process"
local sha256 = require "sha256"

local why_not = about.why_not or cloud.missing "@actions/artifact"

-- ---- a job ------------------------------------------------------------------------------------

local function desk(path, body)
  return http.expect({ url = ("%s/_davit/%s"):format(github.base(place), path), method = "POST", json = body }):json()
end

---A run with a job; what that job's actions find in their environment, and a folder for it.
local function job_of(folder)
  local run = desk("github/runs", { head_branch = "develop", jobs = { { name = "build", status = "in_progress" } } })
  local env = desk("github/runtime", { run_id = run.id, job = "build" })
  env.ACTIONS_RESULTS_URL, env.GITHUB_API_URL = github.base(place) .. "/", github.base(place) .. "/api/v3"
  env.PATH, env.GITHUB_WORKSPACE = os.getenv "PATH", folder
  return { run = run, env = env, folder = folder }
end

-- What the action's client comes to, call by call.
local function calls(job, list, more)
  local env = {}
  for name, value in pairs(job.env) do env[name] = value end
  for name, value in pairs(more or {}) do env[name] = value end
  local ended = process.run { argv = { cloud.node, job.folder .. "/artifact.mjs", json.encode(list) }, cwd = job.folder, env = env,
    timeout = 120 }
  local came = {}
  for text in ended.output:gmatch "=> ([^\n]+)" do came[#came + 1] = json.decode(text) end
  return came
end

local function story(name, body)
  test("artifacts: " .. name, function()
    if why_not then skip(why_not) end
    local folder = process.run({ argv = { "mktemp", "-d" } }).output:match "[^\n]+"
    local _ <close> = setmetatable({}, { __close = function() fs.remove(folder) end })
    fs.write(folder .. "/artifact.mjs", fs.read "tests/clients/artifact.mjs")
    process.run { argv = { "ln", "-s", cloud.parts, folder .. "/node_modules" } }
    body(job_of(folder))
  end)
end

local function rest(method, path)
  return http.request { url = ("%s/api/v3/repos/example/app%s"):format(github.base(place), path), method = method,
    headers = { authorization = "Bearer " .. github.tokens.workflow, ["user-agent"] = "tests" } }
end

if not why_not then print("clients: @actions/artifact " .. cloud.version "@actions/artifact") end

-- ---- stories ----------------------------------------------------------------------------------

local MIB <const> = 1 << 20

story("several MiB go up, are listed, come down in a later job, and go", function(job)
  local pieces = {}
  for i = 1, 96 do pieces[i] = core.random(MIB // 16) end
  local large = table.concat(pieces)
  fs.write(job.folder .. "/out/large.bin", large)
  fs.write(job.folder .. "/out/sub/small.txt", "small")
  local files = { job.folder .. "/out/large.bin", job.folder .. "/out/sub/small.txt" }
  local came = calls(job, { { "uploadArtifact", "site", files, job.folder .. "/out" },
    { "uploadArtifact", "site", files, job.folder .. "/out" }, { "listArtifacts" } })
  local put = came[1]
  equal({ put.size > 6 * MIB, came[3].artifacts[1].digest }, { true, "sha256:" .. put.digest })
  about.contains(came[2].error, "an artifact with this name already exists")

  local find_by = { token = github.tokens.workflow, workflowRunId = job.run.id, repositoryOwner = "example", repositoryName = "app" }
  came = calls(job, { { "listArtifacts", { findBy = find_by } },
    { "downloadArtifact", put.id, { path = job.folder .. "/in", findBy = find_by, expectedHash = "sha256:" .. put.digest } } },
    { ACTIONS_RUNTIME_TOKEN = "none" })
  equal({ came[1].artifacts[1].name, came[2].digestMismatch }, { "site", false })
  equal({ fs.read(job.folder .. "/in/large.bin") == large, fs.read(job.folder .. "/in/sub/small.txt") }, { true, "small" })

  local of_run = rest("GET", ("/actions/runs/%d/artifacts"):format(job.run.id)):json()
  equal({ of_run.total_count, of_run.artifacts[1].workflow_run.head_branch }, { 1, "develop" })
  equal(rest("GET", "/actions/artifacts?name=site"):json().artifacts[1].digest, "sha256:" .. put.digest)
  equal(rest("GET", "/actions/artifacts/" .. put.id):json().name, "site")
  equal(rest("DELETE", "/actions/artifacts/" .. put.id).status, 204)
  equal({ calls(job, { { "listArtifacts" } })[1].artifacts, rest("GET", "/actions/artifacts/" .. put.id).status }, { {}, 404 })
end)

story("a bundle of Davit's goes up as it is, and unpacks as it was", function(job)
  fs.write(job.folder .. "/tree/index.html", "<p>hello</p>\n")
  fs.write(job.folder .. "/tree/bin/tool", "#!/bin/sh\n", { mode = "0700" })
  local bundle = archive.pack { root = job.folder .. "/tree", to = job.folder .. "/bundle.tar.zst", outside = true }
  local came = calls(job, { { "uploadArtifact", "bundle", { bundle.path }, job.folder, { skipArchive = true } },
    { "downloadArtifact", { ["$id"] = 0 }, { path = job.folder .. "/in" } } })
  equal({ came[1].size, came[1].digest, came[2].digestMismatch }, { bundle.size, bundle.sha256, false })
  archive.unpack { from = job.folder .. "/in/bundle.tar.zst", into = job.folder .. "/new", sha256 = bundle.sha256, outside = true }
  equal(sha256(fs.read(job.folder .. "/new/index.html")), sha256 "<p>hello</p>\n")
end)

story("gh downloads what an action has put", function(job)
  local gh = github.gh_version()
  if not gh then skip "gh is not there" end
  fs.write(job.folder .. "/a.txt", "text")
  equal(calls(job, { { "uploadArtifact", "for gh", { job.folder .. "/a.txt" }, job.folder } })[1].error, nil)
  local env = github.exported(place)
  env.PATH, env.HOME, env.GH_TOKEN = os.getenv "PATH", job.folder, github.tokens.owner
  process.run { argv = { "gh", "run", "download", ("%d"):format(job.run.id), "--name", "for gh", "--dir", job.folder .. "/gh" },
    env = env, cwd = job.folder, timeout = 60 }
  equal(fs.read(job.folder .. "/gh/a.txt"), "text")
end)
