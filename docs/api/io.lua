---@meta

---The standard streams. What is written is masked first; what could still become a secret is
---held back until the next write, a read, or the end. When the reader has gone or the disk is
---full, further writes are dropped and the run goes on. For files there is the module `fs`.
---@class io
---@field stdout io.Stream
---@field stderr io.Stream
io = {}

---@class io.Stream
local Stream = {}

---@param ... string|number
---@return io.Stream  the stream itself
---Raises a misuse for any other type, secrets included; nothing is written then.
function Stream:write(...) end

---Writes to standard output.
---@param ... string|number
---@return io.Stream  io.stdout
---Raises a misuse for any other type, secrets included; nothing is written then.
function io.write(...) end

---Reads from standard input; other tasks go on meanwhile. What was printed is released before.
---Formats: "l" a line (the default), "L" a line with its end, "n" a numeral, "a" everything, or a
---number of bytes to read at most. Results end with a nil where one could not be read.
---@param ... string|integer
---@return string|number|nil ...
---Raises "input-failed" or "input-too-large" (more than 64 MiB for one read), both fatal; a misuse
---for an unknown format, and while another task reads.
function io.read(...) end

---Goes through the lines of standard input: `for line in io.lines() do`.
---@return fun(): string|nil
---Raises a misuse when given arguments.
function io.lines() end

---Writes what `tostring` makes of each value, between tabs, and a line end, to standard output.
---A secret shows as its name.
---@param ... any
function print(...) end
