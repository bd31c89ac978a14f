---Versions beside what serves: uploads, previews of them, splits.
local about = ...
local both, contains = about.both, about.contains
local json = require "json"

local function override(w, id) return { ["cloudflare-workers-version-overrides"] = ('%s="%s"'):format(w.name, id) } end

-- A Worker with a version that serves, one, and one that does not, two.
local function with_two(w)
  local one = w:given()
  w:code "two"
  local said = w:succeeds("versions", "upload", "--tag", "v2", "--message", "the second")
  return one, w:event("version-upload").version_id, said
end

both("an uploaded version serves nobody but who asks for its preview", "upload", function(w)
  local one, two, said = with_two(w)
  local preview = ("%s-%s"):format(two:sub(1, 8), w.host)
  contains(said, "https://" .. preview)
  equal({ w:text(), w:text(preview) }, { "one", "two" })
  equal(w:serving(), { [one] = 100 })
  local list, ids = json.decode(w:succeeds("versions", "list", "--json")), {}
  for i, version in ipairs(list) do ids[i] = version.id end
  equal(ids, { one, two })   -- newest last
  equal(list[2].annotations["workers/tag"], "v2")
  local shown = w:succeeds("versions", "view", two)
  contains(shown, "the second")
  contains(shown, "v2")
end)

both("traffic is split between two versions, and an override chooses one", "split", function(w)
  local one, two = with_two(w)
  w:succeeds("versions", "deploy", one .. "@10%", two .. "@90%", "-y", "--message", "a split")
  equal(w:serving(), { [one] = 10, [two] = 90 })
  equal(w:text(nil, override(w, one)), "one")
  equal(w:text(nil, override(w, two)), "two")
  local status = w:succeeds("deployments", "status")
  contains(status, one)
  contains(status, two)
  contains(w:succeeds("deployments", "list"), "a split")
  w:succeeds("versions", "deploy", two, "-y")
  equal(w:serving(), { [two] = 100 })
  equal(w:text(), "two")
end)

both("a deploy in the middle of a split ends it", "ends", function(w)
  local one, two = with_two(w)
  w:succeeds("versions", "deploy", one .. "@50%", two .. "@50%", "-y")
  w:code "three"
  w:succeeds "deploy"
  equal(w:serving(), { [w:event("deploy").version_id] = 100 })
  equal(w:text(), "three")
end)

both("a preview has an alias that stays the same", "alias", function(w)
  w:given()
  w:code "two"
  w:succeeds("versions", "upload", "--preview-alias", "pr-1")
  equal(w:text("pr-1-" .. w.host), "two")
  w:code "three"
  w:succeeds("versions", "upload", "--preview-alias", "pr-1")
  equal(w:text("pr-1-" .. w.host), "three")
  equal(w:text(), "one")
end)
