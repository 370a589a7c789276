"""Kills what is left of a tree of processes where no pid namespace does it."""

from __future__ import annotations

import os
import signal

#: A fork bomb makes new processes while old ones are killed; in each pass fewer are left.
_PASSES = 200


def kill_descendants(spare: frozenset[int] = frozenset()) -> None:
    """Kills and reaps all descendants of this process but `spare` and what descends from them."""
    for _ in range(_PASSES):
        found = _descendants(os.getpid(), spare)
        # All are stopped before any is killed: one that is stopped makes no more.
        for signum in (signal.SIGSTOP, signal.SIGKILL):
            for pid in found:
                try:
                    os.kill(pid, signum)
                except OSError:
                    continue
        for pid in found:
            try:
                os.waitpid(pid, 0)
            except ChildProcessError:
                # A grandchild: it comes to us, who adopt orphans, and is met in the next pass.
                continue
        if not found:
            return


def _descendants(root: int, spare: frozenset[int]) -> list[int]:
    children: dict[int, list[int]] = {}
    for name in os.listdir("/proc"):
        if name.isdigit():
            try:
                with open(f"/proc/{name}/stat", "rb") as file:
                    # The name, in parentheses, may have blanks and parentheses itself.
                    parent = int(file.read().rpartition(b")")[2].split()[1])
            except OSError:
                continue
            children.setdefault(parent, []).append(int(name))
    found: list[int] = []
    todo = [root]
    while todo:
        for pid in children.get(todo.pop(), ()):
            if pid not in spare:
                found.append(pid)
                todo.append(pid)
    return found
