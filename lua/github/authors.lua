---Whose marker counts in a text that anybody may write: a comment's, an issue's.
---
---Ours is what `login` names and what a workflow's token wrote, which only workflows of the repository have. The
---token may be another one tomorrow: a person's today, a workflow's then. So what somebody wrote who belongs to the
---repository counts, too, where nothing of the first kind is there; a stranger's never does.
local api = require "github.api"
local marker = require "marker"
local options = require "options"

local authors = {}

authors.WORKFLOW = "github-actions[bot]"   -- who the token of a workflow writes as

local belongs = { OWNER = true, MEMBER = true, COLLABORATOR = true }

---The option `login`: a name, or a list of names.
---@return string[]  whoever writes for us; the workflow among them
function authors.read(login)
  local list = type(login) == "table" and { table.unpack(login) } or { login }
  for _, name in ipairs(list) do
    if type(name) ~= "string" or name == "" then
      options.misuse("github.client: 'login' is the name of an account, or a list of names")
    end
  end
  list[#list + 1] = authors.WORKFLOW
  return list
end

---Who wrote a comment or an issue; nil when the account is gone.
---@return string|nil
function authors.login(item)
  return (api.given(item.user) or {}).login
end

local function is_ours(client, login)
  for _, ours in ipairs(client.logins) do
    if login and ours:lower() == login:lower() then return true end
  end
  return false
end

---How much a marker of this item counts: 2 ours, 1 of somebody who belongs here, 0 a stranger's.
---@return integer
function authors.rank(client, item)
  if is_ours(client, authors.login(item)) then return 2 end
  return belongs[item.author_association] and 1 or 0
end

---The item with a marker: the first that is ours, else the first of somebody who belongs here.
---@param walk fun(): any  of items with body, user and author_association
---@param wanted string
---@return table|nil item
function authors.find(client, walk, wanted)
  local second
  for item in walk do
    local rank = marker.of_html(api.given(item.body)) == wanted and authors.rank(client, item) or 0
    if rank == 2 then return item end
    if rank == 1 then second = second or item end
  end
  return second
end

return authors
