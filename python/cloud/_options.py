"""The reserved keywords of `call`, `map`, `attach` and others: one check each, unknown ones refused."""

from __future__ import annotations

import os
from collections.abc import Iterable, Mapping
from typing import Any, Callable, NoReturn

from ._errors import CloudException
from ._jids import JidSet

__all__ = ["ATTACH", "CALL", "MAP", "PUBLISH", "Options", "take_options"]

LABEL_MAX = 200


class Options:
    """Checked values of the reserved keywords, defaults where none was given."""

    __slots__ = (
        "callback",
        "callback_on_error",
        "core_type",
        "cores",
        "depends_on",
        "depends_on_errors",
        "fast_serialization",
        "function_name",
        "kill_process",
        "label",
        "max_runtime_ms",
        "os_env_vars",
        "priority",
        "profile",
        "restartable",
        "result",
        "volumes",
    )

    def __init__(self) -> None:
        self.core_type = "c1"
        self.cores = 1
        self.label: str | None = None
        self.priority = 5
        self.max_runtime_ms: int | None = None
        self.restartable = True
        self.profile = False
        self.depends_on = JidSet()
        self.depends_on_errors = "abort"
        self.kill_process = False
        self.fast_serialization = 0
        self.os_env_vars: dict[str, str] = {}
        self.volumes: list[str] = []
        self.callback: list[Callable[..., Any]] = []
        self.callback_on_error: list[Callable[..., Any]] = []
        # No keywords decide these, but what kind of job it is.
        self.result: str | None = None
        self.function_name: str | None = None

    def spec(self) -> dict[str, Any]:
        """The part of a job's spec that they decide; defaults of the service are left out."""
        spec: dict[str, Any] = {}
        if self.core_type != "c1":
            spec["core_type"] = self.core_type
        if self.cores != 1:
            spec["cores"] = self.cores
        if self.label is not None:
            spec["label"] = self.label
        if self.priority != 5:
            spec["priority"] = self.priority
        if self.max_runtime_ms is not None:
            spec["max_runtime_ms"] = self.max_runtime_ms
        if not self.restartable:
            spec["restartable"] = False
        if self.profile:
            spec["profile"] = True
        if self.depends_on_errors != "abort":
            spec["depends_on_errors"] = self.depends_on_errors
        if self.kill_process:
            spec["kill_process"] = True
        if self.fast_serialization:
            spec["fast_serialization"] = self.fast_serialization
        if self.os_env_vars:
            spec["os_env_vars"] = self.os_env_vars
        if self.volumes:
            spec["volumes"] = self.volumes
        if self.result is not None:
            spec["result"] = self.result
        return spec


def _type(options: Options, value: Any) -> None:
    if not isinstance(value, str):
        raise TypeError("_type must be a string such as 'c1', 'c2', 'f2', 'm1' or 's1'")
    options.core_type = value


def _cores(options: Options, value: Any) -> None:
    if isinstance(value, bool) or not isinstance(value, int) or value < 1:
        raise TypeError("_cores must be an integer of at least 1")
    options.cores = value


def _label(options: Options, value: Any) -> None:
    if value is None:
        return
    if not isinstance(value, str) or not value.isascii():
        raise TypeError("_label must be an ASCII string")
    if len(value) > LABEL_MAX:
        raise ValueError(f"_label has {len(value)} characters, more than {LABEL_MAX}")
    options.label = value


def _priority(options: Options, value: Any) -> None:
    if isinstance(value, bool) or not isinstance(value, int):
        raise TypeError("_priority must be an integer; lower runs earlier")
    if value < 1:
        raise ValueError("_priority must be at least 1; lower runs earlier")
    options.priority = value


def _max_runtime(options: Options, value: Any) -> None:
    if value is None:
        return
    if isinstance(value, bool) or not isinstance(value, (int, float)):
        raise TypeError("_max_runtime must be a number of minutes")
    if not 0 < value < float("inf"):
        raise ValueError("_max_runtime must be more than 0 minutes")
    options.max_runtime_ms = max(1, round(value * 60_000))


def _restartable(options: Options, value: Any) -> None:
    if not isinstance(value, bool):
        raise TypeError("_restartable must be True or False")
    options.restartable = value


def _profile(options: Options, value: Any) -> None:
    options.profile = bool(value)


def _depends_on(options: Options, value: Any) -> None:
    if value is None:
        return
    try:
        options.depends_on = JidSet.of(value)
    except TypeError:
        raise TypeError("_depends_on: jid(s) must be integers") from None


def _depends_on_errors(options: Options, value: Any) -> None:
    if not isinstance(value, str):
        raise TypeError("_depends_on_errors must be 'abort' or 'ignore'")
    if value not in ("abort", "ignore"):
        raise ValueError(f"_depends_on_errors must be 'abort' or 'ignore', not {value!r}")
    options.depends_on_errors = value


