---@meta fs

---Files. Every function waits, and other tasks go on
---meanwhile; a write that is cancelled after it began, and a removal, are still carried out.
---
---In a project, a relative path counts from its folder, the one with davit.yaml, wherever Davit was
---started; so do those of http (`from`, `to`), process (`cwd`, `input`), secret.dotenv and sql.migrate.
---Paths stay inside of that folder: what leads out of it, by "..", as an absolute path or through a
---link, is refused, at the moment it is opened, unless the call says `{ outside = true }`. Without a
---project (`davit eval`, `davit FILE.lua`) a relative path counts from the working folder, and there is
---no folder to stay in. The fence is around fs and http: programs go where they like, and the files of
---`secret.dotenv` and the folder of `sql.migrate` may stand anywhere.
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
---Raises `file-exists` when a device, a pipe or a socket stands there, or a link to one, and a misuse for a
---text that holds a secret. `copy` and `move` refuse these places as well.
---@param path string
---@param text string
---@param options? fs.WriteOptions
function fs.write(path, text, options) end

---The names in a folder, sorted by bytes; those of folders end in "/". A link to a folder does
---not, so that walking down a tree ends. A file that is on its way to its place (".davit-…") is not shown.
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
---@field kind "file"|"folder"|"other"  other: a pipe, a socket or a device
---@field size integer   bytes
---@field mtime number   Unix seconds of the last change
---@field mode string    permissions in octal digits, "0644"

---What stands at a path; a link is followed.
---@param path string
---@param options? fs.Options
---@return fs.Stat
function fs.stat(path, options) end

---The SHA-256 of a file's bytes, read in pieces, whatever its size.
---
---Raises `file-failed` for what is no regular file.
---@param path string
---@param options? fs.Options
---@return string digest  64 hexadecimal digits
function fs.sha256(path, options) end

---Writes behind what the file holds; makes the file and the folders that are missing.
---
---Raises a misuse for a text that holds a secret.
---@param path string
---@param text string
---@param options? fs.Options
function fs.append(path, text, options) end

---Gives a file or a folder its permissions.
---@param path string
---@param mode string  octal digits: "0755"
---@param options? fs.Options
function fs.chmod(path, mode, options) end

---Copies a file, with its permissions, or a folder with all in it; makes the folders that are missing.
---A file in the place is replaced at once, a folder is filled up. What a link leads to is copied; a
---link to a folder, in a folder that is copied, is an error.
---
---Raises a misuse when `to` lies in `from`.
---@param from string
---@param to string
---@param options? fs.Options
function fs.copy(from, to, options) end

---Moves a file, a link or a folder; makes the folders that are missing. A file in the place is replaced
---at once. To another disk it is copied first and then removed.
---
---Raises `file-exists` when a folder that is not empty is in the place, and a misuse for ".", "..", "/".
---@param from string
---@param to string
---@param options? fs.Options
function fs.move(from, to, options) end

---@class fs.WalkOptions: fs.Options
---@field except? string|string[]  globs: what matches is passed over, a folder with all in it

---For each path below a folder, relative to it, and its kind; sorted, a folder before what is in it.
---Links are files here and not followed. It waits: `for path, kind in fs.walk "src" do … end`.
---@param folder string
---@param options? fs.WalkOptions
---@return fun(): string|nil, "file"|"folder"|nil
function fs.walk(folder, options) end

---The files that a glob names (see `glob`), sorted as fs.walk finds them. Folders in which none can be are
---not opened; where the pattern leads to no folder the list is empty. `except` names paths below the
---pattern's part without stars: "build/**" in "*", "**/test/**" in "src/**".
---
---Raises `glob-invalid`.
---@param pattern string
---@param options? fs.WalkOptions
---@return string[] paths
function fs.glob(pattern, options) end

---@class fs.Temporary
---@field path string
---@field remove fun(self)  what the end of its scope does
---@operator div(string): string

---An empty folder that goes away with its scope: `local folder <close> = fs.temporary()`, and
---`folder / "name"` is a path in it. It stands in the project's .davit/tmp, without a project in TMPDIR. What a run leaves there
---that is killed goes when it is resumed, or when the next one begins.
---@return fs.Temporary
function fs.temporary() end

return fs
