"""What the guide to operating says of a second machine, done here with a worker process of its own."""

from __future__ import annotations

import subprocess
from collections.abc import Callable
from pathlib import Path

import pytest
from harness import Server, run_picloud, run_python, until
from harness.paths import binary, environment


def test_a_worker_elsewhere_joins_over_tls_with_the_token_and_the_certificate(
    new_server: Callable[..., Server], tmp_path: Path
) -> None:
    server = new_server("--tls", "self-signed", "--no-worker")
    assert server.url.startswith("https://")
    ca_file = server.data_dir / "tls" / "cert.pem"
    assert server.ready.ca_file == str(ca_file)

    token = (server.data_dir / "worker.token").read_text().strip()
    log = tmp_path / "worker.log"
    with log.open("wb") as output:
        worker = subprocess.Popen(
            [
                *(str(binary()), "worker", "--server", server.url, "--ca-file", str(ca_file)),
                *("--name", "elsewhere", "--state-dir", str(tmp_path / "state")),
            ],
            env=environment(tmp_path / "worker-config", PICLOUD_WORKER_TOKEN=token),
            stdin=subprocess.DEVNULL,
            stdout=output,
            stderr=subprocess.STDOUT,
        )
    try:

        def joined() -> bool:
            assert worker.poll() is None, log.read_text()
            return "elsewhere" in run_picloud(server, "workers").check().out

        until(joined, what="the worker is listed")
        said = (
            run_python(server, "import cloud; print(cloud.result(cloud.call(pow, 2, 5)))", tmp_path)
            .check()
            .out
        )
        assert said == "32\n"
        # The profile that the server wrote is enough, too: it names the certificate.
        profile = environment(server.config_dir)
        shown = subprocess.run([binary(), "jobs"], env=profile, capture_output=True, text=True, timeout=30)
        assert "pow" in shown.stdout, shown.stderr
    finally:
        worker.terminate()
        assert worker.wait(20) == 0, log.read_text()


def test_a_server_for_other_machines_needs_tls_or_the_word_that_it_does_not(
    new_server: Callable[..., Server],
) -> None:
    server = new_server(start=False, listen="0.0.0.0:0")
    with pytest.raises(AssertionError, match="without TLS.*--allow-insecure"):
        server.start()
