"""Jobs of two accounts, at the same time on one machine, have nothing in common."""

from __future__ import annotations

import os
import time

from harness import until

from escapes.attacks import looking, sharing
from escapes.attacks.tries import GOT_THROUGH
from escapes.site import Site


def _through(said: dict[str, str]) -> dict[str, str]:
    return {name: got for name, got in said.items() if got.startswith(GOT_THROUGH)}


def test_nothing_one_leaves_open_to_all_is_seen_by_another_at_the_same_time(site: Site) -> None:
    mark = f"left-{os.urandom(6).hex()}"
    with site.running(sharing.leave_and_wait, mark, 60.0, by="neighbour"):
        held = until(lambda: list(site.worker_dir.glob(f"scratch/*/*/{mark}")), what="it left something")
        paths = [f"{where}/{mark}" for where in ("/tmp", "/var/tmp", "/dev/shm", "/home/picloud")]
        said = site.run(sharing.collect, mark, [*paths, *map(str, held)], _type="c2")
        assert _through(said) == {}
        assert site.run(looking.find, [mark], _type="c2") == []


def test_nothing_is_left_for_a_later_process_even_of_the_same_account(site: Site) -> None:
    mark = f"left-{os.urandom(6).hex()}"
    left = site.run(sharing.leave, mark)
    assert len(left) == 4
    for account in ("attacker", "neighbour"):
        assert _through(site.run(sharing.collect, mark, left, by=account)) == {}, account


def test_only_ones_own_contents_and_code_are_in_sight(site: Site) -> None:
    content = os.urandom(3_000_000)
    assert site.run(sharing.size_of, content, by="neighbour") == len(content)
    theirs = [path for path in site.worker_dir.glob("blobs/*/*") if path.stat().st_size >= len(content)]
    assert len(theirs) == 1, "the worker keeps it for the next job"
    assert site.run(sharing.size_of, os.urandom(2_000_000)) == 2_000_000
    seen = site.run(sharing.stores)
    (account,) = seen["blobs"]
    assert account != theirs[0].parent.name
    inside = f"/run/picloud/{theirs[0].relative_to(site.worker_dir)}"
    assert _through(site.run(looking.read, [inside, str(theirs[0]), os.path.dirname(inside)])) == {}
    assert len(seen["scratch"]) == 1, "its own"


def test_the_token_of_a_job_opens_nothing_but_its_own_account_and_only_while_it_runs(site: Site) -> None:
    victim = site.run(os.getpid, by="neighbour", _label="victim")
    assert victim == 2
    theirs = site.start(time.sleep, 60, by="neighbour")
    mine = site.start(sharing.tell_credentials_and_wait)

    def told() -> list[str]:
        return str(site.become("attacker").info(mine, "stdout")[mine]["stdout"]).split()

    user, secret = until(told, what="it told its credentials")
    _, account, jid, attempt = user.split("-")

    def asks(method: str, path: str, body: object = None, user: str = user) -> int:
        return site.server.request(method, path, body, auth=(user, secret))[0]

    assert asks("POST", "/v1/jobs/status", {"jids": str(mine)}) == 200, "it is good for something"
    for path in ("status", "results", "info", "kill", "delete"):
        assert asks("POST", f"/v1/jobs/{path}", {"jids": str(theirs)}) == 404, path
    for path in ("stdout", "pilog"):
        assert asks("GET", f"/v1/jobs/{theirs}/output/{path}") == 404
    for method, path in (("GET", "/v1/accounts"), ("POST", "/v1/accounts"), ("GET", "/v1/workers")):
        assert asks(method, path, {"name": "more"} if method == "POST" else None) in (401, 403), path
    for path in ("hello", "1/pull", "1/report", "1/held"):
        assert asks("POST", f"/v1/workers/{path}", {}) in (401, 403, 404), path
    # Another account, job or attempt under the same secret.
    other = str(int(account) + 1)
    for forged in (f"job-{other}-{jid}-{attempt}", f"job-{account}-{theirs}-1", f"job-{account}-{jid}-2"):
        assert asks("POST", "/v1/jobs/status", {"jids": str(mine)}, user=forged) == 401, forged
    site.become("attacker").kill(mine)
    until(lambda: asks("POST", "/v1/jobs/status", {"jids": str(mine)}) == 401, what="it is no good any more")
    assert site.become("neighbour").status(theirs) == "processing"
    site.cloud.kill(theirs)
