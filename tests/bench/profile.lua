---Where the processor time of an exchange and of a probe goes, by the library whose code runs.
local core = require "core"
local measure = core.load_file("tests/measure.lua")()
local peers = core.load_file("tests/bench/peers.lua")()
local process = require "process"
local servers = core.load_file("tests/bench/servers.lua")()

local davit = peers.find "davit"
local FILE <const>, LEAST <const> = measure.folder .. "/perf.data", 1   -- per cent of what is told

local _ <close> = measure.section {
  name = "profile", title = "Where the time goes",
  about = "Samples of `perf record` over a client's whole life, by the object that the code is in; the kernel's part is " ..
    "sockets, timers and memory. What stands first is what is to be made less of next. Beside the plain program an " ..
    "exchange runs about 1.6 times the instructions in user mode: Lua and its memory, the answer's tables, the " ..
    "headers `user-agent` and `accept-encoding`, which libcurl formats twice; and it saves the calls of epoll_ctl. The " ..
    "next limit is libcurl's own formatting of requests. A probe is the kernel's making of a connection; the next limit is there.",
}

local names = { ["[kernel.kallsyms]"] = "kernel", ["[vdso]"] = "reading the clock" }

local function tell_profile(title, argv)
  measure.heading("%s", title)
  local all = { "perf", "record", "--quiet", "--output", FILE }
  local recorded, err = try(process.run, { argv = table.move(argv, 1, #argv, #all + 1, all) })
  if not recorded then
    return measure.line("all of its rows", "not measured: %s", (tostring(err):gsub("%s+", " ")))
  end
  local report = process.run { argv = { "perf", "report", "--stdio", "--input", FILE, "--sort", "dso" } }
  for share, object in report.output:gmatch "\n%s+([%d.]+)%%%s+(%S+)" do
    if tonumber(share) >= LEAST then measure.line(names[object] or object, "%.0f %%", tonumber(share)) end
  end
end

local count = measure.quick and "500" or "20000"

do
  local server <close> = servers.answer()
  for _, body in ipairs { { "64 B", 64, count }, { "1 MiB", 1 << 20, measure.quick and "50" or "1000" } } do
    tell_profile(("An exchange over HTTP/1.1 with a body of %s, 32 at once"):format(body[1]), peers.call(davit,
      "tests/bench/clients/fetch.lua", ("http://127.0.0.1:%d/%d"):format(server.port, body[2]), body[3], "32"))
  end
end

do
  local server <close> = servers.answer { ready_after = 600, unready = true }
  tell_profile("A probe that is answered, on a fresh connection, of 100 targets", peers.call(davit,
    "tests/bench/clients/wait.lua", tostring(server.port), "100", "0.02", measure.quick and "0.5" or "3", "same"))
end
