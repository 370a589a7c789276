"""Writes docs/reference/python.md from the package: every public name, its signature, its docstring.

With `--check` it writes nothing and fails where the file is not what it would write.
"""

import ast
import importlib
import inspect
import re
import sys
import textwrap
import types
from collections.abc import Callable
from pathlib import Path

TARGET = Path(__file__).resolve().parent.parent / "docs" / "reference" / "python.md"

HEAD = """\
# Python reference

Every public name of the package `cloud`. Written by `make docs` from the package itself; edit the
docstrings there. The [guide to call and map](../guides/call-and-map.md) tells the story.
"""


def document() -> str:
    """The whole file."""
    cloud = importlib.import_module("cloud")
    parts = [HEAD, *module(cloud, "cloud")]
    modules = [name for name in cloud.__all__ if inspect.ismodule(getattr(cloud, name))]
    for name in sorted(modules):
        parts += [f"## cloud.{name}\n", text(getattr(cloud, name))]
        parts += module(getattr(cloud, name), f"cloud.{name}")
    return "\n".join(parts).rstrip() + "\n"


def module(found: types.ModuleType, prefix: str) -> list[str]:
    """Sections for functions, classes and constants of a module, alphabetical within each."""
    names = [name for name in found.__all__ if not inspect.ismodule(getattr(found, name))]
    values = {name: getattr(found, name) for name in sorted(names, key=str.lower)}
    groups = {
        "Functions": {n: v for n, v in values.items() if callable(v) and not inspect.isclass(v)},
        "Classes": {n: v for n, v in values.items() if inspect.isclass(v)},
        "Values": {n: v for n, v in values.items() if not callable(v)},
    }
    top = prefix == "cloud"
    parts = []
    for title, members in groups.items():
        if not members:
            continue
        if top:
            parts.append(f"## {title}\n")
        for name, value in members.items():
            parts.append(f"### `{prefix}.{name}`\n")
            if inspect.isclass(value):
                parts += a_class(value, f"{prefix}.{name}")
            elif callable(value):
                parts += [signature(value, f"{prefix}.{name}"), text(value)]
            else:
                parts.append(constant(value, attribute_texts(found).get(name, "")))
    return parts


def attribute_texts(found: types.ModuleType) -> dict[str, str]:
    """The strings below assignments in a module, by the name assigned: docstrings Python does not keep."""
    texts = {}
    body = ast.parse(inspect.getsource(found)).body
    for first, second in zip(body, body[1:]):
        target = first.targets[0] if isinstance(first, ast.Assign) else getattr(first, "target", None)
        if isinstance(target, ast.Name) and isinstance(second, ast.Expr):
            value = second.value
            if isinstance(value, ast.Constant) and isinstance(value.value, str):
                texts[target.id] = inspect.cleandoc(value.value)
    return texts


def a_class(value: type, name: str) -> list[str]:
    """A class: how it is made, what it is, its public methods."""
    bases = ", ".join(base.__name__ for base in value.__bases__ if base is not object)
    parts = [signature(value, name), text(value)]
    if bases:
        parts.insert(1, f"A kind of `{bases}`.\n")
    long = []
    for member, found in sorted(vars(value).items()):
        if member.startswith("_"):
            continue
        if isinstance(found, property):
            parts.append(f"- `{member}`: {first_line(found)}")
        elif callable(found) or isinstance(found, (classmethod, staticmethod)):
            method = getattr(value, member)
            if "\n\n" in (inspect.getdoc(method) or ""):
                long += [f"#### `{name}.{member}`\n", signature(method, member), text(method)]
                parts.append(f"- `{member}`: {first_line(method)}")
            else:
                parts.append(f"- `{member}{shown(method)}`: {first_line(method)}")
    return [*parts, "", *long]


class Raw:
    """An annotation shown as it was written, where inspect would put quotes around it."""

    def __init__(self, written: object) -> None:
        self.written = written

    def __repr__(self) -> str:
        written = getattr(self.written, "__forward_arg__", self.written)  # fields of named tuples
        return written if isinstance(written, str) else inspect.formatannotation(written)


def parsed(value: Callable[..., object]) -> inspect.Signature:
    found = inspect.signature(value)
    empty = inspect.Signature.empty
    parameters = [
        parameter
        if parameter.annotation is empty
        else parameter.replace(annotation=Raw(parameter.annotation))
        for parameter in found.parameters.values()
        if parameter.name != "self"
    ]
    answer = found.return_annotation
    return inspect.Signature(parameters, return_annotation=answer if answer is empty else Raw(answer))


def signature(value: Callable[..., object], name: str) -> str:
    """The call as code, one parameter a line where it is long."""
    call = f"{name}{shown(value)}"
    if len(call) > 100:
        found = parsed(value)
        lines, star = [], any(p.kind is p.VAR_POSITIONAL for p in found.parameters.values())
        for parameter in found.parameters.values():
            if parameter.kind is parameter.KEYWORD_ONLY and not star:
                lines.append("    *,")
                star = True
            lines.append(named(f"    {parameter},"))
        arrow = "" if found.return_annotation is found.empty else f" -> {found.return_annotation}"
        call = "\n".join([f"{name}(", *lines, f"){arrow}"])
    return f"```text\n{call}\n```\n"


def shown(value: Callable[..., object]) -> str:
    """A signature as text, as far as there is one."""
    try:
        return named(str(parsed(value)))
    except (TypeError, ValueError):
        return "(...)"


def named(written: str) -> str:
    """Functions that are defaults by their names: addresses differ from run to run."""
    return re.sub(r"<function (\w+) at 0x[0-9a-f]+>", r"\1", written)


def text(value: object) -> str:
    """The docstring as Markdown: examples fenced, lists of names as lists."""
    found = inspect.getdoc(value)
    if not found:
        raise SystemExit(f"{value!r} has no docstring")
    return "\n\n".join(paragraph(part) for part in found.rstrip().split("\n\n")) + "\n"


def paragraph(part: str) -> str:
    lines = [re.sub(r" *# doctest: .*", "", line).rstrip() for line in part.split("\n")]
    if lines[0].lstrip().startswith(">>>"):
        return "\n".join(["```text", *textwrap.dedent("\n".join(lines)).split("\n"), "```"])
    if len(lines) > 1 and lines[0].endswith(":") and lines[1].startswith("    "):
        # `    name (kind): what` becomes an item; deeper lines belong to the item above.
        bullets = [re.sub(r"^    (\S[^:(]*?)(?= \(|:)", r"- `\1`", line) for line in lines[1:]]
        bullets = [re.sub(r"^ {8}", "  ", line) for line in bullets]
        return "\n".join([lines[0], "", *bullets])
    return "\n".join(lines)


def first_line(value: object) -> str:
    return (inspect.getdoc(value) or "").split("\n\n")[0].replace("\n", " ")


def constant(value: object, said: str) -> str:
    """A value: what it is, and itself where it is plain data that lasts."""
    name = type(value).__name__
    if isinstance(value, (int, float, tuple, list)):
        return f"`{name}`: `{value!r}`. {said}".rstrip() + "\n"
    if isinstance(value, str):
        return f"`{name}`. {said}".rstrip() + "\n"
    return f"`{name}`. {text(value)}"


def main() -> int:
    written = document()
    if "--check" not in sys.argv:
        TARGET.parent.mkdir(parents=True, exist_ok=True)
        TARGET.write_text(written)
        return 0
    if not TARGET.exists() or TARGET.read_text() != written:
        print(f"{TARGET} is not what the package says; run `make docs`", file=sys.stderr)
        return 1
    return 0


if __name__ == "__main__":
    sys.exit(main())
