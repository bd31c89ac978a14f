---The command line: the text's lines are the arguments. They give values of the types that were asked
---for, or an error of usage.
local flags = require "cli.flags"

local params = {
  name = { type = "string" }, pr = { type = "integer" }, rate = { type = "number" }, force = { type = "boolean" },
  hosts = { type = "list" }, dry_run = { type = "boolean" }, limit = { type = "integer", default = 50 },
}

local kinds = { string = "string", integer = "number", number = "number", boolean = "boolean", list = "table" }

return function(text)
  local arguments = {}
  for line in (text .. "\n"):gmatch "([^\n]*)\n" do arguments[#arguments + 1] = line end
  local helps = flags.asks_for_help(arguments)
  assert(type(helps) == "boolean")
  local ok, values, rest = pcall(flags.parse, arguments, params)
  if not ok then
    assert(values.code == "usage" and values.class == "misuse", tostring(values))
    return
  end
  for name, value in pairs(values) do
    assert(params[name], "the unknown value " .. tostring(name))
    assert(type(value) == kinds[params[name].type], name)
    assert(params[name].type ~= "integer" or math.type(value) == "integer", name)
  end
  assert(#rest <= #arguments, "more arguments than were given")
end