def _kill_process(options: Options, value: Any) -> None:
    options.kill_process = bool(value)


def _fast_serialization(options: Options, value: Any) -> None:
    if isinstance(value, bool) or not isinstance(value, int):
        raise TypeError("_fast_serialization must be 0, 1 or 2")
    if value not in (0, 1, 2):
        raise ValueError(f"_fast_serialization must be 0, 1 or 2, not {value}")
    options.fast_serialization = value


def _os_env_vars(options: Options, value: Any) -> None:
    if value is None:
        return
    if isinstance(value, Mapping):
        if not all(isinstance(k, str) and isinstance(v, str) for k, v in value.items()):
            raise TypeError("_os_env_vars must map names to strings")
        options.os_env_vars = dict(value)
        return
    names = [value] if isinstance(value, str) else value
    if not isinstance(names, Iterable):
        raise TypeError("_os_env_vars must be an iterable of names, or a dict of names and values")
    names = list(names)
    if not all(isinstance(name, str) for name in names):
        raise TypeError("_os_env_vars must be an iterable of names, or a dict of names and values")
    # A name that is not set here is skipped, so that one list suits many machines.
    options.os_env_vars = {name: os.environ[name] for name in names if name in os.environ}


def _callables(keyword: str, value: Any) -> list[Callable[..., Any]]:
    if value is None:
        return []
    functions = list(value) if isinstance(value, (list, tuple)) else [value]
    for function in functions:
        if not callable(function):
            raise CloudException(f"{keyword} must be a function or a list of functions, not {function!r}")
    return functions


def _callback(options: Options, value: Any) -> None:
    options.callback = _callables("_callback", value)


def _callback_on_error(options: Options, value: Any) -> None:
    options.callback_on_error = _callables("_callback_on_error", value)


def _high_cpu(options: Options, value: Any) -> None:
    import warnings

    warnings.warn("_high_cpu is deprecated: use _type='c2'", DeprecationWarning, stacklevel=6)
    if value:
        options.core_type = "c2"


def _env(options: Options, value: Any) -> None:
    if value is not None:
        raise CloudException("_env: environments are not part of this version of picloud", kind="unsupported")


def _vol(options: Options, value: Any) -> None:
    if value is None:
        return
    names = [value] if isinstance(value, str) else value
    if not isinstance(names, Iterable):
        raise TypeError("_vol must be a volume's name, or an iterable of names")
    names = list(names)
    if not all(isinstance(name, str) for name in names):
        raise TypeError("_vol must be a volume's name, or an iterable of names")
    options.volumes = [name for name in dict.fromkeys(names) if name]


Check = Callable[[Options, Any], None]

MAP: dict[str, Check] = {
    "_cores": _cores,
    "_depends_on": _depends_on,
    "_depends_on_errors": _depends_on_errors,
    "_env": _env,
    "_fast_serialization": _fast_serialization,
    "_high_cpu": _high_cpu,
    "_kill_process": _kill_process,
    "_label": _label,
    "_max_runtime": _max_runtime,
    "_os_env_vars": _os_env_vars,
    "_priority": _priority,
    "_profile": _profile,
    "_restartable": _restartable,
    "_type": _type,
    "_vol": _vol,
}
"""Keywords of `map`."""

CALL: dict[str, Check] = {**MAP, "_callback": _callback, "_callback_on_error": _callback_on_error}
"""Keywords of `call`."""


ATTACH: dict[str, Check] = {
    keyword: check
    for keyword, check in MAP.items()
    if keyword
    not in ("_depends_on", "_depends_on_errors", "_fast_serialization", "_kill_process", "_max_runtime")
}
"""Keywords of `queue.attach`."""
PUBLISH: dict[str, Check] = {
    keyword: check
    for keyword, check in MAP.items()
    if keyword not in ("_depends_on", "_depends_on_errors", "_label")
}
"""Keywords of `rest.publish` and `cron.register`; the label of these is an argument."""


def take_options(
    kwargs: dict[str, Any], known: Mapping[str, Check], function: str
) -> tuple[Options, dict[str, Any]]:
    """Splits keywords into reserved ones, checked, and those of the user's function."""
    options = Options()
    if not kwargs:
        return options, kwargs
    rest: dict[str, Any] = {}
    for keyword, value in kwargs.items():
        if not keyword.startswith("_"):
            rest[keyword] = value
        elif keyword in known:
            known[keyword](options, value)
        else:
            _refuse(keyword, known, function)
    return options, rest


def _refuse(keyword: str, known: Mapping[str, Check], function: str) -> NoReturn:
    import difflib

    near = difflib.get_close_matches(keyword, known, n=1, cutoff=0.4)
    advice = f"; did you mean {near[0]!r}?" if near else f"; known are {', '.join(sorted(known))}"
    raise TypeError(f"{function}() got an unexpected keyword argument {keyword!r}{advice}")
