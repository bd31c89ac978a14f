---Issues as resources: one open issue for each key, ours by the marker in its body and by its author.
---
---A closed issue is over: nothing opens it again, the next trouble is a new one.
local api = require "github.api"
local authors = require "github.authors"
local comments = require "github.comments"
local marker = require "marker"
local mask = require "mask"
local options = require "options"

local issues = {}

local LONGEST_TITLE = 256   -- characters; more bytes are never more characters
local WRITE = "issues: write"

local function labels_of(found)
  local names = {}
  for i, label in ipairs(api.given(found.labels) or {}) do names[i] = type(label) == "table" and label.name or label end
  return names
end

local function thing_of(found)
  return { number = found.number, title = found.title, body = api.given(found.body), labels = labels_of(found),
    url = found.html_url, state = found.state }
end

-- The open ones; pull requests are among them, and none of ours.
local function walk(client)
  local all = api.walk(client, { path = "/issues", query = { state = "open" }, needs = "issues: read",
    what = "list the open issues" })
  return function()
    for found in all do
      if not found.pull_request then return found end
    end
  end
end

local function find(client, o)
  local found = authors.find(client, walk(client), o.marker)
  return found and thing_of(found)
end

-- ---- changing ----------------------------------------------------------------------------

local function create(client, o)
  return thing_of((api.call(client, { method = "POST", path = "/issues", needs = WRITE,
    json = { title = o.title, body = o.text, labels = o.labels }, what = "open the issue '" .. o.title .. "'" })))
end

-- The labels that there are and those that are wanted; nil when none is missing. People's own stay.
local function joined(there, wanted)
  local list, known = { table.unpack(there) }, {}
  for _, name in ipairs(there) do known[name:lower()] = true end
  for _, name in ipairs(wanted or {}) do
    if not known[name:lower()] then list[#list + 1] = name end
    known[name:lower()] = true
  end
  return #list > #there and list or nil
end

local function patch(client, number, fields, what)
  return thing_of((api.call(client, { method = "PATCH", path = "/issues/" .. number, needs = WRITE, json = fields,
    what = ("%s the issue #%d"):format(what, number) })))
end

local function is_current(thing, o)
  return thing.title == o.title and thing.body == o.text and not joined(thing.labels, o.labels)
end

local function update(client, thing, o)
  if is_current(thing, o) then return thing end
  local labels = joined(thing.labels, o.labels)
  return patch(client, thing.number, { title = o.title, body = o.text, labels = labels }, "change")
end

local function close(client, number)
  return patch(client, number, { state = "closed", state_reason = "completed" }, "close")
end

-- ---- the resource ------------------------------------------------------------------------

local fields = {
  { "key", "string", true }, { "title", "string", true }, { "body", "string", true }, { "labels", "table" },
}

local function check_labels(labels)
  for _, name in ipairs(labels or {}) do
    if type(name) ~= "string" or name == "" then options.misuse("github.issue: 'labels' is a list of names") end
  end
end

local function check_key(what, key)
  if not marker.parse(key) then
    options.misuse("%s: option 'key' must be a marker like \"project/environment/key\", not '%s'", what, key)
  end
end

local function read(given)
  options.read("github.issue", given, fields)
  check_key("github.issue", given.key)
  check_labels(given.labels)
  if not given.title:find "%S" then options.misuse("github.issue: 'title' is blank") end
  return { marker = given.key, title = options.beginning(mask.text(given.title), LONGEST_TITLE - 1),
    text = comments.text("github.issue", given.key, given.body), labels = given.labels }
end

---@return table resource
function issues.resource(client, given)
  local o = read(given)
  return {
    "Issue " .. o.marker,
    find = function() return find(client, o) end,
    create = function() return create(client, o) end,
    matches = function() return true end,   -- find looks at marker and author already
    update = function(thing) return update(client, thing, o) end,
    plan = function(thing)
      if is_current(thing, o) then return "keep" end
      return "change", "another text"
    end,
    destroy = function(thing) close(client, thing.number) end,
  }
end

-- ---- closing -----------------------------------------------------------------------------

local close_fields = { { "key", "string", true }, { "comment", "string" } }

-- The comment comes first, and is changed rather than repeated: who is killed in between finds the issue open again.
local function say(client, o, number, text)
  comments.put(client, { pr = number, of = "the issue", needs = WRITE, marker = o.marker, text = text })
end

---Closes the open issue of a key, if there is one.
---@return integer|nil number
function issues.close(client, given)
  options.read("github.close_issue", given, close_fields)
  check_key("github.close_issue", given.key)
  local o = { marker = given.key }
  local text = given.comment and comments.text("github.close_issue", o.marker, given.comment)
  local thing = find(client, o)
  if not thing then return nil end
  if text then say(client, o, thing.number, text) end
  close(client, thing.number)
  return thing.number
end

return issues
