---Projects with one recipe, `toy`, of a few lines, and rehearsals of them.
local explore = require "rehearsal.explore"
local fs = require "fs"
local process = require "process"
local project = require "project"

local toy = {}

toy.davit = os.getenv "DAVIT" or "build/davit"
toy.sanitized = toy.davit:find("san", 1, true) ~= nil

---What its davit.yaml begins with.
toy.YAML = [[
version: 1
project: toy
zone: revelations.studio
cloudflare: { account: 0000000000000000000000000000c0de }
github: { repository: example/codex }
secrets:
  GITHUB_TOKEN: { to: [api.github.com] }
]]

-- What every recipe begins with. Nothing in it looks before it makes something.
local HEAD = [[
local http, json, secret = require "http", require "json", require "secret"
local function call(method, path, body)
  return http.expect { url = "https://api.github.com/repos/example/codex" .. path, method = method,
    json = body, headers = { authorization = "Bearer " .. secret.env("GITHUB_TOKEN", { to = { "api.github.com" } }) } }
end
local function comment(text) return json.decode(call("POST", "/issues/42/comments", { body = text }).body).id end
local function find(text)
  for _, c in ipairs(json.decode(call("GET", "/issues/42/comments").body)) do
    if c.body == text then return c.id end
  end
end
local function remove(id) call("DELETE", "/issues/comments/" .. id) end
local function the_comment(text, looks)
  return { "comment " .. text, create = function() return comment(text) end,
    find = function() if looks ~= false then return find(text) end end,
    destroy = function() local id = find(text) if id then remove(id) end end }
end
]]

local RECIPE = HEAD .. [[
return { summary = "A toy", approves = true, %s params = { %s }, run = function(p, run)
%s
end }
]]

---@param body string  of the recipe's function: p and run, and what HEAD has
---@param params? string  their declarations; left out: text
---@param fields? string  more of the recipe: 'deadline = "5m",'
---@return string  the recipe's text
function toy.recipe(body, params, fields)
  return RECIPE:format(fields or "", params or 'text = { type = "string", default = "hello" }', body)
end

---@param body string
---@param f fun(folder: string)
---@param fields? string
function toy.with(body, f, fields)
  local folder <close> = toy.folder()
  fs.write(folder.path .. "/davit.yaml", toy.YAML)
  fs.write(folder.path .. "/recipes/toy.lua", toy.recipe(body, nil, fields))
  return f(folder.path)
end

---@return table  with a path; removed when it is closed
function toy.folder()
  local path = process.run { argv = { "mktemp", "-d" } }.output:match "[^\n]+"
  return setmetatable({ path = path }, { __close = function() fs.remove(path) end })
end

---@param root string
---@param o? table  rehearsal.Options, as far as they are not those of the toy
---@param each? fun(packet: rehearsal.Packet)
---@return rehearsal.Result
---@return rehearsal.Options
function toy.rehearse(root, o, each)
  local all = { recipe = "toy", params = { text = "hello" }, seed = 1, jobs = 2, pull_requests = { 42 }, every = 1,
    limit = 60, faults = true }
  for name, value in pairs(o or {}) do all[name] = value end
  return explore.run(project.read(root), all, each or function() end), all
end

---`davit rehearse` in a process of its own.
---@param folder string
---@param ... string  arguments
function toy.run(folder, ...)
  local argv = { toy.davit:sub(1, 1) == "/" and toy.davit or "./" .. toy.davit, "rehearse", ... }
  argv[#argv + 1] = "--project=" .. folder
  return process.run { argv = argv, check = false, timeout = 300 }
end

return toy
