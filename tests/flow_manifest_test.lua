---Manifests of the shipped recipes, as their rehearsals give them, hold the real runs on the local cloud; without one of
---its lines a run ends before that is done.
local fs = require "fs"
local json = require "json"
local productions = assert(require("core").load_file("tests/place_production.lua"))()

local manifest_test, ends = productions.tests(test, skip), productions.exits

-- ---- the world -------------------------------------------------------------------------------------

local place <close> = not productions.missing() and productions.new({ branches_limit = 1000, record = "../requests" }) or nil

if place then
  place:write(".gitignore", place:read ".gitignore" .. "*.manifest.yaml\n")
  place:push "one"
  place:event()   -- what is about the pull request is started by hand
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
local lines_of_preview = {
  { DOMAIN, "PUT", "/domains/records$" },
  { "neondb_owner@ep-*.*.aws.neon.tech/neondb", "PUT", "/workers/scripts/" },
  { "A api-preview-*.revelations.studio", "POST", "/issues/%d+/comments$" },
  { "GET https://api-preview-*.revelations.studio/health", "POST", "/issues/%d+/comments$" },
  { "node build.mjs in apps/web", "PUT", "codex%-web" },
  { "workers/auth/dist/index.js", "PUT", "auth%-worker" },
  { "NEON_API_KEY", "POST", "/branches$" },
}

-- Runs the recipe without a line of its manifest, and looks that a request was not sent.
local function run_without(recipe, all, line, method, path, ...)
  local at, to = all:find("  - " .. line .. "\n", 1, true)
  fs.write(("%s/%s.manifest.yaml"):format(place.folder, recipe), all:sub(1, at - 1) .. all:sub(to + 1))
  local _, before = requests_from(0)
  local result = ends(7, held(recipe, ...))
  productions.has(result.errors, ("of %s.manifest.yaml"):format(recipe))
  for _, request in ipairs((requests_from(before))) do
    equal({ request.path, request.method == method and request.path:find(path) ~= nil }, { request.path, false })
  end
end

for _, one in ipairs(lines_of_preview) do
  manifest_test(("a preview without '%s' in its manifest ends with exit code 7, and that is not done"):format(one[1]), function()
    run_without("preview", text, one[1], one[2], one[3], "--pr", "42", "--untested")
  end)
end

-- ---- production ------------------------------------------------------------------------------------

local deploys, goes_back   -- the texts of the manifests of production and rollback

local function release(word)
  place:change(word)
  place:push(word)
  return held("production", "--yes")
end

-- No rehearsal of the project begins after a deploy that failed: what becomes of its issue is added by hand.
local function with_incident(all)
  local issues = "https://api.github.com/repos/example/codex/issues"
  local at, lines = all:find("  - POST " .. issues .. "\n", 1, true), ""
  for _, request in ipairs { "GET %s/*/comments", "PATCH %s/*", "POST %s/*/comments" } do
    lines = lines .. "  - " .. request:format(issues) .. "\n"
  end
  return all:sub(1, at - 1) .. lines .. all:sub(at)
end

manifest_test("the manifests of production, rollback and secrets hold their runs", function()
  deploys, goes_back = make_manifest "production", make_manifest "rollback"
  make_manifest "secrets"
  ends(0, release "first")
  ends(0, release "second")
  ends(0, held("rollback", "--worker", "ecom-api", "--yes"))
  ends(0, release "third")
  ends(0, held("secrets", "--list"))
  ends(0, held("secrets", "--sync"))
end)

local of_production = "https://api.cloudflare.com/client/v4/accounts/*/workers/scripts/ecom-api-production"

-- The version of each Worker that answers.
local function serves()
  local list = {}
  for name, worker in pairs(place:state().workers) do list[name] = worker.serves end
  return list
end

manifest_test("a deploy and a rollback without one of their lines end with exit code 7, and production is as it was", function()
  local before = serves()
  for _, one in ipairs {
    { "node build.mjs in workers/auth", "PUT", "/scripts/" },
    { "packages/database/drizzle/*.sql", "POST", "/deployments$" },
    { "POST " .. of_production .. "/versions", "POST", "ecom%-api%-production/versions$" },
    { "GET https://codex.revelations.studio/health", "POST", "/deployments/%d+/statuses$" },
  } do
    run_without("production", with_incident(deploys), one[1], one[2], one[3], "--yes")
    equal(serves(), before)
  end
  run_without("rollback", goes_back, "POST " .. of_production .. "/deployments", "POST",
    "ecom%-api%-production/deployments$", "--worker", "ecom-api", "--yes")
  equal(serves(), before)
end)

manifest_test("with the lines of the issue that is there now a deploy closes it", function()
  fs.write(place.folder .. "/production.manifest.yaml", with_incident(deploys))
  ends(0, held("production", "--yes"))
  for _, issue in ipairs(place:state().issues) do equal({ issue.number, issue.state }, { issue.number, "closed" }) end
end)
