---Octokit with throttling and retry, in a world that has soon had enough.
local about = ...
local cloud, github, suite = about.cloud, about.github, about.suite

if about.why_not then
  test("Octokit's plug-ins go through their calls", function() skip(about.why_not) end)
  return
end

print(("clients: @octokit/plugin-throttling %s, @octokit/plugin-retry %s"):format(cloud.version "@octokit/plugin-throttling",
  cloud.version "@octokit/plugin-retry"))

local place <close> = github.open("github-limits", "github_requests: 1000, github_user_requests: 40, github_points: 900, "
  .. "github_content_per_minute: 5, github_content_per_hour: 500")
suite.checks({ title = "Octokit, limits", program = "octokit/limits.mjs", argv = { github.base(place) },
  env = github.environment() }, test)
