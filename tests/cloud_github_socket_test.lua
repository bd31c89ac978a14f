---GitHub in `davit cloud` on real sockets: gh on one with a path, tokens of a seed, and what people do without the API.
local fs = require "fs"
local places = assert(require("core").load_file("tests/davit_cloud.lua"))()

local SEED = [[
github:
  repository: example/app
  labels: [deploy-failure]
  branches: [{ name: release, required: [ci] }]
  issues: [{ number: 3, title: Broken, labels: [deploy-failure], comments: [looking into it] }]
  pull_requests: [{ number: 7, title: Try it, head: try, from: stranger/app }]
  repositories:
    - { name: example/app, private: false, collaborators: { alice: push } }
    - { name: example/lib }
  tokens:
    - { value: seeded-fork-token, kind: workflow, fork: true }
    - { value: seeded-alice-token, kind: fine-grained, login: alice, permissions: { issues: write },
        repositories: [example/app], expires: "2100-01-01T00:00:00Z" }
]]

-- A command after what the cloud says that a shell should know.
local function gh(place, command)
  return place:sh(('eval "$("$DAVIT" cloud --print-env)" && export GH_NO_UPDATE_NOTIFIER=1 && %s'):format(command))
end

local function has(text, part)
  if not text:find(part, 1, true) then error(("expected %q in %q"):format(part, text), 2) end
end

local function need_gh(place)
  if place:sh("command -v gh").exit ~= 0 then skip "gh is not installed" end
end

-- ---- gh ------------------------------------------------------------------------------------

test("gh reads and writes through the socket, as the repository's owner", function()
  local place <close> = places.folder()
  need_gh(place)
  local _ <close> = place:cloud()
  equal(gh(place, "gh api user --jq .login").output, "example\n")
  equal(gh(place, "gh api repos/{owner}/{repo}/issues/42/comments -f body=hello --jq .user.login").output, "example\n")
  local labels = gh(place, "gh api --paginate 'repos/{owner}/{repo}/labels?per_page=4' --jq '.[].name'").output
  equal(select(2, labels:gsub("\n", "\n")), 9)
  local refused = gh(place, "GH_TOKEN=wrong gh api user")
  equal(refused.exit, 1)
  has(refused.errors, "Bad credentials (HTTP 401)")
end)

test("the socket is its owner's, and a killed cloud's is taken over", function()
  local place <close> = places.folder()
  local path = place.folder .. "/.davit/local/github.sock"
  local cloud <close> = place:cloud()
  has(place:sh("ls -l .davit/local/github.sock").output, "srw-------")
  local function status()
    return place:sh(("curl -sS -o /dev/null -w %%{http_code} -H 'Authorization: Bearer github-token' --unix-socket %s "
      .. "http://api.github.com/repos/example/codex"):format(path)).output
  end
  equal(status(), "200")
  cloud:stop "KILL"
  equal(fs.exists(path, { outside = true }), true)
  local again <close> = place:cloud()
  equal(status(), "200")
  equal(again:stop().exit, 0)
  equal(fs.exists(path, { outside = true }), false)
end)

test("a folder whose path is too long for a socket keeps nobody from starting", function()
  local place <close> = places.folder()
  local long = ("long-name-"):rep(12)
  local cloud <close> = place:cloud("--state", long)
  equal(cloud:ask("GET", "/api/v3/repos/example/codex", { token = "github-token" }).status, 200)
  local ended = cloud:stop()
  equal(ended.exit, 0)
  has(ended.errors, "there is no socket for gh, which --github-socket PATH puts elsewhere")
  has(ended.errors, "at most 107 bytes")
end)

test("the socket stands where it is wanted, or the cloud says why it cannot", function()
  local place <close> = places.folder { ["mine.txt"] = "mine" }
  local long = ("long-name-"):rep(12)
  local cloud <close> = place:cloud("--state", long, "--github-socket", "short.sock")
  equal(fs.exists(place.folder .. "/short.sock", { outside = true }), true)
  has(fs.read(("%s/%s/gh/config.yml"):format(place.folder, long), { outside = true }), place.folder .. "/short.sock")
  local taken = place:davit("cloud", "--no-data-plane", "--state", "other", "--github-socket", "short.sock")
  equal({ taken.exit ~= 0, taken.errors:find("Address already in use", 1, true) ~= nil }, { true, true })
  local file = place:davit("cloud", "--no-data-plane", "--state", "other", "--github-socket", "mine.txt")
  has(file.errors, "File exists")
  equal(place:read "mine.txt", "mine")
  local nowhere = place:davit("cloud", "--no-data-plane", "--state", "other", "--github-socket", "nowhere/gh.sock")
  equal(nowhere.exit, 2)
  has(nowhere.errors, "--github-socket nowhere/gh.sock: there is no folder nowhere")
  equal(cloud:stop().exit, 0)
end)

