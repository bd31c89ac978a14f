---Globs: the text's first line is a pattern, the rest a path. Both are judged in a time that goes with
---their lengths, and a text that is escaped matches itself.
local glob = require "glob"

return function(text)
  local pattern, path = text:match "^([^\n]*)\n(.*)$"
  pattern, path = (pattern or text):sub(1, 12), (path or text):sub(1, 20)
  local compiled, err = try(glob.compile, pattern)
  if err then
    assert(err.code == "glob-invalid", tostring(err))
  else
    local matches = compiled:match(path)
    assert(matches == not glob.match({ "**", "", "!" .. pattern }, path), "a list is read otherwise")
    if matches and path:find "^[^/]+/" then assert(compiled:below((path:match "^([^/]+)/")), "pruned too early") end
  end
  assert(glob.match(glob.escape(path), path), "escaped")
end
