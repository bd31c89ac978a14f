---@meta fs

---Files. Paths are relative to the working folder. Every function waits, and other tasks go on
---meanwhile; a write that is cancelled after it began is still carried out.
---
---All raise `file-not-found`, `file-denied`, `file-exists`, `file-full` (no space) or `file-failed`
---(all fatal) with the path and the system's reason, and a misuse for a path that is not a string,
---is empty or holds a zero byte.
local fs = {}

---@class fs.ReadOptions
---@field max? integer  bytes to read at most (64 MiB); up to 1 GiB

---Reads a whole file; a named pipe to its end, once somebody writes to it.
---
---Raises `file-too-large` (fatal) when there is more than `max`, `file-failed` for a folder.
---@param path string
---@param options? fs.ReadOptions
---@return string text
function fs.read(path, options) end

---@class fs.WriteOptions
---@field mode? string  permissions in octal digits ("0644"), whatever the umask is

---Writes a whole file, and makes the folders that are missing. The file is replaced at once and
---lasts: after a crash there is the old one or the new one, never a part. A link in its place is
---replaced, not followed.
---
---Raises a misuse for a text that holds a secret.
---@param path string
---@param text string
---@param options? fs.WriteOptions
function fs.write(path, text, options) end

---The names in a folder, sorted by bytes; those of folders end in "/". A link to a folder does
---not, so that walking down a tree ends.
---@param path string
---@return string[] names
function fs.list(path) end

---Makes a folder and those above it. One that is there is fine.
---@param path string
function fs.make(path) end

---Removes a file, a link, or a folder with all in it; links are not followed. What is not there
---is fine.
---
---Raises a misuse for ".", "..", "/" and paths that end in them.
---@param path string
function fs.remove(path) end

---True when there is a file or a folder, or a link to one.
---@param path string
---@return boolean
function fs.exists(path) end

return fs
