"""Any program as a job: a command for the shell, with parameters and files.

>>> jid = cloud.shell.execute('wc -w < {text}', {'text': '@novel.txt'})             # doctest: +SKIP
>>> cloud.result(jid)                                                             # doctest: +SKIP
b'81423\\n'
>>> cloud.shell.rest_publish('convert {photo} -resize {size} -', 'resize')        # doctest: +SKIP
'https://cloud.example.org/r/1/resize/'

`{name}` in a command is a parameter, and its value is put there. `${VAR}` is left to the shell, and so is
what has a backslash before its braces: `\\{name\\}`. A value `@path` is a file of this machine: it is copied
to where the command runs, and its name is put in. The command runs under bash, in the job's own directory,
with the environment of the job. Its result is what it writes to stdout, as bytes, or the content of
`return_file`.
"""

from __future__ import annotations

import os
from collections.abc import Iterable, Mapping, Sequence
from typing import Any

from ._core import current
from ._jids import Jid, JidRange
from ._options import MAP, PUBLISH, Check, Options, take_options
from ._shell_job import Mapped, check_published, published, run
from ._shell_template import check_parameters, names_in

__all__ = ["cron_register", "execute", "execute_map", "rest_publish"]

NAME_MAX = 200

_JOB = {keyword: check for keyword, check in MAP.items() if keyword != "_fast_serialization"}
_KEPT = {keyword: check for keyword, check in PUBLISH.items() if keyword != "_fast_serialization"}


def execute(
    command: str,
    argdict: Mapping[str, Any],
    return_file: str | None = None,
    ignore_exit_status: bool = False,
    cwd: str | None = None,
    **reserved: Any,
) -> Jid:
    """Runs a command as a job; its id, at once.

    Args:
        command: for bash, with a `{name}` for each parameter.
        argdict: the value of each; a string, a number, or `'@path'` for a file.
        return_file: the file whose content is the result; what the command writes to stdout without one.
        ignore_exit_status: whether it is no failure that the command ends with another status than 0.
        cwd: the directory it runs in, which is there; relative to the job's own.
        reserved: those of `cloud.call` but for `_callback` and `_fast_serialization`.

    Raises:
        TypeError: a value or keyword is none.
        ValueError: a parameter has no value, or a value no parameter.
        OSError: a file could not be read.
    """
    options = _options(command, reserved, _JOB, "execute")
    values, files, file_names = _values(argdict)
    check_parameters(command, argdict)
    about = _about(command, return_file, ignore_exit_status, cwd)
    about.update(parameters=values, files=files, file_names=file_names)
    from ._submit import submit_call

    return Jid(submit_call(current()._session(), run, (), about, options))


def execute_map(
    command: str,
    common_argdict: Mapping[str, Any],
    map_argdict: Mapping[str, Iterable[Any]],
    return_file: str | None = None,
    ignore_exit_status: bool = False,
    cwd: str | None = None,
    **reserved: Any,
) -> JidRange:
    """Runs a command once for each element of lists, as a job each; their ids, in the order of the elements.

    Args:
        command: as in `execute`.
        common_argdict: values of parameters that are the same for all.
        map_argdict: a list of values for each of the others; the lists are of the same length.
        return_file: as in `execute`, and so are the rest.

    Raises:
        TypeError: a value or keyword is none.
        ValueError: a parameter has no value, or a value no parameter; a list is empty or of another length.
        OSError: a file could not be read.
    """
    options = _options(command, reserved, _JOB, "execute_map")
    lists = {name: _listed(name, values) for name, values in map_argdict.items()}
    if not lists:
        raise ValueError("map_argdict has no list of values")
    lengths = {len(values) for values in lists.values()}
    if len(lengths) > 1:
        told = ", ".join(f"{name} {len(values)}" for name, values in lists.items())
        raise ValueError(f"the lists of map_argdict must be of the same length, and these are: {told}")
    (length,) = lengths
    if not length:
        raise ValueError("the lists of map_argdict are empty")
    twice = [name for name in lists if name in common_argdict]
    if twice:
        raise ValueError(f"{twice[0]!r} is both in common_argdict and in map_argdict")
    check_parameters(command, [*common_argdict, *lists])
    values, files, file_names = _values(common_argdict)
    common = _about(command, return_file, ignore_exit_status, cwd)
    common.update(parameters=values, files=files, file_names=file_names)
    # One pass before anything is sent, so that a value that is none stops all of them.
    own = [
        dict(zip(("parameters", "files", "file_names"), _values(dict(zip(lists, row)))))
        for row in zip(*lists.values())
    ]
    from ._submit import submit_map

    first, total = submit_map(current()._session(), Mapped(common), (own,), options)
    return JidRange(first, total)


