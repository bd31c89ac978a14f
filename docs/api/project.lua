---@meta project

---The project's davit.yaml, read strictly: unknown keys, other types and missing keys raise
---"config" with file and line. docs/recipes.md shows the keys.
local project = {}

---What a Worker gets that names no compatibility date of its own.
---@type string
project.compatibility_date = nil

---The project of this run; raises "config" outside of one.
---@return table project  its keys with their defaults, and `root`, its folder
function project.current() end

---Reads the project in a folder; without one the nearest davit.yaml here or above.
---@param folder? string
---@return table project
function project.read(folder) end

---The folder that holds davit.yaml, this one or one above it.
---@param folder? string  where to begin (".")
---@return string|nil
function project.root(folder) end

---The folder as what is made of it is found from everywhere: "." where it is the working folder, else absolute.
---@param folder string
---@return string
function project.place(folder) end

---Reads the text of a davit.yaml.
---@param text string
---@param name string  its file name, for errors
---@return table project  without `root`, and without what a Worker's `wrangler` names
---@return table file  where what stands, for errors about it
function project.parse(text, name) end

---What the project declares as secrets is no plain variable from here on: os.getenv refuses it, and its value is
---masked. Part of project.use.
---@param p table
function project.hide_secrets(p) end

---Makes it the project of this run, and hides its secrets.
---@param p table
function project.use(p) end

---"30s", "5m", "1.5h", "200ms" or a number of seconds.
---@param value string|number
---@return number|nil seconds
function project.duration(value) end

return project
