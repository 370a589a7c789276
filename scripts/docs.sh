#!/usr/bin/env bash
# Writes the generated parts of docs/reference. Tests compare them with the code.
source "$(dirname "${BASH_SOURCE[0]}")/common.sh"
exec $venv/bin/python scripts/docs.py
