---@meta workflow

---Workflow commands of GitHub Actions: annotations and groups in the log of a step, and what it hands on.
---Commands go to standard error, masked. Where GITHUB_ACTIONS is not "true" they do nothing, and `output`,
---`env`, `state` and `summary` nothing where the runner names no file for them.
---
---The runner is told every secret by itself (`::add-mask::`), as soon as Davit knows it.
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

---A result of the step, for later steps (`steps.ID.outputs.NAME`) and, if the workflow says so, jobs.
---@param name string   letters, digits, _ and -
---@param value string|number|boolean
---Raises "misuse" for any other name or value, and "denied", naming the secret, when name or value holds one in any
---form: the runner would hand on an empty text instead, and the job stay green. What only looks like one to
---GitHub (a connection string, a JSON web token, an authorization) is written with a warning.
function workflow.output(name, value) end

---A variable in the environment of all later steps of the job. A secret is refused as in workflow.output: every
---later step and its children would have it.
---@param name string   none that decides which programs run: PATH, LD_…, NODE_OPTIONS, BASH_ENV, GITHUB_…, RUNNER_…
---@param value string|number|boolean
function workflow.env(name, value) end

---A value for the clean-up of the same action. A secret is refused as in workflow.output.
---@param name string
---@param value string|number|boolean
function workflow.state(name, value) end

---Adds Markdown to the step's summary, masked. Beyond 1 MiB a step the runner would show none of it, so the text is
---cut after the last line that has room.
---@param text string
function workflow.summary(text) end

return workflow
