"""The job that runs a command. Standard library only.

Its names and their arguments are a contract: the command line writes pickles that refer to them, of plain
values, without Python.
"""

from __future__ import annotations

import contextlib
import json
import mmap
import os
import random
import selectors
import shutil
import subprocess
import sys
from collections.abc import Iterator
from typing import IO, Any, Callable

from ._shell_template import check_parameters, evaluated, filled, within_single_quotes

__all__ = ["Mapped", "Published", "published", "run"]

STDERR_BYTES = 15 << 20
"""So much of the end of stderr comes with the exception of a command that fails."""
PIECE_BYTES = 64 << 10
ARGUMENT_BYTES = 128 << 10
"""Linux takes no single argument or variable that is as long."""
ENDED_POLL_S = 0.05
"""How often it is looked whether a command has ended whose output something in the background keeps open."""
VARIABLE = "PICLOUD_PARAMETER_"
"""Begins the names of the variables that hold the parameters of published commands."""

Content = Any
"""Bytes, or a view of a file's."""


def run(
    *,
    command: str,
    parameters: dict[str, str] | None = None,
    files: dict[str, bytes] | None = None,
    file_names: dict[str, str] | None = None,
    return_file: str | None = None,
    ignore_exit_status: bool = False,
    cwd: str | None = None,
) -> Content:
    """Runs a command under bash; returns what it wrote to stdout, or the content of `return_file`.

    `parameters` are put into the command as they are. For those in `files`, a file is written to the
    directory the command runs in, and its name is put in.
    """
    given, contents = dict(parameters or {}), dict(files or {})
    check_parameters(command, [*given, *contents])
    directory = _directory(cwd)
    with _left_as_it_was(directory, cwd):
        for name, content in contents.items():
            given[name] = _written(directory, (file_names or {}).get(name) or name, content)
        text = filled(command, given.__getitem__)
        return _result(text, directory, {}, return_file, ignore_exit_status)


def published(settings: dict[str, Any]) -> Published:
    """A command that is called with its parameters by name: what is published, or run by the clock."""
    return Published(settings)


class Published:
    """See `published`.

    Strangers may choose the values, so they never become part of the command: `{name}` stands for a variable
    that has the value, which the shell does not read as commands. Bytes become a file, and the variable has
    its name.
    """

    def __init__(self, settings: dict[str, Any]) -> None:
        self.settings = settings

    def __reduce__(self) -> tuple[Any, ...]:
        return published, (self.settings,)

    def __call__(self, /, **parameters: Any) -> Content:
        settings = self.settings
        command = settings["command"]
        check_parameters(command, parameters)
        check_published(command)
        directory = _directory(settings.get("cwd"))
        variables = {}
        with _left_as_it_was(directory, settings.get("cwd")):
            for name, value in parameters.items():
                if isinstance(value, (bytes, bytearray, memoryview)):
                    value = _written(directory, name, bytes(value))
                variables[VARIABLE + name] = (
                    value if isinstance(value, str) else json.dumps(value, ensure_ascii=False)
                )
            text = filled(command, lambda name: f"${{{VARIABLE}{name}}}")
            ignored = bool(settings.get("ignore_exit_status"))
            return _result(text, directory, variables, settings.get("return_file"), ignored)


def check_published(command: str) -> None:
    """ValueError for a command whose parameters would not be put in, or could run commands of strangers."""
    name = evaluated(command)
    if name is not None:
        raise ValueError(
            f"the parameter {{{name}}} stands where bash evaluates it, so that a value could run a command: "
            "hand it to a program as an argument, such as expr or awk -v"
        )
    name = within_single_quotes(command)
    if name is not None:
        raise ValueError(
            f"the parameter {{{name}}} stands between single quotes, where the shell puts nothing in: "
            "use double quotes"
        )


class Mapped:
    """The function of a map of commands: has what is the same for all, and is called with what is not."""

    def __init__(self, common: dict[str, Any]) -> None:
        self.common = common

    def __reduce__(self) -> tuple[Any, ...]:
        return type(self), (self.common,)

    def __call__(self, own: dict[str, dict[str, Any]]) -> Content:
        merged = {name: {**self.common[name], **own[name]} for name in ("parameters", "files", "file_names")}
        return run(**{**self.common, **merged})


def _directory(cwd: str | None) -> str:
    """Where the command runs: the job's own directory, or one below or beside it that is there."""
    directory = os.path.abspath(os.path.expanduser(cwd or "."))
    if not os.path.isdir(directory):
        raise FileNotFoundError(f"there is no directory {cwd} for the command to run in")
    return directory


@contextlib.contextmanager
def _left_as_it_was(directory: str, cwd: str | None) -> Iterator[None]:
    """Takes away what a command made in the job's own directory. The process may run another job there, which
    must not find files of this one, least of all return one of them as its own."""
    if cwd is not None or "PICLOUD_JOB_ID" not in os.environ:
        yield  # A directory that was chosen is kept as the command left it.
        return
    before = set(os.listdir(directory))
    try:
        yield
    finally:
        with os.scandir(directory) as entries:
            made = [entry for entry in entries if entry.name not in before]
        for entry in made:
            if entry.is_dir(follow_symlinks=False):
                shutil.rmtree(entry.path, ignore_errors=True)
            else:
                with contextlib.suppress(OSError):
                    os.unlink(entry.path)


