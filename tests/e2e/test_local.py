"""The same program without a server of one's own: cloud.mp, the simulator, TLS."""

from __future__ import annotations

from pathlib import Path
from types import ModuleType
from typing import Any

import pytest
from harness import Server, run_picloud, run_python


def test_mp_and_the_simulator_run_a_private_server(server: Server, tmp_path: Path) -> None:
    program = run_python(
        server,
        """
        import cloud
        print(cloud.mp.result(cloud.mp.map(lambda x: x * 2, range(3))))
        print(cloud.is_simulated(), cloud.result(cloud.call(pow, 2, 3)))
        cloud.start_simulator()
        print(cloud.is_simulated(), cloud.result(cloud.call(pow, 2, 4)), int(cloud.call(abs, 1)) <= 2)
        print(cloud.connection_info()["connection_type"])
        """,
        tmp_path,
        timeout=60,
    ).check()
    assert program.out.splitlines() == ["[0, 2, 4]", "False 8", "True 16 True", "simulation"]


def test_nothing_of_a_private_server_is_left(server: Server, tmp_path: Path) -> None:
    program = run_python(
        server,
        """
        import cloud, cloud.mp
        cloud.mp.result(cloud.mp.call(abs, -1))
        from pathlib import Path
        import os
        def below(pid):
            for task in Path(f"/proc/{pid}/task").iterdir():
                for child in (task / "children").read_text().split():
                    yield child
                    yield from below(child)
        print(*below(os.getpid()))
        """,
        tmp_path,
        timeout=60,
    ).check()
    pids = program.out.split()
    assert pids, "there was a server"
    from harness import until

    until(lambda: not [p for p in pids if Path(f"/proc/{p}").exists()], what="its processes ended")


def test_tls_with_a_certificate_of_its_own(new_server: Any, bind: Any) -> None:
    server = new_server("--tls", "self-signed")
    assert server.url.startswith("https://")
    program = run_python(server, "import cloud; print(cloud.result(cloud.call(abs, -3)))", server.directory)
    assert program.check().out.strip() == "3"
    untrusting = run_python(
        server, "import cloud; cloud.call(abs, -3)", server.directory, PICLOUD_CA_FILE="", timeout=60
    )
    assert untrusting.code != 0, "a certificate that nobody vouches for is refused"


def test_an_open_address_without_tls_is_refused(tmp_path: Path) -> None:
    server = Server(tmp_path / "open", listen="0.0.0.0:0")
    with pytest.raises(AssertionError) as caught:
        server.start()
    assert "--tls" in str(caught.value) and "--allow-insecure" in str(caught.value)


def test_the_first_start_writes_the_profile_and_import_cloud_works_at_once(
    own_server: Server, tmp_path: Path
) -> None:
    program = run_python(
        own_server,
        """
        import os
        for name in ("SERVER", "API_KEY", "API_SECRETKEY"):
            os.environ.pop("PICLOUD_" + name, None)
        import cloud
        print(cloud.result(cloud.call(pow, 2, 10)))
        """,
        tmp_path,
        PICLOUD_CONFIG_DIR=str(own_server.config_dir),
    ).check()
    assert program.out.strip() == "1024"
    for path in (own_server.config_dir / "profile.json", own_server.data_dir / "worker.token"):
        assert path.stat().st_mode & 0o077 == 0, f"{path} is for its owner alone"


def test_the_command_line_sees_what_python_made(server: Server, cloud: ModuleType) -> None:
    import json

    def speak() -> int:
        print("hello from the job")
        return 7

    jid = cloud.call(speak, _label="from-cli-test")
    cloud.join(jid)
    assert run_picloud(server, "status", str(jid)).check().out.split()[-1] == "done"
    assert "7" in run_picloud(server, "result", str(jid)).check().out
    assert "hello from the job" in run_picloud(server, "logs", str(jid)).check().out
    listed = json.loads(run_picloud(server, "jobs", "--label", "from-cli-test", "--json").check().out)
    assert [row["jid"] for row in listed] == [int(jid)]
    assert run_picloud(server, "status", "987654321").code == 3
