"""Commands with parameters: `{name}` in a command is one, unless `$` or a backslash stands before it.

`${VAR}` and `\\{name\\}` are left to the shell, the latter without its backslashes. All other braces mean
nothing. Standard library only: jobs import it.
"""

from __future__ import annotations

import re
from collections.abc import Iterable
from typing import Callable

__all__ = ["check_parameters", "evaluated", "filled", "names_in", "within_single_quotes"]

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


_ENDS_OF_COMMANDS = re.compile(r"[;&|\n(`]")
# Builtins that take a value for an expression, or for a name with one in its index.
_EVALUATE = frozenset(
    [
        "let",
        "declare",
        "typeset",
        "local",
        "readonly",
        "export",
        "unset",
        "read",
        "mapfile",
        "readarray",
        "getopts",
        "eval",
        "source",
        ".",
    ]
)
_INDEX = re.compile(r"[A-Za-z_]\w*\[[^\]\s]*$")


def evaluated(command: str) -> str | None:
    """The first parameter where bash takes the value of a variable for an expression, and so would run a
    command in it: arithmetic, `[[ ]]`, indexes, within `${ }`, and builtins such as `let`."""
    for found in _PART.finditer(command):
        if found[2] and _evaluates(command[: found.start()]):
            return found[2]
    return None


def _evaluates(before: str) -> bool:
    """Whether what stands before a parameter has it evaluated. Refuses rather too much than too little."""
    if before.count("((") > before.count("))") or _INDEX.search(before):
        return True
    for begin, end in (("$[", "]"), ("[[", "]]"), ("${", "}")):
        if before.rfind(begin) > before.rfind(end):
            return True
    words = _ENDS_OF_COMMANDS.split(before)[-1].split()
    while words and re.fullmatch(
        r"\w+=\S*|!|if|then|else|elif|while|until|do|time|builtin|command|\{", words[0]
    ):
        del words[0]
    return bool(words) and (
        words[0] in _EVALUATE or (words[0] in ("[", "test", "printf", "wait") and "-v" in words)
    )
