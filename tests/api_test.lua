---The reference in docs/api covers exactly the functions that the modules have.
local fs = require "fs"

-- Modules that recipes do not require by this name, or that hold no functions of their own.
local not_modules = { globals = true, run = true }

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

test("the recipe in README.md is the one that is shipped", function()
  equal(fs.read("README.md"):find(fs.read("recipes/cleanup.lua"), 1, true) ~= nil, true)
end)
