---Going back to what served before.
local about = ...
local both, contains = about.both, about.contains

local function deploy(w, text)
  w:code(text)
  w:succeeds "deploy"
  return w:event("deploy").version_id
end

both("a rollback answers as before, and another one goes where it is told", "rollback", function(w)
  local one = w:given()
  local two = deploy(w, "two")
  contains(w:succeeds("rollback", "-y", "--message", "it was bad"), one)
  equal(w:text(), "one")
  equal(w:serving(), { [one] = 100 })
  equal(w:api("/deployments").deployments[1].annotations["workers/message"], "it was bad")
  w:succeeds("rollback", two, "-y")
  equal(w:text(), "two")
  w:fails("not found", "rollback", "00000000-0000-4000-8000-000000000000", "-y")
  equal(w:text(), "two")
end)

both("a rollback across a changed secret is refused at first and then forced", "forced", function(w)
  local one = w:given()
  w:succeeds("secret", "put", "KEY", { input = "new value" })
  deploy(w, "two")
  w:succeeds("rollback", one, "-y")
  equal(w:text(), "one")
  local answers = w.cloud:recorded(function(entry)
    return entry.method == "POST" and entry.path:find(w.name .. "/deployments", 1, true) ~= nil
  end)
  local last, before = answers[#answers], answers[#answers - 1]
  equal({ before.status, before.resp.errors[1].code }, { 400, 10220 })
  contains(before.resp.errors[1].message, "KEY")
  equal({ last.status, last.query.force }, { 200, "true" })
end)
