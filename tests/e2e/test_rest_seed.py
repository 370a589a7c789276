"""The sessions that introduced functions behind addresses in 2011, with the curl of today, over TLS."""

from __future__ import annotations

import json
import shutil
import subprocess
from collections.abc import Iterator
from pathlib import Path
from types import ModuleType
from typing import Any, Callable

import pytest
from harness import Server, until

if shutil.which("curl") is None:
    pytest.skip("there is no curl", allow_module_level=True)


@pytest.fixture(scope="module")
def tls_server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Server]:
    with Server(tmp_path_factory.mktemp("seed"), "--tls", "self-signed") as server:
        yield server


@pytest.fixture
def over_tls(
    tls_server: Server, bind: Callable[[Server], ModuleType], monkeypatch: pytest.MonkeyPatch
) -> ModuleType:
    """The package `cloud`, talking to that server."""
    assert tls_server.url.startswith("https://")
    monkeypatch.setenv("PICLOUD_CA_FILE", str(tls_server.ready.ca_file))
    return bind(tls_server)


@pytest.fixture
def curl(tls_server: Server) -> Callable[..., bytes]:
    """`curl -k -u 'key:secret_key'` and what follows; what it wrote."""
    ready = tls_server.ready
    key = f"{ready.api_key}:{ready.api_secretkey}"

    def run(*arguments: str) -> bytes:
        done = subprocess.run(
            ["curl", "-sS", "-k", "-u", key, *arguments], capture_output=True, timeout=60, check=False
        )
        assert done.returncode == 0, done.stderr.decode()
        return done.stdout

    return run


def result_of(server: Server, curl: Callable[..., bytes], said: bytes) -> bytes:
    """Asks until it is there, as there was no other way then."""
    jid = json.loads(said)["jid"]
    address = f"{server.url.rstrip('/')}/job/{jid}/result/"

    def there() -> bytes | None:
        found = curl(address)
        try:
            error = json.loads(found).get("error")
        except (ValueError, AttributeError):
            return found
        if error is None:
            return found
        assert error["retry"] is True, error
        return None

    found = until(there, timeout=60, what="the result is there")
    assert found is not None
    return found


def add(x, y):  # type: ignore[no-untyped-def]
    """This function adds!"""
    return x + y


def test_addition(over_tls: ModuleType, tls_server: Server, curl: Callable[..., bytes]) -> None:
    uri = over_tls.rest.publish(add, "addition")
    assert uri.startswith(tls_server.url.rstrip("/") + "/r/") and uri.endswith("/addition/")

    about = json.loads(curl(uri))
    assert about["output_encoding"] == "json"
    assert about["version"] == "0.1"
    assert about["description"] == "This function adds!"
    assert about["signature"] == "addition(x, y)"
    assert about["uri"] == uri
    assert about["label"] == "addition"

    called = curl(uri, "-d", "x=1", "-d", "y=1")
    jid = json.loads(called)["jid"]
    assert json.loads(result_of(tls_server, curl, called))["result"] == 2
    assert over_tls.result(jid) == 2

    strings = curl(uri, "-d", 'x="Hello, "', "-d", 'y="World"')
    assert json.loads(result_of(tls_server, curl, strings))["result"] == "Hello, World"

    lists = curl(uri, "-d", "x=[1,2,3]", "-d", "y=[4,5,6]")
    assert json.loads(result_of(tls_server, curl, lists))["result"] == [1, 2, 3, 4, 5, 6]


def test_an_address_without_its_last_slash_is_the_same(
    over_tls: ModuleType, tls_server: Server, curl: Callable[..., bytes]
) -> None:
    uri = over_tls.rest.publish(add, "no-slash").rstrip("/")
    assert json.loads(curl(uri))["label"] == "no-slash"
    assert json.loads(result_of(tls_server, curl, curl(uri, "-d", "x=1", "-d", "y=2")))["result"] == 3


def test_thumbnail(
    over_tls: ModuleType, tls_server: Server, curl: Callable[..., bytes], tmp_path: Path
) -> None:
    skimage: Any = pytest.importorskip("skimage.data", reason="the demo's packages are not installed")
    image: Any = pytest.importorskip("PIL.Image")
    photograph = tmp_path / "albert_einstein.jpg"
    image.fromarray(skimage.astronaut()).save(photograph, "JPEG")

    def thumbnail(raw_img_data, width=50, height=50, output_format="JPEG"):  # type: ignore[no-untyped-def]
        from io import BytesIO

        from PIL import Image

        im = Image.open(BytesIO(raw_img_data))
        im.thumbnail((width, height))
        out_data = BytesIO()
        im.save(out_data, output_format)
        return out_data.getvalue()

    uri = over_tls.rest.publish(thumbnail, "thumbnail", out_encoding="raw")
    fields = ["-F", "width=60", "-F", "height=76", "-F", f"raw_img_data=@{photograph}"]
    small = tmp_path / "albert_einstein.thumb.jpg"
    small.write_bytes(result_of(tls_server, curl, curl(uri, *fields)))
    with image.open(small) as found:
        found.load()
        assert (found.format, found.size) == ("JPEG", (60, 60)), (
            "as wide as was asked for, and as square as it was"
        )
    assert small.read_bytes() == thumbnail(photograph.read_bytes(), 60, 76), "bit by bit"

    without = result_of(tls_server, curl, curl(uri, "-F", f"raw_img_data=@{photograph}"))
    small.write_bytes(without)
    with image.open(small) as found:
        assert found.size == (50, 50), "left out, they are what the function says"


def test_a_wrong_key_is_refused(over_tls: ModuleType, tls_server: Server) -> None:
    uri = over_tls.rest.publish(add, "locked")
    done = subprocess.run(
        ["curl", "-s", "-k", "-u", "1:wrong", "-w", "%{http_code}", uri, "-d", "x=1", "-d", "y=1"],
        capture_output=True,
        timeout=60,
        check=True,
    )
    assert done.stdout.endswith(b"401")
