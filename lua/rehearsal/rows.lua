---Which row of the report an effect belongs to: those that differ in ids and names alone share one.
local events = require "rehearsal.events"

local rows = {}

---The areas that rows are in, from top to bottom.
rows.areas = { "Cloudflare", "Neon", "GitHub", "hosts", "databases", "names", "programs", "files", "journal", "leases" }

-- What follows one of these in a path is a name.
local collections = { scripts = true, environments = true, branches = true, zones = true, accounts = true,
  projects = true, repos = true, secrets = true, variables = true }

local function segment(text, before)
  if collections[before] or text:find "%d" or #text > 32 then return "{}" end
  return text
end

local function path_of(path)
  local parts, before = {}, nil
  for text in path:gmatch "[^/]+" do
    parts[#parts + 1] = segment(text, before)
    before = text
  end
  return "/" .. table.concat(parts, "/")
end

local services = { cloudflare = "Cloudflare", neon = "Neon", github = "GitHub" }

local function of_request(about)
  local method, host, path = events.short(about):match "^(%S+) ([^/ ]+) ?(/?.*)$"
  if not method then return "hosts", about end
  return services[host] or "hosts", ("%s %s"):format(method, path_of(path))
end

local function of_statement(about)
  if about:find "^connect " then return "databases", "connect" end
  return "databases", (about:gsub("%s+", " "):gsub("'[^']*'?", "'…'"):gsub("%d+", "N"))
end

local function of_name(about)
  local kind, name = about:match "^(%S+) (%S+)$"
  return "names", ("%s %s"):format(kind or about, (name or ""):match "[^.]+%.[^.]+$" or name or "")
end

local function first_word(area)
  return function(about) return area, (about:match "^%S+" or about):match "[^/]*$" end
end

local of_kind = {
  http = of_request, sql = of_statement, dns = of_name, process = first_word "programs", file = first_word "files",
  journal = first_word "journal", lease = first_word "leases",
}

---@param kind string   of the effect: "http"
---@param about string  "GET api.github.com/repos/o/r/pulls/42"
---@return string area  one of rows.areas
---@return string name  "GET /pulls/{}"
function rows.of(kind, about) return of_kind[kind](about) end

return rows
