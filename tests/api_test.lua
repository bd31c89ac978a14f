---The reference in docs/api covers exactly the functions that the modules have.
local fs = require "fs"

-- Modules that recipes do not require by this name, or that hold no functions of their own.
local not_modules = { globals = true, invariant = true, run = true }

-- Files in lua/ that are not for recipes.
local internal = { cli = true, ["local"] = true, options = true, prelude = true, recipe = true, service = true }

local function documented(file, name)
  local found = {}
  for line in fs.read(file):gmatch("[^\n]+") do
    local f = line:match("^function " .. name .. "%.([%w_]+)%(")
    if f then found[f] = true end
  end
  return found
end

local function functions_of(module)
  local found = {}
  for name, value in pairs(module) do
    if type(value) == "function" and type(name) == "string" then found[name] = true end
  end
  return found
end

for _, entry in ipairs(fs.list("docs/api")) do
  local name = entry:match("^(.*)%.lua$")
  if name and not not_modules[name] then
    test(("docs/api/%s documents every function of the module and no other"):format(entry), function()
      local ok, module = pcall(require, name)
      if not ok then error(module, 0) end
      if type(module) == "function" then return end
      equal(documented("docs/api/" .. entry, name), functions_of(module))
    end)
  end
end

test("every module for recipes has a reference, and docs/recipes.md names it", function()
  local guide = fs.read("docs/recipes.md")
  for _, entry in ipairs(fs.list("lua")) do
    local name = entry:match("^(.*)%.lua$")
    if name and not internal[name] then
      equal({ name, fs.exists("docs/api/" .. entry) }, { name, true })
      if not not_modules[name] then equal({ name, guide:find("`" .. name .. "`", 1, true) ~= nil }, { name, true }) end
    end
  end
end)

-- What the providers' functions return, by the name that its methods have in the reference.
local clients = {
  cloudflare = require("cloudflare").client { token = "t" },
  github = require("github").client { repository = "o/r", token = "t" },
  neon = require("neon").client { project = "p", key = "k" },
}

for name, client in pairs(clients) do
  test(("docs/api/%s.lua documents every function of a client and no other"):format(name), function()
    equal(documented(("docs/api/%s.lua"):format(name), "client"), functions_of(client))
  end)
end

-- What an environment can do: flow.lua's own methods, and those of its parts.
local function methods_of_environment()
  local found = {}
  for name in fs.read "lua/flow.lua":gmatch "\nfunction Environment:([%w_]+)%(" do found[name] = true end
  for _, part in ipairs { "flow.database", "flow.workers" } do
    for name in pairs(require(part)) do found[name] = true end
  end
  for _, entry in ipairs(fs.list "lua/flow") do
    local module = require("flow." .. entry:match "^(.*)%.lua$")
    for name in pairs(type(module) == "table" and module.methods or {}) do found[name] = true end
  end
  return found
end

test("docs/api/flow.lua documents every method of an environment and no other", function()
  local documented_ones = {}
  for name in fs.read "docs/api/flow.lua":gmatch "\nfunction Environment:([%w_]+)%(" do documented_ones[name] = true end
  equal(documented_ones, methods_of_environment())
end)

test("docs/api/run.lua documents every function of a run and no other", function()
  local handle = require("run.steps").handle { id = "x" }
  equal(documented("docs/api/run.lua", "run"), functions_of(handle))
end)

test("the recipe in README.md is the one that is shipped", function()
  equal(fs.read("README.md"):find(fs.read("recipes/cleanup.lua"), 1, true) ~= nil, true)
end)

-- Headings as links name them: "## Waiting for health" is #waiting-for-health.
local function anchors_of(page)
  local found = {}
  for heading in ("\n" .. fs.read(page)):gmatch "\n#+ ([^\n]+)" do
    found[heading:lower():gsub("[^%w%- ]", ""):gsub(" ", "-")] = true
  end
  return found
end

local function check_link(page, folder, link)
  local path, anchor = link:match "^([^#]*)#?(.*)$"
  local target = path == "" and page or folder .. path
  equal({ page, link, fs.exists(target) }, { page, link, true })
  if anchor ~= "" then equal({ page, link, anchors_of(target)[anchor] }, { page, link, true }) end
end

test("every link within the docs leads to a file that is there, and to a heading in it", function()
  for _, page in ipairs { "README.md", table.unpack(fs.glob "docs/*.md") } do
    local folder = page:match "^.*/" or ""
    for link in fs.read(page):gmatch "%]%(([^)%s]+)%)" do
      if not link:find "^%a+:" then check_link(page, folder, link) end
    end
  end
end)
