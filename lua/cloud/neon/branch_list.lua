---The list of branches: searched, sorted, and in pages whose cursors name the last branch.
---
---Assumed: that a page has at most 100; the contract allows far larger limits.
local base64 = require "base64"
local body = require "cloud.neon.body"
local branch = require "cloud.neon.branch"
local data = require "cloud.data"

local branch_list = {}

local PAGE = 100

local keys = { name = "name", created_at = "created", updated_at = "updated" }

local refuse = body.refuse

local function found_by(context, with_deleted)
  local wanted = context.query.search or ""
  return data.filter(context.neon.branches, function(one)
    local there = not one.deleted or with_deleted and one.recoverable
    return one.project_id == context.project.id and there
      and (one.name:find(wanted, 1, true) or one.id:find(wanted, 1, true)) ~= nil
  end)
end

local function sorted(context)
  local query = context.query
  local key, descending = keys[query.sort_by or "updated_at"], query.sort_order ~= "asc"
  if not key then refuse(400, "sort_by is unknown") end
  if query.sort_order and query.sort_order ~= "asc" and query.sort_order ~= "desc" then
    refuse(400, "sort_order is asc or desc")
  end
  local found = found_by(context, query.include_deleted == "true")
  table.sort(found, function(a, b)
    if descending then a, b = b, a end
    if a[key] ~= b[key] then return a[key] < b[key] end
    return a.id < b.id
  end)
  return found
end

local function start_of(found, cursor)
  if not cursor then return 1 end
  local ok, id = pcall(base64.decode, cursor)
  local _, index = data.find(found, "id", ok and id or "")
  if not index then refuse(400, "invalid cursor") end
  return index + 1
end

local function list(context)
  local found, query = sorted(context), context.query
  local limit = math.tointeger(tonumber(query.limit or PAGE))
  if not limit or limit < 1 or limit > 10000 then refuse(400, "limit must be from 1 to 10000") end
  local first = start_of(found, query.cursor)
  local last = math.min(first + math.min(limit, PAGE) - 1, #found)
  local page, annotations = table.move(found, first, last, 1, {}), {}
  for _, one in ipairs(page) do
    if one.annotation then annotations[one.id] = branch.annotation(one) end
  end
  return {
    branches = data.array(page, function(one) return branch.show(context, one) end),
    annotations = annotations,
    pagination = { next = last < #found and base64.encode(found[last].id) or nil,
      sort_by = query.sort_by or "updated_at", sort_order = query.sort_order or "desc" },
  }
end

local function count(context)
  return { count = #found_by(context, false) }
end

branch_list.routes = {
  { "GET", "/projects/{project}/branches", list },
  { "GET", "/projects/{project}/branches/count", count },
}

return branch_list
