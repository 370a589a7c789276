#!/usr/bin/env bash
# Builds the dashboard and the binary that carries it, and puts the binary into .venv, beside the package `cloud`
# that scripts/setup.sh linked there. `pip install .` makes the same from a wheel; this way an edit of Python needs
# no build.
source "$(dirname "${BASH_SOURCE[0]}")/common.sh"

scripts/web.sh
cargo build --release --locked --package picloud-cli --bin picloud

# A copy and no link: the binary takes the interpreter it lies beside as the default for jobs. It
# is replaced by renaming, as a server may be running from the old one.
if ! cmp -s "$target/release/picloud" $venv/bin/picloud; then
    cp "$target/release/picloud" $venv/bin/.picloud.new
    mv $venv/bin/.picloud.new $venv/bin/picloud
fi
