"""A shell in a job, at a terminal of the test's own: exec-shell."""

from __future__ import annotations

import contextlib
import fcntl
import os
import pty
import select
import signal
import struct
import subprocess
import termios
import time
from collections.abc import Iterator
from pathlib import Path

import pytest
from harness import Server, until
from harness.command_line import CommandLine
from harness.paths import binary

PROMPT = "ready> "


class Terminal:
    """`picloud exec-shell` at a terminal: what a person types and sees."""

    def __init__(self, server: Server, *words: str, rows: int = 30, columns: int = 100) -> None:
        self.screen, side = pty.openpty()
        self.before = termios.tcgetattr(side)
        self.resize(columns, rows)
        self.process = subprocess.Popen(
            [str(binary()), "exec-shell", *words],
            env=server.client_env(),
            stdin=side,
            stdout=side,
            stderr=side,
            start_new_session=True,
        )
        self.side = side
        self.seen = ""

    def resize(self, columns: int, rows: int) -> None:
        fcntl.ioctl(self.screen, termios.TIOCSWINSZ, struct.pack("HHHH", rows, columns, 0, 0))

    def type(self, text: str) -> None:
        os.write(self.screen, text.encode())

    def read(self, timeout: float) -> None:
        """What is shown by then, at most one piece."""
        if select.select([self.screen], [], [], timeout)[0]:
            self.seen += os.read(self.screen, 65536).decode(errors="replace")

    def expect(self, text: str, timeout: float = 30.0) -> str:
        """What was shown until this was, which is taken from what was seen."""
        deadline = time.monotonic() + timeout
        while text not in self.seen:
            assert time.monotonic() < deadline, f"{text!r} did not come, only {self.seen!r}"
            self.read(0.2)
        before, _, self.seen = self.seen.partition(text)
        return before

    def begin(self) -> None:
        """Until the shell listens, with a prompt that nothing else looks like."""
        # In two parts: what is typed is shown too.
        self.type("bind 'set enable-bracketed-paste off'; PS1='rea''dy> '; stty -echo\n")
        self.expect(PROMPT)

    def code(self, timeout: float = 30.0) -> int:
        """The exit code, once it has ended."""

        def ended() -> bool:
            self.read(0)
            return self.process.poll() is not None

        until(ended, timeout, "exec-shell has ended")
        assert termios.tcgetattr(self.side) == self.before, "the terminal is as it was"
        return self.process.returncode

    def close(self) -> None:
        if self.process.poll() is None:
            self.process.kill()
            self.process.wait()
        for descriptor in (self.screen, self.side):
            with contextlib.suppress(OSError):
                os.close(descriptor)


@pytest.fixture
def picloud(server: Server, tmp_path: Path) -> CommandLine:
    return CommandLine(server, tmp_path / "work")


@pytest.fixture
def terminals(server: Server) -> Iterator[list[Terminal]]:
    opened: list[Terminal] = []
    yield opened
    for terminal in opened:
        terminal.close()


def last_job(picloud: CommandLine) -> str:
    """The one made last."""
    return str(max(job["jid"] for job in picloud.json("jobs")))


def status(picloud: CommandLine, jid: str) -> str:
    return str(picloud.json("info", "-f", "all", jid)[jid]["status"])


def test_a_shell_answers_and_its_exit_status_is_that_of_the_command(
    server: Server, picloud: CommandLine, terminals: list[Terminal]
) -> None:
    terminal = Terminal(server)
    terminals.append(terminal)
    terminal.begin()
    terminal.type("echo $((6 * 7)) $HOME; tty\n")
    assert terminal.expect(PROMPT).split() == ["42", "/home/picloud", "/dev/pts/0"]
    terminal.type("exit 7\n")
    assert terminal.code() == 7
    jid = last_job(picloud)
    assert picloud("result", jid) == "7"
    info = picloud.json("info", "-f", "all", jid)[jid]
    assert (info["label"], info["priority"]) == ("exec-shell", 1)


