#!/usr/bin/env bash
# The browser that tests of the dashboard use. Apart from setup.sh, because whoever only builds needs none.
source "$(dirname "${BASH_SOURCE[0]}")/common.sh"

command -v chromium >/dev/null && exit 0
if [ "$(id -u)" = 0 ] && command -v apt-get >/dev/null; then
    say "installing chromium"
    export DEBIAN_FRONTEND=noninteractive
    # Fonts as well, or there would be boxes where letters belong.
    packages=(chromium fonts-dejavu-core)
    apt-get install -y --no-install-recommends "${packages[@]}" >/dev/null 2>&1 ||
        { apt-get update >/dev/null && apt-get install -y --no-install-recommends "${packages[@]}" >/dev/null; } ||
        fail "apt-get could not install ${packages[*]}"
else
    fail "chromium is missing, which tests of the dashboard use" "on Debian or Ubuntu: sudo apt-get install chromium"
fi
