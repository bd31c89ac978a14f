---@meta jsonc

---JSON with comments (`// …`, `/* … */`) and with a comma after the last item of an object or an array, as configuration
---files of other tools have it; reading only. All else is JSON as `json` reads it.
local jsonc = {}

---@class jsonc.DecodeOptions
---@field name? string  what the text is, for errors: a file

---Reads one text. Raises `json-invalid` (fatal) as `json.decode` does, with the file's own line and column, also for a
---comment that is not closed and a comma with no item before it. Raises a misuse for what is no text, a secret included.
---@param text string
---@param options? jsonc.DecodeOptions
---@return any value
function jsonc.decode(text, options) end

return jsonc
