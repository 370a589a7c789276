"""Published functions through a real server: from Python, and by plain HTTP."""

from __future__ import annotations

import functools
import io
import itertools
import json
from collections.abc import Iterator
from types import ModuleType
from typing import Any, Callable

import pytest
from harness import Server, until

_numbers = itertools.count()


@pytest.fixture
def publish(cloud: ModuleType) -> Iterator[Callable[..., tuple[str, str]]]:
    """Publishes under a label of the test's own; label and path. Removed after it."""
    made = []

    def make(func: Any, **more: Any) -> tuple[str, str]:
        label = f"t{next(_numbers)}"
        uri = cloud.rest.publish(func, label, **more)
        made.append(label)
        path = "/r/" + uri.split("/r/", 1)[1]
        assert path.endswith(f"/{label}/")
        return label, path

    yield make
    for label in made:
        cloud.rest.remove(label)


def add(x, y=1):  # type: ignore[no-untyped-def]
    """This function adds!"""
    return x + y


def test_a_function_is_called_by_its_label(cloud: ModuleType, publish: Any) -> None:
    label, _ = publish(add)
    assert cloud.result(cloud.rest.invoke(label, x=1, y=2)) == 3
    assert cloud.result(cloud.rest.invoke(label, x="Hello, ", y="World")) == "Hello, World"
    assert cloud.result(cloud.rest.invoke(label, x=[1, {"a": None}], y=[0.5])) == [1, {"a": None}, 0.5]
    assert cloud.result(cloud.rest.invoke(label, x=2)) == 3


def test_results_as_json_are_read_wherever_results_are(cloud: ModuleType, publish: Any) -> None:
    label, _ = publish(lambda n: {"n": n, "long": "x" * n})
    jids = cloud.rest.invoke_map(label, n=[1, 2, 200_000])
    expected = [{"n": n, "long": "x" * n} for n in (1, 2, 200_000)]
    assert cloud.result(jids) == expected
    assert cloud.result(jids) == expected, "also those that are remembered"
    assert list(cloud.iresult(jids)) == expected
    assert sorted(n["n"] for _, n in cloud.iresult_unordered(jids)) == [1, 2, 200_000]
    assert cloud.call(lambda: cloud.result(jids[0])).result() == expected[0], "and in a job"


def test_bytes_and_files_come_as_bytes_and_raw_results_as_they_are(cloud: ModuleType, publish: Any) -> None:
    label, _ = publish(lambda raw, n=1: raw * n, out_encoding="raw")
    assert cloud.result(cloud.rest.invoke(label, raw=b"\0\xff\r\n--", n=2)) == b"\0\xff\r\n--" * 2
    assert cloud.result(cloud.rest.invoke(label, raw=io.BytesIO(b"x" * 300_000))) == b"x" * 300_000
    assert cloud.result(cloud.rest.invoke(label, raw="é")) == "é".encode()
    assert cloud.result(cloud.rest.invoke_map(label, raw=[b"a", "b"], n=[3])) == [b"aaa", b"bbb"]


def test_what_is_known_of_it(cloud: ModuleType, publish: Any) -> None:
    def thumbnail(image: bytes, width: int = 50) -> dict[str, int]:
        """Makes it small."""
        return {"bytes": len(image), "width": width}

    label, path = publish(thumbnail, _type="c2", _cores=2)
    about = cloud.rest.info(label)
    assert about["label"] == label and about["uri"].endswith(path)
    assert about["signature"] == f"{label}(image, width=50)"
    assert (about["output_encoding"], about["description"]) == ("json", "Makes it small.")
    assert (about["version"], about["access"], about["core_type"], about["cores"]) == (1, "account", "c2", 2)
    assert [one.get("schema") for one in about["parameters"]] == [
        {"type": "string", "format": "binary"},
        {"type": "integer"},
    ]
    assert label in cloud.rest.list()
    jid = cloud.rest.invoke(label, image=b"abc")
    assert cloud.result(jid) == {"bytes": 3, "width": 50}
    assert cloud.info(jid, ["function", "label"])[jid] == {
        "function": cloud.rest.info(label)["func_name"],
        "label": label,
    }


@pytest.mark.parametrize(
    "wrong",
    [{}, {"x": 1, "z": 2}, {"y": 2}, {"x": 1, "y": 2, "self": 3}],
    ids=str,
)
def test_wrong_arguments_are_refused_before_there_is_a_job(
    cloud: ModuleType, publish: Any, server: Server, wrong: dict[str, Any]
) -> None:
    label, _ = publish(add)
    before = int(cloud.call(abs, 1))
    with pytest.raises(cloud.CloudException) as caught:
        cloud.rest.invoke(label, **wrong)
    assert caught.value.status == 400
    assert int(cloud.call(abs, 1)) == before + 1


def test_hints_are_checked_before_there_is_a_job(cloud: ModuleType, publish: Any) -> None:
    def f(n: int, names: list[str] = []) -> int:  # noqa: B006
        return n

    label, _ = publish(f)
    for wrong in ({"n": "1"}, {"n": 1.5}, {"n": True}, {"n": 1, "names": [1]}, {"n": None}):
        with pytest.raises(cloud.CloudException, match="n" if "names" not in wrong else "names"):
            cloud.rest.invoke(label, **wrong)
    assert cloud.result(cloud.rest.invoke(label, n=1, names=["a"])) == 1


