---Pull requests, as recipes need them.
local api = require "github.api"
local options = require "options"

local pulls = {}

---Raises a misuse unless it is the number of a pull request or an issue.
---@param what string  the function, for the error
function pulls.check_number(what, n)
  if math.type(n) == "integer" and n > 0 then return n end
  options.misuse("%s: expected the number of a pull request, not '%s'", what, tostring(n))
end

local function show(pull)
  return { number = pull.number, state = pull.state, title = pull.title, head = pull.head.ref,
    sha = pull.head.sha }
end

---@return github.Pull
function pulls.get(client, n)
  pulls.check_number("github.pull", n)
  return show((api.call(client, { path = "/pulls/" .. n, what = "read the pull request " .. n,
    needs = "pull-requests: read" })))
end

---@return github.Pull
function pulls.get_open(client, n)
  local pull = pulls.get(client, n)
  if pull.state == "open" then return pull end
  failure { code = "github-closed", about = "#" .. n,
    message = ("GitHub: the pull request #%d is %s"):format(n, pull.state),
    hint = "only for an open pull request something is made; cleanup removes what is left of this one" }
end

---@return github.Pull[]
function pulls.all_open(client)
  local list = api.all(client, { path = "/pulls", query = { state = "open" }, what = "list the pull requests",
    needs = "pull-requests: read" })
  for i, pull in ipairs(list) do list[i] = show(pull) end
  return list
end

return pulls
