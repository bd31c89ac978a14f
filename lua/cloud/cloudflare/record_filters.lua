---The filters of a list of DNS records: a query's keys, dotted ones too, to tests of a record. Pure.
local record_filters = {}

-- Of a value and what the query wants of it. Text is compared without regard to case.
local tests = {
  exact = function(value, wanted) return value == wanted end,
  contains = function(value, wanted) return value:find(wanted, 1, true) ~= nil end,
  startswith = function(value, wanted) return value:sub(1, #wanted) == wanted end,
  endswith = function(value, wanted) return wanted == "" or value:sub(-#wanted) == wanted end,
  present = function(value) return value ~= "" end,
  absent = function(value) return value == "" end,
}

local texts = { name = true, content = true, comment = true }

local function text_filter(field, how, wanted)
  return function(record) return tests[how]((record[field] or ""):lower(), wanted:lower()) end
end

local function has_tag(record, name, test)
  for _, tag in ipairs(record.tags or {}) do
    local own, value = tag:match("^([^:]*):?(.*)$")
    if own:lower() == name and test(value:lower()) then return true end
  end
  return false
end

-- "name:value"; presence is of the name alone.
local function tag_filter(how, wanted)
  local name, value = wanted:lower():match("^([^:]*):?(.*)$")
  if how == "present" or how == "absent" then
    return function(record) return has_tag(record, name, function() return true end) == (how == "present") end
  end
  return function(record)
    return has_tag(record, name, function(own) return tests[how](own, value) end)
  end
end

local function search_filter(wanted)
  wanted = wanted:lower()
  return function(record)
    for field in pairs(texts) do
      if (record[field] or ""):lower():find(wanted, 1, true) then return true end
    end
    return false
  end
end

local function filter_of(key, wanted)
  local field, how = key:match("^(%l+)%.(%l+)$")
  field, how = field or key, how or "exact"
  if texts[field] and tests[how] then return text_filter(field, how, wanted) end
  if field == "tag" and tests[how] then return tag_filter(how, wanted) end
  if key == "search" then return search_filter(wanted) end
  if key == "type" then return function(record) return record.type == wanted:upper() end end
  if key == "proxied" then return function(record) return tostring(record.proxied) == wanted end end
end

-- The filters of tags count as one, in which all or any of them must pass.
local function joined(filters, any)
  return function(record)
    for _, passes in ipairs(filters) do
      if passes(record) == any then return any end
    end
    return not any
  end
end

---@param query table<string, string>
---@return (fun(record: table): boolean)[]
function record_filters.of(query)
  local filters, of_tags = {}, {}
  for key, wanted in pairs(query) do
    local list = key:sub(1, 4) == "tag." and of_tags or filters
    list[#list + 1] = filter_of(key, wanted)
  end
  if #of_tags > 0 then filters[#filters + 1] = joined(of_tags, query.tag_match == "any") end
  return filters
end

return record_filters
