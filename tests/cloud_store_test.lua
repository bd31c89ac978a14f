---The local cloud's state on disk: what comes back, what is refused.
local core = require "core"
local fs = require "fs"
local store = require "cloud.store"

local function hex(bytes)
  return (bytes:gsub(".", function(c) return ("%02x"):format(c:byte()) end))
end

local function with_folder(body)
  local folder = "/tmp/davit-store-" .. hex(core.random(6))
  local _ <close> = setmetatable({}, { __close = function() fs.remove(folder) end })
  body(folder)
end

local function saved_and_loaded(folder, value)
  store.new(folder):save(value)
  return store.new(folder):load()
end

test("a state comes back as it was", function()
  with_folder(function(folder)
    local state = {
      text = "é", number = 1.5, integer = 3, yes = true, empty = {}, list = { 1, { 2 } },
      long = ("x"):rep(5000), binary = "\0\255\n", sparse = { [3] = "c", [7] = "g" },
      mixed = { 1, 2, name = "n" }, marks = { ["$text"] = "not a mark" },
    }
    equal(saved_and_loaded(folder, state), state)
  end)
end)

test("nothing was saved yet", function()
  with_folder(function(folder) equal(store.new(folder):load(), nil) end)
end)

test("long and binary texts have files of their own, and lose them when they go", function()
  with_folder(function(folder)
    local s = store.new(folder)
    s:save { a = ("x"):rep(5000), b = "\255", c = ("x"):rep(5000) }
    equal(#fs.list(folder .. "/texts"), 2)
    s:save { b = "\255" }
    equal(#fs.list(folder .. "/texts"), 1)
    equal(store.new(folder):load(), { b = "\255" })
  end)
end)

test("texts of the last run go too when nothing names them any more", function()
  with_folder(function(folder)
    store.new(folder):save { a = "\255" }
    local s = store.new(folder)
    s:load()
    s:save {}
    equal(fs.list(folder .. "/texts"), {})
  end)
end)

test("a broken state is named with the way out, and left as it is", function()
  with_folder(function(folder)
    fs.write(folder .. "/state.json", "{")
    local err = raises("state.json cannot be used", function() store.new(folder):load() end)
    equal(err.code, "cloud-state-broken")
    equal(err.hint:find("with --reset", 1, true) ~= nil, true)
    equal(fs.read(folder .. "/state.json"), "{")
  end)
end)

test("a state that holds no world, or names a file elsewhere, is broken", function()
  with_folder(function(folder)
    for value, reason in pairs {
      ["5"] = "it holds no world", ["false"] = "it holds no world",
      ['{ "a": { "$text": "../state.json" } }'] = "names a text that is none",
      ['{ "a": { "$text": 7 } }'] = "names a text that is none",
    } do
      fs.write(folder .. "/state.json", ('{ "format": 1, "value": %s }'):format(value))
      raises(reason, function() store.new(folder):load() end)
    end
  end)
end)

test("a state of another version of Davit is not guessed at", function()
  with_folder(function(folder)
    fs.write(folder .. "/state.json", '{"format": 99, "value": {}}')
    raises("another version of Davit", function() store.new(folder):load() end)
  end)
end)

test("a text that has changed or is gone makes the state broken", function()
  with_folder(function(folder)
    store.new(folder):save { a = "\255" }
    local file = folder .. "/texts/" .. fs.list(folder .. "/texts")[1]
    fs.write(file, "other")
    raises("have changed", function() store.new(folder):load() end)
    fs.remove(file)
    raises("state.json cannot be used", function() store.new(folder):load() end)
  end)
end)
