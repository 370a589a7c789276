"""Starts the runner under a private name.

It is run as a file by `python -I`, so neither `cloud/__init__` (heavy, and perhaps another
version in the user's environment) nor a user's module is imported by accident: the siblings
of this file become the package `_picloud_runner`.
"""

from __future__ import annotations

import os
import sys
import types

PACKAGE = "_picloud_runner"


def main(arguments: list[str]) -> int:
    """`zygote [--support DIR]`."""
    package = types.ModuleType(PACKAGE)
    package.__path__ = [os.path.dirname(os.path.abspath(__file__))]
    sys.modules[PACKAGE] = package
    support = None
    if len(arguments) == 3 and arguments[1] == "--support":
        support = arguments.pop()
        arguments.pop()
    if arguments != ["zygote"]:
        sys.stderr.write("usage: python -I _runner/__main__.py zygote [--support DIR]\n")
        return 1
    if support is not None:
        # Last, so that whatever the interpreter has itself wins.
        sys.path.append(support)
    zygote = __import__(PACKAGE + ".zygote", fromlist=["main"])
    zygote.main()
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
