---A world in which every request succeeds with the same small answer.
local BODY = '{"uri":"postgresql://u:a-long-password@h/d","version":"1"}'

return {
  http = function() return { status = 200, headers = { ["content-type"] = "application/json" }, body = BODY } end,
  dns = function() return { { type = "A", data = "192.0.2.1", ttl = 60 } } end,
  sql = function() return { columns = { "n" }, rows = { { "1" } }, affected = 1 } end,
  process = function() return 0, "out\n", "" end,
  file = function(action) return action == "read" and "text" or nil end,
}