def test_the_shell_knows_the_size_of_the_terminal_and_when_it_changes(
    server: Server, terminals: list[Terminal]
) -> None:
    terminal = Terminal(server, rows=31, columns=111)
    terminals.append(terminal)
    terminal.begin()
    terminal.type("stty size\n")
    assert terminal.expect(PROMPT).split() == ["31", "111"]
    terminal.type("trap 'echo now $(stty size)' WINCH\n")
    terminal.expect(PROMPT)
    terminal.resize(77, 22)
    os.kill(terminal.process.pid, signal.SIGWINCH)
    # bash runs the trap at the next command.
    terminal.type("while :; do sleep 0.1; done\n")
    terminal.expect("now 22 77")


def test_control_c_reaches_the_program_and_not_the_command(server: Server, terminals: list[Terminal]) -> None:
    terminal = Terminal(server)
    terminals.append(terminal)
    terminal.begin()
    terminal.type("echo beg''un; sleep 1000; echo never\n")
    terminal.expect("begun")
    terminal.type("\x03")
    terminal.expect(PROMPT)
    terminal.type("echo $?\n")
    assert terminal.expect(PROMPT).split() == ["130"]


def test_the_job_ends_when_the_terminal_is_closed(
    server: Server, picloud: CommandLine, terminals: list[Terminal]
) -> None:
    terminal = Terminal(server)
    terminals.append(terminal)
    terminal.begin()
    jid = last_job(picloud)
    until(lambda: status(picloud, jid) == "processing", what="the job is known to run")
    terminal.process.send_signal(signal.SIGHUP)
    assert terminal.code() == 129
    until(lambda: status(picloud, jid) == "done", what="the job has ended")


def test_a_job_that_is_kept_alive_is_there_for_the_next_terminal(
    server: Server, picloud: CommandLine, terminals: list[Terminal]
) -> None:
    first = Terminal(server, "-k")
    terminals.append(first)
    first.begin()
    first.type("kept=before\n")
    first.expect(PROMPT)
    jid = last_job(picloud)
    first.process.send_signal(signal.SIGHUP)
    first.code()
    second = Terminal(server, "--job", jid)
    terminals.append(second)
    second.type("echo $kept\n")
    second.expect("before")
    third = picloud.run("exec-shell", "--job", jid)
    assert third.code == 3 and "a terminal is open" in third.err
    second.type("exit 4\n")
    assert second.code() == 4
    again = Terminal(server, "--job", jid)
    terminals.append(again)
    again.begin()
    again.type("echo [$kept]\n")
    assert again.expect(PROMPT).split() == ["[]"], "a fresh shell"
    picloud("kill", jid)
    assert again.code() == 3
    again.expect("is gone")


def test_commands_may_come_through_a_pipe(picloud: CommandLine) -> None:
    said = picloud.run("exec-shell", stdin=b"read line\nvalue\necho got $line; echo aside >&2\nexit 5\n")
    assert (said.code, said.out) == (5, b"got value\naside\n"), said
    every = picloud.run("exec-shell", stdin=b"head -c 3000000 /dev/zero; true\n")
    assert (every.code, len(every.out)) == (0, 3_000_000), every.err


def test_a_shell_that_is_not_there_in_time_is_not_waited_for(picloud: CommandLine) -> None:
    jid = picloud("exec", "sleep 100")  # a job without a shell
    assert "in time" in picloud.refused(1, "exec-shell", "--timeout", "0.3", "--job", jid)
    assert status(picloud, jid) in ("queued", "processing"), "it is not ours to end"
    picloud("kill", jid)
    assert "has ended" in picloud.refused(3, "exec-shell", "--job", jid)
    assert "environments" in picloud.refused(1, "exec-shell", "-e", "somewhere")


def test_both_ways_are_in_use_at_once(picloud: CommandLine) -> None:
    # What `cat` writes comes back while the rest still goes.
    lines = b"".join(b"%08d\n" % number for number in range(300_000))
    said = picloud.run("exec-shell", stdin=b"cat; exit 9\n" + lines)
    assert (said.code, said.out == lines) == (9, True), said.err
