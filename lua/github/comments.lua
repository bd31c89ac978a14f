---Comments of a pull request or an issue, and the one of each purpose that is ours.
local api = require "github.api"
local authors = require "github.authors"
local marker = require "marker"
local mask = require "mask"
local planned = require "run.planned"
local options = require "options"
local pulls = require "github.pulls"

local comments = {}

local LONGEST = 65536   -- characters of a comment, and of an issue's body
local WRITE = "pull-requests: write"

-- A stranger's marker is none.
local function show(client, comment)
  return { id = comment.id, body = comment.body, login = authors.login(comment), url = comment.html_url,
    marker = authors.rank(client, comment) > 0 and marker.of_html(comment.body) or nil }
end

local function list_of(o)
  return { path = ("/issues/%d/comments"):format(o.pr), needs = (o.needs:gsub("write", "read")),
    what = ("list the comments of %s %d"):format(o.of, o.pr) }
end

---@return github.Comment[]
function comments.all(client, n)
  pulls.check_number("github.comments", n)
  local list = api.all(client, list_of { pr = n, of = "the pull request", needs = WRITE })
  for i, comment in ipairs(list) do list[i] = show(client, comment) end
  return list
end

-- ---- text --------------------------------------------------------------------------------

---A body with its marker, masked.
---@param what string  the function, for the error
---@return string
function comments.text(what, text, body)
  local whole = marker.to_html(text) .. "\n" .. mask.text(body)
  if (utf8.len(whole) or #whole) <= LONGEST then return whole end
  options.misuse("%s: the body is longer than GitHub's %d characters", what, LONGEST)
end

-- ---- one comment -------------------------------------------------------------------------

---@class github.comments.One
---@field pr integer     of the pull request, or the issue
---@field of string      which of them, for errors
---@field needs string
---@field marker string
---@field text string

local function find(client, o)
  local found = authors.find(client, api.walk(client, list_of(o)), o.marker)
  return found and show(client, found)
end

local function create(client, o)
  local made = api.call(client, { method = "POST", path = ("/issues/%d/comments"):format(o.pr), needs = o.needs,
    json = { body = o.text }, what = ("comment on %s %d"):format(o.of, o.pr) })
  return show(client, made)
end

-- Somebody may have deleted it meanwhile.
local function update(client, thing, o)
  if thing.body == o.text then return thing end
  local changed = api.call(client, { method = "PATCH", path = "/issues/comments/" .. thing.id, needs = o.needs,
    json = { body = o.text }, absent = true, what = ("change the comment on %s %d"):format(o.of, o.pr) })
  if changed then return show(client, changed) end
  return create(client, o)
end

local function destroy(client, o)
  local thing = find(client, o)
  if not thing then return end
  api.call(client, { method = "DELETE", path = "/issues/comments/" .. thing.id, absent = true, needs = o.needs,
    what = ("delete the comment on %s %d"):format(o.of, o.pr) })
end

---Writes a comment or changes the one that is there; one whose reply was lost is looked for first.
---@param o github.comments.One
function comments.put(client, o)
  local function look() return find(client, o) end
  local thing = look()
  if thing then return update(client, thing, o) end
  return api.once(look, function() return create(client, o) end)
end

-- ---- the resource ------------------------------------------------------------------------

local fields = {
  { "pr", "integer", true }, { "key", "string", true }, { "body", "string", true },
}

-- A key may be a whole marker; a word makes one with the repository's name and the number.
local function marker_of(client, o)
  if marker.parse(o.key) then return o.key end
  local name = client.repository:match("/(.+)$")
  return marker.new { project = name, environment = o.key, key = o.pr }
end

local function read(client, given)
  options.read("github.comment", given, fields)
  pulls.check_number("github.comment", given.pr)
  local o = { pr = given.pr, of = "the pull request", needs = WRITE, marker = marker_of(client, given) }
  o.text = comments.text("github.comment", o.marker, given.body)
  return o
end

---@return table resource
function comments.resource(client, given)
  local o = read(client, given)
  return {
    ("Comment %s on #%d"):format(given.key, o.pr),
    find = function() return find(client, o) end,
    create = function() return create(client, o) end,
    matches = function() return true end,   -- find looks at marker and author already
    update = function(thing) return update(client, thing, o) end,
    plan = function(thing)
      if thing.body == o.text then return "keep" end
      return "change", planned.within(o.text) and "as far as it differs" or "another text"
    end,
    destroy = function() destroy(client, o) end,
  }
end

return comments