def rest_publish(
    command: str,
    label: str,
    return_file: str | None = None,
    ignore_exit_status: bool = False,
    cwd: str | None = None,
    **reserved: Any,
) -> str:
    """Puts a command at an address, and returns that: see `cloud.rest`. Callers get its result as it is.

    A call gives each parameter a value by its name: a text, or a file, which is copied to where the command
    runs. The values do not become part of the command, so callers cannot make it another: `{name}` stands for
    a variable of the shell. Put it between double quotes, `"{name}"`, unless a text is meant to be several
    words.

    Args:
        command: as in `execute`; no parameter of it is between single quotes.
        label: 1 to 64 letters, digits and characters of `_+-.,`.
        return_file: as in `execute`, and so are `ignore_exit_status` and `cwd`.
        reserved: those of `cloud.rest.publish` but for `_fast_serialization`.

    Raises:
        TypeError: no label, or an unknown keyword.
        ValueError: a parameter stands where the shell would not put it in.
    """
    from . import _published

    _published.check_label(label)
    options = _options(command, reserved, _KEPT, "rest_publish")
    check_published(command)
    signature = {"parameters": [{"name": name, "required": True} for name in names_in(command)]}
    func = published(_about(command, return_file, ignore_exit_status, cwd))
    description = f"Runs the command: {command}"
    session = current()._session()
    return str(_published.publish(session, func, label, signature, description, options)["uri"])


def cron_register(
    command: str,
    label: str,
    schedule: str | Sequence[Any],
    return_file: str | None = None,
    ignore_exit_status: bool = False,
    cwd: str | None = None,
    timezone: str | None = None,
    overlap: str = "allow",
    **reserved: Any,
) -> None:
    """Runs a command by the clock: see `cloud.cron.register`. It has no parameters.

    Args:
        command: for bash.
        label: a name.
        schedule: as in `cloud.cron.register`, and so are `timezone` and `overlap`.
        return_file: as in `execute`, and so are `ignore_exit_status` and `cwd`.
        reserved: those of `cloud.cron.register` but for `_fast_serialization`.

    Raises:
        TypeError: no label, or an unknown keyword.
        ValueError: the command has a parameter; the schedule, time zone or overlap is none.
    """
    from . import cron
    from ._cron_checks import check_label

    check_label(label)
    options = _options(command, reserved, _KEPT, "cron_register")
    check_parameters(command, ())
    func = published(_about(command, return_file, ignore_exit_status, cwd))
    cron._put(func, label, schedule, timezone, overlap, options)


def _options(command: Any, reserved: dict[str, Any], known: Mapping[str, Check], function: str) -> Options:
    """The job's options; also checks the command, which gives it its name."""
    if not isinstance(command, str):
        raise TypeError(f"a command is a string, not {type(command).__name__}")
    if not command.strip() or "\0" in command:
        raise ValueError("there is no command" if "\0" not in command else "a command has no zero bytes")
    options, rest = take_options(reserved, known, function)
    for keyword in rest:
        raise TypeError(f"{function}() got an unexpected keyword argument {keyword!r}")
    options.fast_serialization = 2
    options.result = "raw"
    options.function_name = command[:NAME_MAX]
    return options


def _about(command: str, return_file: Any, ignore_exit_status: Any, cwd: Any) -> dict[str, Any]:
    for name, value in (("return_file", return_file), ("cwd", cwd)):
        if value is not None and not isinstance(value, (str, os.PathLike)):
            raise TypeError(f"{name} is a path, not {type(value).__name__}")
    return {
        "command": command,
        "return_file": None if return_file is None else os.fspath(return_file),
        "ignore_exit_status": bool(ignore_exit_status),
        "cwd": None if cwd is None else os.fspath(cwd),
    }


def _listed(name: str, values: Any) -> list[Any]:
    if isinstance(values, (str, bytes, Mapping)) or not isinstance(values, Iterable):
        raise TypeError(f"map_argdict has a list of values for each parameter, and for {name!r} it has none")
    return list(values)


def _values(argdict: Mapping[str, Any]) -> tuple[dict[str, str], dict[str, bytes], dict[str, str]]:
    """Texts by parameter, contents of files by parameter, and their names."""
    texts: dict[str, str] = {}
    files: dict[str, bytes] = {}
    names: dict[str, str] = {}
    for name, value in argdict.items():
        if isinstance(value, bool) or not isinstance(value, (str, int, float)):
            raise TypeError(f"the value of {name!r} is a string or a number, not {type(value).__name__}")
        text = str(value)
        if "\0" in text:
            raise ValueError(
                f"the value of {name!r} has a zero byte, which no command can have: give it as a file"
            )
        if not text.startswith("@"):
            texts[name] = text
            continue
        path = os.path.expanduser(text[1:])
        with open(path, "rb") as file:
            files[name] = file.read()
        names[name] = os.path.basename(path)
    return texts, files, names
