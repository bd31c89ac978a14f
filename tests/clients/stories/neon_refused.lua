---neonctl where it goes wrong: what is refused, what it repeats, what it gives up, and the traps in it.
local about = ...
local json = require "json"
local on, contains, neon = about.on, about.contains, about.neon

on("refused", "a name is taken once, and who is not there is not found", function(p)
  p:given "taken"
  p:fails("branch already exists", "branches", "create", "--name", "taken")
  p:fails("Branch nowhere not found", "branches", "get", "nowhere")
  p:fails("Branch nowhere not found", "connection-string", "nowhere")
  p:fails("Branch nowhere not found", "branches", "create", "--name", "child", "--parent", "nowhere")
  p:given "br-taken-for-id"
  p:fails("not found", "branches", "get", "br-taken-for-id")   -- three words: that must be an id
end)

on("refused", "a branch is deleted once by its name, and by its id as often as one likes", function(p)
  local id = p:given("twice").id
  p:succeeds("branches", "delete", "twice")
  p:fails("Branch twice not found", "branches", "delete", "twice")
  for _ = 1, 2 do equal((p:succeeds("branches", "delete", id)), "") end
end)

on("refused", "production and parents are not deleted, and nobody expires whom others need", function(p)
  p:given("parent")
  p:given("child", { parent_id = p:branch("parent").id })
  p:fails("default branch", "branches", "delete", "production")
  p:fails("children", "branches", "delete", "parent")
  local soon = os.date("!%Y-%m-%dT%H:%M:%SZ", os.time() + 3600)
  p:fails("cannot expire", "branches", "set-expiration", "parent", "--expires-at", soon)
  p:fails("30 days", "branches", "create", "--name", "forever", "--expires-at", "2040-01-01")
  p:fails("preserve_under_name", "branches", "reset", "parent", "--parent")
  equal({ p:branch("parent").name, p:branch("forever") }, { "parent" })
end)

on("refused", "with a wrong key, with that of another project and where nobody listens nothing is told", function(p)
  p:fails("the Neon API rejected the API key", "branches", "list", { NEON_API_KEY = "wrong" })
  p:fails("not", "branches", "list", { NEON_API_KEY = neon.own_key })
  p:fails("Could not reach the Neon API", "branches", "list", { NEON_API_HOST = "http://127.0.0.1:9/api/v2" })
end)

-- ---- while the service fails ------------------------------------------------------------------

local function create(p, name) return p:run("branches", "create", "--name", name, "--no-compute") end

-- How often it says that it waits.
local function waits(result) return select(2, result.errors:gsub("Resource is locked", "")) end

on("waits", "a project that is busy is asked again", function(p)
  p:fault("POST", "/branches", "locked times=2")
  local result = create(p, "waited")
  equal({ result.exit, waits(result), p:branch("waited").name }, { 0, 2, "waited" })
end)

on("stays", "a project that stays busy is asked five times", function(p)
  p:fault("POST", "/branches", "locked times=5")
  local result = create(p, "never")
  equal({ result.exit, waits(result), p:branch "never" }, { 1, 5, nil })
end)

on("refused", "what comes too often, fails or breaks off is given up at once", function(p)
  for _, rule in ipairs { "limit retry-after=1s", "503", "500", "drop" } do
    p:fault("POST", "/branches", rule .. " times=1")
    local result = create(p, "tried")
    equal({ rule, result.exit, p:branch "tried" }, { rule, 1, nil })
  end
end)

on("refused", "a branch whose answer is lost is there, and its name is taken", function(p)
  p:fault("POST", "/branches", "drop applied times=1")
  local result = create(p, "lost")
  equal({ result.exit, p:branch("lost").name }, { 1, "lost" })
  contains(result.errors, "Could not reach the Neon API")
  p:settle()
  contains(create(p, "lost").errors, "branch already exists")
end)

on("refused", "an operation that fails once is tried again, and the branch is there", function(p)
  p:fault("POST", "/branches", "operation times=1")
  equal(p:run("branches", "create", "--name", "recovers").exit, 0)
  local seen = {}
  for _ = 1, 1200 do
    local busy = false
    for _, one in ipairs(p:api("GET", "/operations").operations) do
      seen[one.status] = true
      busy = busy or one.status ~= "finished"
    end
    if not busy then break end
    sleep(0.05)
  end
  equal({ seen.failed, p:branch("recovers").current_state }, { true, "ready" })
  equal(p:query(p:uri "recovers", "select 1"), "1")
end)

-- ---- traps ------------------------------------------------------------------------------------

on("refused", "a mistyped option is not an error: production is what it prints", function(p)
  p:given "meant"
  local production = p:uri "production"
  for _, words in ipairs { { "connection-string", "--name", "meant" }, { "connection-string" } } do
    local result = p:run(table.unpack(words))
    equal({ result.exit, (result.output:gsub("%s+$", "")) }, { 0, production })
  end
  local made = p:json("branches", "create", "--nmae", "typo", "--no-compute")
  equal(made.name ~= "typo", true)
end)

-- A hundred are a page. They need no data: the models alone are quicker.
on("waits", "the list of branches is its first page, in which production is not found for a new one", function(several)
  local place <close> = neon.open("neon-pages", { "pages" }, { "--no-data-plane" })
  local p = place.projects.pages
  for i = 1, 101 do p:api("POST", "/branches", { branch = { name = ("pr-%d"):format(i) } }) end
  local listed = json.decode(p:run("branches", "list", "-o", "json").output)
  equal(#listed, 100)
  for _, branch in ipairs(listed) do equal(branch.name ~= "production", true) end
  p:fails("Branch production not found", "branches", "create", "--name", "one-more", "--parent", "production")
  p:fails("No default branch found", "branches", "create", "--name", "one-more")
  contains(p:run("branches", "get", "production").output, "production")   -- who looks for one goes on
  equal({ p:run("branches", "delete", "pr-1").exit, p:branch "pr-1" }, { 0 })
  p.arguments = {}   -- the only project needs no name; of several one must be named
  contains(p:run("branches", "list").output, "pr-101")
  several.arguments = {}
  several:fails("Multiple projects found", "branches", "list")
end)
