---Manifests of the shipped recipes, as their rehearsals give them, hold the real runs on the local cloud; without one of
---its lines a run ends before that is done.
local fs = require "fs"
local http = require "http"
local json = require "json"
local places = assert(require("core").load_file("tests/place.lua"))()

local manifest_test, ends = places.tests(test, skip), places.exits

local place <close> = not places.missing() and places.new {
  dns_delay = 0, tls_delay = 0, propagation_delay = 0, operation_seconds = 0, branches_limit = 1000, record = "../requests",
} or nil

-- ---- the world -------------------------------------------------------------------------------------

-- What a job checks out is what the pull request has.
local function push()
  ends(0, place:sh [[printf 'node_modules\ndist\n.davit\n*.manifest.yaml\n' >.gitignore && git init -q -b main && git add . &&
    git -c user.name=a -c user.email=a@localhost -c commit.gpgsign=false commit -q -m one]])
  http.expect { url = ("http://127.0.0.1:%d/_davit/pulls"):format(place.listens.http_port), method = "POST",
    json = { number = 42, sha = place:sh("git rev-parse HEAD").output:match "%x+", head = "change", title = "A change" } }
end

if place then
  place:start()
  push()
end

-- Of the recipe's rehearsals that davit.yaml lists, as many as are quick: those with an undo among them.
local function make_manifest(recipe)
  local text = ends(0, place:davit("rehearse", recipe, "--manifest", "--no-faults", "--every", "29")).output
  fs.write(("%s/%s.manifest.yaml"):format(place.folder, recipe), text)
  return text
end

local function held(recipe, ...)
  return place:davit(recipe, "--local", "--manifest", recipe .. ".manifest.yaml", ...)
end

local function requests_from(at)
  local list = {}
  for line in fs.read(place.parent .. "/requests"):gmatch "[^\n]+" do list[#list + 1] = json.decode(line) end
  return table.move(list, at + 1, #list, 1, {}), #list
end

-- ---- the runs --------------------------------------------------------------------------------------

local text   -- of the manifest of preview

manifest_test("the manifests of test, preview, cleanup and migrate hold their runs", function()
  text = make_manifest "preview"
  for _, recipe in ipairs { "test", "cleanup", "migrate" } do make_manifest(recipe) end
  ends(0, held("test", "--pr", "42"))
  ends(0, held("preview", "--pr", "42"))
  ends(0, held("preview", "--pr", "42"))
  ends(0, held("cleanup", "--pr", "42"))
  ends(0, held("cleanup", "--pr", "42"))
  ends(0, held("migrate"))
end)

local DOMAIN = "PUT https://api.cloudflare.com/client/v4/accounts/*/workers/scripts/ecom-api-preview-*/domains/records"

-- Of each kind a line, and a request that cannot follow without it. Nothing stands when they begin: what failed
-- before was taken back.
local lines = {
  { DOMAIN, "PUT", "/domains/records$" },
  { "neondb_owner@ep-*.*.aws.neon.tech/neondb", "PUT", "/workers/scripts/" },
  { "A api-preview-*.revelations.studio", "POST", "/issues/%d+/comments$" },
  { "GET https://api-preview-*.revelations.studio/health", "POST", "/issues/%d+/comments$" },
  { "node build.mjs in apps/web", "PUT", "codex%-web" },
  { "workers/auth/dist/index.js", "PUT", "auth%-worker" },
  { "NEON_API_KEY", "POST", "/branches$" },
}

for _, one in ipairs(lines) do
  local line, method, path = table.unpack(one)
  manifest_test(("a preview without '%s' in its manifest ends with exit code 7, and that is not done"):format(line), function()
    local at, to = text:find("  - " .. line .. "\n", 1, true)
    fs.write(place.folder .. "/preview.manifest.yaml", text:sub(1, at - 1) .. text:sub(to + 1))
    local _, before = requests_from(0)
    local result = ends(7, held("preview", "--pr", "42", "--untested"))
    equal({ result.errors, result.errors:find("is not among the %l+ of preview.manifest.yaml") ~= nil }, { result.errors, true })
    for _, request in ipairs((requests_from(before))) do
      equal({ request.path, request.method == method and request.path:find(path) ~= nil }, { request.path, false })
    end
  end)
end
