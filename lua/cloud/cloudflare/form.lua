---What an upload sends as form data: modules and JSON documents. Clients write documents as one part of
---JSON, or, as the service's SDK does, as a part for every leaf: `metadata[bindings][][name]`.
local data = require "cloud.data"
local multipart = require "cloud.multipart"
local route = require "cloud.route"

local form = {}

local function refuse(code, message)
  route.refuse { status = 400, code = code, message = message }
end

-- The SDK sends form data under the content type of a script: the body says its boundary, too.
local function content_type(request)
  local given = request.headers["content-type"] or ""
  if given:find("^multipart/") then return given end
  local boundary = (request.body or ""):match("^%-%-([^\r\n]+)\r\n[Cc]ontent%-[Dd]isposition:")
  return boundary and ('multipart/form-data; boundary="%s"'):format(boundary) or given
end

---@param request table
---@return boolean  whether its body is form data
function form.is(request) return content_type(request):find("^multipart/") ~= nil end

local function check_text(text)
  if not utf8.len(text or "") then refuse(10026, "What is no module is UTF-8.") end
end

---@param request table
---@return multipart.Part[]  refuses what cannot be parsed
function form.parts(request)
  local parts, reason = multipart.parse(content_type(request), request.body or "")
  if not parts then refuse(10006, "The upload cannot be parsed: " .. reason) end
  for _, part in ipairs(parts) do
    check_text(part.name)
    check_text(part.filename)
    check_text(part.type)
  end
  return parts
end

-- ---- a document in many parts ------------------------------------------------------------

local function leaf(text)
  check_text(text)
  if text == "true" or text == "false" then return text == "true" end
  return text
end

-- A list's elements are told apart by the first field that an element has already; one that goes
-- deeper may have begun.
local function element_of(list, key, deeper)
  local last = list[#list]
  local begun = type(last) == "table" and last[key]
  if type(last) ~= "table" or begun ~= nil and not (deeper and type(begun) == "table") then
    last = {}
    list[#list + 1] = last
  end
  return last
end

-- A document is a list or has names, at every place of it.
local function check_kind(target, key)
  local is_list = #target > 0
  if is_list ~= (key == "") and next(target) ~= nil then
    refuse(10026, "A part of the document is a list here and an object there.")
  end
end

local function put(target, keys, value)
  for i = 1, #keys do
    local key, following = keys[i], keys[i + 1]
    check_kind(target, key)
    if key == "" then
      if not following then
        target[#target + 1] = value
        return
      end
      target = element_of(target, following, keys[i + 2])
    elseif following then
      target[key] = type(target[key]) == "table" and target[key] or {}
      target = target[key]
    else
      target[key] = value
    end
  end
end

local function nested(parts, name)
  local found
  for _, part in ipairs(parts) do
    local path = part.name:sub(1, #name + 1) == name .. "[" and part.name:sub(#name + 1)
    if path then
      local keys = {}
      for key in path:gmatch("%[([^%]]*)%]") do keys[#keys + 1] = key end
      found = found or {}
      put(found, keys, leaf(part.body))
    end
  end
  if not route.fits(found) then refuse(10026, ("The document %s is nested too deeply."):format(name)) end
  return found
end

---The document of this name, in one part or many.
---@param parts multipart.Part[]
---@param name string
---@return table|nil document, multipart.Part|nil part  nil when it is not there; refuses what is not JSON
function form.document(parts, name)
  local part = data.find(parts, "name", name)
  if not part then return nested(parts, name) end
  local ok, document = route.parse(part.body)
  if not ok or type(document) ~= "table" then
    refuse(10026, ("The part %s is not JSON."):format(name))
  end
  return document, part
end

---The parts that are no document of this name: modules.
---@param parts multipart.Part[]
---@param name string
---@return table[] modules  name, type, body
function form.modules(parts, name)
  local modules = {}
  for _, part in ipairs(parts) do
    if part.name ~= name and part.name:sub(1, #name + 1) ~= name .. "[" then
      modules[#modules + 1] = { name = part.filename or part.name, type = part.type, body = part.body }
    end
  end
  return modules
end

---@param modules table[]
---@param boundary string
---@return string body  of form data with these modules
function form.write(modules, boundary)
  local out = {}
  for _, module in ipairs(modules) do
    local name = module.name:gsub('"', "%%22"):gsub("[\r\n]", " ")
    out[#out + 1] = ('--%s\r\nContent-Disposition: form-data; name="%s"; filename="%s"\r\n'
      .. 'Content-Type: %s\r\n\r\n'):format(boundary, name, name, module.type or "application/octet-stream")
    out[#out + 1] = module.body
    out[#out + 1] = "\r\n"
  end
  out[#out + 1] = ("--%s--\r\n"):format(boundary)
  return table.concat(out)
end

return form
