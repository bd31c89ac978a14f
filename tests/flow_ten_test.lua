---Ten pull requests of the whole sample project at the same time, on one local cloud with real workerd and real PostgreSQL:
---thirty Workers, ten databases, each flow a process of its own with a checkout and a journal of its own. At most sixteen
---processes of workerd are awake at a time, as ever.
local fs = require "fs"
local http = require "http"
local json = require "json"
local local_cloud = assert(require("core").load_file("tests/local_cloud.lua"))()
local places = assert(require("core").load_file("tests/place.lua"))()

local ten_test = places.tests(test, skip)
local FIRST <const>, LAST <const> = 70, 79

local place <close> = not places.missing() and places.new {
  dns_delay = 0, tls_delay = 0, propagation_delay = 0, operation_seconds = 0, branches_limit = 1000,
} or nil
if place then place:start() end

local function succeeds(result)
  if result.exit ~= 0 then
    error(("exit %s: %s%s"):format(result.exit or result.signal, result.output, result.errors), 2)
  end
end

local function desk(path, body)
  return http.expect { url = ("http://127.0.0.1:%d/_davit/%s"):format(place.listens.http_port, path), method = "POST",
    json = body }
end

-- ---- a pull request of its own -----------------------------------------------------------------------

local MIGRATIONS <const> = "/packages/database/drizzle"

-- Its change is another product, by a migration that no other one has.
local function add_product(folder, number)
  local path = folder .. MIGRATIONS .. "/meta/_journal.json"
  local journal = json.decode(fs.read(path))
  local last = journal.entries[#journal.entries]
  local tag = ("%04d_another"):format(last.idx + 1)
  journal.entries[#journal.entries + 1] = { idx = last.idx + 1, version = "7", when = last.when + 1000, tag = tag,
    breakpoints = true }
  fs.write(path, json.encode(journal))
  fs.write(("%s%s/%s.sql"):format(folder, MIGRATIONS, tag), ([[
INSERT INTO "products" ("slug", "title", "price_cents", "published") VALUES ('own', 'Only of number %d', 100, true);
]]):format(number))
end

local function push(folder, number)
  succeeds(folder:sh [[git init -q -b main && git add . && git -c user.name=a -c user.email=a@localhost \
    commit -q --allow-empty -m "$(date +%N)"]])
  local sha = folder:sh("git rev-parse HEAD").output:match "%x+"
  desk("pulls", { number = number, sha = sha, head = "change-" .. number, title = "A change" })
  return sha
end

local folders = {}

-- Without the check in a browser: ten of them at once are Chromium's test, not ours.
local function open_pull(number)
  local folder = place:sibling("pull " .. number)
  folders[number] = folder
  fs.write(folder.folder .. "/.gitignore", "node_modules\ndist\n.davit\n")
  local yaml = fs.read(folder.folder .. "/davit.yaml"):gsub("\n  browser:.-\nsecrets:", "\nsecrets:")
  fs.write(folder.folder .. "/davit.yaml", yaml)
  add_product(folder.folder, number)
  return push(folder, number)
end

local function at_once(first, last, f)
  local tasks = { all = true }
  for number = first, last do tasks[number] = function() f(number, folders[number]) end end
  parallel(tasks)
end

local function preview(number, folder)
  succeeds(folder:davit("preview", "--pr", tostring(number), "--untested", "--local"))
end

local function cleanup(number, folder) succeeds(folder:davit("cleanup", "--pr", tostring(number), "--local")) end

-- ---- what is there -----------------------------------------------------------------------------------

local function inventory(number) return place:lua("place_inventory.lua", tostring(number)):match "^(.-)%s*$" end

local function products(number)
  local titles = {}
  local answer = json.decode(place:ask(("https://api-preview-%d.revelations.studio/products"):format(number)))
  for _, product in ipairs(answer.products) do titles[#titles + 1] = product.title:match "^Only of number %d+$" end
  return titles
end

local API <const> = "https://api.github.com/repos/example/codex"

local function comments(number)
  return json.decode(place:ask(("%s/issues/%d/comments"):format(API, number), "fake-github-token-0004"))
end

local function count(text) return select(2, text:gsub("[^\n]+", "")) end

-- As if each of them were alone, and each with its own data: three Workers, domains and records, a branch, a comment,
-- and as many deployments as there were pushes.
local function stand(first, last, pushes)
  local one = inventory(first)
  equal(count(one), 11 + pushes)
  for number = first, last do
    equal({ number, inventory(number) }, { number, one })
    equal({ number, products(number), #comments(number) }, { number, { ("Only of number %d"):format(number) }, 1 })
  end
end

-- Nothing but the comment that says so.
local function gone(first, last)
  for number = first, last do
    local left = inventory(number)
    equal({ number, count(left), left:find("nothing of it is left", 1, true) ~= nil }, { number, 1, true })
  end
end

-- ---- ten -----------------------------------------------------------------------------------------------

ten_test("ten pull requests are previewed at once, each with its own things and its own data", function()
  for number = FIRST, LAST do open_pull(number) end
  at_once(FIRST, LAST, preview)
  stand(FIRST, LAST, 1)
end)

ten_test("while five of them are closed the other five are pushed to, and neither half notices", function()
  local middle, newest = (FIRST + LAST) // 2, {}
  for number = middle + 1, LAST do newest[number] = push(folders[number], number) end
  at_once(FIRST, LAST, function(number, folder)
    if number > middle then return preview(number, folder) end
    desk("pulls", { number = number, state = "closed" })
    cleanup(number, folder)
  end)
  gone(FIRST, middle)
  stand(middle + 1, LAST, 2)
  for number = middle + 1, LAST do
    local deployments = json.decode(place:ask(("%s/deployments?environment=preview-%d"):format(API, number),
      "fake-github-token-0004"))
    equal({ #deployments, deployments[1].sha }, { 2, newest[number] })
  end
end)

ten_test("all closed at once, nothing is left of them", function()
  at_once(FIRST, LAST, cleanup)   -- five of them a second time
  gone(FIRST, LAST)
  local lives
  local_cloud.until_true(function()   -- the runtime of a Worker that is gone ends a moment later
    lives = json.decode(http.expect { url = ("http://127.0.0.1:%d/_davit/"):format(place.listens.http_port) }.body)
    return #lives.processes.workers == 0
  end, 60)
  equal({ #lives.branches, lives.branches[1].name, lives.hosts, lives.processes.workers }, { 1, "production", {}, {} })
  for _, environment in ipairs(lives.environments) do   -- deleting these takes another token than a job's
    equal({ environment.name, environment.deployments }, { environment.name, 0 })
  end
end)

for _, folder in pairs(folders) do local _ <close> = folder end
