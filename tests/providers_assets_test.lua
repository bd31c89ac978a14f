---Static assets of Workers: by the hashes that wrangler gives them, from texts and from files.
local assets = require "cloudflare.assets"
local cloudflare = require "cloudflare"
local core = require "core"
local fs = require "fs"
local provider_world = assert(core.load_file("tests/provider_world.lua"))()
local ensure, open = provider_world.ensure, provider_world.open

local NAME, MARK = "codex-web-preview-42", "codex/preview/42"

local function client()
  return cloudflare.client { account = "acc", token = "workers-token" }
end

local function worker_of(files, tag)
  return client().worker { name = NAME, marker = MARK, assets = files, version_tag = tag or "v1" }
end

local function manifest(w)
  local versions = w.state.cloudflare.scripts[NAME].versions
  return versions[#versions].assets.manifest
end

-- What wrangler 4.86.0 and 4.164.0 put into their manifests, and of the last how they name a file of Pages.
local recorded = {
  { "/style.css", "body{}\n", "aa42bba514e8ddfea838ec1a715ca332" },
  { "/index.html", "<h1>hi</h1>\n", "17453d0cfb9bacc76d9f30d3cb9ca048" },
  { "/new.txt", "new\n", "013ada62fa38a07c9bd873579386451f" },
  { "/deep/in.it/index.html", "<h1>pages</h1>\n", "036b99b2a8529fb21180e9c30b972a11" },
}

test("an asset has the hash that wrangler gives it", function()
  for _, one in ipairs(recorded) do
    equal({ assets.hash(one[1], { body = one[2] }) }, { one[3], #one[2] })
  end
end)

test("what begins with its only dot, or ends with one, has no extension", function()
  local plain = assets.hash("/name", { body = "x" })
  equal({ assets.hash("/.hidden", { body = "x" }), assets.hash("/a/name.", { body = "x" }) }, { plain, plain, 1 })
  equal(assets.hash("/a.b/name", { body = "x" }), plain)
  equal(assets.hash("/.hidden.txt", { body = "x" }), (assets.hash("/a.txt", { body = "x" })))
end)

test("a file has the same hash and size as its text, however large", function()
  local folder <close> = fs.temporary()
  for _, size in ipairs { 0, 1, 786431, 786432, 786433, 2000000 } do
    local text = ("0123456789abcdef"):rep(size // 16 + 1):sub(1, size)
    fs.write(folder / "big.bin", text, { outside = true })
    equal({ size, assets.hash("/big.bin", { from = folder / "big.bin", outside = true }) },
      { size, assets.hash("/big.bin", { body = text }) })
  end
end)

test("files are read only when they are missing", function()
  local w <close> = open()
  local folder <close> = fs.temporary()
  fs.write(folder / "a.css", "body{}\n", { outside = true })
  local files = { ["/a.css"] = { from = folder / "a.css", outside = true, type = "text/css" } }
  ensure(worker_of(files))
  equal(w.state.cloudflare.assets[manifest(w)["/a.css"].hash], { body = "body{}\n", type = "text/css" })
  w:forget()
  ensure(worker_of({ ["/a.css"] = { body = "body{}\n", type = "text/css" } }, "v2"))
  equal(w:count "assets/upload%?", 0)
end)

test("a file that is changed while it is uploaded is not sent as what it was", function()
  local w <close> = open()
  local folder <close> = fs.temporary()
  fs.write(folder / "a.css", "before", { outside = true })
  w.answered = function(_, text)
    if text:find "assets%-upload%-session" then fs.write(folder / "a.css", "after", { outside = true }) end
  end
  local err = raises("a.css was changed while it was uploaded", worker_of({
    ["/a.css"] = { from = folder / "a.css", outside = true } }).create)
  equal({ err.code, w:count "assets/upload%?" }, { "asset-changed", 0 })
end)

test("an asset has a body or a file, not both nor neither", function()
  local _ <close> = open()
  raises("'/a' has either a body or the file", worker_of, { ["/a"] = {} })
  raises("'/a' has either a body or the file", worker_of, { ["/a"] = { body = "x", from = "y" } })
end)

test("files that never are enough for the service are an error, not a Worker without assets", function()
  local w <close> = open()
  w:fail("assets/upload%?", { status = 202, headers = {},
    body = '{"success":true,"result":{},"errors":[],"messages":[]}' })
  raises("all assets .* were sent, and it still waits", worker_of({ ["/a"] = { body = "x" } }).create)
  equal(w:count "^PUT", 0)
end)
