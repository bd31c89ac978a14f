#!/bin/sh
# From a clone to a running preview, on this machine alone: make demo.
# Tests the sample project on the local cloud, deploys it there, fetches what it serves, takes it back.
set -eu
cd "$(dirname "$0")/.."
root=$PWD
davit=$root/build/davit
project=$root/build/demo/codex
PATH=$root/build/npm/node_modules/.bin:$PATH
export PATH

say() { printf '\n== %s\n' "$*"; }

rm -rf build/demo
mkdir -p build/demo
cp -R tests/projects/codex build/demo/
chmod 600 "$project/secrets.env"
mkdir "$project/node_modules"
ln -s "$root"/build/npm/node_modules/* "$project/node_modules/"
browser=$root/build/clients-npm/node_modules/puppeteer-core   # where the tests have been set up
[ ! -d "$browser" ] || ln -s "$browser" "$project/node_modules/"
cd "$project"
git init -q -b main .
printf '%s\n' .davit dist node_modules 'cloud.*' '*.lua' >.gitignore
git add -A
git -c user.name=demo -c user.email=demo@example.com commit -q -m 'The sample project'

say "davit cloud: Cloudflare, Neon and GitHub on loopback, with real workerd and PostgreSQL"
mkfifo cloud.out
"$davit" cloud >cloud.out 2>cloud.err &
cloud=$!
stop() {
  kill "$cloud" 2>/dev/null || true
  wait "$cloud" 2>/dev/null || true
}
trap stop EXIT
trap 'exit 130' INT TERM
while IFS= read -r line; do
  echo "$line"
  [ "$line" != ready ] || break
done <cloud.out
[ "$line" = ready ] || { cat cloud.err; exit 1; }

# Pull request 42 is of the commit that is checked out here.
cat >push.lua <<'LUA'
local listens = require("json").decode(require("fs").read ".davit/local/cloud.json")
require("http").expect { url = ("http://127.0.0.1:%d/_davit/pulls"):format(listens.http_port), method = "POST",
  json = { number = 42, sha = ... } }
LUA
"$davit" push.lua "$(git rev-parse HEAD)"

say "davit run test --pr 42 --all --bundles --local"
"$davit" run test --pr 42 --all --bundles --local

say "davit run preview --pr 42 --local"
"$davit" run preview --pr 42 --local

say "What the preview serves, from its own database branch"
fetch() {  # url path
  printf '\n-> %s%s\n' "$1" "$2"
  "$davit" fetch.lua "$1$2"
}
cat >fetch.lua <<'LUA'
local project = require "project"
require("local").connect(project.read())
print((require("http").expect({ url = ... }).body:gsub("%s+$", "")))
LUA
fetch https://api-preview-42.revelations.studio /products
fetch https://auth-preview-42.revelations.studio /users/count
fetch https://codex-preview-42.revelations.studio / | head -n 30

say "davit run cleanup --pr 42 --local"
"$davit" run cleanup --pr 42 --local
say "Done. Nothing of the preview is left; the runs' journal: (cd build/demo/codex && ../../davit runs)"
