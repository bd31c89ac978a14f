---`davit wait URL…`: until services answer as they should, for shell scripts. No project is needed.
local core = require "core"
local event = require "event.core"
local flags = require "cli.flags"
local fs = require "fs"
local health = require "health"
local json = require "json"
local options = require "options"
local project = require "project"

local wait = {}

local usage = options.usage

local HELP = [[
Waits until every URL is healthy, or says why it is not. Data goes to stdout, everything else to stderr.

Usage: davit wait URL… [FLAG]…
  What is asked
  --header 'NAME: VALUE'      sent with every look (may be repeated)
  --method NAME               GET, HEAD, … (default GET)
  --connect-to HOST[:PORT]    connect there; the URL still names the host and its certificate
  --ca FILE                   certificates of this authority are trusted (PEM)
  --ipv4, --ipv6              only addresses of this family

  What is healthy
  --expect-status LIST        200, 200,204, 2xx, 200-204 (default 200)
  --expect-body TEXT, --expect-pattern PATTERN   in the body; a Lua pattern
  --expect-header 'NAME: VALUE', --expect-json POINTER=TEXT   as in /status=ok (may be repeated)
  --absent TEXT               the body must not hold it
  --max-latency TIME          an answer takes no longer
  --expect-version TEXT       this version serves; proven by the JSON member /version, or by
  --version-header NAME, --version-json POINTER, --version-pattern PATTERN   (its first capture)

  How long, how often (times: 30s, 5m, 500ms, or seconds)
  --deadline TIME             in all (default 5m); also --timeout, as wait-on has it
  --look-timeout TIME         one look (default 5s)
  --delay TIME                before the first look
  --grace TIME                while what is new may take its time (default 30s)
  --interval TIME             between looks, always the same (default: backoff with jitter)
  --attempts N                looks after grace at most
  --rise N, --samples N       healthy looks in a row; probes for one look
  --window TIME               healthy for so long (also --stable-for)
  --fall N                    answers that say "broken" in a row end the wait (default 3, and not before
  --fall-for TIME             they came for so long: 15s, while what was there before may still answer)
  --established               it was serving before: a missing name or certificate is no matter of waiting
  --preset NAME               runbook: 30s, then 10 attempts 5, 10, 20, 40, 80 s apart; runbook_next: 15s

  Many
  --need all|any|N            how many must be healthy (default all)
  --simultaneous N, --rate N  probes at once (default 128), probes a second

  Telling
  --json                      one object a look (for at most 20 URLs), then one for the end, whatever it is
  --verbose                   every look
  --quiet                     nothing but the exit code; only a mistake in the call is said

http-get://, https-get:// and http://unix:SOCKET:/PATH are read as wait-on does; its tcp:, socket: and
file: resources and --reverse are not there.

Exit code 0: healthy; 4: not in time, or never; 2: usage; 10: interrupted.]]

local params = {
  header = { type = "list" }, method = { type = "string" }, ["connect-to"] = { type = "string" },
  ca = { type = "string" },
  ipv4 = { type = "boolean" }, ipv6 = { type = "boolean" },
  ["expect-status"] = { type = "list" }, ["expect-header"] = { type = "list" }, ["expect-body"] = { type = "string" },
  ["expect-pattern"] = { type = "string" }, ["expect-json"] = { type = "list" }, absent = { type = "string" },
  ["max-latency"] = { type = "string" }, ["expect-version"] = { type = "string" },
  ["version-header"] = { type = "string" }, ["version-json"] = { type = "string" },
  ["version-pattern"] = { type = "string" },
  deadline = { type = "string" }, timeout = { type = "string" }, ["look-timeout"] = { type = "string" },
  delay = { type = "string" }, grace = { type = "string" }, interval = { type = "string" },
  ["fall-for"] = { type = "string" }, attempts = { type = "integer" }, rise = { type = "integer" },
  samples = { type = "integer" },
  window = { type = "string" }, ["stable-for"] = { type = "string" }, fall = { type = "integer" },
  established = { type = "boolean" }, preset = { type = "string" }, need = { type = "string" },
  simultaneous = { type = "integer" }, rate = { type = "number" },
  json = { type = "boolean" }, quiet = { type = "boolean" }, verbose = { type = "boolean" },
}

-- Flags ------------------------------------------------------------------------------------------

local repeated = { header = true, ["expect-header"] = true, ["expect-json"] = true }

