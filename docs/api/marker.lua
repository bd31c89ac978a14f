---@meta marker

---Ownership markers: "project/environment/key", such as "codex/preview/42". A DNS record keeps it
---as the comment "davit codex/preview/42", a Worker as the tag "davit:codex/preview/42", a database
---branch as the annotation davit = "codex/preview/42", a comment on GitHub as the HTML comment
---"<!-- davit:codex/preview/42 -->".
local marker = {}

---Raises a misuse for a missing part, or other characters than letters, digits, ".", "_", "-".
---@param parts { project: string, environment: string, key: string|integer }
---@return string
function marker.new(parts) end

---@param text any
---@return { project: string, environment: string, key: string }|nil  nil when it is no marker
function marker.parse(text) end

---Whether a marker lies below a prefix of whole parts.
---@param text string
---@param prefix string
---@return boolean
function marker.under(text, prefix) end

---Raises a misuse naming the function unless its option 'marker' is one.
---@param what string  the function's name
---@param text any
function marker.check(what, text) end

---Whether a thing carries the wanted marker; else why not.
---@param found? string
---@param wanted? string
---@param thing string  what it is called in the reason
---@return boolean ours
---@return string? reason
function marker.same(found, wanted, thing) end

---@param text string
---@return string comment  of a DNS record
function marker.to_comment(text) end

---@param comment any
---@return string|nil marker
function marker.of_comment(comment) end

---@param text string
---@return string tag  of a Worker
function marker.to_tag(text) end

---@param tags any
---@return string|nil marker  the first one
function marker.of_tags(tags) end

---@param text string
---@return table<string, string> annotation  of a database branch
function marker.to_annotation(text) end

---@param value any
---@return string|nil marker
function marker.of_annotation(value) end

---@param text string
---@return string comment  for Markdown; anybody can write one, look at its author, too
function marker.to_html(text) end

---@param body any
---@return string|nil marker
function marker.of_html(body) end

return marker
