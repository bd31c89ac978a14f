-- The names that Davit's host defines beside standard Lua.
std = "lua54"
read_globals = { "try", "failure", "parallel", "sleep" }
max_line_length = 120
files["lua/prelude.lua"] = { globals = { "os" } }
files["tests/provider_world.lua"] = { globals = { "os" } }
files["tests"] = { read_globals = { "test", "equal", "raises", "skip" }, max_line_length = 140 }
exclude_files = { "tests/projects", "build" }
