#!/usr/bin/env bash
# A private server in a temporary directory, the image pipeline on it, its queues and jobs, and a clean stop.
# DEMO_STAY=1 keeps the server until Enter is pressed.
source "$(dirname "${BASH_SOURCE[0]}")/common.sh"

work=$(mktemp -d "${TMPDIR:-/tmp}/picloud-demo.XXXXXX")
# Jobs and client profile stay apart from a picloud this person may be using.
export PICLOUD_CONFIG_DIR=$work/config
unset PICLOUD_SERVER PICLOUD_API_KEY PICLOUD_API_SECRETKEY
picloud=$PWD/$venv/bin/picloud

"$picloud" serve --data-dir "$work/data" --listen 127.0.0.1:0 --ready-file "$work/ready.json" >"$work/server.log" 2>&1 &
server=$!
stop() {
    if kill -0 $server 2>/dev/null; then
        kill -TERM $server
        wait $server || true
    fi
    rm -rf "$work"
}
trap stop EXIT

for _ in $(seq 300); do
    [ -s "$work/ready.json" ] && break
    kill -0 $server 2>/dev/null || { cat "$work/server.log" >&2; fail "the server did not start"; }
    sleep 0.1
done
[ -s "$work/ready.json" ] || { cat "$work/server.log" >&2; fail "the server was not ready after 30 s"; }
field() { $venv/bin/python -c 'import json, sys; print(json.load(open(sys.argv[1]))[sys.argv[2]])' "$work/ready.json" "$1"; }
url=$(field url)

echo "A private server runs at $url; its data is in $work."
echo
sheet=${DEMO_SHEET:-$PWD/target/contact-sheet.png}
echo "\$ python examples/imgpipeline/run.py"
$venv/bin/python examples/imgpipeline/run.py --sheet "$sheet" || { tail -n 40 "$work/server.log" >&2; fail "the pipeline failed"; }
echo
echo "\$ picloud queue list"
"$picloud" queue list
echo
echo "\$ picloud jobs --limit 5"
"$picloud" jobs --limit 5
echo
echo "The dashboard: $(field dashboard_link)"
echo "  (the link signs you in, once)"
if [ "${DEMO_STAY:-}" = 1 ] && [ -t 0 ]; then
    read -r -p "The server stays up until you press Enter. "
else
    echo "  (DEMO_STAY=1 make demo keeps the server until you press Enter)"
fi
stop
trap - EXIT
echo "The server has stopped and its data is gone."
