---A browser on a preview: the page of a Worker, its style from the assets, its data from the Worker.
local about = ...
local fs = require "fs"
local json = require "json"
local process = require "process"
local cloud, place, wrangler = about.cloud, about.place, about.wrangler

local PAGE = [[<!doctype html><title>A preview</title><link rel="stylesheet" href="/style.css">
<h1>It floats</h1><p id="data">…</p><script>
fetch("/data").then(answer => answer.json()).then(({ host }) => {
  document.querySelector("#data").textContent = "served as " + host;
  document.body.insertAdjacentHTML("beforeend", '<i id="done"></i>');
});</script>]]

local WORKER = [[
export default { fetch(request) {
  return Response.json({ host: new URL(request.url).host }, { headers: { "set-cookie": "seen=1; Path=/" } });
} };]]

local function browser()
  for _, name in ipairs { "chromium", "chromium-browser", "google-chrome" } do
    local found = process.run { argv = { "sh", "-c", 'command -v "$1"', "sh", name }, check = false }
    if found.exit == 0 then return found.output:match "[^\n]+" end
  end
end

-- Lets it open a host, and holds what it saw against what should be there.
local function opened(w, program, host)
  local url, picture = ("http://%s.localhost:%d/"):format(host, place.port), w.folder .. "/page.png"
  local seen = json.decode(process.run({ timeout = 240, env = { HOME = w.folder .. "/home" },
    argv = { cloud.node, "tests/clients/browser.mjs", cloud.parts, program, w.folder .. "/profile", url, picture } }).output)
  equal({ seen.status, seen.title, seen.width, seen.height }, { 200, "A preview", 800, 600 })
  equal(seen.problems, json.array {})
  about.contains(seen.text, "It floats")
  about.contains(seen.text, "served as " .. host)
  equal(fs.read(picture):sub(2, 4), "PNG")
  equal(seen.other > 1000, true)   -- the heading's bar and the letters
  return seen.agent
end

test("a browser opens a Worker and its preview, and sees them", function()
  if about.why_not then skip(about.why_not) end
  local program = browser() or skip "there is no Chromium"
  local w <close> = wrangler.project(place, wrangler.versions()[2], "browser")
  w:config { assets = { directory = "./public", run_worker_first = { "/data" } }, previews = json.decode "{}" }
  w:write("public/index.html", PAGE)
  w:write("public/style.css", "body { background: #246; color: white } h1 { background: #e63 }")
  w:write("src/index.js", WORKER)
  w:succeeds "deploy"
  print("the browser: " .. opened(w, program, w.host))
  w:succeeds("preview", "--name", "feature/page")
  opened(w, program, "feature-page-" .. w.host)
end)