def test_a_result_that_json_cannot_say_fails_with_advice(
    cloud: ModuleType, publish: Any, server: Server
) -> None:
    label, _ = publish(lambda: {"found": {1, 2}})
    jid = cloud.rest.invoke(label)
    with pytest.raises(
        cloud.CloudException, match=r"cannot be written as JSON: result\['found'\] is a set"
    ) as caught:
        cloud.result(jid)
    assert "return a list" in (caught.value.hint or "")
    status, body = server.request("GET", f"/job/{jid}/result/")
    assert status >= 400 and "is a set" in json.dumps(body)


def test_an_exception_is_the_same_as_that_of_a_call(cloud: ModuleType, publish: Any) -> None:
    label, _ = publish(lambda n: 1 // n)
    with pytest.raises(ZeroDivisionError):
        cloud.result(cloud.rest.invoke(label, n=0))


def test_publishing_again_is_another_version_and_there_is_a_way_back(cloud: ModuleType, publish: Any) -> None:
    label, _ = publish(lambda: "first")
    cloud.rest.publish(lambda: "second", label, out_encoding="raw")
    assert cloud.result(cloud.rest.invoke(label)) == b"second"
    assert [(v["version"], v["current"], v["output_encoding"]) for v in cloud.rest.versions(label)] == [
        (2, True, "raw"),
        (1, False, "json"),
    ]
    assert cloud.rest.rollback(label) == 1
    assert cloud.result(cloud.rest.invoke(label)) == "first"
    assert cloud.rest.rollback(label, 2) == 2
    assert cloud.result(cloud.rest.invoke(label)) == b"second"
    with pytest.raises(cloud.CloudException):
        cloud.rest.rollback(label, 9)


def test_what_is_removed_cannot_be_called(cloud: ModuleType, publish: Any) -> None:
    cloud.rest.publish(add, "short-lived")
    jid = cloud.rest.invoke("short-lived", x=1)
    cloud.rest.remove("short-lived")
    assert cloud.result(jid) == 2, "its jobs stay"
    for use in (cloud.rest.info, cloud.rest.remove, functools.partial(cloud.rest.invoke, x=1)):
        with pytest.raises(cloud.CloudException) as caught:
            use("short-lived")
        assert caught.value.status == 404
    assert "short-lived" not in cloud.rest.list()


def test_a_token_calls_one_function_and_nothing_else(cloud: ModuleType, publish: Any, server: Server) -> None:
    label, path = publish(add)
    _, other_path = publish(add)
    token = cloud.rest.set_access(label, "token", new_token=True)
    assert token

    def call(path: str, token: str) -> int:
        headers = {"Authorization": f"Bearer {token}"}
        status, _ = server.request("POST", path, {"x": 1}, headers=headers)
        return status

    assert call(path, token) in (200, 201, 202)
    assert call(path, token + "x") in (401, 403, 404)
    assert call(other_path, token) in (401, 403, 404)
    assert call("/v1/jobs/status", token) in (401, 403)
    again = cloud.rest.set_access(label, new_token=True)
    assert again and again != token
    assert call(path, token) in (401, 403, 404), "the old one is worth nothing"
    assert call(path, again) in (200, 201, 202)
    cloud.rest.set_access(label, "account")
    assert call(path, again) in (401, 403, 404)


def test_a_public_function_is_for_everybody_as_often_as_was_said(
    cloud: ModuleType, publish: Any, server: Server
) -> None:
    label, path = publish(add)

    def call() -> int:
        return server.request("POST", path, {"x": 1}, anonymous=True)[0]

    assert call() == 401
    cloud.rest.set_access(label, "public", calls_per_minute=3)
    statuses = [call() for _ in range(10)]
    assert statuses[0] in (200, 201, 202)
    assert 429 in statuses
    assert server.request("POST", path, {"x": 1}, auth=("1", "wrong"))[0] == 401, "a wrong key is no key"
    assert cloud.result(cloud.rest.invoke(label, x=1)) == 2, "the account itself is not held up"


def test_a_job_calls_a_published_function(cloud: ModuleType, publish: Any) -> None:
    label, _ = publish(add)

    def job() -> Any:
        import cloud

        return cloud.result(cloud.rest.invoke(label, x=20, y=22))

    assert cloud.result(cloud.call(job)) == 42


def test_the_simulator_has_addresses_too(tmp_path: Any) -> None:
    import cloud

    cloud.start_simulator()
    try:
        assert cloud.rest.publish(add, "addition").startswith("http://127.0.0.1:")
        assert cloud.result(cloud.rest.invoke("addition", x=1, y=1)) == 2
    finally:
        cloud.close()
        from cloud._core import Cloud, set_current

        set_current(Cloud())


def test_a_thousand_results_are_told_apart_from_pickles(cloud: ModuleType, publish: Any) -> None:
    label, _ = publish(lambda n: n)
    published = cloud.rest.invoke_map(label, n=range(300))
    called = cloud.map(lambda n: -n, range(300))
    assert cloud.result([published, called]) == [*range(300), *(-n for n in range(300))]
    until(lambda: set(cloud.status(published)) == {"done"}, what="all are done")


def test_a_command_behind_an_address(cloud: ModuleType, server: Server) -> None:
    uri = cloud.shell.rest_publish('head -c {n} "{file}"; echo "{text}"', "head")
    try:
        assert cloud.rest.info("head")["signature"] == "head(n, file, text)"
        assert cloud.rest.info("head")["output_encoding"] == "raw"
        jid = cloud.rest.invoke("head", n=3, file=b"abcdef", text="$(id)  `id`")
        assert cloud.result(jid) == b"abc$(id)  `id`\n"
        path = "/r/" + uri.split("/r/", 1)[1]
        status, body = server.request("POST", path, {"n": 1, "text": "no file"})
        assert status == 400 and "file" in body["error"]["msg"]
    finally:
        cloud.rest.remove("head")
