---For place.lua: serves the project's local cloud with the settings given as JSON; `record` among them is the file that
---every exchange is appended to, from the project's folder.
local p = require("project").read()
local settings = require("json").decode((...))
local record = settings.record
settings.record = nil
return require("cloud.serve").run {
  state = p.root .. "/.davit/local", project = p, settings = settings, record = record and p.root .. "/" .. record,
}
