#!/bin/sh
# The preview of a pull request as preview-deploy.yml of the guide makes it: preview.sh NUMBER
# shellcheck source=tests/bench/sources/steps.sh
. "${0%/*}/steps.sh"
pr=$1

neonctl branches create --name "pr-$pr" --parent production >/dev/null
DATABASE_URL=$(database "pr-$pr")
export DATABASE_URL
migrate "$DATABASE_URL"

for folder in workers/ecom-api workers/auth apps/web; do build $folder; done
for host in api auth codex; do dns "$host-preview-$pr.$ZONE"; done
deploy workers/ecom-api "ecom-api-preview-$pr" dist/index.js "api-preview-$pr.$ZONE" preview "$pr"
deploy workers/auth "auth-worker-preview-$pr" dist/index.js "auth-preview-$pr.$ZONE" preview "$pr"
deploy apps/web "codex-web-preview-$pr" dist/_worker.js "codex-preview-$pr.$ZONE" preview "$pr" dist/client

pause 30
for host in api auth codex; do healthy "https://$host-preview-$pr.$ZONE/health"; done
gh api "repos/$GITHUB_REPOSITORY/issues/$pr/comments" -f body="Preview: https://codex-preview-$pr.$ZONE" >/dev/null
