---GitHub's own clients, unmodified, on a local cloud: Octokit with its plug-ins, gh over a unix socket, the actions'
---client of artifacts. Each story ends with what a person expects: one comment with the new text, a secret with the value
---that was set, an artifact that comes back as it went. At the end all that was said is held against the contract.
local core = require "core"
local cloud = assert(core.load_file "tests/clients/cloud.lua")()
local github = assert(core.load_file "tests/clients/github.lua")()
local suite = assert(core.load_file "tests/clients/suite.lua")()

-- The last one needs all before it. Under the sanitizers those are told that ask for the most.
local ALL <const> = "octokit octokit_limits gh artifacts contract_github"
local MOST <const> = "octokit artifacts"

local stories = suite.chosen(suite.sanitized and MOST or ALL)
if not stories[1] then return end

local why_not = cloud.missing "@octokit/rest" or cloud.missing "libsodium-wrappers"
local place <close> = github.open "github"

suite.tell(stories, { cloud = cloud, github = github, place = place, suite = suite, why_not = why_not,
  contains = suite.contains }, _ENV)
