#!/usr/bin/env bash
# Builds the dashboard into web/dist, from where the binary takes it. Does nothing when web/dist is of the same sources.
source "$(dirname "${BASH_SOURCE[0]}")/common.sh"

cd web
sources=$(
    cat package.json package-lock.json tsconfig.json vite.config.ts index.html scripts/*.mjs ../docs/reference/openapi.json
    find src public -type f ! -path src/api/schema.ts -print0 | sort -z | xargs -0 sha256sum
)
stamp=$(sha256sum <<<"$sources")
[ -f dist/index.html ] && [ "$(cat dist/.sources 2>/dev/null)" = "$stamp" ] && exit 0

say "building the dashboard"
npm run --silent api >/dev/null
npm run --silent build
echo "$stamp" >dist/.sources
