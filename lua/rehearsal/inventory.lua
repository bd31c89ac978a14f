---Everything that stands in the models, as sorted lines that can be compared: what matters of each
---object, without ids and times, which no two runs share. An object that is there twice is two lines.
local data = require "cloud.data"
local ledger = require "cloud.ledger"
local sha256 = require "sha256"

local inventory = {}

local function short(text)
  return sha256(text):sub(1, 12)
end

-- ---- Cloudflare --------------------------------------------------------------------------

local function add_records(add, cloudflare)
  for _, r in ipairs(cloudflare.records) do
    add("DNS record %s %s %s%s%s%s", r.type, r.name, r.content, r.proxied and " proxied" or "",
      r.managed_by and " of a custom domain" or "", r.comment and (" '%s'"):format(r.comment) or "")
  end
end

local function add_domains(add, cloudflare)
  for _, d in ipairs(cloudflare.domains) do add("custom domain %s -> Worker %s", d.hostname, d.service) end
end

-- Generated secrets differ from run to run, but Workers that share one in one run share it in every
-- other: who was first stands for the value.
local function first_holder(holders, binding, script)
  local key = binding.name .. "\0" .. binding.text
  holders[key] = holders[key] or script.name
  return holders[key]
end

local function binding_text(binding, script, holders)
  if binding.type == "secret_text" then
    local holder = first_holder(holders, binding, script)
    return holder == script.name and "secret" or "the same secret as " .. holder
  end
  return ("%s %s"):format(binding.type, binding.text or binding.service or binding.namespace_id or "")
end

local function add_version(add, script, version, holders)
  for _, binding in ipairs(version.bindings) do
    add("Worker %s: %s = %s", script.name, binding.name, binding_text(binding, script, holders))
  end
  for _, module in ipairs(version.modules or {}) do
    add("Worker %s: module %s %s", script.name, module.name, short(module.body or ""))
  end
  for path, asset in pairs(version.assets and version.assets.manifest or {}) do
    add("Worker %s: asset %s %s", script.name, path, type(asset) == "table" and asset.hash or asset)
  end
end

local function add_scripts(add, cloudflare)
  local holders = {}
  for _, script in pairs(cloudflare.scripts) do
    add("Worker %s [%s]%s", script.name, table.concat(script.tags, " "),
      script.subdomain.since and " on workers.dev" or "")
    add_version(add, script, script.versions[#script.versions], holders)
  end
end

-- ---- Neon and its databases --------------------------------------------------------------

local function row_text(row)
  local parts = {}
  for name, value in pairs(row) do
    parts[#parts + 1] = ("%s=%s"):format(name, #value > 40 and short(value) or value)
  end
  return table.concat(parts, " ")
end

local function add_entry(add, branch, i, entry)
  if entry.verb ~= "insert" then
    add("database %s: %03d %s", branch.name, i, #entry.text > 80 and entry.text:sub(1, 60) .. "… " .. short(entry.text)
      or entry.text)
    return
  end
  for _, row in ipairs(entry.rows) do add("database %s: %03d row of %s %s", branch.name, i, entry.name, row_text(row)) end
end

local function add_branches(add, state)
  for _, branch in ipairs(state.neon.branches) do
    if not branch.deleted then
      local parent = data.find(state.neon.branches, "id", branch.parent_id)
      local marks = {}
      for key, value in pairs(branch.annotation or {}) do marks[#marks + 1] = key .. "=" .. value end
      add("database branch %s%s [%s]%s", branch.name, parent and " of " .. parent.name or "",
        table.concat(marks, " "), branch.expires and " that expires" or "")
      for i, entry in ipairs(ledger.own(state, branch)) do add_entry(add, branch, i, entry) end
    end
  end
end

-- ---- GitHub ------------------------------------------------------------------------------

local function add_comments(add, github)
  for _, c in ipairs(github.comments) do
    add("comment on #%d by %s: %s", c.number, c.login, c.body:gsub("%s+", " "))
  end
end

---@param state table  of the models
---@return string[]
function inventory.lines(state)
  local lines = {}
  local function add(format, ...) lines[#lines + 1] = format:format(...) end
  add_records(add, state.cloudflare)
  add_domains(add, state.cloudflare)
  add_scripts(add, state.cloudflare)
  add_branches(add, state)
  add_comments(add, state.github)
  table.sort(lines)
  return lines
end

return inventory
