---@meta path

---Paths as text, with "/" between names. Nothing is looked up, so a link is a name like any other:
---what is really there, `fs` knows. All raise a misuse for what is not a string.
local path = {}

---Puts "/" between the parts and normalises; empty parts are passed over. A part that begins with
---"/" does not start again at the root: `join("a", "/b")` is "a/b".
---@param ... string
---@return string
function path.join(...) end

---Without ".", empty names and slashes at the end; ".." takes the name before it along. What is
---left empty is ".", and nothing is above "/".
---@param path string
---@return string
function path.normalise(path) end

---All but the last name: "a/b" of "a/b/c", "." of "a", "/" of "/a".
---@param path string
---@return string
function path.dirname(path) end

---The last name, without the suffix when it ends in it and is more than that.
---@param path string
---@param suffix? string  ".lua"
---@return string  empty for "/" and ""
function path.basename(path, suffix) end

---What the last name ends in, from its last dot on: ".gz" of "a.tar.gz"; "" of ".profile", "a" and "..".
---@param path string
---@return string
function path.ext(path) end

---How `to` is written from the folder `from`: "../c" from "a/b" to "a/c", "." when they are the same.
---
---Raises a misuse when one is absolute and the other is not, and when `from` begins with more ".." than `to`.
---@param from string
---@param to string
---@return string
function path.relative(from, to) end

---@param path string
---@return boolean  whether it begins with "/"
function path.is_absolute(path) end

return path
