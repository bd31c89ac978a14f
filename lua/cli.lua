---The command line: verbs, flags, exit codes.
local cli = {}

function cli.main(arguments)
  if arguments[1] == "eval" then
    local chunk, err = load(arguments[2], "=eval", "t")
    if not chunk then error(err, 0) end
    print(chunk())
    return 0
  end
  if arguments[1] and arguments[1]:find("%.lua$") then
    local chunk, err = require("core").load_file(arguments[1])
    if not chunk then error(err, 0) end
    return chunk(table.unpack(arguments, 2)) or 0
  end
  return 2
end

return cli
