"""Commands with parameters: `{name}` in a command is one, unless `$` or a backslash stands before it.

`${VAR}` and `\\{name\\}` are left to the shell, the latter without its backslashes. All other braces mean
nothing. Standard library only: jobs import it.
"""

from __future__ import annotations

import re
from collections.abc import Iterable
from typing import Callable

__all__ = ["check_parameters", "filled", "names_in", "within_single_quotes"]

_PART = re.compile(r"\\([{}])|\$\{|\{([A-Za-z0-9_]+)\}")


def names_in(command: str) -> list[str]:
    """The parameters, in the order of their first use."""
    return list(dict.fromkeys(found[2] for found in _PART.finditer(command) if found[2]))


def filled(command: str, put: Callable[[str], str]) -> str:
    """The command with each parameter replaced by what `put` says for its name."""

    def part(found: re.Match[str]) -> str:
        if found[2]:
            return put(found[2])
        return found[1] or found[0]

    return _PART.sub(part, command)


def check_parameters(command: str, given: Iterable[str]) -> None:
    """ValueError where the command has a parameter without a value, or a value has no parameter."""
    wanted, values = names_in(command), list(given)
    missing = [name for name in wanted if name not in values]
    if missing:
        raise ValueError(
            f"the command has a parameter {{{missing[0]}}} and no value was given for it; "
            f"where braces are meant for the shell, write \\{{{missing[0]}\\}}"
        )
    extra = [name for name in values if name not in wanted]
    if extra:
        raise ValueError(f"a value was given for {extra[0]!r}, and the command has no {{{extra[0]}}}")


def within_single_quotes(command: str) -> str | None:
    """The first parameter between single quotes, where a shell puts no variables in."""
    quote = ""
    position = 0
    while position < len(command):
        found = _PART.match(command, position)
        if found is not None:
            if found[2] and quote == "'":
                return found[2]
            position = found.end()
            continue
        letter = command[position]
        if letter == "\\" and quote != "'":
            position += 1
        elif letter in "'\"" and quote in ("", letter):
            quote = "" if quote else letter
        position += 1
    return None
