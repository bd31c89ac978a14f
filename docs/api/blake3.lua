---@meta blake3

---The BLAKE3 hash, which is what wrangler names static assets by (see cloudflare.client).
local blake3 = {}

---The hash of a text. Raises a misuse for what is not a string, a secret included.
---@param text string
---@return string hash  64 lower-case hexadecimal digits
function blake3.hash(text) end

---@class blake3.Stream
local stream = {}

---Adds what comes next. Raises a misuse for what is not a string, a secret included.
---@param text string
function stream:add(text) end

---The hash of all that was added so far; more may be added afterwards.
---@return string hash  64 lower-case hexadecimal digits
function stream:hash() end

---Hashes what comes in pieces, such as a file that is larger than one wants in memory.
---@return blake3.Stream
function blake3.stream() end

return blake3
