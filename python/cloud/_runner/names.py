"""What the class of a value is called. Classes of jobs can do anything, also when asked for their name."""

from __future__ import annotations

from typing import Any


def type_name(value: Any) -> str:
    """The class of `value` as `module.Name`."""
    kind = type(value)
    try:
        return f"{kind.__module__}.{kind.__qualname__}"
    except Exception:  # A metaclass can do anything.
        return "unknown"


def a_name(value: Any) -> str:
    """The class of `value` as a sentence has it: `a shop.Thing`, `an int`."""
    name = type_name(value)
    if name.startswith("builtins."):
        name = name[len("builtins.") :]
    return f"{'an' if name[:1].lower() in 'aeiou' else 'a'} {name}"
