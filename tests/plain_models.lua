---Models of a world in which every effect succeeds with the same small answer.
local SCRIPT = { status = 101, messages = { { data = "one" }, { data = "two", binary = true, after = 1 } } }
local BODY = '{"uri":"postgresql://u:a-long-password@h/d","version":"1"}'

return {
  http = function(request)
    if request.headers.upgrade then return SCRIPT end
    return { status = 200, headers = "content-type: application/json\n", body = BODY }
  end,
  dns = function() return { { type = "A", data = "192.0.2.1", ttl = 60 } } end,
  connect = function() return { session = 1 } end,
  query = function() return { columns = { "n" }, rows = { { "1" } }, affected = 1 } end,
  close = function() return {} end,
  process = function() return { exit = 0, output = "out\n" } end,
  file = function(action)
    return action == "read" and { data = "text" } or { fault = { "file-not-found", "fatal", "no such file" } }
  end,
  crash = function() return {} end,
}