-- Takes out what may be given several times, and may hold commas.
local function take_repeated(arguments)
  local taken, rest, i = {}, {}, 1
  for name in pairs(repeated) do taken[name] = {} end
  while i <= #arguments do
    local name, value = arguments[i]:match("^%-%-([%w-]+)=?(.*)$")
    if arguments[i] == "--" then
      table.move(arguments, i, #arguments, #rest + 1, rest)
      break
    elseif repeated[name] then
      if not arguments[i]:find("=", 1, true) then
        i, value = i + 1, arguments[i + 1]
        if not value then usage(("--%s expects a value"):format(name)) end
      end
      table.insert(taken[name], value)
    else
      rest[#rest + 1] = arguments[i]
    end
    i = i + 1
  end
  return taken, rest
end

local function seconds(values, ...)
  for _, name in ipairs { ... } do
    local text = values[name]
    if text then
      local time = project.duration(tonumber(text) or text)
      return time or usage(("--%s must be a time such as 30s, 5m or 500ms, not '%s'"):format(name, text))
    end
  end
end

local function pair_of(flag, text, separator, form)
  local name, value = text:match("^([^" .. separator .. "]+)" .. separator .. "%s*(.*)$")
  if not name then usage(("--%s expects '%s', not '%s'"):format(flag, form, text)) end
  return name, value
end

local function headers_of(flag, list)
  local headers = {}
  for _, line in ipairs(list) do
    local name, value = pair_of(flag, line, ":", "NAME: VALUE")
    headers[name] = value
  end
  return headers
end

local function version_of(values)
  local version = values["expect-version"]
  local header, pointer, pattern = values["version-header"], values["version-json"], values["version-pattern"]
  if not version then
    if header or pointer or pattern then
      usage("--version-header, --version-json and --version-pattern say where --expect-version is: which version?")
    end
    return nil
  end
  return { value = version, header = header, json = pointer, pattern = pattern }
end

local function body_of(values)
  local text, pattern = values["expect-body"], values["expect-pattern"]
  if text and pattern then usage("--expect-body and --expect-pattern exclude each other") end
  return text or pattern and { pattern = pattern }
end

local function json_of(list)
  local members = {}
  for _, text in ipairs(list) do
    local pointer, value = pair_of("expect-json", text, "=", "POINTER=TEXT")
    members[pointer] = { text = value }
  end
  return members
end

local function expect_of(values, taken)
  return {
    status = values["expect-status"], headers = headers_of("expect-header", taken["expect-header"]),
    json = json_of(taken["expect-json"]), body = body_of(values),
    absent = values.absent and { body = values.absent } or nil, latency = seconds(values, "max-latency"),
  }
end

-- Targets ------------------------------------------------------------------------------------------

local unknown_kind = "only http and https can be waited for, not '%s'"

-- As wait-on writes them: "http-get://host", "http://unix:/run/x.sock:/path".
local function target_of(text)
  local scheme, socket, path = text:match("^(https?)[%w-]*://unix:([^:]+):(/.*)$")
  if scheme then return { url = scheme .. "://localhost" .. path, unix = socket, name = text } end
  local url = text:gsub("^(https?)%-%a+://", "%1://")
  if url:find("^https?://") then return { url = url } end
  if text:find("^[%w-]+:[^%d]") then usage(unknown_kind:format(text), "as in https://example.com/health") end
  usage(("'%s' is no URL"):format(text), "write it with its scheme, as in https://example.com/health")
end

local function need_of(text, count)
  if text == nil or text == "all" or text == "any" then return text end
  local need = text:find("^%d+$") and math.tointeger(tonumber(text))
  if not need or need < 1 or need > count then
    usage(("--need is all, any or a number from 1 to %d, not '%s'"):format(count, text))
  end
  return need
end

-- Telling --------------------------------------------------------------------------------------------

local function say(text) io.stderr:write("davit: ", text, "\n") end

local function rounded(time) return math.floor(time * 1e6 + 0.5) / 1e6 end

-- `seen` gets the last look at each URL, for an end that the engine does not tell.
local function tell_json(seen)
  return function(look)
    local before = seen[look.url]
    seen[look.url] = { class = look.class, status = look.status, reason = look.reason, colo = look.colo,
      attempts = before and before.attempts + 1 or 1 }
    event.print(json.encode {
      v = 1, event = "look", url = look.url, at = rounded(look.at), class = look.class, row = look.row,
      status = look.status, reason = look.reason, seconds = look.seconds, colo = look.colo,
    })
  end
end

local function tell_text(look)
  io.stderr:write(("  %6.1f s  %-9s  %s: %s\n"):format(look.at, look.class, look.url, look.reason))
end

-- When something new is seen: who watches wants to know what is waited for, not every look.
local function tell_changes()
  local seen = {}
  return function(look)
    if seen[look.url] == look.class or look.class == "healthy" then return end
    seen[look.url] = look.class
    tell_text(look)
  end
end

local MANY <const> = 20   -- targets; the looks of more are not told one by one, so that one can stand for others

local function teller(values, count, seen)
  if values.quiet or count > MANY then return nil end
  return values.json and tell_json(seen) or values.verbose and tell_text or tell_changes()
end

local function end_json(result, err)
  local list = {}
  for i, target in ipairs(err and err.targets or result.targets) do
    list[i] = {
      url = target.url, verdict = target.verdict, class = target.class, status = target.status,
      reason = target.reason, hint = target.hint, attempts = target.attempts,
      seconds = target.seconds and rounded(target.seconds), first_ok = target.first_ok and rounded(target.first_ok),
      colo = target.colo, counts = target.counts,
    }
  end
  event.print(json.encode {
    v = 1, event = "end", verdict = err and err.verdict or "ok", seconds = rounded((err or result).seconds),
    message = err and err.message, hint = err and err.hint, targets = json.array(list),
  })
end

local function end_text(result, count)
  local what = count == 1 and result.targets[1].url .. " is" or ("%d targets: enough are"):format(count)
  local looks = result.attempts == 1 and "1 look" or ("%d looks"):format(result.attempts)
  say(("%s healthy after %.1f s, %s"):format(what, result.seconds, looks))
end

-- The verb --------------------------------------------------------------------------------------------

local function read(arguments)
  local taken, left = take_repeated(arguments)
  local values, urls = flags.parse(left, params)
  if #urls == 0 then usage("davit wait: which URL?", "davit wait https://example.com/health") end
  if values.ipv4 and values.ipv6 then usage("--ipv4 and --ipv6 exclude each other") end
  if values.quiet and (values.json or values.verbose) then usage("--quiet excludes --json and --verbose") end
  local preset = values.preset and (health.presets[values.preset]
    or usage(("no preset is called '%s'"):format(values.preset), "runbook and runbook_next are there"))
  return values, taken, urls, preset
end

-- It is read when a connection is made; a slip is not waited for until then.
local function check_ca(values)
  local _, err = try(fs.read, values.ca, { outside = true })
  if err then usage("--ca: " .. err.message) end
end

local function options_of(values, taken, urls, preset, seen)
  local o = { targets = {} }
  for name, value in pairs(preset or {}) do o[name] = value end
  for i, text in ipairs(urls) do o.targets[i] = target_of(text) end
  if values.ca then check_ca(values) end
  local interval = seconds(values, "interval")
  local given = {
    headers = headers_of("header", taken.header), method = values.method, connect_to = values["connect-to"],
    ca = values.ca, family = values.ipv4 and 4 or values.ipv6 and 6 or nil, expect = expect_of(values, taken),
    version = version_of(values), deadline = seconds(values, "deadline", "timeout"),
    timeout = seconds(values, "look-timeout"), delay = seconds(values, "delay"), grace = seconds(values, "grace"),
    interval = interval, attempts = values.attempts, rise = values.rise, samples = values.samples,
    stable_for = seconds(values, "window", "stable-for"), fall = values.fall, fall_for = seconds(values, "fall-for"),
    established = values.established,
    need = need_of(values.need, #urls), concurrency = values.simultaneous, rate = values.rate,
    pace = interval and { slow = 0, quick = 0, edge = 0 } or nil, on_attempt = teller(values, #urls, seen),
    backoff = interval and { initial = interval, max = interval, jitter = "none" } or nil,
  }
  for name, value in pairs(given) do o[name] = value end
  return o
end

local flag_of = { timeout = "look-timeout", stable_for = "window", concurrency = "simultaneous",
  latency = "max-latency", ["expect.latency"] = "max-latency", ["fatal_after.failing"] = "fall", fall_for = "fall-for" }

-- "option 'deadline' is …" of health.wait, as who typed a flag reads it.
local function as_typed(message)
  message = message:gsub("^health%.wait: ", ""):gsub("^option '([%w_.]+)':?", function(name)
    return ("--%s:"):format(flag_of[name] or name)
  end)
  return (message:gsub("^targets%[%d+%]: ", ""))
end

-- What is known of a wait that somebody broke off.
local function note_end(err, o, seen, took)
  err.verdict, err.seconds, err.targets = "interrupted", took, {}
  for i, target in ipairs(o.targets) do
    local known = seen[target.url] or {}
    err.targets[i] = { url = target.url, verdict = err.verdict, class = known.class, status = known.status,
      reason = known.reason, colo = known.colo, attempts = known.attempts }
  end
  return nil, err
end

-- A mistake in what was asked for is the command line's, not a recipe's.
local function carry_out(o, seen)
  local started = core.monotonic()
  local result, err = try(health.wait, o)
  if err and err.code == "misuse" then usage(as_typed(err.message), err.hint) end
  if err and err.class == "cancelled" then return note_end(err, o, seen, core.monotonic() - started) end
  if err and err.code ~= "not-healthy" then error(err, 0) end
  for _, told in pairs(err and { err, table.unpack(err.targets) } or {}) do
    told.hint = told.hint and told.hint:gsub("%f[%w]ca%f[%W]", "--ca")
  end
  return result, err
end

---@param arguments string[]
---@return integer exit code
function wait.run(arguments)
  if flags.asks_for_help(arguments) then
    print(HELP)
    return 0
  end
  local values, taken, urls, preset = read(arguments)
  local seen = {}
  local result, err = carry_out(options_of(values, taken, urls, preset, seen), seen)
  if values.json then end_json(result, err) end
  if err and values.quiet then return require("cli.exit").code(err) end
  if err then error(err, 0) end
  if not values.json and not values.quiet and (core.is_terminal(2) or values.verbose) then end_text(result, #urls) end
  return 0
end

return wait
