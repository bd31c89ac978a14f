---@meta glob

---Globs: patterns of paths. A pattern matches the whole path, as text; `fs.glob` looks for files.
---
--- * `*` is any number of characters but "/", `?` is one
--- * `**` is any number of folders where it stands alone between slashes: `**/x` is x in any folder,
---   `a/**` all that is below a; elsewhere it is `*`
--- * `[a-z_]` is one of these, `[!a-z]` or `[^a-z]` one of all others; never "/"
--- * `{a,b*}` is one of the patterns, which may hold braces again
--- * `\` takes the meaning from the character behind it
---
---Characters are those of UTF-8. A dot at the start of a name is a character like any other. A path
---costs time in proportion to its length and the pattern's, whatever the pattern.
local glob = {}

---Whether the path matches. A list of patterns is read in order, and the last that matches decides: one
---that begins with "!" takes back what those before it matched.
---
---Raises `glob-invalid` (fatal): "[" or "{" that is not closed, an empty range, "\" at the end, more
---than 4096 bytes.
---@param pattern string|string[]
---@param path string
---@return boolean
function glob.match(pattern, path) end

---@class glob.Pattern
---@field match fun(self, path: string): boolean
---@field below fun(self, folder: string): boolean  whether a path below the folder may match

---The same for many paths. Raises `glob-invalid`.
---@param pattern string
---@return glob.Pattern
function glob.compile(pattern) end

---The pattern that matches just this text.
---@param text string
---@return string
function glob.escape(text) end

return glob
