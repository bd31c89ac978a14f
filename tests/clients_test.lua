---The services' own clients, unmodified, on a local cloud: wrangler in two versions, the SDK of Cloudflare, a browser.
---Each story ends with what a person expects: a deployed Worker answers, a rolled-back one answers as before. At
---the end all that was said is held against the contracts.
local core = require "core"
local fs = require "fs"
local cloud = assert(core.load_file "tests/clients/cloud.lua")()
local wrangler = assert(core.load_file "tests/clients/wrangler.lua")()

local why_not = cloud.missing()
local place <close> = not why_not and cloud.open "clients" or nil

local suite = { cloud = cloud, place = place, why_not = why_not, wrangler = wrangler }

---A story that each wrangler goes through with a Worker of its own, both at the same time.
---@param name string
---@param worker string
---@param story fun(w: clients.Project)
function suite.both(name, worker, story)
  test(name, function()
    if why_not then skip(why_not) end
    local all = { all = true }
    for _, which in ipairs(wrangler.versions()) do
      all["wrangler " .. which.version] = function()
        local w <close> = wrangler.project(place, which, worker)
        w:code "one"
        story(w)
      end
    end
    parallel(all)
  end)
end

---@param text string
---@param piece string  plain
function suite.contains(text, piece)
  if not text:find(piece, 1, true) then error(("%q is not in:\n%s"):format(piece, text), 2) end
end

-- The last one needs all before it. Under the sanitizers, which look at Davit and not at its clients, those are told that
-- ask for the most; STORIES="deploy sdk" tells those alone, for whoever works on them.
local ALL <const> = "deploy assets triggers versions rollback secrets previews delete refused faults sdk browser contracts"
local MOST <const> = "deploy assets versions secrets sdk browser"
local sanitized = (os.getenv "DAVIT" or ""):find("/san/", 1, true)

for name in (os.getenv "STORIES" or sanitized and MOST or ALL):gmatch "%S+" do
  local file = ("tests/clients/stories/%s.lua"):format(name)
  assert(load(fs.read(file), "@" .. file, "t", _ENV))(suite)
end
