---What a client would like to have: the media type of the answer and the version of the API.
local route = require "cloud.route"

local accept = {}

---@class github.Accept
---@field format string  json, or what a media type of GitHub's asks for: diff, patch, sha, raw, text, html, full

local formats = { json = true, diff = true, patch = true, sha = true, raw = true, text = true, html = true,
  full = true }

-- vnd.github[.VERSION][.FORMAT][+json]; a preview's name is as good as a version. FORMAT alone may stand there, too.
local function format_of(subtype)
  local format = "json"
  for word in subtype:gsub("^vnd%.github", ""):gsub("%+json$", ""):gmatch "[^.]+" do
    format = formats[word] and word or format
  end
  return format
end

local function of_entry(entry)
  local kind, subtype = entry:lower():match "^%s*([%w*+.-]+)/([%w*+.-]+)"
  if not kind then return nil end
  if kind == "*" or subtype == "*" or subtype == "json" then return kind ~= "text" and "json" or nil end
  if kind == "application" and subtype:find "^vnd%.github" then return format_of(subtype) end
  if kind == "application" and subtype:find "%+json$" then return "json" end
end

---@param header? string  the value of Accept
---@return github.Accept
function accept.read(header)
  if not header or header == "" then return { format = "json" } end
  for entry in header:gmatch "[^,]+" do
    local format = of_entry(entry)
    if format then return { format = format } end
  end
  route.refuse { status = 415,
    message = ("Unsupported 'Accept' header: '%s'. Must accept 'application/json'."):format(header) }
end

local LATEST, DEFAULT = "2026-03-10", "2022-11-28"

---Refuses versions that there are not; the words are assumed.
---@param headers table<string, string>  of the request
function accept.check_version(headers)
  local wanted = headers["x-github-api-version"]
  if not wanted or wanted == DEFAULT or wanted == LATEST then return end
  route.refuse { status = 400, docs = "about-the-rest-api/api-versions",
    message = ("Invalid API version: '%s'. Supported versions are %s and %s."):format(wanted, DEFAULT, LATEST) }
end

---What an answer says of both.
---@param context github.Context
---@param headers table<string, string>
function accept.describe(context, headers)
  local format = context.accept and context.accept.format or "json"
  headers["x-github-media-type"] = "github.v3; "
    .. (format == "json" and "format=json" or ("param=%s"):format(format))
  headers["x-github-api-version-selected"] = context.request.headers["x-github-api-version"] or DEFAULT
end

return accept
