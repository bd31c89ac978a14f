---What users would pick instead: where each program is, its version, or that it is not here.
---tests/setup.sh bench installs them; npm's are in build/bench-npm and run under the node that stands there.
local core = require "core"
local fs = require "fs"
local process = require "process"

local peers = {}

local NPM <const> = "build/bench-npm/node_modules/"

---@class tests.Peer
---@field name string
---@field argv? string[]    how it is called; its arguments come after
---@field version? string
---@field missing? string   why it cannot be measured

local function output_of(argv)
  local result = try(process.run, { argv = argv, timeout = 30 })
  return result and result.output .. result.errors
end

local function first_line_of(text)
  return text:match "^%s*([^\n]*)"
end

-- A program whose version is asked for by these arguments.
local function new(name, argv, ...)
  local asked = table.move({ ... }, 1, select("#", ...), #argv + 1, table.move(argv, 1, #argv, 1, {}))
  local text = output_of(asked)
  if not text then return { name = name, missing = "not installed" } end
  return { name = name, argv = argv, version = first_line_of(text):match "%d+%.%d[%w.%-]*" or first_line_of(text) }
end

---@return string
function peers.davit()
  return os.getenv "DAVIT" or "build/davit"
end

-- The binary itself: a link or a script before it would be measured with it.
local function node_program()
  for _, folder in ipairs { NPM, "build/npm/node_modules/" } do
    if fs.exists(folder .. "node/bin/node") then return folder .. "node/bin/node" end
  end
  return "node"
end

local function npm_part(name, script)
  if not fs.exists(NPM .. script) then return { name = name, missing = "not installed" } end
  return new(name, { node_program(), NPM .. script }, "--version")
end

local makers = {
  davit = function() return new("davit", { peers.davit() }, "--version") end,
  lua = function() return new("lua5.4", { "lua5.4" }, "-v") end,
  bash = function() return new("bash", { "bash" }, "--version") end,
  curl = function() return new("curl", { "curl" }, "--version") end,
  node = function() return new("node", { node_program() }, "--version") end,
  cat = function() return new("cat", { "cat" }, "--version") end,
  sed = function() return new("sed", { "sed" }, "--version") end,
  perl = function() return new("perl", { "perl" }, "--version") end,
  ripgrep = function() return new("ripgrep", { "rg" }, "--version") end,
  -- A library; what it does is done by a program of ours.
  hyperscan = function()
    local peer = new("hyperscan", { "pkg-config" }, "--modversion", "libhs")
    return { name = peer.name, argv = { "build/bench/hyperscan" }, version = peer.version, missing = peer.missing }
  end,
  zx = function() return npm_part("zx", "zx/build/cli.js") end,
  wrangler = function() return npm_part("wrangler", "wrangler/bin/wrangler.js") end,
  ["wait-on"] = function()
    local peer = npm_part("wait-on", "wait-on/bin/wait-on")
    if peer.argv then  -- it has no --version
      peer.version = require("json").decode(fs.read(NPM .. "wait-on/package.json")).version
    end
    return peer
  end,
}

---@param name "davit"|"lua"|"bash"|"cat"|"curl"|"hyperscan"|"node"|"perl"|"ripgrep"|"sed"|"zx"|"wrangler"|"wait-on"
---@return tests.Peer
function peers.find(name)
  return makers[name]()
end

-- What is not a peer, and is measured with.
local function others()
  return {
    new("nghttpd", { "nghttpd" }, "--version"), new("PostgreSQL", { "psql" }, "--version"),
    new("compiler", { "cc" }, "--version"), new("openssl", { "openssl" }, "version"), new("b3sum", { "b3sum" }, "--version"),
    new("tar", { "tar" }, "--version"), new("zstd", { "zstd" }, "--version"), new("bsdtar", { "bsdtar" }, "--version"),
  }
end

---The versions of all, "not installed" where one is missing.
---@return table<string, string>
function peers.versions()
  local versions = { ["davit's Lua texts"] = core.build }
  for _, other in ipairs(others()) do versions[other.name] = other.missing or other.version end
  for _, make in pairs(makers) do
    local peer = make()
    versions[peer.name] = peer.missing or peer.version
  end
  return versions
end

---How it is called with these arguments.
---@param peer tests.Peer
---@return string[]
function peers.call(peer, ...)
  local argv = table.move(peer.argv, 1, #peer.argv, 1, {})
  return table.move({ ... }, 1, select("#", ...), #argv + 1, argv)
end

return peers
