---@meta archive.core

---Archives of files: tar in zstd. For Davit's own Lua; recipes have `artifact`.
---
---Every function waits, can be cancelled (then neither an archive nor a file is left) and lives within
---`task.deadline`. Beside the failures of `fs` they raise, all fatal:
---
---  archive-secret   a file, a name or a link that was to be packed holds a secret; `secret` has its name,
---                   `about` the file, both fit to be printed
---  archive-entry    what is no file, folder or link; a link that is absolute, leads out, or goes up by ".." behind a
---                   name; a name with control characters, of more than 255 bytes, or in a path of more than 4,095
---                   or 128 folders; when unpacking also one that leads out, stands there twice, or lies below what
---                   is no folder. `about` is the path
---  archive-changed  a file or folder changed while it was packed
---  archive-digest   the archive has another SHA-256 than it should
---  archive-damaged  it is no archive, is cut off, or more stands behind it
---  archive-limit    it has more entries or bytes than may be
local archive = { core = {} }

---@class archive.PackOptions
---@field root string       the folder; counts from the project's and stays inside of it, as paths of `fs` do
---@field to string         the archive: a path as of fs.core, not kept inside. Replaced at once and durably, mode
---                         0644; "{sha256}" in its last name stands for the archive's digest. Folders are made
---@field paths? string[]   files, and folders with all in them, below the root ({ "." }); order and repetition do
---                         not matter. One that is not there is "file-not-found"
---@field except? string[]  files and folders that are left out, by their paths below the root
---@field level? integer    of zstd, 1 to 19 (3)
---@field threads? integer  that compress, 1 to 64 (two a processor, up to 16); the bytes are the same with
---                         any number
---@field scan? boolean     refuses a file that holds a secret, in any form that the mask knows (true)
---@field outside? boolean  the root may lead out of the project's folder (false)

---@class archive.Entry
---@field path string                   below the root, without a slash at its end
---@field kind "file"|"folder"|"link"
---@field size integer                  bytes; 0 unless a file
---@field executable? boolean           of a file
---@field sha256? string                of a file that was packed
---@field target? string                of a link

---@class archive.Packed
---@field path string       of the archive
---@field sha256 string     of the archive: 64 hexadecimal digits
---@field size integer      bytes of the archive
---@field bytes integer     of all files together
---@field entries archive.Entry[]  in the archive's order

---Packs files into an archive. The same files give the same archive, wherever they stand (with the same
---libzstd). A hard link is packed as a copy, holes of a sparse file as zeros; empty folders and links stay. Names
---are bytes: a path may be no UTF-8, which JSON does not carry.
---@param options archive.PackOptions
---@return archive.Packed
function archive.core.pack(options) end

---@class archive.UnpackOptions
---@field from string          the archive: a path as of fs.core, not kept inside
---@field into string          the folder, made when missing; counts from the project's and stays inside of it
---@field sha256? string       of the archive: else nothing is placed
---@field replace? boolean     files that are there are replaced; else one is "file-exists", before anything
---                            is placed (false)
---@field max_entries? integer (200,000)
---@field max_bytes? integer   of all files together (16 GiB)
---@field max_ratio? integer   bytes for each byte of the archive, from 64 MiB on (1,000)
---@field outside? boolean     `into` may lead out of the project's folder (false)

---Extracts an archive beside the folder, and moves what is in it there when it was seen whole: at once when the
---folder is new, name by name when it is there; folders that are there are filled up, links in them never followed.
---Files get the mode 0644 or 0755; owners, times, and everything but names, bytes and links is left out. Hard links,
---which other packers write, stay such links to one another.
---Who is killed meanwhile leaves a folder ".davit-…" that no list shows, and that the next one to unpack there
---removes. The files are not synced: after a power cut they are to be unpacked again.
---@param options archive.UnpackOptions
---@return archive.Packed  without the files' digests
function archive.core.unpack(options) end

---Reads an archive through as `unpack` does, and writes nothing: takes its options but `into`, `replace`, `outside`.
---@param options archive.UnpackOptions
---@return archive.Packed  without the files' digests
function archive.core.check(options) end

return archive
