---What handlers answer with: lists by pages, and refusals in GitHub's words.
---
---A handler's options: `status` (200), `link`, `location`, `modified` (seconds: gives Last-Modified), `raw` (a body
---and its type that go out as they are) and `headers`.
local core = require "core"
local data = require "cloud.data"
local links = require "cloud.github.links"
local route = require "cloud.route"

local answers = {}

---A page of a list that is an array.
---@param show fun(context: github.Context, item: any): any
function answers.list(context, list, show)
  local slice, options = links.page(context, list)
  return data.array(slice, function(item) return show(context, item) end), options
end

---A page of a list that stands in an object, beside how many there are.
---@param key string  such as "secrets"
---@param default? integer  items of a page (30)
---@param most? integer     (100)
function answers.counted(context, key, list, show, default, most)
  local slice, options = links.page(context, list, default, most)
  return { total_count = #list, [key] = data.array(slice, function(item) return show(context, item) end) }, options
end

function answers.not_found()
  route.refuse { status = 404, message = "Not Found" }
end

---Refuses what GitHub has and the model has not. GitHub's words stay, and beside them stands why.
---@param context github.Context
function answers.not_modelled(context)
  local what = context.request.path == "/graphql" and "does not answer GraphQL" or "has nothing at this path"
  route.refuse { status = 404, message = "Not Found", headers = { ["x-davit-stand-in"] = "not modelled" },
    errors = { { message = ("Davit's local cloud %s; docs/local-cloud.md says what it models"):format(what) } } }
end

---@param message string
function answers.forbidden(message)
  route.refuse { status = 403, message = message }
end

---@param errors table[]  resource, field, code (missing, missing_field, invalid, already_exists, unprocessable,
---custom), and with "custom" a message
function answers.invalid(errors)
  route.refuse { status = 422, message = "Validation Failed", errors = errors }
end

---One mistake in one field.
---@param resource string
---@param field string
---@param code string
---@param message? string
function answers.invalid_field(resource, field, code, message)
  answers.invalid { { resource = resource, field = field, code = code, message = message } }
end

---A request whose body has not the shape that it must have.
---@param message string  such as 'Invalid request.\n\n"ref" wasn\'t supplied.'
function answers.malformed(message)
  route.refuse { status = 422, message = message }
end

---The body as plain data.
---@param context github.Context
---@return table
function answers.body(context)
  return data.plain(context.body)
end

-- ---- below /_davit/ --------------------------------------------------------------------------

---Refuses a name that nobody reads: what is mistyped would be left out without a word.
---@param what string  whose
---@param o table
---@param known string[]
function answers.check_keys(what, o, known)
  for key in pairs(o) do
    local near = core.nearest(tostring(key), known)
    if near ~= key then
      local hint = near and ("did you mean '%s'?"):format(near) or "known are " .. table.concat(known, ", ")
      route.refuse { status = 400, message = ("%s: unknown key '%s', %s"):format(what, tostring(key), hint) }
    end
  end
end

return answers
