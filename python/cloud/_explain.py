"""`cloud.explain`: what a call would send, and why, without sending it."""

from __future__ import annotations

from collections import Counter
from typing import Any, Callable

from ._core import current
from ._errors import CloudException
from ._plan import Expected, PlannedFile
from ._session import python_version

__all__ = ["Explanation", "explain"]

LISTED_MAX = 200


class Explanation:
    """What would be sent. Print it, or read its attributes.

    Attributes:
        function: name of the function.
        function_bytes: size of the pickled function with all it contains by value.
        argument_bytes: size of the pickled arguments; None when none were given.
        files: what would be laid out on the worker: `path`, `source`, `size`, `why`, `archive` of each.
        expected: modules that are not sent because workers have them, each with `name` and `why`.
        warnings: what will fail there.
        notes: what stays here on purpose.
        server: whether a server was asked what workers have.
    """

    def __init__(self, function: str, function_bytes: int, argument_bytes: int | None) -> None:
        self.function = function
        self.function_bytes = function_bytes
        self.argument_bytes = argument_bytes
        self.files: list[PlannedFile] = []
        self.expected: list[Expected] = []
        self.warnings: list[str] = []
        self.notes: list[str] = []
        self.server = True

    def __str__(self) -> str:
        lines = [f"{self.function} on Python {python_version()}", "", "sent with each job, by value:"]
        lines.append(f"  {_size(self.function_bytes):>10}  function")
        if self.argument_bytes is not None:
            lines.append(f"  {_size(self.argument_bytes):>10}  arguments")
        lines.append("")
        if self.files:
            total = sum(file.size for file in self.files)
            lines.append(f"sent once, as files ({len(self.files)}, {_size(total)} together):")
            told: Counter[str] = Counter()
            for file in self.files[:LISTED_MAX]:
                told[file.why] += 1
                # Files of one package have one reason; it is said once.
                why = f"  {file.why}" if told[file.why] == 1 else ""
                lines.append(f"  {_size(file.size):>10}  {file.path}{why}")
            if len(self.files) > LISTED_MAX:
                lines.append(f"  ... and {len(self.files) - LISTED_MAX} more")
        else:
            lines.append("no files need to be sent")
        if self.expected:
            source = "" if self.server else ", no server was asked"
            lines += ["", f"expected to be installed on workers{source}:"]
            lines += [f"  {module.name}  {module.why}" for module in self.expected]
        for title, texts in (("warnings", self.warnings), ("notes", self.notes)):
            if texts:
                lines += ["", f"{title}:", *(f"  {text}" for text in texts)]
        return "\n".join(lines)

    def __repr__(self) -> str:
        return str(self)

    def _repr_html_(self) -> str:
        import html

        return f"<pre>{html.escape(str(self))}</pre>"


def explain(func: Callable[..., Any], *args: Any, **kwargs: Any) -> Explanation:
    """Lists what `cloud.call(func, *args, **kwargs)` would send: by value, as files, and why; what must be
    installed on workers; and what will not work. Without a server it assumes that workers have what
    package managers installed here. What `cloud.queue` would send with a handler it lists, too.

    Raises TypeError and pickle.PicklingError as `cloud.call`.

    >>> print(cloud.explain(train))    # doctest: +SKIP
    """
    from ._options import CALL, take_options
    from ._pickling import Pickler
    from ._plan import make_plan
    from ._submit import function_name

    if not callable(getattr(func, "message_handler", func)):
        raise TypeError(f"cloud.explain: {func!r} is not callable")
    options, own = take_options(kwargs, CALL, "explain")
    pickler = Pickler(1 << 62, options.fast_serialization)
    function = pickler.function(func)
    given = bool(args or own)
    arguments = pickler.arguments(args, own) if given else None
    explanation = Explanation(function_name(func), function.size, arguments.size if arguments else None)
    function.close()
    if arguments is not None:
        arguments.close()
    cloud = current()
    try:
        plan = cloud._session().shipper.plan(pickler.references)
    except CloudException:
        explanation.server = False
        plan = make_plan(pickler.references, lambda module: None, cloud.whitelist)
    explanation.files = plan.files
    explanation.expected = plan.expected
    explanation.warnings = list(plan.warnings.values())
    explanation.notes = plan.notes
    return explanation


def _size(count: int) -> str:
    size = float(count)
    for unit in ("B", "KiB", "MiB"):
        if size < 1024:
            return f"{size:.0f} {unit}" if unit == "B" else f"{size:.1f} {unit}"
        size /= 1024
    return f"{size:.1f} GiB"
