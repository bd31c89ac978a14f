---@meta dotenv

---Lines of NAME=value, as .env files hold them. Files of secrets are for `secret.dotenv`, which shows
---no value to Lua.
local dotenv = {}

---@class dotenv.DecodeOptions
---@field name? string  what the text is, for errors ("dotenv")

---Reads all lines; of a name that stands twice the last value counts.
---
---Blank lines, `#` comments and a leading `export ` are passed over. 'Single' quotes keep everything; in
---"double" quotes `\n`, `\r`, `\t`, `\"`, `\$` and `\\` are undone; either may span lines. A bare value
---ends at ` #` or the end of the line and is trimmed. `$NAME` is text: nothing is expanded.
---
---Raises `dotenv-invalid` (fatal), the message beginning with `name:line`: a line that is no NAME=value,
---a quote that is not closed or has something behind it, a value of more than 1 MiB. Raises a misuse
---for a secret.
---@param text string
---@param options? dotenv.DecodeOptions
---@return table<string, string>
function dotenv.decode(text, options) end

---Writes lines that `decode` reads back, names sorted, values quoted where it takes quotes.
---
---Raises a misuse for a name that is none and for a secret.
---@param values table<string, string|number|boolean>
---@return string
function dotenv.encode(values) end

return dotenv
