---gh, over the cloud's unix socket: what a person types, and what scripts ask by `gh api`.
local about = ...
local github, place = about.github, about.place
local fs = require "fs"
local http = require "http"
local json = require "json"
local process = require "process"

local version = github.gh_version()
local why_not = not version and "gh is not there" or nil
if version then print("clients: gh " .. version) end

-- ---- typing -----------------------------------------------------------------------------------

local function run(o, ...)
  local env = github.exported(place)
  env.PATH, env.HOME, env.NO_COLOR, env.GH_PROMPT_DISABLED = os.getenv "PATH", place.folder, "1", "1"
  env.GH_TOKEN = github.tokens[o.as or "owner"]
  local ended = process.run { argv = { "gh", ... }, cwd = place.folder, env = env, input = o.input, check = false, timeout = 120 }
  return ended.exit, ended.output, ended.errors
end

---What gh prints; raises when it fails.
local function gh(...)
  local exit, output, errors = run({}, ...)
  if exit ~= 0 then error(("gh %s: exit code %s: %s%s"):format(table.concat({ ... }, " "), exit, output, errors), 2) end
  return output
end

local function story(name, body)
  test("gh: " .. name, function()
    if why_not then skip(why_not) end
    body()
  end)
end

local function desk(method, path, body)
  return http.expect({ url = ("%s/_davit/%s"):format(github.base(place), path), method = method, json = body }):json()
end

local function count(text, pattern) return select(2, text:gsub(pattern, "")) end

-- ---- scripts ----------------------------------------------------------------------------------

story("api knows the repository, follows pages, and filters", function()
  equal(gh("api", "repos/{owner}/{repo}", "--jq", ".full_name"), "example/app\n")
  local listed = gh("api", "repos/{owner}/{repo}/issues/42/comments?per_page=40", "--paginate", "--jq", ".[].id")
  equal(count(listed, "%d+") >= 130, true)
  local whole = gh("api", "repos/{owner}/{repo}/issues/45/labels", "--paginate")
  equal(json.decode(whole), {})
end)

story("api writes fields, lists and whole bodies", function()
  local made = json.decode(gh("api", "repos/{owner}/{repo}/issues", "-f", "title=By gh", "-f", "labels[]=bug", "-f", "body=@none"))
  equal({ made.title, made.labels[1].name, made.user.login }, { "By gh", "bug", "example" })
  local path = "repos/{owner}/{repo}/issues/" .. made.number
  equal(gh("api", "-X", "PATCH", path, "-f", "state=closed", "--jq", ".state_reason"), "completed\n")
  fs.write(place.folder .. "/deployment.json", json.encode { ref = "main", environment = "by-gh", auto_merge = false,
    required_contexts = json.array {} })
  equal(gh("api", "repos/{owner}/{repo}/deployments", "--input", "deployment.json", "--jq", ".environment"), "by-gh\n")
  equal(gh("api", "-X", "DELETE", "repos/{owner}/{repo}/labels/preview"), "")
end)

story("api says what was refused, and fails", function()
  local exit, output, errors = run({}, "api", "repos/example/nothing")
  equal({ exit, json.decode(output).message, errors }, { 1, "Not Found", "gh: Not Found (HTTP 404)\n" })
  local _
  exit, _, errors = run({ as = "workflow" }, "api", "repos/{owner}/{repo}/actions/secrets")
  equal({ exit, errors }, { 1, "gh: Resource not accessible by integration (HTTP 403)\n" })
  exit, _, errors = run({}, "api", "repos/{owner}/{repo}/issues", "-f", "title=")
  equal({ exit, errors:find("(HTTP 422)", 1, true) ~= nil }, { 1, true })
  exit, _, errors = run({ as = "expired" }, "api", "user")
  equal({ exit, errors:find("Bad credentials", 1, true) ~= nil }, { 1, true })
end)

-- ---- people -----------------------------------------------------------------------------------

story("secret set seals for the repository and for an environment, and the values are those", function()
  equal({ run({ input = "from a pipe" }, "secret", "set", "FROM_PIPE") }, { 0, "", "" })
  gh("secret", "set", "from_body", "--body", "ünïcode & more")
  fs.write(place.folder .. "/dotenv", "ONE=1\nTWO='two words'\n")
  gh("secret", "set", "--env-file", "dotenv")
  gh("api", "-X", "PUT", "repos/{owner}/{repo}/environments/gh")
  gh("secret", "set", "FROM_BODY", "--env", "gh", "--body", "of the environment")
  local told = desk("GET", "github/secrets")
  equal({ told.secrets.FROM_PIPE, told.secrets.FROM_BODY, told.secrets.ONE, told.secrets.TWO, told.environments.gh },
    { "from a pipe", "ünïcode & more", "1", "two words", { FROM_BODY = "of the environment" } })
  about.contains(gh("secret", "list"), "FROM_PIPE")
  about.contains(gh("secret", "list", "--env", "gh"), "FROM_BODY")
  gh("secret", "delete", "FROM_PIPE")
  equal(desk("GET", "github/secrets").secrets.FROM_PIPE, nil)
  local exit, _, errors = run({ as = "workflow" }, "secret", "set", "NEVER", "--body", "x")
  equal({ exit, errors:find("HTTP 403", 1, true) ~= nil }, { 1, true })
end)

story("an environment whose name has a slash is out of secret set's reach, which does not encode it", function()
  gh("api", "-X", "PUT", "repos/{owner}/{repo}/environments/gh%2Fone")
  local exit, _, errors = run({}, "secret", "set", "ANY", "--env", "gh/one", "--body", "x")
  equal({ exit, errors:find("HTTP 404", 1, true) ~= nil }, { 1, true })
end)

story("a workflow is started, watched, and run again", function()
  desk("POST", "github/workflows", { file = "gh.yml", name = "By gh", jobs = { { name = "greet", seconds = 0 } },
    workflow_dispatch = { inputs = { whom = {} } } })
  about.contains(gh("workflow", "list"), "By gh")
  gh("workflow", "run", "gh.yml", "--ref", "main", "-f", "whom=world")
  local run_of = json.decode(gh("run", "list", "--workflow", "gh.yml", "--json", "databaseId,conclusion,event"))[1]
  equal({ run_of.conclusion, run_of.event }, { "success", "workflow_dispatch" })
  local id = ("%d"):format(run_of.databaseId)
  about.contains(gh("run", "view", id), "greet in 0s")
  gh("run", "watch", id, "--exit-status")
  gh("run", "rerun", id)
  equal(gh("api", "repos/{owner}/{repo}/actions/runs/" .. id, "--jq", ".run_attempt"), "2\n")
  local waiting = desk("POST", "github/runs", { jobs = { { name = "slow" } } })
  gh("run", "cancel", ("%d"):format(waiting.id))
  equal(run({}, "run", "watch", ("%d"):format(waiting.id), "--exit-status"), 1)
end)

story("labels are made, changed and deleted", function()
  gh("label", "create", "by gh", "--color", "00ff00", "--description", "a fresh one")
  gh("label", "edit", "by gh", "--name", "by hand")
  equal(gh("api", "repos/{owner}/{repo}/labels/by%20hand", "--jq", ".color"), "00ff00\n")
  gh("label", "delete", "by hand", "--yes")
  equal(run({}, "api", "repos/{owner}/{repo}/labels/by%20hand"), 1)
end)

story("what gh asks GraphQL for is not there, and it says so", function()
  local exit, _, errors = run({}, "issue", "list")
  equal({ exit, errors:find("Davit's local cloud does not answer GraphQL", 1, true) ~= nil }, { 1, true })
end)
