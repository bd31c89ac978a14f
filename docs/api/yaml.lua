---@meta yaml

---YAML 1.2, core schema, one document: what is refused would be read otherwise than it was meant, and
---what is written is read the same by every reader.
local yaml = {}

---@class yaml.DecodeOptions
---@field name? string  what the text is, for errors ("yaml")

---Reads a text with one document.
---
---Plain `true`, `false`, `null`, `~`, integers (`12`, `0o14`, `0xc`) and floats are values; all
---else is text, `no`, `yes` and `on` too. A null, or a value that is not written, is
---`json.null`; so is a text without a document. A list carries json's mark of arrays. A key
---is always a string. An alias is a copy of what its anchor named.
---
---The second value maps the path of each key and item (`workers.codex-web.entry`, `deploy[2]`,
---counted from 1) to its line. What came by an alias has the line of the alias only; paths of more
---than 1000 bytes are left out.
---
---Raises `yaml-invalid` (fatal), the message beginning with `name:line:column`, the hint saying
---how to write it: for what is not YAML, tabs in the indentation, a key that stands twice, a
---character that ends a line in YAML 1.1 only (U+0085, U+2028, U+2029), a
---key that is a list or a mapping, merge keys, a second document, tags outside of the core
---schema, nesting deeper than 64, aliases that stand for more than 10,000 values, numbers
---with leading zeros, beyond 2^53, infinite or not a number. Raises a misuse for a secret.
---@param text string
---@param options? yaml.DecodeOptions
---@return any value
---@return table<string, integer> lines
function yaml.decode(text, options) end

---Writes a value as one document in block style, names sorted: what `decode` reads back. A text that
---would be read as something else, by this or an older version of YAML, is quoted; a text of several
---lines is a block. A secret in the value gives a template, in which it stands in double quotes.
---
---Tables are lists and mappings as for `json.encode`. Raises a misuse with the path for what YAML does
---not say here: strings that are not UTF-8, integers beyond 2^53, infinite or not a number, nesting
---deeper than 64, tables that contain themselves, functions.
---@param value any
---@return string|secret
function yaml.encode(value) end

return yaml
