# Sourced by the other scripts: the project's root as working directory, names and small words.
set -euo pipefail
cd "$(dirname "${BASH_SOURCE[0]}")/.."

# rustup's default place, for shells that have not read its environment file.
[ -d "$HOME/.cargo/bin" ] && PATH="$PATH:$HOME/.cargo/bin"
export PATH

target=${CARGO_TARGET_DIR:-target}
venv=.venv

say() { printf '%s\n' "$*" >&2; }
fail() {
    say "error: $1"
    shift
    for line in "$@"; do say "  $line"; done
    exit 1
}
