---All that was said in the stories before, held against GitHub's contract; tests/clients/known_differences_github.json has
---what may differ, each with its reason. And which clients it was that spoke.
local about = ...
local fs = require "fs"
local json = require "json"
local cloud, github, place, suite = about.cloud, about.github, about.place, about.suite

local RECORDINGS <const> = { "build/clients-traffic/github.jsonl", "build/clients-traffic/github-limits.jsonl" }

test("Octokit, gh and the client of artifacts have spoken", function()
  if about.why_not then skip(about.why_not) end
  local agents = suite.agents(place:recorded(), { "^octokit%-rest%.js/[%d.]+", "^GitHub CLI [%d.]+", "^@actions/artifact%-[%d.]+" })
  equal((agents["octokit-rest.js/" .. cloud.version "@octokit/rest"] or 0) > 200, true)
  equal((agents["@actions/artifact-" .. cloud.version "@actions/artifact"] or 0) > 10, true)
  local gh = github.gh_version()
  equal(not gh or (agents["GitHub CLI " .. gh] or 0) > 40, true)
end)

-- An operation's path as a pattern: each parameter is one segment.
local function pattern_of(template)
  return "^" .. template:gsub("{[%w_]+}", "\0"):gsub("%p", "%%%0"):gsub("\0", "[^/]+") .. "$"
end

test("every operation of the contract was asked for, and was carried out", function()
  if about.why_not then skip(about.why_not) end
  local contract, there = cloud.evidence "github.json"
  if not there then skip("there is no contract at " .. contract) end
  local carried_out, missing = {}, {}
  for _, entry in ipairs(place:recorded()) do
    if (entry.status or 500) < 400 then carried_out[entry.method .. " " .. entry.path] = true end
  end
  for template, methods in pairs(json.decode(fs.read(contract)).paths) do
    for method, operation in pairs(methods) do
      local wanted, found = pattern_of(("%s %s"):format(method:upper(), template)), not operation.responses
      for one in pairs(carried_out) do found = found or one:find(wanted) ~= nil end
      if not found then missing[#missing + 1] = ("%s %s"):format(method:upper(), template) end
    end
  end
  equal(missing, {})
end)

test("who is refused is told why, and where to read on", function()
  if about.why_not then skip(about.why_not) end
  local refused = place:recorded(function(entry)
    return entry.host == "api.github.com" and entry.status ~= nil and entry.status >= 400 and not entry.injected
  end)
  equal(#refused > 30, true)
  for _, entry in ipairs(refused) do
    local body = entry.resp or {}
    local told = type(body.message) == "string" and body.status == tostring(entry.status)
      and (body.documentation_url or ""):find "^https://docs%.github%.com/rest" ~= nil
    if not told then error(("%s %s: %d %s"):format(entry.method, entry.path, entry.status, json.encode(body)), 0) end
  end
end)

test("what was said to GitHub keeps the contract, but for the known differences", function()
  if about.why_not then skip(about.why_not) end
  local contract, there = cloud.evidence "github.json"
  if not there then skip("there is no contract at " .. contract) end
  local told, problems = suite.hold { service = "github", recordings = RECORDINGS, contracts = { { "github", contract } },
    partial = not github.gh_version() }
  print(("contracts: %d exchanges, %d held against GitHub's; %d known differences"):format(told.exchanges, told.held.github,
    told.known))
  if problems[1] then error(table.concat(problems, "\n"), 0) end
end)