def _written(directory: str, name: str, content: bytes) -> str:
    """Writes a file that is not there yet, and returns its name."""
    name = os.path.basename(name) or "file"
    stem, extension = os.path.splitext(name)
    for _ in range(100):
        try:
            handle = os.open(os.path.join(directory, name), os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
        except FileExistsError:
            name = f"{stem}-{random.randrange(10**8):08}{extension}"
            continue
        with open(handle, "wb") as file:
            file.write(content)
            os.fchmod(file.fileno(), 0o777)
        return name
    raise FileExistsError(f"there are too many files like {name}")


def _result(
    text: str, directory: str, variables: dict[str, str], return_file: str | None, ignored: bool
) -> Content:
    status, stdout, stderr = _run(text, directory, variables, return_file is None)
    if status != 0:
        said = f"command terminated with nonzero return code {status}"
        if not ignored:
            from ._errors import CloudException

            told = stderr.decode("utf-8", "replace")
            raise CloudException(f"{said}\n{told}" if told else said)
        print(said, file=sys.stderr)
    if return_file is None:
        return stdout
    return _content(os.path.join(directory, os.path.expanduser(return_file)), return_file)


def _content(path: str, name: str) -> Content:
    try:
        with open(path, "rb") as file:
            if os.fstat(file.fileno()).st_size == 0:
                return b""
            # Not read into memory: it goes from this file to that of the result.
            return memoryview(mmap.mmap(file.fileno(), 0, access=mmap.ACCESS_READ))
    except FileNotFoundError:
        raise FileNotFoundError(f"the command made no file {name}, which was to be returned") from None


def _run(text: str, directory: str, variables: dict[str, str], keep: bool) -> tuple[int, bytes, bytes]:
    """Exit status, stdout (if it is to be kept) and the end of stderr. Both are passed on as they come."""
    _check_length(text, variables)
    for stream in (sys.stdout, sys.stderr):
        stream.flush()
    process = subprocess.Popen(
        ["bash", "-c", text],
        cwd=directory,
        env=_environment(variables),
        stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE if keep else None,
        stderr=subprocess.PIPE,
    )
    stdout, stderr = _Kept(1, None), _Kept(2, STDERR_BYTES)
    pipes = {process.stderr: stderr}
    if keep:
        pipes[process.stdout] = stdout
    try:
        _pass_on(process, pipes)
        return process.wait(), bytes(stdout.content), bytes(stderr.content)
    except BaseException:
        # Nobody would wait for it: the job is over.
        process.kill()
        process.wait()
        raise
    finally:
        for pipe in pipes:
            assert pipe is not None, "it was asked for"
            pipe.close()


def _check_length(text: str, variables: dict[str, str]) -> None:
    for what, given in [("the command", text), *variables.items()]:
        if len(given.encode("utf-8", "surrogateescape")) >= ARGUMENT_BYTES:
            what = f"the parameter {{{what[len(VARIABLE) :]}}}" if what.startswith(VARIABLE) else what
            raise ValueError(f"{what} is too long for a shell ({ARGUMENT_BYTES:,} bytes): give it as a file")


def _environment(variables: dict[str, str]) -> dict[str, str]:
    environment = {**os.environ, **variables}
    before = environment.get("PYTHONPATH")
    home = os.path.join(os.path.expanduser("~"), "")
    environment["PYTHONPATH"] = f"{home}:{before}" if before else home
    return environment


class _Kept:
    """What came through a pipe: passed on to a descriptor, and the end of it kept."""

    def __init__(self, to: int, most: int | None) -> None:
        self._to = to
        self._most = most
        self.content = bytearray()

    def take(self, piece: bytes) -> None:
        """The next piece."""
        rest = memoryview(piece)
        while rest:
            rest = rest[os.write(self._to, rest) :]
        self.content += piece
        if self._most is not None and len(self.content) > self._most:
            del self.content[: len(self.content) - self._most]


def _pass_on(process: subprocess.Popen[bytes], pipes: dict[IO[bytes] | None, _Kept]) -> None:
    """Until both are closed, or the command has ended and nothing more is there: what it left in the
    background may keep them open for ever."""
    with selectors.DefaultSelector() as selector:
        for pipe, kept in pipes.items():
            assert pipe is not None, "it was asked for"
            selector.register(pipe, selectors.EVENT_READ, kept.take)
        while selector.get_map():
            ended = process.poll() is not None
            ready = selector.select(0 if ended else ENDED_POLL_S)
            for key, _ in ready:
                take: Callable[[bytes], None] = key.data
                piece = os.read(key.fd, PIECE_BYTES)
                if piece:
                    take(piece)
                else:
                    selector.unregister(key.fileobj)
            if ended and not ready:
                return
