---What Octokit once said to a stub, said again to the model: it answers with the same status, and with every field that
---the client, its plug-ins and whoever wrote the calls went on to read. Ids are the model's own, and a secret is sealed for
---its key. (What @actions/artifact said is in cloud_github_artifacts_test.lua.)
local base64 = require "base64"
local core = require "core"
local cloud = assert(core.load_file "tests/clients/cloud.lua")()
local github_client = assert(core.load_file "tests/github_client.lua")()
local json = require "json"
local replay = assert(core.load_file "tests/clients/replay.lua")()
local sealed_box = require "sealed_box.core"
local users = require "cloud.github.users"

local FILE <const> = "recordings/octokit-rest-22.0.1.jsonl"
local R <const> = "/repos/o/r"

-- ---- the world of the recording ---------------------------------------------------------------

local Replay = setmetatable({}, { __index = replay.class })
Replay.__index = Replay

-- The comment that is changed is the 120th of 130; a preview was deployed before, and a job waits for its reviewer.
local function new()
  local comments = {}
  for i = 1, 130 do comments[i] = { body = i == 120 and "old <!-- farm:pr-preview -->" or "comment " .. i } end
  local c = github_client.new { repository = "o/r", pull_requests = { { number = 42, title = "Try it", head = "topic",
    comments = comments } }, github = { branches = { { name = "abc" } },
    repositories = { { name = "o/r", collaborators = { rita = "push" } } }, tokens = { { value = "rita", login = "rita" } } } }
  local self = setmetatable(replay.new(c.state, c.now), Replay)
  self.client = c
  self.environment = c:result("PUT", R .. "/environments/production", { reviewers = { { type = "User", id = users.id "rita" } } })
  self.run = c:do_("POST", "github/runs", { jobs = { { name = "deploy", environment = "production" } } })
  self.comment = c:result("GET", R .. "/issues/42/comments?per_page=1&page=120")[1]
  self:put_secret "the one before"
  return self
end

function Replay:sealed(value)
  local key = self.client:result("GET", R .. "/actions/secrets/public-key")
  return { key_id = key.key_id, encrypted_value = base64.encode(sealed_box.seal(base64.decode(key.key), value)) }
end

function Replay:put_secret(value)
  self.client:result("PUT", R .. "/actions/secrets/DATABASE_URL", self:sealed(value))
end

-- ---- a request, as it was sent ----------------------------------------------------------------

-- What stands in it that is this world's own.
function Replay:translated(entry)
  local path = entry.path:gsub("/comments/%d+$", ("/comments/%d"):format(self.comment.id))
    :gsub("/runs/1/", ("/runs/%d/"):format(self.run.id))
    :gsub("/deployments/%d+", function() return ("/deployments/%d"):format(self.deployment.id) end)
  local body = entry.body ~= json.null and entry.body or nil
  if body and body.encrypted_value then body = self:sealed "postgres://u:p@h/db" end
  if body and body.environment_ids then body.environment_ids = { self.environment.id } end
  if body and body.head_sha then body.head_sha = self.client:result("GET", R .. "/git/ref/heads/abc").object.sha end
  return path, body
end

-- A workflow speaks, but where its token may not: to secrets and environments, and as a reviewer.
local function token_of(path)
  if path:find "/pending_deployments$" then return "rita" end
  return (path:find "/secrets/" or path:find "/environments/") and "github-owner-token" or "github-token"
end

-- What went wrong on purpose then goes wrong by a rule now. What the stub's limits were the recording does not tell.
function Replay:go_wrong(entry)
  if entry.status < 400 then return end
  local limit = entry.status == 403
  self:injure { service = "github", method = entry.method, fault = limit and "secondary-limit" or entry.status,
    retry_after = limit and 2 or nil }
end

