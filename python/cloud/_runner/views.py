"""What jobs see of the machine: as many cores as they were granted.

Programs size their pools of threads by what the machine has. On a large one that is many times what a
job was granted: dozens of threads for one core's share, each with buffers of its own.
"""

from __future__ import annotations

import functools
import os
import posix
from typing import Any, Callable

#: What libraries and runtimes read when they are loaded, in this process or in a child.
VARIABLES = (
    "PYTHON_CPU_COUNT",
    "OMP_NUM_THREADS",
    "OPENBLAS_NUM_THREADS",
    "MKL_NUM_THREADS",
    "NUMEXPR_NUM_THREADS",
    "NUMEXPR_MAX_THREADS",
    "VECLIB_MAXIMUM_THREADS",
    "BLIS_NUM_THREADS",
    "RAYON_NUM_THREADS",
    "POLARS_MAX_THREADS",
    "GOMAXPROCS",
    "LOKY_MAX_CPU_COUNT",
)


def show_cores(cores: int, chosen: dict[str, str]) -> None:
    """From here on this process and its children count `cores`; variables the user chose stay."""
    for name in VARIABLES:
        if name not in chosen:
            os.environ[name] = str(cores)
    # The interpreter read PYTHON_CPU_COUNT, if it knows it at all, when the zygote began.
    _replace("cpu_count", lambda _real: cores)
    _replace("process_cpu_count", lambda _real: cores)
    _replace("sched_getaffinity", lambda real, pid: _first(real(pid), cores, pid))


def _replace(name: str, answer: Callable[..., Any]) -> None:
    real = getattr(os, name, None)
    if real is None:  # `process_cpu_count` came with Python 3.13.
        return

    @functools.wraps(real)
    def wrapped(*args: Any, **kwargs: Any) -> Any:
        return answer(real, *args, **kwargs)

    # Pickles name the function by this module.
    wrapped.__module__ = "os"
    setattr(os, name, wrapped)
    if hasattr(posix, name):
        # Where pickles made elsewhere look for it.
        setattr(posix, name, wrapped)


def _first(cpus: set[int], cores: int, pid: int) -> set[int]:
    """The true set is cut for this process only: what is asked of another is a plain question."""
    return set(sorted(cpus)[:cores]) if pid in (0, os.getpid()) else cpus
