#!/usr/bin/env bash
# The benchmarks with the repository's Python, or whichever there is. See run.py --help.
set -euo pipefail
here=$(cd "$(dirname "${BASH_SOURCE[0]}")" && pwd)
python=$here/../.venv/bin/python
[ -x "$python" ] || python=python3
exec "$python" "$here/run.py" "$@"
