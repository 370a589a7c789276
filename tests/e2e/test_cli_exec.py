"""Any program as a job, from the command line: exec, mapexec, result, wait-for."""

from __future__ import annotations

import json
import signal
import subprocess
from pathlib import Path
from textwrap import dedent
from types import ModuleType

import pytest
from harness import Server, until
from harness.command_line import CommandLine
from harness.paths import binary


@pytest.fixture
def picloud(server: Server, tmp_path: Path) -> CommandLine:
    return CommandLine(server, tmp_path / "work")


def test_a_command_is_a_job_whose_result_is_what_it_writes(picloud: CommandLine, cloud: ModuleType) -> None:
    jid = picloud(
        "exec", "-l", "greeting", "-d", "name=Ada", "echo hello {name}; echo ${HOME}; echo aside >&2"
    )
    assert picloud("result", jid) == "hello Ada\n/home/picloud"
    assert cloud.result(int(jid)) == b"hello Ada\n/home/picloud\n", "Python reads the same"
    said = picloud.run("logs", jid)
    assert (said.text, said.err) == ("hello Ada\n/home/picloud", "aside\n")
    info = picloud.json("info", "-f", "all", jid)[jid]
    assert (info["label"], info["function"]) == (
        "greeting",
        "echo hello {name}; echo ${HOME}; echo aside >&2",
    )


def test_bytes_come_through_as_they_are(picloud: CommandLine) -> None:
    every = bytes(range(256)) * 300  # More than travels inside a message.
    (picloud.directory / "every.bin").write_bytes(every)
    jid = picloud("exec", "-d", "in=@every.bin", "-r", "out", "cat {in} {in} > out; ls")
    assert picloud.run("result", jid).out == every * 2
    (result,) = picloud.json("result", jid)
    assert set(result) == {"jid", "status", "result_base64"}
    assert picloud("logs", jid).split() == ["every.bin", "out"]


def test_words_are_joined_and_options_of_the_command_are_its_own(picloud: CommandLine) -> None:
    jid = picloud("exec", "printf", "%s,", "-v", "-d", "x=1", "--json")
    assert picloud("result", jid) == "-v,-d,x=1,--json,"


def test_a_command_that_fails_is_a_job_that_fails_unless_that_is_ignored(picloud: CommandLine) -> None:
    jid = picloud("exec", "echo why >&2; echo x; exit 7")
    err = picloud.refused(3, "result", jid)
    assert "command terminated with nonzero return code 7" in err
    assert "why" in err
    assert picloud("result", picloud("exec", "-i", "echo x; exit 7")) == "x"


def test_a_map_is_a_job_for_each_value(picloud: CommandLine) -> None:
    (picloud.directory / "books").mkdir()
    for name, words in (("a", "one two"), ("b", "three")):
        (picloud.directory / "books" / f"{name}.txt").write_text(words)
    (picloud.directory / "books" / "list").write_text("@a.txt\n\n@b.txt\n")
    told = picloud.json(
        "mapexec", "-n", r"n=1\,5,2", "-N", "book=books/list", "-d", "tag=t", "echo {tag} {n}; cat {book}"
    )
    first, last = told["first"], told["last"]
    assert (told["count"], told["jids"], last) == (2, f"{first}-{last}", first + 1)
    assert picloud("result", told["jids"]).splitlines() == [
        f"job {first}:",
        "t 1,5",
        "one two",
        f"job {last}:",
        "t 2",
        "three",
    ]
    copies = picloud("mapexec", "-k", "3", "echo same")
    assert [found["result"] for found in picloud.json("result", copies)] == ["same\n"] * 3


def test_a_map_of_many_goes_in_parts_and_keeps_its_order(picloud: CommandLine) -> None:
    numbers = "".join(f"{n}\n" for n in range(600))
    said = picloud.run("mapexec", "-N", "n=-", ": {n}", stdin=numbers.encode())
    assert said.code == 0, said
    first, last = map(int, said.text.split("-"))
    assert last - first == 599
    assert picloud("kill", f"{first}-{last}").endswith("jobs killed")


def test_jobs_wait_for_others_and_know_what_to_do_when_those_fail(picloud: CommandLine) -> None:
    failed = picloud("exec", "exit 1")
    stalled = picloud("exec", "-x", failed, "echo never")
    after = picloud("exec", "-x", failed, "--depends-on-errors", "ignore", "echo still")
    assert picloud("result", after) == "still"
    assert picloud("wait-for", "status", "-t", "30", stalled, "stalled") == "stalled"


