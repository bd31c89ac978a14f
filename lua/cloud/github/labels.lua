---Labels: a repository's, and those of its issues and pull requests, which name them by id.
local answers = require "cloud.github.answers"
local data = require "cloud.data"
local ids = require "cloud.ids"
local links = require "cloud.github.links"

local labels = {}

-- What every new repository has.
local defaults = {
  { "bug", "d73a4a", "Something isn't working" },
  { "documentation", "0075ca", "Improvements or additions to documentation" },
  { "duplicate", "cfd3d7", "This issue or pull request already exists" },
  { "enhancement", "a2eeef", "New feature or request" },
  { "good first issue", "7057ff", "Good for newcomers" },
  { "help wanted", "008672", "Extra attention is needed" },
  { "invalid", "e4e669", "This doesn't seem right" },
  { "question", "d876e3", "Further information is requested" },
  { "wontfix", "ffffff", "This will not be worked on" },
}

local PLAIN = "ededed"   -- the color of a label that was made by being named

---Puts a label into a repository.
---@param o { name: string, color?: string, description?: string, default?: boolean }
---@return table
function labels.add(state, repository, o)
  local made = { id = 8000000000 + ids.next(state, "github label"), name = o.name, color = (o.color or PLAIN):lower(),
    description = o.description, default = o.default or nil }
  table.insert(repository.labels, made)
  return made
end

function labels.init(repository, state)
  if repository.labels then return end
  repository.labels = {}
  for _, one in ipairs(defaults) do
    labels.add(state, repository, { name = one[1], color = one[2], description = one[3], default = true })
  end
end

---@return table|nil label, integer|nil index  by its name in any case
function labels.find(repository, name)
  for i, label in ipairs(repository.labels) do
    if label.name:lower() == name:lower() then return label, i end
  end
end

---@param context github.Context
function labels.show(context, label)
  local url = ("/repos/%s/labels/%s"):format(context.repository.full_name, links.escape(label.name))
  return { id = label.id, node_id = "LA_" .. label.id, url = links.api(context, url), name = label.name,
    color = label.color, default = label.default or false, description = data.nullable(label.description) }
end

---The labels of an issue or a pull request.
function labels.of(context, item)
  return data.array(item.labels, function(id)
    return labels.show(context, (data.find(context.repository.labels, "id", id)))
  end)
end

-- ---- those that somebody names -------------------------------------------------------------

-- A name, or an object that has one.
local function name_of(entry)
  return data.text(entry) or type(entry) == "table" and data.text(entry.name) or nil
end

---Refuses what names no label.
---@param names any[]
function labels.check_names(names)
  for _, entry in ipairs(names) do
    if not name_of(entry) then answers.invalid_field("Label", "name", "invalid") end
  end
end

---The ids of labels by their names; what is not there is made.
---@param names any[]  texts or objects with `name`
---@return integer[]
function labels.named(context, names)
  local list, seen = {}, {}
  labels.check_names(names)
  for _, entry in ipairs(names) do
    local name = name_of(entry)
    local label = labels.find(context.repository, name)
      or labels.add(context.state, context.repository, { name = name })
    if not seen[label.id] then list[#list + 1] = label.id end
    seen[label.id] = true
  end
  return list
end

-- ---- of the repository ---------------------------------------------------------------------

local function list(context)
  return answers.list(context, context.repository.labels, labels.show)
end

local function of_path(context)
  local label, index = labels.find(context.repository, context.params.name)
  if not label then answers.not_found() end
  return label, index
end

local function check(context, body, renamed)
  if body.color and not (data.text(body.color) or ""):find "^%x%x%x%x%x%x$" then
    answers.invalid_field("Label", "color", "invalid")
  end
  if data.text(body.description) and (utf8.len(body.description) or 0) > 100 then
    answers.invalid_field("Label", "description", "custom", "description is too long (maximum is 100 characters)")
  end
  local other = data.text(body.name) and labels.find(context.repository, body.name)
  if other and other ~= renamed then answers.invalid_field("Label", "name", "already_exists") end
end

local function create(context)
  local body = answers.body(context)
  if not data.text(body.name) then answers.invalid_field("Label", "name", "missing_field") end
  check(context, body)
  local made = labels.show(context, labels.add(context.state, context.repository, body))
  return made, { status = 201, location = made.url }
end

local function update(context)
  local label, body = of_path(context), answers.body(context)
  body.name = body.new_name
  check(context, body, label)
  label.name = data.text(body.name) or label.name
  label.color = (data.text(body.color) or label.color):lower()
  if type(body.description) == "string" then label.description = body.description end
  return labels.show(context, label)
end

local function without(list_of, id)
  return data.filter(list_of, function(other) return other ~= id end)
end

local function delete(context)
  local label, index = of_path(context)
  table.remove(context.repository.labels, index)
  for _, name in ipairs { "issues", "pulls" } do
    for _, item in ipairs(context.repository[name]) do item.labels = without(item.labels, label.id) end
  end
  return nil, { status = 204 }
end

local ALL, ONE = "/repos/{owner}/{repo}/labels", "/repos/{owner}/{repo}/labels/{name}"
local READ = { { "issues", "read" }, { "pull_requests", "read" } }
local WRITE = { { "issues", "write" }, { "pull_requests", "write" } }

labels.routes = {
  { "GET", ALL, list, permission = READ, docs = "issues/labels#list-labels-for-a-repository" },
  { "POST", ALL, create, permission = WRITE, docs = "issues/labels#create-a-label" },
  { "GET", ONE, function(context) return labels.show(context, (of_path(context))) end, permission = READ,
    docs = "issues/labels#get-a-label" },
  { "PATCH", ONE, update, permission = WRITE, docs = "issues/labels#update-a-label" },
  { "DELETE", ONE, delete, permission = WRITE, docs = "issues/labels#delete-a-label" },
}

return labels
