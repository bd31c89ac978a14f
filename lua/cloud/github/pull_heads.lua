---Pull requests by the commit at their head, as they stand beside checks and runs. Those from forks are not among them:
---GitHub leaves them out, and whoever counts on the number finds none.
local json = require "json"
local links = require "cloud.github.links"

local pull_heads = {}

local function side(context, ref, sha)
  local repository = context.repository
  return { ref = ref, sha = sha, repo = { id = repository.id, name = repository.full_name:match "/(.*)$",
    url = links.api(context, "/repos/" .. repository.full_name) } }
end

---@param context github.Context
---@param sha string
---@return table[]  an array
function pull_heads.at(context, sha)
  local list, repository = json.array {}, context.repository
  for _, pull in ipairs(repository.pulls) do
    local from_here = pull.head_repository == repository.full_name
    if pull.sha == sha and pull.state == "open" and from_here then
      local base = repository.branches[pull.base]
      list[#list + 1] = { id = pull.id, number = pull.number,
        url = links.api(context, ("/repos/%s/pulls/%d"):format(repository.full_name, pull.number)),
        head = side(context, pull.head, pull.sha), base = side(context, pull.base, base and base.sha or pull.sha) }
    end
  end
  return list
end

return pull_heads
