---@meta toml

---TOML 1.0, reading only: what the configuration files of other tools hold.
---
---| TOML                  | Lua                                                              |
---|-----------------------|------------------------------------------------------------------|
---| string                | a string                                                         |
---| integer               | an integer of 64 bits                                            |
---| float, `inf`, `nan`   | a float                                                          |
---| boolean               | a boolean                                                        |
---| date, time, date-time | a string in RFC 3339's form, `1979-05-27T07:32:00Z`, as precise as it was written; a space between date and time becomes `T` |
---| array, array of tables | a list that carries json's mark of arrays, so that `[]` stays one |
---| table                 | a table with string keys                                         |
local toml = {}

---@class toml.DecodeOptions
---@field name? string  what the text is, for errors ("toml")

---Reads a text.
---
---The second value maps the path of each key and item (`env.production.vars`, `rules[2]`, counted from 1) to the
---line where it stands first; paths of more than 1000 bytes are left out.
---
---Raises `toml-invalid` (fatal), the message beginning with `name:line:column`, for what TOML 1.0 refuses; for what is
---not UTF-8, nesting deeper than 64, integers beyond 64 bits and texts of more than 8 MiB. An error never tells what stands
---in a string. Raises a misuse for what is no text, a secret included.
---@param text string
---@param options? toml.DecodeOptions
---@return table value
---@return table<string, integer> lines
function toml.decode(text, options) end

return toml
