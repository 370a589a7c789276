"""Requests that nobody thought of, made from the document. Each is answered as it says."""

from __future__ import annotations

import json
import os
import re
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest
from harness import Server

LEFT_OUT = (
    # They go on until something happens, or for ever.
    r"/v1/changes|/v1/jobs/\{jid\}/events|/v1/jobs/\{jid\}/terminal(/job)?",
    # Only workers are heard there.
    r"/v1/workers/.*",
    # Whoever signs out, changes a password or switches off the key that asks ends the run.
    r"/v1/sessions?(/.*)?|/(v1/keys|key)/\{key\}/deactivate/?",
)

HOOKS = '''
import schemathesis


@schemathesis.hook
def map_query(ctx, query):
    """Nothing waits: thousands of waits would be one long one."""
    for name in ("wait", "timeout", "wait_ms", "wait_s"):
        if query and name in query:
            query[name] = 0
    return query


@schemathesis.hook
def map_body(ctx, body):
    if isinstance(body, dict):
        for name in ("wait_ms", "timeout_ms", "linger_ms"):
            if name in body:
                body[name] = 0
    return body


@schemathesis.serializer("application/vnd.picloud.frames")
def frames(ctx, value):
    """Any bytes; most are no frames, some are by length."""
    return value if isinstance(value, bytes) else str(value).encode()


'''


def fuzz(server: Server, tmp_path: Path, *options: str) -> str:
    """Runs it; what it said."""
    ready = server.ready
    (tmp_path / "hooks.py").write_text(HOOKS)
    command = [
        str(Path(sys.executable).with_name("schemathesis")),
        "run",
        ready.url.rstrip("/") + "/openapi.json",
        "--auth",
        f"{ready.api_key}:{ready.api_secretkey}",
        "--checks",
        "not_a_server_error,status_code_conformance,content_type_conformance,response_schema_conformance",
        "--generation-deterministic",
        "--no-color",
        "--request-timeout",
        "10",
        "--exclude-path-regex",
        f"^({'|'.join(LEFT_OUT)})$",
        *options,
    ]
    env = {**os.environ, "SCHEMATHESIS_HOOKS": "hooks", "PYTHONPATH": str(tmp_path)}
    done = subprocess.run(command, cwd=tmp_path, env=env, capture_output=True, text=True, timeout=400)
    said = done.stdout + done.stderr
    assert done.returncode == 0, said[-12_000:]
    return said


@pytest.mark.timeout(450)
def test_thousands_of_requests_from_the_document_are_answered_as_it_says(
    new_server: Any, tmp_path: Path
) -> None:
    server = new_server("--no-worker")
    said = fuzz(server, tmp_path, "--phases", "examples,fuzzing", "--max-examples", "40", "--workers", "2")
    cases = re.search(r"([\d,]+) generated", said)
    assert cases is not None, said[-3_000:]
    assert int(cases.group(1).replace(",", "")) >= 3_000, said[-3_000:]
    status, service = server.request("GET", "/v1/service")
    assert status == 200, service
    assert "panicked" not in server.log(10_000)


def test_the_document_has_no_reference_to_nothing_and_no_name_twice(server: Server) -> None:
    status, document = server.request("GET", "/openapi.json")
    assert status == 200
    names = [
        operation["operationId"]
        for item in document["paths"].values()
        for operation in item.values()
        if isinstance(operation, dict)
    ]
    assert len(names) == len(set(names)) > 100
    for reference in set(re.findall(r'"\$ref": "#/([^"]+)"', json.dumps(document))):
        at = document
        for part in reference.split("/"):
            at = at[part]
