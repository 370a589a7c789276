"""The bucket as files leads to nothing but objects of one's own, and what is done there harms nobody."""

from __future__ import annotations

import os
from collections.abc import Iterator

import pytest

from escapes.attacks import bucket
from escapes.attacks.tries import GOT_THROUGH
from escapes.site import DISK_BYTES, Site

pytestmark = pytest.mark.skipif(not os.path.exists("/dev/fuse"), reason="there is no FUSE")


@pytest.fixture
def site(site: Site) -> Iterator[Site]:
    """With empty buckets before and after."""
    yield site
    for account in site.keys:
        mine = site.become(account).bucket
        while paths := mine.list():
            mine.remove(paths)


def _through(said: dict[str, str]) -> dict[str, str]:
    return {name: got for name, got in said.items() if got.startswith(GOT_THROUGH)}


def _keys(site: Site, account: str = "attacker") -> list[str]:
    return list(site.become(account).bucket.list())


def test_names_that_no_object_may_have_are_refused(site: Site) -> None:
    said = site.run(bucket.names)
    assert _through(said) == {}
    assert _keys(site) == []


def test_no_way_leads_out_of_it(site: Site) -> None:
    said = site.run(bucket.climb, str(site.server.data_dir))
    assert len(said) > 10
    assert _through(said) == {}


def test_it_holds_plain_files_only(site: Site) -> None:
    said = site.run(bucket.kinds)
    assert _through(said) == {}
    assert _keys(site) == ["other", "program"]


def test_objects_of_others_are_not_there(site: Site) -> None:
    site.become("neighbour").bucket.putf(b"a neighbour's", "secret")
    site.become("neighbour").bucket.putf(b"a neighbour's", "deep/secret")
    # The neighbour's is mounted on the same worker, and in use.
    with site.running(_look_and_wait, by="neighbour"):
        ways = ["secret", "deep/secret", *(f"{n}/secret" for n in range(4))]
        ways += [f"../{n}/secret" for n in range(4)]
        ways += ["../bucket/secret", "../run/picloud/bucket/2/secret", "../proc/1/root/bucket/secret"]
        assert _through(site.run(bucket.others, ways, _type="c2")) == {}
    assert _keys(site) == []
    assert _keys(site, "neighbour") == ["deep/secret", "secret"]


def _look_and_wait() -> None:
    import time
    from pathlib import Path

    assert Path("/bucket/secret").read_text() == "a neighbour's"
    time.sleep(60)


def test_files_on_their_way_do_not_use_up_the_worker(site: Site) -> None:
    with site.watched():
        jid = site.start(bucket.open_for_writing)
        site.neighbour_is_served()
        opened, again = site.result(jid, timeout=60)
    assert 16 <= opened < 60 * 200, opened
    assert again
    site.neighbour_is_served()


def test_open_folders_do_not_use_up_the_worker(site: Site) -> None:
    with site.watched():
        assert 16 <= site.run(bucket.open_folders) < 60 * 200
        site.neighbour_is_served()


def test_what_is_not_closed_is_bounded_like_the_disk(site: Site) -> None:
    with site.watched():
        jid = site.start(bucket.fill)
        site.neighbour_is_served()
        written, said = site.result(jid, timeout=60)
    assert said in ("ENOSPC", "EFBIG"), said
    assert DISK_BYTES - 2_000_000 < written <= DISK_BYTES


def test_questions_without_end_are_answered_beside_others(site: Site) -> None:
    with site.watched():
        jid = site.start(bucket.ask, 4.0)
        site.neighbour_is_served()
        assert site.result(jid) > 0


def test_programs_that_begin_by_closing_much_hold_up_nobody(site: Site) -> None:
    with site.watched():
        jid = site.start(bucket.exec_while_writing, 4)
        for _ in range(4):
            site.neighbour_is_served()
        assert site.result(jid, timeout=60) == 8
