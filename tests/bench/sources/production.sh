#!/bin/sh
# Production as deploy-production.yml of the guide deploys it.
# shellcheck source=tests/bench/sources/steps.sh
. "${0%/*}/steps.sh"

for host in codex auth api; do dns "$host.$ZONE"; done
for folder in workers/ecom-api workers/auth apps/web; do build $folder; done
DATABASE_URL=$(database production)
export DATABASE_URL
migrate "$DATABASE_URL"

deploy workers/ecom-api ecom-api-production dist/index.js "api.$ZONE" production "$1"
pause 30
healthy "https://api.$ZONE/health"
deploy workers/auth auth-worker-production dist/index.js "auth.$ZONE" production "$1"
pause 15
healthy "https://auth.$ZONE/health"
deploy apps/web codex-web-production dist/_worker.js "codex.$ZONE" production "$1" dist/client
pause 15
healthy "https://codex.$ZONE/health"