-- ---- seeds ---------------------------------------------------------------------------------

test("a seed's repositories, issues and tokens are there, and its tokens are in no file", function()
  local place <close> = places.folder { ["seed.yaml"] = SEED }
  local cloud <close> = place:cloud("--seed", "seed.yaml", "--record", "record.jsonl")
  local app = "/api/v3/repos/example/app"
  local function ask(token, method, path, json)
    return cloud:ask(method, app .. path, { token = token, json = json })
  end
  equal(ask("github-owner-token", "GET", "/pulls/7"):json().head.label, "stranger:try")
  equal(ask("github-owner-token", "GET", "/issues?labels=deploy-failure"):json()[1].number, 3)
  equal(ask("github-owner-token", "GET", "/branches/release"):json().protected, true)
  equal(ask("seeded-alice-token", "POST", "/issues/3/comments", { body = "x" }):json().user.login, "alice")
  equal(ask("seeded-fork-token", "POST", "/issues/3/comments", { body = "x" }).status, 403)
  equal(cloud:ask("GET", "/api/v3/repos/example/lib", { token = "seeded-alice-token" }).status, 404)
  equal(cloud:stop().exit, 0)
  local left = place:read "record.jsonl" .. place:read ".davit/local/state.json"
  equal(left:find("seeded-", 1, true), nil)
  local again <close> = place:cloud("--seed", "seed.yaml")
  equal(again:ask("GET", app .. "/issues/3", { token = "seeded-alice-token" }):json().comments, 2)
end)

test("what is wrong with GitHub's part of a seed is named with file and line", function()
  local place <close> = places.folder()
  for text, part in pairs {
    ["github:\n  tokens: [{ value: x, kind: ssh }]\n"] = "seed.yaml:2: github.tokens.1: the kind of a token is classic",
    ["github:\n  tokens: [{ value: x, kind: workflow, permissions: { secrets: write } }]\n"] =
      "the token of a workflow cannot have the permission 'secrets'",
    ["github:\n  issues: [{ number: 1 }]\n  pull_requests: [{ number: 1 }]\n"] =
      "seed.yaml:3: github.pull_requests.1.number: is a number from 1 that no other issue or pull request has",
    ["github: { pull_requests: [{ number: 1, from: stranger }] }\n"] = "github.pull_requests.1.from: is OWNER/NAME",
    ["github: { repositories: [{ name: a/b, collaborators: { bob: boss } }] }\n"] = "is pull or triage or push",
    ["github: { repositories: [{ name: a/b }, { name: a/b }] }\n"] = "two repositories are called a/b",
    ["github: { repository: a/b, repositories: [{ name: c/b, fork_of: d/b }] }\n"] = "there is no d/b before it",
    ["github: { labels: [{ name: x, color: red }] }\n"] = "github.labels.1.color: is made of 6 hexadecimal digits",
    ["github: { apps: [{ slug: x }] }\n"] = "permissions",
  } do
    fs.write(place.folder .. "/seed.yaml", text, { outside = true })
    local result = place:davit("cloud", "--no-data-plane", "--seed", "seed.yaml", "--state", "s")
    equal({ text, result.exit }, { text, 2 })
    has(result.errors, part)
  end
end)

-- ---- people --------------------------------------------------------------------------------

test("people open, push to and merge pull requests without the API", function()
  local place <close> = places.folder()
  local cloud <close> = place:cloud()
  local function put(json) return cloud:ask("POST", "/_davit/pulls", { json = json }) end
  equal(put({ number = 9, title = "Patch", head = "fix", from = "stranger/codex" }):json().from, "stranger/codex")
  local pushed = put({ number = 9, push = true, message = "More", files = { "a.lua" } }):json()
  local shown = cloud:ask("GET", "/api/v3/repos/example/codex/pulls/9", { token = "github-token" }):json()
  equal({ shown.head.sha, shown.commits, shown.changed_files }, { pushed.sha, 2, 1 })
  equal(put({ number = 9, state = "merged" }):json().merged, true)
  local wrong = put { number = 9, state = "open" }
  equal({ wrong.status, wrong:json().message }, { 400, "#9 is merged" })
  equal(cloud:ask("POST", "/_davit/pulls", { body = "number=9" }).status, 400)
  equal(cloud:ask("GET", "/_davit/"):json().pulls[2].merged, true)
end)
