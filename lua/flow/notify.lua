---Telling people where they are how a deploy went: one message to the incoming webhook that davit.yaml names
---(`notify`), beside the issue and GitHub's deployment. Nothing depends on it: what goes wrong is a warning.
local http = require "http"
local json = require "json"
local log = require "log"
local mask = require "mask"
local options = require "options"
local secrets = require "flow.secrets"

local notify = { methods = {} }

local SECONDS <const> = 10
local LONGEST <const> = 1200   -- bytes of an error: Discord takes messages of 2,000 characters

-- ---- the message -------------------------------------------------------------------------------------

-- A mention or a link would be somebody else's: an error may repeat foreign text.
local slack_escapes = { ["&"] = "&amp;", ["<"] = "&lt;", [">"] = "&gt;" }

-- The job in which this goes on, for whoever wants to read on.
local function job_url()
  local server, repository = os.getenv "GITHUB_SERVER_URL", os.getenv "GITHUB_REPOSITORY"
  local run = os.getenv "GITHUB_RUN_ID"
  return server and repository and run and ("%s/%s/actions/runs/%s"):format(server, repository, run) or nil
end

local function text_of(o)
  local head = o.outcome == "success" and ("%s: %s serves `%s`"):format(o.project, o.environment, o.commit:sub(1, 8))
    or ("%s: the deploy of `%s` to %s has failed"):format(o.project, o.commit:sub(1, 8), o.environment)
  local lines = { o.error and ("%s: %s"):format(head, options.beginning(mask.text(o.error), LONGEST)) or head }
  for _, url in ipairs { o.url or false, o.issue or false, o.job or false } do lines[#lines + 1] = url or nil end
  return mask.text(table.concat(lines, "\n"))
end

---@class flow.Notification
---@field project string
---@field environment string
---@field outcome "success"|"failure"
---@field commit string
---@field run string      Davit's
---@field error? string   why it has failed
---@field url? string     what is deployed
---@field issue? string   the incident's address
---@field job? string     that of the job of GitHub Actions

---The body of the message: `text` is Slack's, `content` Discord's, the rest is for receivers of one's own. Assumed:
---that neither minds the fields of the other.
---@param o flow.Notification
---@return table  as JSON has it
function notify.body(o)
  local text = text_of(o)
  return {
    text = text:gsub("[&<>]", slack_escapes), content = text, allowed_mentions = { parse = json.array {} },
    davit = { version = 1, project = o.project, environment = o.environment, outcome = o.outcome, commit = o.commit,
      run = o.run, url = o.url, issue = o.issue, job = o.job, error = o.error and mask.text(o.error) or nil },
  }
end

-- ---- sending -----------------------------------------------------------------------------------------

local function webhook(env, given)
  local place = ("POST https://%s url"):format(given.host)
  return secrets.source(env, given.webhook, (env.project.secrets[given.webhook] or {}).to or { place })
end

---Sends the message. What goes wrong is a warning.
---@param told { sha: string, run: string, issue?: string }
---@param outcome "success"|"failure"
---@param err? { message: string }
function notify.methods:notify(told, outcome, err)
  local given = self.project.notify
  local body = notify.body { project = self.project.project, environment = self.kind, outcome = outcome,
    commit = told.sha, run = told.run, error = err and err.message, issue = told.issue, job = job_url(),
    url = outcome == "success" and self:url() or nil }
  local _, failed = try(function()
    http.expect { url = webhook(self, given), method = "POST", json = body, timeout = SECONDS }
  end)
  if not failed then return end
  if failed.class == "cancelled" then error(failed, 0) end
  log.warn(("nobody was notified at %s: %s; that changes nothing of the deploy"):format(given.host, failed.message))
end

return notify
