#!/usr/bin/env bash
# Formatting, lints and types: everything that needs no server. Runs all of it, then says what failed.
source "$(dirname "${BASH_SOURCE[0]}")/common.sh"

failed=()
run() {
    say "--- $*"
    "$@" || failed+=("$*")
}

run cargo fmt --all --check
run cargo clippy --locked --workspace --all-targets --quiet -- -D warnings
run cargo test --release --locked --quiet --package xtask
run $venv/bin/ruff format --check .
run $venv/bin/ruff check .
run $venv/bin/mypy --cache-dir=/dev/null
[ -f web/src/api/schema.ts ] || npm run --silent --prefix web api >/dev/null
run npm run --silent --prefix web check
if command -v cargo-deny >/dev/null; then
    run cargo deny --locked check
else
    say "--- cargo-deny is not installed: licences and advisories of dependencies were not checked"
fi

[ ${#failed[@]} -eq 0 ] || fail "checks failed:" "${failed[@]}"
say "all checks passed"
