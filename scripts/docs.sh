#!/usr/bin/env bash
# Writes the generated parts of docs/reference. Tests compare them with the code.
source "$(dirname "${BASH_SOURCE[0]}")/common.sh"
$venv/bin/python scripts/python_reference.py
PICLOUD_UPDATE=1 cargo test --release --locked --quiet --package picloud-cli --test reference
PICLOUD_UPDATE=1 cargo test --release --locked --quiet --package picloud-server --test stories documents
