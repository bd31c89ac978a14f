---For place.lua: serves the project's local cloud with the settings given as JSON.
local p = require("project").read()
return require("cloud.serve").run {
  state = p.root .. "/.davit/local", project = p, settings = require("json").decode((...)),
}
