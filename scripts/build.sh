#!/usr/bin/env bash
# Builds the binary and puts it and the Python package into .venv, so that `.venv/bin/picloud` and
# `import cloud` are what the tree holds. `pip install .` makes the same from a wheel; this way
# an edit of Python code needs no build at all.
source "$(dirname "${BASH_SOURCE[0]}")/common.sh"

cargo build --release --locked --package picloud-cli --bin picloud

site=$($venv/bin/python -c 'import sysconfig; print(sysconfig.get_path("purelib"))')
echo "$PWD/python" >"$site/picloud-tree.pth"

# A copy and no link: the binary takes the interpreter it lies beside as the default for jobs. It
# is replaced by renaming, as a server may be running from the old one.
if ! cmp -s "$target/release/picloud" $venv/bin/picloud; then
    cp "$target/release/picloud" $venv/bin/.picloud.new
    mv $venv/bin/.picloud.new $venv/bin/picloud
fi