function Replay:answer(entry)
  self:go_wrong(entry)
  local path, body = self:translated(entry)
  local target, query = path:match "^([^?]*)%??(.*)$"
  return self:exchange({ method = entry.method, host = "api.github.com", path = target, query = query,
    body = body and json.encode(body) or "", headers = { authorization = ("%s %s"):format(entry.auth_scheme, token_of(path)),
      accept = entry.accept, ["user-agent"] = entry.user_agent,
      ["content-type"] = body and "application/json; charset=utf-8" or nil } }, 1)
end

-- ---- what the client reads --------------------------------------------------------------------

local function of_types(value, wanted, path)
  for name, kind in pairs(wanted) do
    local at, found = ("%s.%s"):format(path, name), value[name]
    if type(kind) == "table" then of_types(found or {}, kind, at)
    elseif type(found) ~= kind then error(("%s is a %s, not a %s"):format(at, type(found), kind), 0) end
  end
end

local COMMENT <const> = { id = "number", body = "string", user = { login = "string" } }

local function reads_comments(_, answer, headers, entry)
  for _, comment in ipairs(answer) do of_types(comment, COMMENT, "comment") end
  local last = entry.path:find "page=2$" ~= nil
  equal({ #answer, (headers.link or ""):find 'rel="next"' ~= nil }, { last and 30 or 100, not last })
end

local function reads_deployment(self, answer)
  of_types(answer, { id = "number", sha = "string", statuses_url = "string", creator = { login = "string" } }, "deployment")
  equal({ answer.environment, answer.payload }, { "preview/pr-42", { pr = 42 } })
  self.deployment = answer
end

local reads = {
  { "GET", "/comments%?", reads_comments },
  { "PATCH", "/comments/%d+$", function(_, answer, _, entry)
    of_types(answer, COMMENT, "comment")
    equal(answer.body, entry.body.body)
  end },
  { "POST", "/deployments$", reads_deployment },
  { "POST", "/statuses$", function(_, answer) of_types(answer, { id = "number", state = "string" }, "status") end },
  { "GET", "/public%-key$", function(_, answer) of_types(answer, { key_id = "string", key = "string" }, "key") end },
  { "POST", "/pending_deployments$", function(_, answer)
    of_types(answer[1], { id = "number", environment = "string" }, "deployment")
  end },
  { "POST", "/check%-runs$", function(_, answer)
    of_types(answer, { id = "number", status = "string", conclusion = "string", output = { annotations_count = "number" } }, "check")
  end },
  { "GET", "^/repos/o/r$", function(_, answer, headers)
    of_types(answer, { id = "number", full_name = "string", default_branch = "string" }, "repository")
    equal(headers.etag:sub(1, 3), 'W/"')
    of_types(headers, { ["x-ratelimit-remaining"] = "string", ["x-ratelimit-reset"] = "string" }, "headers")
  end },
}

-- The plug-ins: what makes throttling wait, and nothing that retry would not send again.
local function reads_refusal(status, answer, headers)
  of_types(answer, { message = "string", documentation_url = "string" }, "refusal")
  if status == 403 then equal({ headers["retry-after"], answer.message:lower():find "secondary rate" ~= nil }, { "2", true }) end
end

local function look(self, entry, status, answer, headers)
  if status >= 400 then return reads_refusal(status, answer, headers) end
  if status == 204 then return equal(answer, nil) end
  for _, one in ipairs(reads) do
    if one[1] == entry.method and entry.path:find(one[2]) then return one[3](self, answer, headers, entry) end
  end
  error("nobody looks at it", 0)
end

test("what Octokit said to a stub, the model answers likewise", function()
  local path, there = cloud.evidence(FILE)
  if not there then skip("there is no recording at " .. path) end
  local self, entries = new(), replay.entries(path)
  for _, entry in ipairs(entries) do
    local status, answer, headers = self:answer(entry)
    equal({ entry.method, entry.path, status }, { entry.method, entry.path, entry.status })
    local _, err = try(look, self, entry, status, answer, headers)
    if err then error(("%s %s: %s"):format(entry.method, entry.path, err.message or err), 0) end
  end
  equal(#entries, 21)
end)
