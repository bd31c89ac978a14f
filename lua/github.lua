---GitHub for recipes: a client of one repository, whose parts are in github/.
local api = require "github.api"
local authors = require "github.authors"
local comments = require "github.comments"
local options = require "options"
local pulls = require "github.pulls"

local github = {}

---The only places its token is sent to.
github.places = { token = { "https://api.github.com/repos header:authorization" } }

local fields = {
  { "repository", "string", true }, { "token", "text", true }, { "login", "any" },
}

function github.client(o)
  options.read("github.client", o, fields)
  if not o.repository:find("^[%w_.-]+/[%w_.-]+$") then
    options.misuse("github.client: 'repository' must be like \"owner/name\", not '%s'",
      o.repository)
  end
  local client = { repository = o.repository, token = o.token, logins = authors.read(o.login), keys = {} }
  return {
    pull = function(n) return pulls.get(client, n) end,
    open_pull = function(n) return pulls.get_open(client, n) end,
    open_pulls = function() return pulls.all_open(client) end,
    comments = function(n) return comments.all(client, n) end,
    comment = function(given) return comments.resource(client, given) end,
  }
end

return github
