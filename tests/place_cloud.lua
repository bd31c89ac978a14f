---For place.lua: serves the project's local cloud with the settings given as JSON. Among them `record` is the file that
---every exchange is appended to, from the project's folder, and `latency` the seconds before each answer of an API.
local p = require("project").read()
local settings = require("json").decode((...))
local record, latency = settings.record, settings.latency
settings.record, settings.latency = nil, nil
return require("cloud.serve").run {
  state = p.root .. "/.davit/local", project = p, settings = settings, record = record and p.root .. "/" .. record,
  latency = latency,
}
