"""The functions of the package, on the current connection."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from typing import TYPE_CHECKING, Any, Callable, overload

from . import _core
from ._config import config_dir
from ._core import current
from ._jids import Jid, JidRange, Jids
from ._session import inside_job

if TYPE_CHECKING:
    from ._series import Sample, Series

__all__ = [
    "call",
    "close",
    "connection_info",
    "delete",
    "getconfigpath",
    "info",
    "iresult",
    "iresult_unordered",
    "is_simulated",
    "join",
    "kill",
    "map",
    "result",
    "running_on_cloud",
    "series",
    "set_dependency_whitelist",
    "setkey",
    "start_simulator",
    "status",
    "watch",
]


def call(func: Callable[..., Any], *args: Any, **kwargs: Any) -> Jid:
    """Runs `func(*args, **kwargs)` as a job and returns its id at once; the job is durable by then.

    The function travels with the globals, closures and local modules it uses. Arguments are
    copied: what the job changes in them does not come back.

    Keywords for the job rather than for `func`:
        _type (str): core type, `'c1'` by default: how fast its cores are, and how much memory each brings.
        _cores (int): cores of that type, on one machine; each type comes in certain counts.
        _label (str): a tag to filter by, ASCII, at most 200 characters.
        _priority (int): at least 1, 5 by default; lower runs earlier.
        _max_runtime (float): minutes after which the job is killed.
        _restartable (bool): whether it may start again after its machine was lost; True by default.
        _depends_on (jids): jobs that must have ended first.
        _depends_on_errors (str): `'abort'` (a failed one makes this job `stalled`) or `'ignore'`.
        _profile (bool): run under cProfile; read it with `cloud.info(jid, 'profile')`.
        _kill_process (bool): throw the interpreter away after the job.
        _fast_serialization (int): 0; or 2: pickle arguments and result with the standard pickler only.
        _os_env_vars (names or dict): environment variables to set in the job.
        _callback, _callback_on_error (functions): called here, with the jid, when the job ends.

    Raises:
        TypeError: `func` is not callable, the arguments do not fit it, a keyword is unknown.
        pickle.PicklingError: something cannot be sent; the message leads to it.
        CloudException: the service refused, or is not there.

    >>> cloud.call(pow, 2, 10).result()    # doctest: +SKIP
    1024
    """
    return current().call(func, *args, **kwargs)


def map(func: Callable[..., Any], *iterables: Iterable[Any], **kwargs: Any) -> JidRange:
    """Runs `func` once for each element; returns the ids as one compact range.

    With several iterables job *i* gets the *i*-th element of each; shorter ones are padded with
    None. Iterables without a length are read to their end first. Takes the keywords of `call` but
    for callbacks. Either all jobs are made or, after an exception, none is left.

    Raises:
        ValueError: no iterable, or a keyword that is not for the job.
        TypeError, pickle.PicklingError, CloudException: as `call`.

    >>> cloud.result(cloud.map(lambda x: x * x, range(4)))    # doctest: +SKIP
    [0, 1, 4, 9]
    """
    return current().map(func, *iterables, **kwargs)


@overload
def result(
    jids: int, timeout: float | None = ..., ignore_errors: bool = ..., deadlock_check: bool = ...
) -> Any: ...


@overload
def result(
    jids: Iterable[Any], timeout: float | None = ..., ignore_errors: bool = ..., deadlock_check: bool = ...
) -> list[Any]: ...


def result(
    jids: Jids, timeout: float | None = None, ignore_errors: bool = False, deadlock_check: bool = True
) -> Any:
    """Waits for jobs and returns what they returned: a value for one id, a list in order for several.

    Args:
        jids: a job id, or any (nested) iterable of ids and ranges.
        timeout: seconds to wait at most.
        ignore_errors: put the exceptions of failed jobs into the list instead of raising the first seen.
        deadlock_check: inside a job, give up when the jobs waited for do not even begin for a minute.

    Raises:
        the exception the job raised, with the job's traceback as its cause; `CloudException`
        where there is none or it cannot be rebuilt; `CloudTimeoutError`; `TypeError` for other
        things than jids.

    >>> cloud.result(cloud.call(len, 'abc'), timeout=60)    # doctest: +SKIP
    3
    """
    return current().result(jids, timeout, ignore_errors, deadlock_check)


def iresult(
    jids: Jids, timeout: float | None = None, num_in_parallel: int = 10, ignore_errors: bool = False
) -> Iterator[Any]:
    """An iterator over the results in order, in bounded memory.

    A failed job raises when it is reached; the iterator goes on after it. `timeout` is for each step, in
    seconds. `num_in_parallel` results are fetched ahead, at most 1,024, which 0 stands for.

    >>> for value in cloud.iresult(jids):    # doctest: +SKIP
    ...     print(value)
    """
    return current().iresult(jids, timeout, num_in_parallel, ignore_errors)


def iresult_unordered(
    jids: Jids, timeout: float | None = None, ignore_errors: bool = False
) -> Iterator[tuple[Jid, Any]]:
    """An iterator over `(jid, result)` as jobs end. Errors and `timeout` as in `iresult`.

    >>> for jid, value in cloud.iresult_unordered(jids):    # doctest: +SKIP
    ...     print(jid, value)
    """
    return current().iresult_unordered(jids, timeout, ignore_errors)


def join(
    jids: Jids, timeout: float | None = None, ignore_errors: bool = False, deadlock_check: bool = True
) -> None:
    """Waits until all jobs have ended. Raises for the first failure seen, as `result` does.

    >>> cloud.join(jids, timeout=60)    # doctest: +SKIP
    """
    current().join(jids, timeout, ignore_errors, deadlock_check)


@overload
def status(jids: int) -> str: ...


@overload
def status(jids: Iterable[Any]) -> list[str]: ...


def status(jids: Jids) -> Any:
    """waiting, queued, processing, done, error, killed or stalled: a str for one id, a list for several.

    Raises CloudException for jobs that do not exist.

    >>> cloud.status(cloud.call(len, 'abc'))    # doctest: +SKIP
    'queued'
    """
    return current().status(jids)


def info(jids: Jids, info_requested: str | Iterable[str] | None = None) -> dict[int, dict[str, Any]]:
    """What is known of jobs, as `{jid: {field: value}}`.

    `info_requested` is a field's name, a list of names, or `'all'`; by default stdout, stderr, status
    and runtime. Streams hold their last 64,000 bytes, times are aware datetimes in UTC, durations seconds,
    sizes bytes. What does not apply is None.

    Fields:
        status, stdout, stderr, logging, pilog, syslog: state and streams; `pilog` is the platform's.
        exception, failure: traceback or sentence of a failure; and the failure as data.
        runtime, created, started, finished, attempt: when and how long.
        function, label, env, vol, attributes, code_version: what was given when it was made.
        args, kwargs, func_object: the original objects.
        memory: `usage` (while it runs), `max_usage`, `failcnt`: allocations that failed.
        swap: `usage` (while it runs), `max_usage`.
        disk: `usage` (while it runs) and `max_usage` of its files; `read` and `written` so far.
        network: `received` and `sent` so far; None where the worker cannot tell.
        cputime: `user` and `system`, in seconds.
        cpu_percentage: `user`, `system`, `total` in the last second, while it runs; 100 is one core.
        ports: `{'tcp': {port: {'address': ..., 'port': ...}}, 'udp': {}}`, while it runs.
        core_ms, cost: milliseconds of core time that are charged, and their price.
        worker, confinement, waiting_because, parent_jid, profile: what their names say.

    Figures in groups can be asked for singly, as `'memory.max_usage'`.

    Raises TypeError for a field that is no string, ValueError for one that does not exist.

    >>> cloud.info(jid, 'stdout')[jid]    # doctest: +SKIP
    {'stdout': 'hello'}
    """
    return current().info(jids, info_requested)


def series(jid: int) -> Series:
    """What a job used, second by second: while it runs what there is so far, afterwards all of it.

    The samples are kept with the job until it is deleted, and are those of its last attempt.

    >>> series = cloud.series(jid)    # doctest: +SKIP
    >>> series                        # doctest: +SKIP
    <Series of job 7: 34 samples, seconds 0 to 33, up to 1.98 cores and 212.4 MB>
    >>> max(series.memory)            # doctest: +SKIP
    212402176
    """
    return current().series(jid)


def watch(jid: int) -> Iterator[Sample]:
    """The samples of a job live: first those there are, then one a second until the job ends.

    Waits for a job that has not begun, and goes on across a restart of the server. How the job
    ended is for `cloud.status` or `cloud.result` to say.

    >>> for sample in cloud.watch(jid):    # doctest: +SKIP
    ...     print(sample.second, sample.cpu_cores, sample.memory)
    """
    return current().watch(jid)


def kill(jids: Jids | None = None) -> None:
    """Kills jobs that have not ended; **without an argument every unfinished job of the account**.

    When it returns, none of them will start any more. One that runs is interrupted first, so that its
    traceback is recorded. An empty list kills nothing.

    >>> cloud.kill(jids)    # doctest: +SKIP
    """
    current().kill(jids)


def delete(jids: Jids) -> None:
    """Removes ended jobs with all that belongs to them. CloudException if one has not ended.

    >>> cloud.delete(jids)    # doctest: +SKIP
    """
    current().delete(jids)


def setkey(
    api_key: object,
    api_secretkey: str | None = None,
    server_url: str | None = None,
    restart: bool = False,
    immutable: bool = False,
) -> None:
    """Uses another key or server from now on, and leaves the simulator.

    The secret may be left out when a profile on disk has it. With `immutable` later calls of
    `setkey` and `start_simulator` do nothing. `restart` reconnects even when nothing changed.

    >>> cloud.setkey(1, 'secret', 'http://127.0.0.1:8780')    # doctest: +SKIP
    """
    _core.setkey(api_key, api_secretkey, server_url, restart, immutable)


def start_simulator(force_restart: bool = False) -> None:
    """Runs jobs on this machine from now on, on a private server with a temporary directory.

    No account is needed. `force_restart` begins with an empty one. It ends with the process.

    >>> cloud.start_simulator()    # doctest: +SKIP
    """
    _core.start_simulator(force_restart)


def is_simulated() -> bool:
    """Whether the simulator is in use."""
    return current().kind == "simulation"


def running_on_cloud() -> bool:
    """Whether this code runs inside a job."""
    return inside_job()


def connection_info() -> dict[str, Any]:
    """Where jobs go.

    A dict of `opened`, `connection_type`, and `server_url`, `api_key`, `api_secretkey`, or `num_procs`.
    """
    return current().connection_info()


def close() -> bool:
    """Hangs up; True if it was connected. The next call connects again. RuntimeError inside a job."""
    if inside_job():
        raise RuntimeError("cloud.close() must not be used inside a job")
    return current().close()


def getconfigpath() -> str:
    """The directory of profiles."""
    return str(config_dir())


def set_dependency_whitelist(whitelist: Iterable[str] | None) -> None:
    """Only these modules (and packages' parents) are shipped; None lifts the restriction.

    >>> cloud.set_dependency_whitelist(['mypackage', 'other.part'])    # doctest: +SKIP
    """
    current().set_dependency_whitelist(whitelist)
