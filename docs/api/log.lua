---@meta log

---Log lines on stderr: `info  deployed worker=api seconds=1.2`. Fields are sorted by name; tables
---are written as JSON. A secret among them, or as the message, raises "secret-refused".
local log = {}

---@param message string
---@param fields? table<string, any>
---Raises "misuse" when message is no text or fields no table.
function log.debug(message, fields) end

---@param message string
---@param fields? table<string, any>
function log.info(message, fields) end

---@param message string
---@param fields? table<string, any>
function log.warn(message, fields) end

---@param message string
---@param fields? table<string, any>
function log.error(message, fields) end

return log
