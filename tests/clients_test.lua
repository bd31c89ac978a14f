---Cloudflare's own clients, unmodified, on a local cloud: wrangler in two versions, the SDK, a browser.
---Each story ends with what a person expects: a deployed Worker answers, a rolled-back one answers as before. At
---the end all that was said is held against the contracts.
local core = require "core"
local cloud = assert(core.load_file "tests/clients/cloud.lua")()
local suite = assert(core.load_file "tests/clients/suite.lua")()
local wrangler = assert(core.load_file "tests/clients/wrangler.lua")()

-- The last one needs all before it. Under the sanitizers those are told that ask for the most.
local ALL <const> = "deploy assets triggers versions rollback secrets previews delete refused faults sdk browser contracts"
local MOST <const> = "deploy assets sdk browser"
-- Where the older wrangler goes along; OLDER=1: everywhere. A command of it takes a second and a half of a processor.
local OLDER <const> = { deploy = true, versions = true, secrets = true }

local stories = suite.chosen(suite.sanitized and MOST or ALL)
if not stories[1] then return end

local why_not = wrangler.missing()
local place <close> = not why_not and cloud.open "clients" or nil

local about = { cloud = cloud, place = place, suite = suite, why_not = why_not, wrangler = wrangler,
  contains = suite.contains }

local function going_along(story)
  local old, new = table.unpack(wrangler.versions())
  return (OLDER[story] or os.getenv "OLDER") and { old, new } or { new }
end

---A story that the wranglers that go along go through with a Worker of their own each, at the same time.
---@param name string
---@param worker string
---@param story fun(w: clients.Project)
function about.both(name, worker, story)
  local part = about.story
  test(name, function()
    if why_not then skip(why_not) end
    local all = { all = true }
    for _, which in ipairs(going_along(part)) do
      all["wrangler " .. which.version] = function()
        local w <close> = wrangler.project(place, which, worker)
        w:code "one"
        story(w)
      end
    end
    parallel(all)
  end)
end

suite.tell(stories, about, _ENV)
