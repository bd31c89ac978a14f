---Static assets: with a Worker, alone, changed and unchanged.
local about = ...
local both = about.both

-- How many files the uploads of a Worker's last session carried.
local function uploaded(w, since)
  local count = 0
  for _, entry in ipairs(w.cloud:recorded()) do
    local agent = entry.headers["user-agent"] or ""
    if entry.path:find("/workers/assets/upload", 1, true) and entry.at >= since and agent:find(w.version, 1, true) then
      count = count + (entry.parts and #entry.parts or 1)
    end
  end
  return count
end

local function session_time(w)
  local at
  for _, entry in ipairs(w.cloud:recorded()) do
    if entry.path:find(w.name .. "/assets-upload-session", 1, true) then at = entry.at end
  end
  return at
end

local function body(w, path)
  local answer = w.cloud:ask(w.host .. path)
  return answer.status == 200 and answer.body or answer.status
end

both("assets alone are served, and only what changed is sent again", "assets", function(w)
  w:config { main = false, assets = { directory = "./public" } }
  w:write("public/index.html", "<h1>home of " .. w.name .. "</h1>")
  w:write("public/style.css", "/* " .. w.name .. " */")
  w:succeeds "deploy"
  equal(body(w, "/"), "<h1>home of " .. w.name .. "</h1>")
  equal(w.cloud:ask(w.host .. "/style.css").headers["content-type"], "text/css; charset=utf-8")
  equal(uploaded(w, session_time(w)), 2)
  w:write("public/style.css", "/* changed " .. w.name .. " */")
  w:succeeds "deploy"
  equal(uploaded(w, session_time(w)), 1)
  equal(body(w, "/style.css"), "/* changed " .. w.name .. " */")
  equal(body(w, "/"), "<h1>home of " .. w.name .. "</h1>")
  w:succeeds "deploy"
  equal(uploaded(w, session_time(w)), 0)
  equal(body(w, "/missing"), 404)
end)

both("a Worker stands behind its assets and reaches them", "behind", function(w)
  w:config { assets = { directory = "./public", binding = "ASSETS" } }
  w:write("public/page.txt", "a page of " .. w.name)
  w:write("src/index.js", [[
export default { async fetch(request, env) {
  const page = await env.ASSETS.fetch(new URL("/page.txt", request.url));
  return new Response("behind: " + await page.text());
} };]])
  w:succeeds "deploy"
  equal(body(w, "/page.txt"), "a page of " .. w.name)
  equal(body(w, "/else"), "behind: a page of " .. w.name)
end)

both("the headers and redirects of assets travel with them", "rules", function(w)
  w:config { main = false, assets = { directory = "./public", not_found_handling = "single-page-application" } }
  w:write("public/index.html", "the one page of " .. w.name)
  w:write("public/_headers", "/*\n  x-tested: yes\n")
  w:write("public/_redirects", "/old /new 301\n")
  w:succeeds "deploy"
  local answer = w.cloud:ask(w.host .. "/old")
  equal({ answer.status, answer.headers.location }, { 301, "/new" })
  equal(body(w, "/anything"), "the one page of " .. w.name)
  equal(w.cloud:ask(w.host .. "/").headers["x-tested"], "yes")
end)
