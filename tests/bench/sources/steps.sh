#!/bin/sh
# What a pipeline of YAML and bash does with the services' own clients, step by step, as the scripts beside this one
# call it. It is told by variables: PARTS (npm parts), HTTP_PORT, HTTPS_PORT and CA of a local cloud, and those of
# `davit cloud --print-env`; WAITED is a file to which the seconds go that were slept.
set -eu

ZONE=revelations.studio
API=http://127.0.0.1:$HTTP_PORT/client/v4
node=$(command -v node)
here=$(cd "${0%/*}" && pwd)

wrangler() { "$node" "$PARTS/wrangler/bin/wrangler.js" "$@" >/dev/null; }
neonctl() { "$node" "$PARTS/neonctl/bin/cli.js" --no-analytics --project-id "$NEON_PROJECT_ID" "$@"; }

# Without its options: the Workers' driver sends channel_binding to the server as a setting, which that refuses, and
# workerd can be told no authority to trust.
database() {  # branch
  neonctl connection-string "$1" --database-name neondb --role-name neondb_owner | sed 's/?.*//'
}

pause() {  # seconds
  seconds=${QUICK:+0.0}$1
  sleep "$seconds"
  echo "$seconds" >>"$WAITED"
}

# A CNAME for a host, proxied, unless it is there.
dns() {  # host
  zone=$(curl -sf -H "Authorization: Bearer $CLOUDFLARE_DNS_API_TOKEN" "$API/zones?name=$ZONE" | jq -r '.result[0].id')
  found=$(curl -sf -H "Authorization: Bearer $CLOUDFLARE_DNS_API_TOKEN" "$API/zones/$zone/dns_records?name=$1" |
    jq -r '.result | length')
  [ "$found" = 0 ] || return 0
  curl -sf -H "Authorization: Bearer $CLOUDFLARE_DNS_API_TOKEN" -H "Content-Type: application/json" \
    -d "{\"type\":\"CNAME\",\"name\":\"$1\",\"content\":\"$ZONE\",\"proxied\":true,\"ttl\":1}" \
    "$API/zones/$zone/dns_records" >/dev/null
  until curl -sf -H "Authorization: Bearer $CLOUDFLARE_DNS_API_TOKEN" "$API/zones/$zone/dns_records?name=$1" |
    jq -e '.result | length > 0' >/dev/null; do pause 5; done
}

# The migrations of the project's folder, by drizzle's own migrator.
migrate() {  # url
  DATABASE_URL=$1 "$node" "$here/../../clients/drizzle.mjs" "$PARTS" packages/database/drizzle | jq -e '.error == null' >/dev/null
}

build() {  # folder
  (cd "$1" && "$node" build.mjs >/dev/null)
}

# Uploads a Worker and then its secrets, which is how the action does it.
deploy() {  # folder name entry host environment version [assets]
  (
    cd "$1"
    wrangler deploy "$3" --name "$2" --no-bundle --compatibility-date 2026-01-01 --compatibility-flags nodejs_compat \
      --domain "$4" --var "ENVIRONMENT:$5" --var "VERSION:$6" ${7:+--assets "$7"}
    printf '{"DATABASE_URL":"%s","SESSION_SECRET":"%s","STRIPE_SECRET_KEY":"%s"}' \
      "$DATABASE_URL" "$SESSION_SECRET" "$STRIPE_SECRET_KEY" | wrangler secret bulk --name "$2"
  )
}

# Ten attempts, 5 s and twice as long each time, at most 80 s.
healthy() {  # url
  delay=5
  for _ in 1 2 3 4 5 6 7 8 9 10; do
    if curl -sf -m 10 --connect-to "::127.0.0.1:$HTTPS_PORT" --cacert "$CA" "$1" >/dev/null; then return 0; fi
    pause $delay
    [ $delay -ge 80 ] || delay=$((delay * 2))
  done
  return 1
}
