---@meta workflow

---Workflow commands of GitHub Actions: annotations and groups in the log of a step. They go to
---standard error, masked. Where GITHUB_ACTIONS is not "true" they do nothing.
---
---Everything else that is printed under GitHub, by `print`, by `log`, in errors or by a child
---whose output is streamed, can give the runner no command: a space goes into `::name::` at the
---start of a line (`: :name::`) and into `##[name]` anywhere in it (`## [name]`), and the bytes
---0xFE and 0xFF, which no UTF-8 has, become `?`. A stream that goes to a file is left as it is.
local workflow = {}

---@class workflow.Place
---@field title? string
---@field file? string       a path from the root of the repository
---@field line? integer
---@field end_line? integer
---@field column? integer

---An annotation that informs.
---@param text string
---@param place? workflow.Place
---Raises "misuse" when text is no text, or place has an unknown field.
function workflow.notice(text, place) end

---An annotation that warns.
---@param text string
---@param place? workflow.Place
function workflow.warning(text, place) end

---An annotation of something that failed; the step itself goes on.
---@param text string
---@param place? workflow.Place
function workflow.error(text, place) end

---Folds what is printed until the value that comes back is closed; keep it in a `<close>` variable.
---Groups do not nest: the runner ends the first when the next begins.
---@param name string
---@return table
function workflow.group(name) end

return workflow