def test_what_cannot_be_meant_is_refused_before_there_is_a_job(picloud: CommandLine) -> None:
    for words, told in (
        (["exec", "echo {x}"], "{x}"),
        (["exec", "-d", "x=1", "echo"], "no {x}"),
        (["exec", "-d", "x=@missing", "echo {x}"], "missing"),
        (["exec", "-e", "somewhere", "echo"], "environments"),
        (["mapexec", "echo"], "how many"),
        (["mapexec", "-n", "a=1,2", "-n", "b=1", "echo {a} {b}"], "one length"),
        (["mapexec", "-n", "a=1", "-d", "a=2", "echo {a}"], "give it once"),
    ):
        assert told in picloud.refused(1, *words), words
    assert "nowhere" in picloud.refused(3, "exec", "-v", "nowhere", "echo")
    assert "c9" in picloud.refused(3, "exec", "-t", "c9", "echo")


def test_a_simulated_command_runs_here(picloud: CommandLine) -> None:
    (picloud.directory / "in.txt").write_text("three little words")
    assert picloud("exec", "-s", "-d", "f=@in.txt", "wc -w < {f}; ls") == "3\nin.txt"
    assert picloud.json("mapexec", "-s", "-n", "n=1,2", "printf {n}") == [{"result": "1"}, {"result": "2"}]
    assert "return code 4" in picloud.refused(3, "exec", "-s", "exit 4")


def test_waiting_ends_when_it_comes_when_it_cannot_and_when_the_time_is_over(picloud: CommandLine) -> None:
    jid = picloud("exec", "sleep 60")
    assert picloud("wait-for", "status", jid, "processing") == "processing"
    assert "the time is over" in picloud.refused(1, "wait-for", "status", "-t", "0.2", jid, "done")
    assert "the time is over" in picloud.refused(1, "wait-for", "port", "-t", "0.2", jid, 4711)
    picloud("kill", jid)
    assert "cannot become done" in picloud.refused(3, "wait-for", "status", jid, "done")
    assert "listens on no port any more" in picloud.refused(3, "wait-for", "port", jid, 4711)
    assert "no status" in picloud.refused(1, "wait-for", "status", jid, "finished")


def test_a_port_is_told_once_the_job_listens(picloud: CommandLine) -> None:
    listen = """
        import socket, time
        listening = socket.create_server(("127.0.0.1", 0))
        print(listening.getsockname()[1], flush=True)
        time.sleep(60)"""
    (picloud.directory / "listen.py").write_text(dedent(listen))
    jid = picloud("exec", "-d", "program=@listen.py", "python3 {program}")
    picloud("wait-for", "status", jid, "processing")
    port = until(lambda: picloud("logs", jid).strip(), what="the number of the port")
    assert port is not None
    assert picloud.json("wait-for", "port", "-t", "30", jid, port) == {
        "address": "127.0.0.1",
        "port": int(port),
    }
    assert picloud("wait-for", "port", jid, port) == f"127.0.0.1:{port}"
    picloud("kill", jid)


def test_results_of_python_and_of_commands_are_shown_side_by_side(
    picloud: CommandLine, cloud: ModuleType
) -> None:
    first = cloud.call(pow, 2, 10)
    second = picloud("exec", "printf 1")
    assert picloud("result", f"{int(first)},{second}") == f"job {int(first)}: 1024\njob {second}:\n1"
    assert json.loads(picloud("--json", "result", int(first))) == [
        {"jid": int(first), "status": "done", "result": 1024}
    ]


def test_an_interrupted_map_leaves_no_jobs_that_run(picloud: CommandLine) -> None:
    before = int(picloud("exec", "true"))
    command = [str(binary()), "mapexec", "-l", "cut", "-N", "n=-", "-x", str(before), "sleep {n}"]
    process = subprocess.Popen(
        command, env=picloud.server.client_env(), stdin=subprocess.PIPE, stdout=subprocess.PIPE
    )
    assert process.stdin is not None
    process.stdin.write(b"60\n" * 300_000)
    process.stdin.close()
    until(lambda: picloud.json("jobs", "-l", "cut", "-n", "1"), what="the first part of the map")
    process.send_signal(signal.SIGINT)
    with process:
        assert process.wait(60) == 130
        assert process.stdout is not None
        assert process.stdout.read() == b""
    alive = picloud.json("jobs", "-l", "cut", "-s", "queued,processing,waiting")
    assert alive == []
