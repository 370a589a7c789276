"""The guide to calling functions from anything: its shell, its JavaScript, and its request byte by byte."""

from __future__ import annotations

import base64
import json
import os
import re
import shutil
import socket
import subprocess
from pathlib import Path
from urllib.parse import urlsplit

import pytest
from harness import Server, run_python
from harness.paths import ROOT

GUIDE = ROOT / "docs/guides/rest.md"


def blocks(*languages: str) -> list[str]:
    """What stands between the fences of these languages; a fence with more words is for reading only."""
    pattern = rf"^```(?:{'|'.join(languages)})\n(.*?)^```$"
    return re.findall(pattern, GUIDE.read_text(), re.MULTILINE | re.DOTALL)


def expected(program: str, mark: str) -> re.Pattern[str]:
    """What a program says according to its comments, in which `...` stands for anything."""
    lines = [line[len(mark) :].strip() for line in program.splitlines() if line.startswith(mark)]
    assert lines, "it says what it prints"
    return re.compile(
        r"\s*".join(re.escape(line).replace(r"\.\.\.", ".*?") for line in lines) + r".*", re.DOTALL
    )


@pytest.fixture(scope="module")
def published(shared_server: Server, tmp_path_factory: pytest.TempPathFactory) -> Server:
    """A server with the functions of the guide as they are at its end."""
    directory = tmp_path_factory.mktemp("guide")
    run_python(shared_server, "\n".join(blocks("python")), directory, timeout=100).check()
    return shared_server


@pytest.fixture
def env(published: Server, tmp_path: Path) -> dict[str, str]:
    """What the guide says to set."""
    skimage = pytest.importorskip("skimage.data", reason="the demo's packages are not installed")
    image = pytest.importorskip("PIL.Image")
    photograph = tmp_path / "photograph.jpg"
    image.fromarray(skimage.astronaut()).save(photograph)
    ready = published.ready
    return {
        **os.environ,
        "CLOUD": published.url.rstrip("/"),
        "KEY": f"{ready.api_key}:{ready.api_secretkey}",
        "PHOTOGRAPH": str(photograph),
    }


def run(command: list[str], source: str, cwd: Path, env: dict[str, str]) -> str:
    done = subprocess.run(
        command, input=source, cwd=cwd, env=env, capture_output=True, text=True, timeout=100, check=False
    )
    assert done.returncode == 0, done.stdout + done.stderr
    return done.stdout


@pytest.mark.skipif(shutil.which("curl") is None, reason="there is no curl")
def test_the_shell_of_the_guide_prints_what_it_says(env: dict[str, str], tmp_path: Path) -> None:
    program = "\n".join(blocks("bash"))
    said = run(["bash", "-eu"], program, tmp_path, env)
    assert expected(program, "#>").fullmatch(said), said


@pytest.mark.skipif(shutil.which("node") is None, reason="there is no Node")
def test_the_javascript_of_the_guide_prints_what_it_says(env: dict[str, str], tmp_path: Path) -> None:
    (program,) = blocks("js")
    said = run(["node", "--input-type=module"], program, tmp_path, env)
    assert expected(program, "//>").fullmatch(said), said


@pytest.mark.skipif(shutil.which("node") is None, reason="there is no Node")
def test_the_apps_script_of_the_guide_does_what_it_says(
    published: Server, env: dict[str, str], tmp_path: Path
) -> None:
    """In Node, with curl in the place of the one service that it uses."""
    (script,) = blocks("js apps-script")
    token = run_python(
        published,
        "import cloud; print(cloud.rest.set_access('addition', 'token', new_token=True))",
        tmp_path,
    )
    around = """
    import { execFileSync } from "node:child_process";
    const { CLOUD, TOKEN } = process.env;
    const UrlFetchApp = {
      fetch(url, { method, contentType, headers, payload, muteHttpExceptions }) {
        if (!muteHttpExceptions) throw new Error("refusals have a body");
        const all = Object.entries({ ...headers, "Content-Type": contentType });
        const heads = all.flatMap(([name, value]) => ["-H", `${name}: ${value}`]);
        const said = execFileSync("curl", ["-s", "-X", method.toUpperCase(), ...heads, "-d", payload, url]);
        return { getContentText: () => said.toString() };
      },
    };
    """
    tries = "console.log(ADD(1, 2)); try { ADD(1, 'one') } catch (error) { console.log(error.message) }"
    with_token = {**env, "TOKEN": token.check().out.strip()}
    said = run(["node", "--input-type=module"], around + script + tries, tmp_path, with_token)
    assert said.startswith("3\n") and "unsupported operand" in said


def test_the_request_of_the_guide_is_all_it_takes(published: Server, env: dict[str, str]) -> None:
    (request,) = blocks("http")
    head, body = request.rstrip("\n").split("\n\n")
    assert int(re.search(r"Content-Length: (\d+)", head)[1]) == len(body)  # type: ignore[index]
    key = base64.b64encode(env["KEY"].encode()).decode()
    assert base64.b64encode(b"1:secret").decode() in head
    head = re.sub("(?<=Basic ).*", key, head)
    parts = urlsplit(published.url)
    with socket.create_connection((parts.hostname, parts.port), timeout=60) as line:
        line.sendall(head.replace("\n", "\r\n").encode() + b"\r\n\r\n" + body.encode())
        answer = b""
        while b"}" not in answer:
            piece = line.recv(65536)
            assert piece, answer
            answer += piece
    status, _, rest = answer.partition(b"\r\n\r\n")
    assert status.startswith(b"HTTP/1.1 200 ")
    assert json.loads(rest)["result"] == 3
