---HTTP: exchanges a second and processor time an exchange, on connections that are kept, over HTTP/1.1 and
---over HTTP/2 with TLS. The client is a process on the first core, the server one on the second.
local core = require "core"
local measure = core.load_file("tests/measure.lua")()
local peers = core.load_file("tests/bench/peers.lua")()
local servers = core.load_file("tests/bench/servers.lua")()

local ROUNDS <const>, PARALLEL <const> = measure.rounds(5), 32

local _ <close> = measure.section {
  name = "http", title = "HTTP",
  about = PARALLEL .. " GET requests at once on connections that are kept; Davit's are " .. PARALLEL .. " tasks, node's as " ..
    "many async functions, curl's `--parallel-max`. The plain program is `tests/bench/curl_multi.c`: libcurl's multi " ..
    "interface on epoll, with the body in memory as Davit has it; curl writes it to /dev/null. Each client runs twice " ..
    "a round, once for a few exchanges and once for many more; the difference is what an exchange costs, so that " ..
    "start-up does not count. Client and server have a core each; the processor time is the client's.",
}

local davit, curl, node = peers.find "davit", peers.find "curl", peers.find "node"

-- Clients: how each is told to fetch a URL so many times -------------------------------------------------

local function call_davit(url, count, ca)
  return peers.call(davit, "tests/bench/clients/fetch.lua", url, count, tostring(PARALLEL), ca)
end

local function call_plain(url, count, ca)
  return { "build/bench/curl_multi", "fetch", url, count, tostring(PARALLEL), ca }
end

local function call_curl(url, count, ca)
  return peers.call(curl, "--silent", "--parallel", "--parallel-max", tostring(PARALLEL), "--output", "/dev/null",
    "--cacert", ca or "/dev/null", ("%s?[1-%s]"):format(url, count))
end

local function call_node(url, count, ca)
  return peers.call(node, "tests/bench/clients/fetch.mjs", url, count, tostring(PARALLEL), ca)
end

-- One exchange by the difference of few and many.
local function cost_of_one(call, url, ca, few, more)
  local o = { core = servers.CLIENT_CORE }
  local first = measure.cost(call(url, tostring(few), ca), o)
  local second = measure.cost(call(url, tostring(few + more), ca), o)
  local wall, cpu = (second.wall - first.wall) / more, (second.cpu - first.cpu) / more
  return { rate = 1 / wall, cpu = cpu, per_cpu = 1 / cpu, resident = second.resident }
end

local columns = {
  { key = "rate", title = "a second", better = "higher" },
  { key = "cpu", title = "processor an exchange", unit = "s", better = "lower" },
  { key = "per_cpu", title = "a processor second" },
  { key = "resident", title = "peak memory", unit = "B", better = "lower" },
}

local function clients(url, ca, few, more)
  local function row(name, peer, ours, call)
    return { name = name, ours = ours, missing = peer.missing, measure = function()
      return cost_of_one(call, url, ca, few, more)
    end }
  end
  return {
    row("davit", davit, true, call_davit),
    row("plain libcurl-multi program", {}, false, call_plain),
    row("curl --parallel", curl, false, call_curl),
    row(ca and "node:http2" or "node's fetch", node, false, call_node),
  }
end

local function tell_goals(what, rows, against_node)
  measure.goal {
    text = what .. ": exchanges a second, to the plain program's", at_least = 0.9,
    measured = measure.ratio(rows.davit, rows["plain libcurl-multi program"], "rate"),
  }
  if against_node then
    measure.goal {
      text = what .. ": exchanges a processor second, to node's", at_least = 3,
      measured = measure.ratio(rows.davit, rows["node's fetch"], "per_cpu"),
    }
  end
end

-- The bodies ---------------------------------------------------------------------------------------------

local sizes = {
  { 64, "64 B", 20000 }, { 16 << 10, "16 KiB", 15000 }, { 1 << 20, "1 MiB", 1000 },
}

local function scaled(count)
  return measure.quick and count // 20 or count
end

local function tell_http1()
  local server <close> = servers.answer()
  for i, size in ipairs(sizes) do
    local bytes, name, more = table.unpack(size)
    local rows = measure.table {
      title = "HTTP/1.1, bodies of " .. name, rounds = ROUNDS, columns = columns,
      rows = clients(("http://127.0.0.1:%d/%d"):format(server.port, bytes), nil, PARALLEL * 4, scaled(more)),
      plots = { { file = "http-" .. i, title = "HTTP/1.1, " .. name .. ": processor time an exchange", key = "cpu" } },
    }
    tell_goals("HTTP/1.1, " .. name, rows, true)
  end
end

local function tell_http2()
  local server <close>, why_not = servers.http2 { 64 }
  if not server then
    measure.heading "HTTP/2 over TLS, bodies of 64 B"
    return measure.line("all of its rows", "not measured: %s", why_not)
  end
  local rows = measure.table {
    title = "HTTP/2 over TLS, bodies of 64 B", rounds = ROUNDS, columns = columns,
    about = "The server is nghttpd; all exchanges share one connection. node's fetch speaks HTTP/1.1 only.",
    rows = clients(server.url .. "/64", server.ca, PARALLEL * 4, scaled(10000)),
    plots = { { file = "http2", title = "HTTP/2 over TLS, 64 B: processor time an exchange", key = "cpu" } },
  }
  tell_goals("HTTP/2, 64 B", rows, false)
end

tell_http1()
tell_http2()
