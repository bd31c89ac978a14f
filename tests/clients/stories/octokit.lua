---Octokit, with paginate: each program goes through calls, each a test here.
local about = ...
local github, place, suite = about.github, about.place, about.suite

if about.why_not then
  test("Octokit goes through its calls", function() skip(about.why_not) end)
  return
end

print(("clients: @octokit/rest %s, libsodium-wrappers %s"):format(about.cloud.version "@octokit/rest",
  about.cloud.version "libsodium-wrappers"))

for _, name in ipairs { "conversation", "deployments", "settings", "runs", "checks", "refused" } do
  suite.checks({ title = "Octokit, " .. name, program = ("octokit/%s.mjs"):format(name), argv = { github.base(place) },
    env = github.environment() }, test)
end
