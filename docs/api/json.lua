---@meta json

---JSON, strictly: what is accepted means the same to every reader, and what is written is the
---same text for the same value.
---
---| JSON            | Lua                                                        |
---|-----------------|------------------------------------------------------------|
---| `null`          | `json.null`, which is not `nil`: the member is there        |
---| number, digits  | an integer, up to 2^53 both ways                            |
---| number, `.` `e` | a float                                                     |
---| array           | a list that carries json's mark, so that `[]` stays `[]`    |
---| object          | a table with string keys; `{}` is an empty object           |
local json = {}

---The value of `null`; the only one that equals itself here. In a condition it is true:
---compare with `== json.null`.
---@type lightuserdata
json.null = nil

---@class json.DecodeOptions
---@field name? string  what the text is, for errors: a file, a URL

---Reads one JSON text (RFC 8259).
---
---Refused beside what is not JSON: names that stand twice in one object, integers beyond
---2^53, numbers out of range, halves of surrogate pairs, nesting deeper than 128, text that
---is not UTF-8.
---
---Raises `json-invalid` (fatal) with line, column and what was found; never with the inside
---of a string, which may be a part of a secret. Raises a misuse for a secret.
---@param text string
---@param options? json.DecodeOptions
---@return any value
function json.decode(text, options) end

---@class json.EncodeOptions
---@field indent integer  spaces for each level, 1 to 8; without options all stands on one line

---Writes a value. Names stand in a fixed order (by bytes); a float is written with as many
---digits as it takes to read the same number back, and 30.0 is written as 30.
---
---A table is an array when its keys are 1 to n, or it was made by `json.array` or
---`json.decode`; it is an object when its keys are names, or it is empty.
---
---With a secret anywhere inside the result is a secret template, its value escaped when it
---is resolved.
---
---Raises a misuse that names the path (`$.jobs[3].name`): for a table with both names and
---positions, gaps in a list, a table that contains itself, nesting deeper than 128, NaN and
---infinity, integers beyond 2^53, strings that are not UTF-8, functions and other values
---without a form in JSON.
---@param value any
---@param options? json.EncodeOptions
---@return string|secret.Template text
function json.encode(value, options) end

---Marks a table as an array and returns it: `json.array {}` is written as `[]`.
---Raises a misuse for what is not a table, or has a metatable of its own.
---@generic T: table
---@param list T
---@return T list
function json.array(list) end

---The value at a JSON pointer (RFC 6901), or nil when there is none; `json.null` when it is
---null. Positions count from 0, as in every JSON pointer.
---
---Raises a misuse when the pointer is neither empty nor starts with `/`, or a `~` is not
---followed by 0 or 1.
---@param value any
---@param pointer string  for example "/result/0/id"
---@return any? value
function json.pointer(value, pointer) end

return json
