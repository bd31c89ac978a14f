#!/bin/sh
# From a clone to a running preview, on this machine alone: make demo.
# Tests the sample project, deploys it to the local cloud, fetches what it serves, takes it back.
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
git init -q -b main
git add .
git -c user.name=demo -c user.email=demo@localhost commit -q -m "The sample project"

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

say "The commit is pushed to pull request 42: davit run test --pr 42 --local --bundles"
port=$(sed -n 's/.*"http_port": *\([0-9]*\).*/\1/p' .davit/local/cloud.json)
curl -sS -f -o .davit/pushed -H "content-type: application/json" "http://127.0.0.1:$port/_davit/pulls" \
  -d "{\"number\":42,\"sha\":\"$(git rev-parse HEAD)\"}"
"$davit" run test --pr 42 --local --bundles

say "It has passed, so: davit run preview --pr 42 --local"
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
