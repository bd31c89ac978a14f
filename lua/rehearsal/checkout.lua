---git in a rehearsal: a clean checkout of what the model of GitHub knows, so that a recipe which asks what is checked
---out finds the commit that it is about. Commits of the model have no contents: where one does not say which files it
---changes, git has no history to compare with, as in a checkout of one commit.
local data = require "cloud.data"
local git = require "cloud.github.git"

local checkout = {}

local NO_BASE <const> = "fatal: %s...HEAD: no merge base\n"

---@class rehearsal.Checkout
---@field repository github.Repository
---@field commit github.Commit
---@field branch string

---What is checked out: the newest commit of a pull request, else of the main branch.
---@param state table   of the models
---@param pr? integer
---@return rehearsal.Checkout
function checkout.of(state, pr)
  local found = state.github.repositories[state.github.repository]
  local pull = pr and data.find(found.pulls, "number", pr)
  local branch = pull and pull.head or found.default_branch
  local sha = pull and pull.sha or found.branches[branch].sha
  return { repository = found, commit = found.commits[sha], branch = branch }
end

local function succeeds(output) return { exit = 0, output = output } end

local commands = {}

commands["rev-parse"] = function(here) return succeeds(here.commit.sha .. "\n") end

commands["symbolic-ref"] = function(here) return succeeds(here.branch .. "\n") end

commands.status = function() return succeeds "" end

commands["cat-file"] = function(here)
  local lines = { "tree " .. here.commit.tree }
  for _, parent in ipairs(here.commit.parents) do lines[#lines + 1] = "parent " .. parent end
  return succeeds(("%s\n\n%s\n"):format(table.concat(lines, "\n"), here.commit.message))
end

-- Every file that a commit since the base has changed, ended by zero bytes.
commands.diff = function(here, argv)
  local base = argv[#argv]:match "^(.-)%.%.%.HEAD$" or ""
  local from = git.resolve(here.repository, base:match "^origin/(.+)$" or base)
  local names = {}
  for _, commit in ipairs(from and git.history(here.repository, here.commit.sha, from.sha) or {}) do
    if #commit.files == 0 then from = nil end
    for _, file in ipairs(commit.files) do names[#names + 1] = file.filename .. "\0" end
  end
  return from and succeeds(table.concat(names)) or { exit = 128, output = "", errors = NO_BASE:format(base) }
end

-- Nothing is committed in a rehearsal: whoever pushes has done so elsewhere.
function commands.push(_, _, push)
  push()
  return succeeds ""
end

---@param here rehearsal.Checkout
---@param argv string[]   git, `-c` with a setting as often as wanted, a command and what it is given
---@param push fun()      adds a commit to the branch
---@return table answer   exit, output, errors
function checkout.run(here, argv, push)
  local at = 2
  while argv[at] == "-c" do at = at + 2 end
  local command = commands[argv[at]]
  if command then return command(here, argv, push) end
  return { exit = 128, output = "", errors = ("fatal: a rehearsal knows no 'git %s'\n"):format(argv[at] or "") }
end

return checkout
