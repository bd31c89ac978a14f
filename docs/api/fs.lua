---@meta fs

---Files. Paths are relative to the working folder. Every function waits, and other tasks go on
---meanwhile; a write that is cancelled after it began, and a removal, are still carried out.
---
---In a project, paths stay inside of its folder, the one with davit.yaml: what leads out of it, by
---"..", as an absolute path or through a link, is refused, at the moment it is opened, unless the
---call says `{ outside = true }`. Without a project (`davit eval`, `davit FILE.lua`) there is no
---folder to stay in.
---
---All raise `file-not-found`, `file-denied`, `file-exists`, `file-full` (no space), `file-outside`
---or `file-failed` (all fatal) with the path and the system's reason, and a misuse for a path that
---is not a string, is empty or holds a zero byte.
local fs = {}

---@class fs.Options
---@field outside? boolean  the path may lead out of the project's folder (false)

---@class fs.ReadOptions: fs.Options
---@field max? integer  bytes to read at most (64 MiB); up to 1 GiB

---Reads a whole file; a named pipe to its end, once somebody writes to it.
---
---Raises `file-too-large` (fatal) when there is more than `max`, `file-failed` for a folder.
---@param path string
---@param options? fs.ReadOptions
---@return string text
function fs.read(path, options) end

---@class fs.WriteOptions: fs.Options
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
---@param options? fs.Options
---@return string[] names
function fs.list(path, options) end

---Makes a folder and those above it. One that is there is fine.
---@param path string
---@param options? fs.Options
function fs.make(path, options) end

---Removes a file, a link, or a folder with all in it; links are not followed. What is not there
---is fine.
---
---Raises a misuse for ".", "..", "/" and paths that end in them.
---@param path string
---@param options? fs.Options
function fs.remove(path, options) end

---True when there is a file or a folder, or a link to one.
---@param path string
---@param options? fs.Options
---@return boolean
function fs.exists(path, options) end

---@class fs.Stat
---@field kind "file"|"folder"
---@field size integer   bytes
---@field mtime number   Unix seconds of the last change
---@field mode string    permissions in octal digits, "0644"

---What stands at a path; a link is followed.
---@param path string
---@param options? fs.Options
---@return fs.Stat
function fs.stat(path, options) end

return fs
