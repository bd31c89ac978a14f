---Restoring a branch in place: it keeps its id, hosts and passwords, and gets the data of another moment or branch.
---
---What it was is kept under a name of the caller's. Names are unique in a project, so that name says whether a restore
---was done: one whose reply was lost is looked for, and sent again at no risk, since it would be refused (409).
local api = require "neon.api"
local branch = require "neon.branch"
local clock = require "cloud.clock"
local guard = require "neon.guard"
local marker = require "marker"
local options = require "options"
local point = require "neon.point"
local ready = require "neon.ready"
local retry = require "retry"
local url = require "url"

local restore = {}

local MOMENT = 60   -- seconds; so close is what one request did

local fields = { { "branch", "any", true }, { "to", "table", true }, { "preserve_as", "string", true },
  { "marker", "string", true } }
local to_fields = { { "time", "any" }, { "lsn", "string" }, { "branch", "any" } }

-- ---- options -----------------------------------------------------------------------------

local function read(o)
  options.read("neon.restore", o, fields)
  options.read("neon.restore: option 'to'", o.to, to_fields)
  marker.check("neon.restore", o.marker)
  if not o.preserve_as:find "^%w[%w/_.-]*$" or #o.preserve_as > 256 or o.preserve_as:find "^br%-" then
    options.misuse("neon.restore: 'preserve_as' must be a branch's name, not '%s'", o.preserve_as)
  end
  local id = branch.id_of("neon.restore", o.branch)
  local source = o.to.branch ~= nil and branch.id_of("neon.restore", o.to.branch, "to.branch") or id
  local at = point.read("neon.restore: option 'to'", o.to)
  if source == id and not at then
    options.misuse("neon.restore: 'to' must name a time, an lsn, or another branch")
  end
  return { id = id, source = source, at = at, preserve_as = o.preserve_as, marker = o.marker }
end

-- What carries no marker is not for previews; what carries one is for whom it belongs to.
local function check_ours(target, o)
  if not target.marker and marker.parse(o.marker).environment ~= "production" then
    failure { code = "preview-to-production", about = target.name, hint = "nothing was changed",
      message = ("Neon: the branch %s carries no marker, so %s may not restore it"):format(target.name, o.marker) }
  end
  local ours, reason = marker.same(target.marker or o.marker, o.marker, "the database branch " .. target.name)
  if ours then return end
  failure { code = "not-ours", about = target.name, message = "Neon: " .. reason, hint = "nothing was changed" }
end

-- ---- was it done? ------------------------------------------------------------------------

local function text_of(value) return type(value) == "string" and value or nil end

local function is_former(target, shown, preserved, o)
  if o.source == o.id then return target.parent_id == preserved.id end
  local reset = text_of(shown.last_reset_at) and clock.parse(shown.last_reset_at)
  return target.parent_id == o.source and reset
    and math.abs(reset - clock.parse(preserved.created_at)) <= MOMENT
end

-- The branch of the name is there for another reason than this restore.
local function refuse(target, o)
  failure { code = "neon-restore", about = o.preserve_as, hint = "choose another name with 'preserve_as'",
    message = ("Neon: a branch is called %s already, and not because %s was restored to %s"):format(o.preserve_as,
      target.name, o.at and point.text(o.at) or "the branch " .. o.source) }
end

-- Where it was restored to is certain only when that is done, and may not be told even then.
local function check_point(target, shown, o)
  if o.at and point.contradicts(o.at, text_of(shown.parent_lsn), text_of(shown.parent_timestamp)) then
    refuse(target, o)
  end
end

-- ---- doing it ----------------------------------------------------------------------------

local function send(project, target, o)
  local at = o.at or {}
  api.call(project, { path = ("/branches/%s/restore"):format(url.encode(o.id)), method = "POST",
    what = "restore the database branch " .. target.name,
    json = { source_branch_id = o.source, source_timestamp = at.time, source_lsn = at.lsn,
      preserve_under_name = o.preserve_as } })
end

-- Somebody may have been faster with the name, and that somebody may have been our own lost request.
local function send_or_see(project, target, o)
  local _, err = try(send, project, target, o)
  if err and (err.class ~= "converge" or not branch.find(project, o.preserve_as)) then error(err, 0) end
end

---@return boolean existed
local function bring_about(project, target, o)
  if branch.find(project, o.preserve_as) then return true end
  retry.run(retry.policies.after_looking, function(attempt)
    if attempt > 1 and branch.find(project, o.preserve_as) then return end
    send_or_see(project, target, o)
  end)
  return false
end

local function preserved_of(project, target, o)
  local preserved = branch.find(project, o.preserve_as)
  if preserved then return preserved end
  failure { code = "neon-restore", class = "pending", about = target.name, hint = "run it again in a while",
    message = ("Neon: %s was restored, but there is no branch %s that keeps what it was"):format(target.name,
      o.preserve_as) }
end

---Restores, or finds that it was done; returns when the branch can be used.
---@return table restored
function restore.run(project, given)
  local o = read(given)
  local target = guard.branch(project, o.id)
  check_ours(target, o)
  local existed = bring_about(project, target, o)
  local preserved = preserved_of(project, target, o)
  local now, shown = branch.get(project, o.id)
  if not is_former(now, shown, preserved, o) then refuse(target, o) end
  ready.wait(project, { id = o.id, name = target.name, created_at = preserved.created_at })
  now, shown = branch.get(project, o.id)
  check_point(now, shown, o)
  return { id = now.id, name = now.name, parent_id = now.parent_id, existed = existed,
    lsn = text_of(shown.parent_lsn), time = text_of(shown.parent_timestamp),
    preserved = { id = preserved.id, name = preserved.name } }
end

return restore
