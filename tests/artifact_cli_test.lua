---`davit artifact`, as shells and CI steps use it; each command is a process of its own.
local fs = require "fs"
local json = require "json"
local places = assert(require("core").load_file("tests/place.lua"))()

-- A project with a web folder; f gets the folder.
local function in_folder(f, env)
  local folder <close> = places.bare {}
  fs.write(folder.folder .. "/dist/index.js", "serve()")
  fs.write(folder.folder .. "/dist/.hidden", "h")
  fs.write(folder.folder .. "/dist/deep/a.css", "a{}")
  folder.env = env
  return f(folder, folder.folder)
end

local function test_here(name, f, env)
  test(name, function() in_folder(f, env) end)
end

local function done(result, exit)
  if result.exit ~= (exit or 0) then error(("exit %s: %s"):format(result.exit or result.signal, result.errors), 2) end
  return result.output, result.errors
end

local function rows(text)
  local list = {}
  for line in text:gmatch "[^\n]+" do list[#list + 1] = json.decode(line) end
  return list
end

test_here("put prints the digest on stdout and the rest on stderr, get takes it", function(place, folder)
  local digest, said = done(place:davit("artifact", "put", "web", "dist"))
  equal(digest:match "^sha256:%x+\n$" ~= nil, true)
  equal(said:find "web of run local, attempt 1: 3 files, .* kept for 7 d" ~= nil, true)
  local got = done(place:davit("artifact", "get", "web", "--into", "there", "--digest", digest:match "%S+"))
  equal(got, digest)
  equal({ fs.read(folder .. "/there/deep/a.css"), fs.exists(folder .. "/there/.hidden") }, { "a{}", true })
end)

test_here("paths count from the working folder, wherever the project is", function(place, folder)
  done(place:sh "cd dist/deep && $DAVIT artifact put css a.css && $DAVIT artifact get css --into ../out")
  equal(fs.read(folder .. "/dist/out/a.css"), "a{}")
  done(place:sh "cd dist && $DAVIT artifact put two index.js deep/a.css && $DAVIT artifact get two --into ../two")
  equal({ fs.read(folder .. "/two/index.js"), fs.read(folder .. "/two/deep/a.css") }, { "serve()", "a{}" })
end)

test_here("what is larger than get takes by itself is taken when it is said", function(place, folder)
  done(place:sh "truncate -s 80M zeros && $DAVIT artifact put zeros zeros")
  local _, said = done(place:davit("artifact", "get", "zeros", "--into", "out"), 1)
  equal(said:find "max_ratio raises the limit" ~= nil, true)
  done(place:davit("artifact", "get", "zeros", "--into", "out", "--max-ratio", "100000"))
  equal(fs.stat(folder .. "/out/zeros").size, 80 * 1024 * 1024)
  done(place:davit("artifact", "get", "zeros", "--into", "two", "--max-ratio", "100000", "--max-bytes", "1000"), 1)
  done(place:davit("artifact", "get", "zeros", "--into", "two", "--max-bytes", "0"), 2)
end)

test_here("list is a table for people, and JSON for programs", function(place)
  done(place:davit("artifact", "put", "web", "dist", "--run", "77", "--attempt", "2", "--retention", "3d"))
  local text = done(place:davit("artifact", "list"))
  equal(text:find "^NAME  RUN  ATTEMPT  SIZE%s+AGE%s+EXPIRES\nweb%s+77%s+2%s+%d+ B%s+%d s%s+in 3 d\n$" ~= nil, true)
  local row = rows(done(place:davit("artifact", "list", "--json")))[1]
  equal({ row.v, row.name, row.run, row.attempt, row.files, row.digest:sub(1, 7) }, { 1, "web", "77", 2, 3, "sha256:" })
  local empty, said = done(place:davit("artifact", "list", "other"))
  equal({ empty, said }, { "", "davit: there are no artifacts\n" })
end)

test_here("under GitHub run and attempt are its own, and another run's is not taken unless it is named",
  function(place)
    done(place:davit("artifact", "put", "web", "dist"))
    local row = rows(done(place:davit("artifact", "list", "--json")))[1]
    equal({ row.run, row.attempt }, { "900", 3 })
    place.env.GITHUB_RUN_ID, place.env.GITHUB_RUN_ATTEMPT = "901", "1"
    local _, said = done(place:davit("artifact", "get", "web", "--into", "x"), 1)
    equal(said:find("there is no artifact 'web' of run 901 in .*: there is run 900, attempt 3") ~= nil, true)
    done(place:davit("artifact", "get", "web", "--into", "x", "--run", "900"))
  end, { GITHUB_RUN_ID = "900", GITHUB_RUN_ATTEMPT = "3" })

test_here("jobs share the folder that DAVIT_ARTIFACTS names, without a project, too", function(place, folder)
  place.env = { DAVIT_ARTIFACTS = folder .. "/shared" }
  done(place:davit("artifact", "put", "web", "dist"))
  equal(fs.exists(folder .. "/.davit/artifacts"), false)
  done(place:sh("mkdir elsewhere && mv davit.yaml away && cd elsewhere && $DAVIT artifact get web"))
  equal(fs.read(folder .. "/elsewhere/index.js"), "serve()")
  place.env = nil
  local _, said = done(place:davit("artifact", "list"), 2)
  equal(said:find "name a folder for them in DAVIT_ARTIFACTS" ~= nil, true)
end)

test_here("other content under the same name is refused, and replaced when it is said", function(place, folder)
  done(place:davit("artifact", "put", "web", "dist"))
  done(place:davit("artifact", "put", "web", "dist"))
  fs.write(folder .. "/dist/index.js", "other")
  local _, said = done(place:davit("artifact", "put", "web", "dist"), 1)
  equal(said:find "is there already, with other content" ~= nil, true)
  done(place:davit("artifact", "put", "web", "dist", "--replace"))
end)

test_here("rm removes it, and says when there is nothing to remove", function(place, folder)
  done(place:davit("artifact", "put", "web", "dist"))
  equal(done(place:davit("artifact", "rm", "web")), "web of run local, attempt 1 is removed\n")
  equal(fs.list(folder .. "/.davit/artifacts/blobs", { outside = true }), {})
  local _, said = done(place:davit("artifact", "rm", "web"), 1)
  equal(said:find "there is no such artifact 'web'" ~= nil, true)
end)

test_here("what is mistyped is told with exit code 2", function(place)
  local function says(pattern, ...)
    local _, said = done(place:davit("artifact", ...), 2)
    if not said:find(pattern) then error(("expected %s, got %s"):format(pattern, said), 2) end
  end
  says("which files%?", "put", "web")
  says("under which name", "put")
  says("which artifact", "get")
  says("there is no 'take'", "take", "x")
  says("an artifact's name is made of letters", "put", "a/b", "dist")
  says("%-%-retention is a time such as 7d", "put", "web", "dist", "--retention", "soon")
  says("%-%-retnetion", "put", "web", "dist", "--retnetion", "1d")
  says("%-%-digest is sha256:", "get", "web", "--digest", "7")
  says("^davit: %-%-level is 1 to 19", "put", "web", "dist", "--level", "20")
  says("^davit: no key is called 'x'", "put", "web", "dist", "--sealed-to", "x")
  says("%-%-to is of values", "put", "web", "dist", "--to", "sql:*")
end)

test_here("an empty path is a variable that was not set, and not the whole folder", function(place, folder)
  for _, arguments in ipairs {
    { "put", "web", "" }, { "put", "web", "dist", "" }, { "put", "web", "dist", "--root", "" },
    { "get", "web", "--into", "" }, { "get", "web", "--key-file", "" }, { "key", "" },
  } do
    local _, said = done(place:davit("artifact", table.unpack(arguments)), 2)
    equal({ arguments, said:find "a path is empty" ~= nil }, { arguments, true })
  end
  equal(fs.exists(folder .. "/.davit/artifacts"), false)
end)

test_here("help names every action and its flags", function(place)
  local text = done(place:davit("artifact", "--help"))
  for _, word in ipairs { "put NAME", "get NAME", "list", "rm NAME", "key FILE", "--sealed-to", "DAVIT_ARTIFACTS" } do
    equal({ word, text:find(word, 1, true) ~= nil }, { word, true })
  end
  done(place:davit("artifact"), 2)
end)

test_here("a link in place of the store's lock is not followed: what it leads to keeps its bytes", function(place, folder)
  fs.write(folder .. "/precious", "keep me")
  done(place:sh "mkdir -p .davit/artifacts && ln -s ../../precious .davit/artifacts/lock")
  local _, said = done(place:davit("artifact", "put", "web", "dist"), 1)
  equal({ fs.read(folder .. "/precious"), said:find "it is a link" ~= nil }, { "keep me", true })
end)

-- Secrets --------------------------------------------------------------------------------------------

local YAML = "version: 1\nproject: bare\nenv_file: secrets.env\nsecrets: { API_TOKEN: { to: [api.example.com] } }\n"

test_here("a declared secret in a file is refused with exit code 7, whether the environment or the env file has it",
  function(place, folder)
    fs.write(folder .. "/davit.yaml", YAML)
    fs.write(folder .. "/dist/config.json", '{"token": "tok-9f8e7d6c5b4a"}')
    place.env = { API_TOKEN = "tok-9f8e7d6c5b4a" }
    local out, said = done(place:davit("artifact", "put", "web", "dist"), 7)
    equal({ out, said:find "config.json holds the secret API_TOKEN" ~= nil, said:find "tok%-" }, { "", true, nil })
    place.env = nil
    fs.write(folder .. "/secrets.env", "API_TOKEN=tok-9f8e7d6c5b4a\n", { mode = "0600" })
    done(place:davit("artifact", "put", "web", "dist"), 7)
    fs.write(folder .. "/dist/config.json", '{"token": "dG9rLTlmOGU3ZDZjNWI0YQ=="}')
    done(place:davit("artifact", "put", "web", "dist"), 7)
    done(place:davit("artifact", "put", "web", "dist", "--except", "config.json"))
  end)

test_here("a secret is handed over sealed: a command gets it in its environment, and nobody sees it", function(place, folder)
  local made, told = done(place:davit("artifact", "key", "deploy.key"))
  local public = made:match "%S+"
  equal({ told:match "deploy.key holds", told:match "DAVIT_ARTIFACT_KEY < deploy.key" },
    { "deploy.key holds", "DAVIT_ARTIFACT_KEY < deploy.key" })
  equal(done(place:davit("artifact", "key", "deploy.key")):match "%S+", public)
  equal(fs.stat(folder .. "/deploy.key").mode, "0600")
  fs.write(folder .. "/davit.yaml", ("version: 1\nproject: bare\nartifacts: { keys: { deploy: %s } }\n"):format(public))
  place.env = { DATABASE_URL = "postgresql://u:p4ssw0rd-long@db.example.com/app" }
  done(place:davit("artifact", "put", "db", "--value-env", "DATABASE_URL", "--sealed-to", "deploy", "--to",
    "program:sh,sql:*"))
  place.env = nil
  local _, said = done(place:davit("artifact", "get", "db", "--", "sh", "-c", "true"), 2)
  equal(said:find "sealed for deploy, and DAVIT_ARTIFACT_KEY is not set" ~= nil, true)
  local result = place:davit("artifact", "get", "db", "--key-file", "deploy.key", "--", "sh", "-c",
    'echo "url $DATABASE_URL"; test "$DATABASE_URL" = "postgresql://u:p4ssw0rd-long@db.example.com/app" && exit 5')
  local out, errors = done(result, 5)
  equal({ (out .. errors):find "url %*%*%*" ~= nil, (out .. errors):find "p4ssw0rd" }, { true, nil })
  _, said = done(place:davit("artifact", "get", "db", "--key-file", "deploy.key", "--", "env"), 7)
  equal(said:find "secret DATABASE_URL may be sent to" ~= nil, true)
end)

test_here("a command that takes values and is ended by a signal is no success, and says so", function(place, folder)
  local public = done(place:davit("artifact", "key", "own.key")):match "%S+"
  place.env = { TOKEN = "a-secret-value-here" }
  done(place:davit("artifact", "put", "db", "--value-env", "TOKEN", "--sealed-to", public, "--to", "program:sh"))
  local function get(script)
    return place:davit("artifact", "get", "db", "--key-file", "own.key", "--", "sh", "-c", script)
  end
  done(get "exit 42", 42)
  local _, said = done(get "kill -9 $$", 1)
  equal(said:find "sh was ended by SIGKILL" ~= nil, true)
  fs.write(folder .. "/note", "no key")
  _, said = done(place:davit("artifact", "key", "note"), 2)
  equal({ said:find "chmod 600" ~= nil, said:find "{" }, { true })
  _, said = done(place:sh "chmod 600 note && $DAVIT artifact key note", 2)
  equal(said:find "^davit: %[secret note%] holds no private key" ~= nil, true)
end)

test_here("no recipe reads the private key, and no artifact holds it", function(place, folder)
  done(place:davit("artifact", "key", "deploy.key"))
  local key = fs.read(folder .. "/deploy.key"):match "%S+"
  place.env = { DAVIT_ARTIFACT_KEY = key }
  fs.write(folder .. "/recipes/look.lua",
    "return { summary = 's', run = function() print(os.getenv 'DAVIT_ARTIFACT_KEY') end }")
  local out, said = done(place:davit("run", "look"), 1)
  equal({ out:find(key, 1, true), said:find "os.getenv: DAVIT_ARTIFACT_KEY is a secret" ~= nil }, { nil, true })
  said = select(2, done(place:davit("artifact", "put", "keys", "deploy.key"), 7))
  equal(said:find "deploy.key holds the secret DAVIT_ARTIFACT_KEY" ~= nil, true)
end)

test_here("values need a seal and a place, and a command that takes them", function(place)
  place.env = { TOKEN = "a-secret-value-here" }
  local _, said = done(place:davit("artifact", "put", "db", "--value-env", "TOKEN"), 2)
  equal(said:find "sealed only" ~= nil, true)
  _, said = done(place:davit("artifact", "put", "db", "--value-env", "TOKEN", "--sealed-to", "x"), 2)
  equal(said:find "where may they go later" ~= nil, true)
  _, said = done(place:davit("artifact", "put", "db", "--value-env", "TOKEN", "--sealed-to", "x", "--to", "sql:*"), 2)
  equal(said:find "no key is called 'x' in davit.yaml" ~= nil, true)
  _, said = done(place:davit("artifact", "put", "db", "--value-env", "TOKEN", "--sealed-to", "x",
    "--to", "postgres://me:open-sesame@db/x"), 2)
  equal({ said:find "cannot be bound to '…@db/x'" ~= nil, said:find "sesame" }, { true })
end)

test_here("gc removes what has expired", function(place, folder)
  done(place:davit("artifact", "put", "web", "dist"))
  local file = folder .. "/.davit/artifacts/entries/web@local@1.json"
  local entry = json.decode(fs.read(file))
  entry.expires = entry.created
  fs.write(file, json.encode(entry))
  equal(done(place:davit("gc", "--dry-run")):find "1 artifacts would be removed" ~= nil, true)
  equal(done(place:davit("gc")):find "1 artifacts removed" ~= nil, true)
  equal(fs.list(folder .. "/.davit/artifacts/blobs"), {})
end)

test_here("what stands in the store and is no artifact is named, and no pipe is waited for", function(place)
  done(place:davit("artifact", "put", "web", "dist"))
  done(place:sh [[cd .davit/artifacts && mkfifo queue entries/a@b@1.json entries/x.json && mkdir entries/folder blobs/other]])
  for _, arguments in ipairs { { "list" }, { "list", "--json" } } do
    local out, said = done(place:davit("artifact", table.unpack(arguments)))
    equal({ out:find "web" ~= nil, select(2, out:gsub("\n", "")) }, { true, arguments[2] and 1 or 2 })
    equal(said:find("what is none: queue, entries/a@b@1.json, entries/folder/, entries/x.json, blobs/other/; who put",
      1, true) ~= nil, true)
  end
  done(place:davit("artifact", "put", "web", "dist", "--replace"))
  equal(select(2, done(place:sh "rm -r .davit/artifacts/queue .davit/artifacts/*/[afxo]* && $DAVIT artifact list")), "")
end)

test_here("an artifact whose bytes are a pipe is damaged, and not waited for", function(place)
  local digest = done(place:davit("artifact", "put", "web", "dist")):match "sha256:(%x+)"
  done(place:sh("cd .davit/artifacts/blobs && rm * && mkfifo " .. digest))
  local _, said = done(place:davit("artifact", "get", "web", "--into", "out"), 1)
  equal(said:find "is damaged, nothing was taken from it: .* is no file" ~= nil, true)
end)

test_here("a list that cannot be written is no success", function(place)
  done(place:davit("artifact", "put", "web", "dist"))
  for _, where in ipairs { ">&-", ">/dev/full" } do
    local _, said = done(place:sh("$DAVIT artifact list " .. where), 1)
    equal(said:find "cannot write to standard output" ~= nil, true)
  end
end)

test_here("of several that get into one new folder, those who come second are told what to do", function(place)
  done(place:davit("artifact", "put", "web", "dist"))
  place:sh [[for i in 1 2 3 4 5 6; do { $DAVIT artifact get web --into there >/dev/null 2>said$i; echo $? >code$i; } & done; wait]]
  local codes = done(place:sh "cat code?")
  equal({ select(2, codes:gsub("0\n", "")), select(2, codes:gsub("1\n", "")) }, { 1, 5 })
  local said = done(place:sh "grep -h 'unpacking into' said?")
  equal(select(2, said:gsub("nothing was placed: choose another folder, or replace what is there\n", "")), 5)
end)

test_here("what davit.yaml declares is searched for where it can be learnt, and named where not", function(place, folder)
  fs.write(folder .. "/davit.yaml", [[
version: 1
project: bare
env_file: secrets.env
secrets:
  FROM_FILE: { file: key.txt }
  OF_PROGRAM: { command: [sh, -c, "touch asked; echo of-a-program-717"] }
  OF_DESCRIPTOR: { fd: 3 }
]])
  fs.write(folder .. "/secrets.env", "IN_ENV_FILE=in-the-env-file-818\n")
  fs.write(folder .. "/key.txt", "in-a-file-of-its-own-919\n")
  done(place:sh "chmod 600 secrets.env key.txt")
  local _, said = done(place:sh "echo of-a-descriptor-616 | $DAVIT artifact put web dist 3<&0")
  equal(said:find "not looked for: OF_DESCRIPTOR, OF_PROGRAM, as no program is run and no descriptor read" ~= nil, true)
  equal(fs.exists(folder .. "/asked"), false)
  fs.write(folder .. "/recipes/put.lua", [[return { summary = "s", run = function()
    require "artifact".put { name = "other", root = "dist" } end }]])
  for text, name in pairs { ["in-the-env-file-818"] = "IN_ENV_FILE", ["in-a-file-of-its-own-919"] = "FROM_FILE" } do
    fs.write(folder .. "/dist/leak", text)
    for _, arguments in ipairs { { "artifact", "put", "other", "dist" }, { "run", "put" } } do
      said = select(2, done(place:davit(table.unpack(arguments)), 7))
      equal({ said:find("leak holds the secret " .. name, 1, true) ~= nil, said:find(text, 1, true) }, { true })
    end
  end
end)

test_here("who shares files with a group shares the store's lock, and with nobody else", function(place, folder)
  for umask, mode in pairs { ["002"] = "0660", ["022"] = "0640", ["077"] = "0600" } do
    done(place:sh(("umask %s && DAVIT_ARTIFACTS=store%s $DAVIT artifact put web dist"):format(umask, umask)))
    equal(fs.stat(folder .. "/store" .. umask .. "/lock").mode, mode)
  end
end)
