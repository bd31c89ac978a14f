---What a status means for whoever may try again, and the error for one that nobody wanted.
local mask = require "mask"
local options = require "options"
local origin = require "http.origin"

local status = {}

local EXCERPT = 200       -- bytes of an answer in an error
local ID = 100            -- bytes of an id
local LOOK_FIRST <const> = "it may have been done all the same: look before sending it again"
local LOOKED_AT = 65536   -- bytes of it that the mask goes through for that

-- See failure classes in docs/recipes.md. The 5xx that say "never" are not worth another attempt.
local classes = { [408] = "transient", [409] = "converge", [423] = "transient", [425] = "transient",
  [429] = "throttled", [501] = "fatal", [505] = "fatal" }

---@param code integer
---@return string class
function status.class(code)
  return classes[code] or (code >= 500 and "transient" or "fatal")
end

---A header of an answer by its lower-case name.
---@return string|nil
function status.header(answer, wanted)
  local found = answer.headers[wanted]
  if found then return found end
  for name, value in pairs(answer.headers) do
    if name:lower() == wanted then return value end
  end
  return nil
end

-- ---- errors ------------------------------------------------------------------------------

local function on_one_line(text)
  return (text:gsub("%s+", " "):gsub("^ ", ""):gsub(" $", ""))
end

-- Of a page for people its title says it best.
local function title_of(answer, body)
  local kind = status.header(answer, "content-type") or ""
  if not kind:find("html", 1, true) and not body:find("^%s*<") then return nil end
  local at = body:lower():find("<title", 1, true)
  local title = at and body:match("^[^>]*>([^<]*)<", at)
  title = title and on_one_line(title) or ""
  return title ~= "" and "the page \"" .. title .. "\"" or nil
end

---What an answer says, short enough for a one-line error. Masked before it is cut: half a secret is none
---that the mask would know.
---@return string
function status.excerpt(answer)
  local stream = mask.stream()
  local body = stream:feed(answer.body:sub(1, LOOKED_AT))
  if #answer.body <= LOOKED_AT then body = body .. stream:finish() end
  return options.beginning(on_one_line(title_of(answer, body) or body), EXCERPT)
end

---By what the service finds this request in its own log: fields for an error, and words for its message.
---@return { cf_ray?: string, request_id?: string } ids
---@return string text  "" when there are none
function status.ids(answer)
  local function id(name)
    local text = status.header(answer, name)
    return text and options.beginning(mask.text(text), ID)
  end
  local ids = { cf_ray = id "cf-ray", request_id = id "x-github-request-id" or id "x-request-id" }
  local words = {}
  if ids.cf_ray then words[#words + 1] = "ray " .. ids.cf_ray end
  if ids.request_id then words[#words + 1] = "request " .. ids.request_id end
  return ids, #words > 0 and (" (%s)"):format(table.concat(words, ", ")) or ""
end

---Raises "http-status".
---@param o table       the options of the request
---@param answer table
---@param in_doubt? boolean  the request may have been carried out all the same
function status.raise(o, answer, in_doubt)
  local ids, words = status.ids(answer)
  local said = status.excerpt(answer)
  failure {
    code = "http-status", class = in_doubt and "unknown" or status.class(answer.status), about = answer.url,
    status = answer.status, hint = in_doubt and LOOK_FIRST or nil,
    cf_ray = ids.cf_ray, request_id = ids.request_id, attempts = answer.attempts,
    message = ("%s %s answered status %d%s%s"):format(o.method or "GET", origin.shown(answer.url), answer.status,
      said ~= "" and ": " .. said or "", words),
  }
end

return status
