---@meta mask

---The masker behind every stream and report, for texts that a recipe hands on in another way.
---It knows every secret of this run, in the forms that secrets take in output.
---@class mask
local mask = {}

---A whole text with `***` for every secret in it. Overlapping and touching matches become one.
---@param text string
---@return string
---Raises a misuse for anything but a string.
function mask.text(text) end

---A stream: text cut anywhere goes in, masked text comes out. What could still become a secret
---is held back, and nothing else. A secret that appears meanwhile counts from then on.
---@return mask.Stream
function mask.stream() end

---@class mask.Stream
local Stream = {}

---@param text string
---@return string  what is decided by now
---Raises a misuse for anything but a string.
function Stream:feed(text) end

---Releases what is held back; the stream may begin again.
---@return string
function Stream:finish() end

return mask
