---An exchange as one object of JSON, without its secrets: what `davit cloud --record` writes. Pure.
---
---Secrets are cut by where they stand (headers, fields, connection strings); each is handed to `learn`, so that it
---can be masked wherever else it comes up, and every text goes through `mask`.
local base64 = require "base64"
local clock = require "cloud.clock"
local data = require "cloud.data"
local database = require "cloud.recording.database"
local json = require "json"
local multipart = require "cloud.multipart"
local route = require "cloud.route"

local recording = {}

local LONGEST = 64 << 10   -- bytes of a text that is kept
local CUT = "***"

---@class cloud.recording.Masker
---@field learn fun(value: string)
---@field mask fun(text: string): string

-- ---- texts ------------------------------------------------------------------------------------

local function printable(text)
  if utf8.len(text) then return text end
  return (text:gsub("[\128-\255]", function(c) return ("%%%02X"):format(c:byte()) end))
end

-- The password of a connection string, and tokens that say by their form that they are some. Of a scheme one character
-- is looked at: a search for all of it would take forever in a long word.
local function without_credentials(text, masker)
  text = text:gsub("(%w://[^%s:/@\"]*:)([^%s/@\"]+)@", function(before, password)
    masker.learn(password)
    return before .. CUT .. "@"
  end)
  text = text:gsub("([?&]sig=)([^&%s\"]+)", "%1" .. CUT)   -- of a signed URL
  return (text:gsub("eyJ[%w_-]+%.[%w_-]+%.[%w_-]*", CUT))
end

local function safe(text, masker)
  text = database.without_passwords(without_credentials(printable(text), masker), masker.learn)
  return masker.mask(text)
end

-- ---- JSON -------------------------------------------------------------------------------------

local secret_names = {
  password = true, token = true, jwt = true, secret = true, api_key = true, private_key = true, key_base64 = true,
  key_jwk = true, client_secret = true, access_token = true, refresh_token = true, encrypted_value = true,
}

local function is_secret_type(kind) return type(kind) == "string" and kind:find "^secret" ~= nil end

-- A binding's text is secret by its type; in the body that sets one secret the type may be missing.
local function is_secret(holder, name)
  if secret_names[name] then return true end
  if name ~= "text" then return false end
  return is_secret_type(holder.type) or holder.type == nil and holder.name ~= nil
end

local function learn_all(value, masker)
  if type(value) == "string" then
    masker.learn(value)
  elseif type(value) == "table" then
    for _, item in pairs(value) do learn_all(item, masker) end
  end
end

-- Learning comes first: a secret may stand before the place that shows it to be one.
local function learn(value, masker)
  if type(value) ~= "table" then return end
  for name, item in pairs(value) do
    if is_secret(value, name) then learn_all(item, masker) else learn(item, masker) end
  end
end

local function cut(value, masker)
  if type(value) == "string" then return safe(value, masker) end
  if type(value) ~= "table" then return value end
  local copy = {}
  for name, item in pairs(value) do
    local hidden = is_secret(value, name) and item ~= json.null and item ~= ""
    copy[type(name) == "string" and printable(name) or name] = hidden and CUT or cut(item, masker)
  end
  return (#value > 0 or next(value) == nil and getmetatable(value)) and json.array(copy) or copy
end

local function decoded(text)
  if not text:find "^%s*[%[{]" then return nil end
  return (try(json.decode, text))
end

-- ---- bodies -----------------------------------------------------------------------------------

-- Adds a text that is no JSON to an entry: as it is, or as base64 of bytes.
local function put_text(entry, name, text, masker)
  if not utf8.len(text) then
    name, text = name .. "Base64", base64.encode(text:sub(1, LONGEST))
    entry[name] = masker.mask(text)
    return
  end
  text = safe(text, masker)
  if #text > LONGEST then
    entry[name .. "Cut"] = true
    text = printable(text:sub(1, LONGEST))
  end
  entry[name] = text
end

local function part_of(part, masker)
  local entry = { name = safe(part.name, masker), filename = part.filename and safe(part.filename, masker),
    type = part.type and printable(part.type), size = #part.body }
  local value = decoded(part.body)
  if type(value) == "table" then
    entry.body = json.encode(cut(value, masker))
  else
    put_text(entry, "body", part.body, masker)
  end
  return entry
end

local function learn_body(content_type, body, masker)
  for _, part in ipairs(multipart.parse(content_type, body) or { { body = body } }) do
    learn(decoded(part.body), masker)
  end
end

-- How an entry calls the body of a request and of an answer, by what it is.
local of_request = { json = "json", parts = "parts", text = "body" }
local of_answer = { json = "resp", parts = "respParts", text = "respBody" }

local function put_body(entry, names, content_type, body, masker)
  local parts = multipart.parse(content_type, body)
  if parts then
    entry[names.parts] = data.array(parts, function(part) return part_of(part, masker) end)
    return
  end
  local value = decoded(body)
  if type(value) == "table" then
    entry[names.json] = cut(value, masker)
  elseif body ~= "" then
    put_text(entry, names.text, body, masker)
  end
end

-- ---- headers and query ------------------------------------------------------------------------

local function is_credential(name)
  name = name:lower()
  return name:find "authorization" or name:find "cookie" or name:find "token" or name:find "secret"
    or name:find "key$" or name:find "password" or name == "sig"
end

local function learn_headers(headers, masker)
  local scheme, token = (headers.authorization or ""):match "^(%S+)%s+(.+)$"
  if scheme then masker.learn(token) end
  database.learn(headers, masker.learn)
end

local function headers_of(headers, masker)
  local list = {}
  for name, value in pairs(headers) do
    local text = type(value) == "table" and table.concat(value, ", ") or value
    if name == database.HEADER then
      text = masker.mask(printable((database.connection(text))))
    elseif is_credential(name) then
      text = (text:match "^%a+ " or "") .. CUT
    else
      text = safe(text, masker)
    end
    list[printable(name)] = text
  end
  return list
end

-- A name that stands several times has a list.
local function query_of(text, masker)
  local query = {}
  for pair in text:gmatch "[^&]+" do
    local name, value = pair:match "^([^=]*)=?(.*)$"
    name = printable(route.decode((name:gsub("%+", " "))))
    value = is_credential(name) and CUT or safe(route.decode((value:gsub("%+", " "))), masker)
    local before = query[name]
    if type(before) == "table" then
      before[#before + 1] = value
    else
      query[name] = before and { before, value } or value
    end
  end
  return query
end

-- ---- the line ---------------------------------------------------------------------------------

local function type_of(message) return message.headers and message.headers["content-type"] or "" end

---@param request table
---@param response table
---@param injected? string  the rule that made it go wrong
---@param now number
---@param masker cloud.recording.Masker
---@return string line  of JSON
function recording.line(request, response, injected, now, masker)
  local body, answer = request.body or "", response.body or ""
  learn_headers(request.headers, masker)
  learn_body(type_of(request), body, masker)
  learn_body(type_of(response), answer, masker)
  local entry = {
    at = clock.iso(now, 3), method = printable(request.method), host = printable(request.host),
    path = safe(request.path, masker), query = query_of(request.query or "", masker),
    headers = headers_of(request.headers, masker), bodySize = #body, injected = injected and safe(injected, masker),
    cut = response.cut,
  }
  put_body(entry, of_request, type_of(request), body, masker)
  if not response.close then
    entry.status, entry.respHeaders = response.status, headers_of(response.headers or {}, masker)
    local shown = response.cut and answer:sub(1, response.cut) or answer
    put_body(entry, of_answer, type_of(response), shown, masker)
  end
  return json.encode(entry)
end

return recording
