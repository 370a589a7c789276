"""picloud: run Python functions on a cloud that you own.

    >>> import cloud
    >>> jid = cloud.call(pow, 2, 10)                    # a job; its id at once
    >>> cloud.result(jid)                               # wait for it
    1024
    >>> jids = cloud.map(lambda x: x * x, range(1000))  # a thousand jobs
    >>> sum(cloud.iresult(jids))                        # their results, as they come, in order
    332833500
    >>> cloud.info(jid, ['status', 'runtime'])          # what is known of a job
    >>> cloud.call(train, _type='c2', _cores=4)         # more machine for one job
    >>> cloud.series(jid).memory                        # what it used, second by second
    >>> print(cloud.explain(train))                     # what would be sent, and why
    >>> cloud.bucket.put('big.csv')                     # data, for jobs and for everybody
    >>> cloud.queue.get('urls').attach(fetch, pages)    # run on every message, as they come
    >>> cloud.start_simulator()                         # or all of it without a server

Start a server with `picloud serve`. Submodules: `cloud.bucket` and `cloud.files` (stored objects),
`cloud.volume` (directories for jobs), `cloud.queue` (messages and their handlers), `cloud.rest` (functions
behind addresses), `cloud.cron` (jobs by the clock), `cloud.shell` (any program), `cloud.aio` (asyncio),
`cloud.mp` (local jobs beside those on a server), `cloud.wait_for`, `cloud.account`, `cloud.pool_interface`.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from ._config import config
from ._core import finished_statuses
from ._errors import CloudException, CloudTimeoutError, RemoteTraceback
from ._functions import (
    call,
    close,
    connection_info,
    delete,
    getconfigpath,
    info,
    iresult,
    iresult_unordered,
    is_simulated,
    join,
    kill,
    map,
    result,
    running_on_cloud,
    series,
    set_dependency_whitelist,
    setkey,
    start_simulator,
    status,
    watch,
)
from ._jids import Jid, JidRange
from .version import __version__

if TYPE_CHECKING:
    from . import (
        account,
        aio,
        bucket,
        cron,
        files,
        mp,
        pool_interface,
        queue,
        rest,
        shell,
        volume,
        wait_for,
    )
    from ._core import Cloud
    from ._explain import Explanation, explain
    from ._series import Sample, Series
    from .executor import Executor

__all__ = [
    "Cloud",
    "CloudException",
    "CloudTimeoutError",
    "Executor",
    "Explanation",
    "Jid",
    "JidRange",
    "RemoteTraceback",
    "Sample",
    "Series",
    "__version__",
    "account",
    "aio",
    "bucket",
    "c1",
    "c2",
    "call",
    "close",
    "config",
    "connection_info",
    "cron",
    "delete",
    "explain",
    "f2",
    "files",
    "finished_statuses",
    "getconfigpath",
    "info",
    "iresult",
    "iresult_unordered",
    "is_simulated",
    "join",
    "kill",
    "m1",
    "map",
    "mp",
    "pool_interface",
    "queue",
    "rest",
    "result",
    "running_on_cloud",
    "s1",
    "series",
    "set_dependency_whitelist",
    "setkey",
    "shell",
    "start_simulator",
    "status",
    "volume",
    "wait_for",
    "watch",
]

c1 = "c1"
"""The default core type: 1 compute unit, 300 MB per core."""
c2 = "c2"
"""2.5 compute units, 800 MB per core; 1, 2, 4 or 8 cores."""
f2 = "f2"
"""5.5 compute units, 3.7 GB per core; 1, 2, 4, 8 or 16 cores."""
m1 = "m1"
"""3.25 compute units, 8 GB per core; 1 or 2 cores."""
s1 = "s1"
"""As c1; every job that runs has a source address of its own, on workers that have a pool of them."""

# Loaded when first used: together they would triple the time of `import cloud`.
_LAZY = {
    "Cloud": "_core",
    "Executor": "executor",
    "Explanation": "_explain",
    "Sample": "_series",
    "Series": "_series",
    "explain": "_explain",
    "account": "",
    "aio": "",
    "bucket": "",
    "cron": "",
    "files": "",
    "mp": "",
    "pool_interface": "",
    "queue": "",
    "rest": "",
    "shell": "",
    "volume": "",
    "wait_for": "",
}


def __getattr__(name: str) -> Any:
    home = _LAZY.get(name)
    if home is None:
        raise AttributeError(f"module 'cloud' has no attribute {name!r}")
    from importlib import import_module

    value = import_module(f"cloud.{home or name}")
    if home:
        value = getattr(value, name)
    globals()[name] = value
    return value


def __dir__() -> list[str]:
    return sorted(__all__)
