---The body of an answer in pieces, as they come: for logs that go on, and for what is too large to hold.
local options = require "options"
local origin = require "http.origin"

local stream = {}

local LINE = 1 << 20   -- bytes of a line at most

local Stream = {}
Stream.__index = Stream
Stream.__name = "http.stream"

---The next piece, of whatever size has come; nil at the end.
---@return string|nil
function Stream:read() return self.core:read() end

---Drops the connection; what was not read is gone.
function Stream:close() self.core:close() end

Stream.__close = Stream.close

---The pieces to the end. Leaving the loop closes the stream.
function Stream:pieces()
  return function() return self.core:read() end, nil, nil, self
end

local function too_long(self)
  failure {
    code = "http-too-large", class = "fatal", about = self.url,
    message = ("GET %s: a line is longer than %d bytes"):format(origin.shown(self.url), LINE),
    hint = "read the body with :pieces() if it has no lines",
  }
end

---The lines to the end, without their breaks ("\n" or "\r\n"). Leaving the loop closes the stream.
function Stream:lines()
  local text, from = "", 1
  local function next_line()
    local stop = text:find("\n", from, true)
    if stop then
      local line = text:sub(from, stop - 1)
      from = stop + 1
      return (line:gsub("\r$", ""))
    end
    text, from = text:sub(from), 1
    if #text > LINE then too_long(self) end
    local piece = self.core:read()
    if piece then
      text = text .. piece
      return next_line()
    end
    local last = text
    text = ""
    return last ~= "" and last or nil
  end
  return next_line, nil, nil, self
end

---@param answer table  status, headers and the rest
---@param core userdata the body
function stream.new(answer, core)
  answer.core, answer.body, answer.received, answer.secrets = core, nil, nil, nil
  return setmetatable(answer, Stream)
end

---What only makes sense for whole answers.
function stream.check(o)
  for _, name in ipairs { "unless", "secrets" } do
    if o[name] ~= nil then options.misuse("http.stream: option '%s' goes with http.request", name) end
  end
end

return stream
