---What the runs of a rehearsal use: a set of lines "KIND NAME" with general names (lua/run/manifest.lua), which a
---schedule compares with those of the undisturbed run.
local manifest = require "run.manifest"

local uses = {}

---@class rehearsal.Uses
---@field lines table<string, true>
---@field known table<string, true>  what somebody was told already
---@field listed table<string, true>  folders that were listed
---@field others boolean             what happens now is another recipe's
local Uses = {}
Uses.__index = Uses

---@return rehearsal.Uses
function uses.new()
  return setmetatable({ lines = {}, known = {}, listed = {}, others = false }, Uses)
end

-- What was listed stands for what is read in it: of a folder with many files one line is enough.
local function is_listed(self, path)
  if self.listed["**"] then return true end
  local at = path:match "^(.*)/[^/]*$"
  while at do
    if self.listed[at .. "/**"] then return true end
    at = at:match "^(.*)/[^/]*$"
  end
  return false
end

local function in_listed(self, kind, name)
  if kind ~= "reads" then return false end
  if is_listed(self, (name:gsub("/%*%*$", ""))) then return true end
  if name:find "%*%*$" then self.listed[name] = true end
  return false
end

-- What only a rehearsal has: its home, the event of its job.
local function is_of_rehearsal(kind, what)
  return (kind == "reads" or kind == "writes") and what:find "^/nowhere" ~= nil
end

---@param kind string  of host/permit.h
---@param what string
function Uses:add(kind, what)
  if self.others or is_of_rehearsal(kind, what) then return end
  local name = manifest.general(kind, what)
  if not in_listed(self, kind, name) then self.lines[kind .. " " .. name] = true end
end

---Forgets what was used until now.
function Uses:forget() self.lines, self.listed = {}, {} end

---What nobody was told yet.
---@return string[]
function Uses:new_ones()
  local list = {}
  for line in pairs(self.lines) do
    if not self.known[line] then list[#list + 1] = line end
  end
  return list
end

---@param lines string[]  that somebody knows
function Uses:know(lines)
  for _, line in ipairs(lines) do self.known[line] = true end
end

return uses
